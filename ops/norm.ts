/**
 * Normalisation over one or several axes. Halves are normalised in f32 and cast back before the weight is applied.
 *
 * ```ts
 * import { type F32, rmsNorm } from "@orrery/orrery"
 * const norm = (x: F32<"batch time model">, weight: F32<"model">): F32<"batch time model"> =>
 *   rmsNorm(x, weight, "model", 1e-6)
 * ```
 * @module
 */
import { align, barrier, binary, cast, merge, reduce, split, unary } from "../core/graph/build.ts"
import { tensor } from "../core/graph/given.ts"
import { count, type Node, sizeOf } from "../core/graph/node.ts"
import { customVjp } from "../core/grad/custom.ts"
import type { Axes, Has, Sub, Word } from "../core/tensor/axes.ts"
import { words } from "../core/tensor/spec.ts"
import { type Float, type Tensor, typed } from "../core/tensor/tensor.ts"

const meanOf = (x: Node, axes: ReadonlyArray<string>): Node =>
  binary("mul", reduce("sum", x, axes), 1 / count(axes.map((a) => sizeOf(x, a) ?? 1)))

const scaled = (x: Node, axes: ReadonlyArray<string>, epsilon: number): Node =>
  binary("mul", x, unary("rsqrt", binary("add", meanOf(binary("mul", x, x), axes), epsilon)))

/** x / sqrt(mean of x^2 + epsilon) * weight (Zhang and Sennrich, 2019). */
export const rmsNorm = <D extends Float, A extends Axes, W extends Axes, const N extends string>(
  x: Tensor<D, A>,
  weight: Tensor<NoInfer<D>, W> & Sub<A, W>,
  over: N & Has<A, Word<N>>,
  epsilon: number = 1e-6,
): Tensor<D, A> => {
  const node = tensor("rmsNorm", x)
  const unit = scaled(cast(node, "f32"), words<string>(over), epsilon)
  return typed(binary("mul", cast(unit, node.dtype), tensor("rmsNorm", weight, node.dtype)))
}

/** (x - mean) / sqrt(variance + epsilon) * weight + bias (Ba, Kiros and Hinton, 2016). */
export const layerNorm = <D extends Float, A extends Axes, W extends Axes, B extends Axes, const N extends string>(
  x: Tensor<D, A>,
  weight: Tensor<NoInfer<D>, W> & Sub<A, W>,
  bias: Tensor<NoInfer<D>, B> & Sub<A, B>,
  over: N & Has<A, Word<N>>,
  epsilon: number = 1e-5,
): Tensor<D, A> => {
  const axes = words<string>(over)
  const node = tensor("layerNorm", x)
  const beside = (given: unknown): Node => tensor("layerNorm", given, node.dtype)
  const wide = cast(node, "f32")
  const unit = scaled(binary("sub", wide, meanOf(wide, axes)), axes, epsilon)
  return typed(binary("add", binary("mul", cast(unit, node.dtype), beside(weight)), beside(bias)))
}

/** How the channels of an image are cut into groups, and which axes a group's numbers are taken over besides. */
interface Grouping {
  readonly over: string
  readonly groups: number
  readonly along: ReadonlyArray<string>
}

/**
 * The mean over each channel's group, given to each of its channels, from one number a channel: sums over places go
 * through whole channels, so that images are read in the order in which they lie. It is kept: there is little of it,
 * and what reads it would divide to find it.
 */
const groupMean = (x: Node, { over, groups, along }: Grouping): Node => {
  const parts = [`${over}/group`, `${over}/part`]
  const channels = split(reduce("sum", x, along), over, parts, { [parts[0]!]: groups })
  const shared = align(meanOf(channels, [parts[1]!]), channels.axes, channels.shape)
  const mean = binary("mul", shared, 1 / count(along.map((a) => sizeOf(x, a) ?? 1)))
  return barrier(merge(mean, parts, over), [], 0)
}

interface GroupNorm {
  readonly x: Tensor<"f32", Axes>
  readonly weight: Tensor<"f32", Axes>
  readonly bias: Tensor<"f32", Axes>
}

/** What is read beside an element: less than once a pixel. */
const beside = (x: Node, wide: Node): Node => align(x, wide.axes, wide.shape)

const groupUnit = (
  x: Node,
  g: Grouping,
  epsilon: number,
): { readonly centred: Node; readonly scale: Node } => {
  const centred = binary("sub", x, groupMean(x, g))
  const variance = groupMean(binary("mul", centred, centred), g)
  return { centred, scale: barrier(unary("rsqrt", binary("add", variance, epsilon)), [], 0) }
}

/** With u = (x - mean) s and c = ct weight, the gradient of x is s (c - mean c - u mean (c u)), means over groups. */
const groupRule =
  (g: Grouping, epsilon: number) => (ct: Node, _value: Node, { x, weight, bias }: GroupNorm): GroupNorm => {
    const { centred, scale } = groupUnit(x, g, epsilon)
    const places = (n: Node): Node => reduce("sum", n, g.along)
    const channels = {
      ct: barrier(places(ct), [], 0),
      product: barrier(binary("mul", places(binary("mul", ct, centred)), scale), [], 0),
    }
    const summed = (n: Node, like: Node): Node =>
      align(reduce("sum", n, n.axes.filter((a) => !like.axes.includes(a))), like.axes, like.shape)
    const weighted = (n: Node): Node => groupMean(binary("mul", n, weight), { ...g, along: [] })
    const mean = 1 / count(g.along.map((a) => sizeOf(x, a) ?? 1))
    const middle = barrier(binary("mul", weighted(channels.ct), mean), [], 0)
    const slope = barrier(binary("mul", binary("mul", weighted(channels.product), scale), mean), [], 0)
    const c = binary("mul", ct, beside(weight, ct))
    const inner = binary("sub", binary("sub", c, middle), binary("mul", centred, slope))
    return {
      x: typed(binary("mul", inner, scale)),
      weight: typed(summed(channels.product, weight)),
      bias: typed(summed(channels.ct, bias)),
    }
  }

/**
 * Channels (the axis `over`) in `groups` of equally many, side by side: (x - mean) / sqrt(variance + epsilon) * weight +
 * bias, where mean and variance are those of a group at all places of the axes `along` (Wu and He, 2018). Weight and bias
 * have one number a channel. Statistics are f32. Faults: groups that do not divide the channels.
 *
 * ```ts
 * import { type F32, groupNorm } from "@orrery/orrery"
 * const norm = (x: F32<"batch row col feature">, w: F32<"feature">, b: F32<"feature">): F32<"batch row col feature"> =>
 *   groupNorm(x, w, b, "feature", 32, "row col", 1e-6)
 * ```
 */
export const groupNorm = <
  D extends Float,
  A extends Axes,
  W extends Axes,
  B extends Axes,
  const N extends string,
  const S extends string,
>(
  x: Tensor<D, A>,
  weight: Tensor<NoInfer<D>, W> & Sub<A, W>,
  bias: Tensor<NoInfer<D>, B> & Sub<A, B>,
  over: N & Has<A, N>,
  groups: number,
  along: S & Has<A, Word<S>>,
  epsilon: number = 1e-6,
): Tensor<D, A> => {
  const node = tensor("groupNorm", x)
  const g: Grouping = { over, groups, along: words<string>(along) }
  const wide = (given: unknown): Tensor<"f32", Axes> => typed(cast(tensor("groupNorm", given, node.dtype), "f32"))
  const normal = customVjp<GroupNorm, Tensor<"f32", Axes>>(
    ({ x, weight, bias }) => {
      const { centred, scale } = groupUnit(x, g, epsilon)
      return typed(binary("add", binary("mul", centred, binary("mul", scale, weight)), bias))
    },
    groupRule(g, epsilon),
  )
  return typed(cast(normal({ x: wide(x), weight: wide(weight), bias: wide(bias) }), node.dtype))
}
