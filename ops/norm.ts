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

/** The numbers of each channel of each image: its group's mean, 1 / sqrt(its group's variance + epsilon), and that * weight. */
interface Channels {
  readonly mean: Node
  readonly scale: Node
  readonly slope: Node
}

/** A few numbers that are kept. Another key is another reader, which takes them and computes what it makes of them. */
const held = (x: Node, key: number = 0): Node => barrier(x, [], key)

/** x - mean. It is made of what is there anyway wherever it is read, so there is one for each reader and none is stored. */
const centred = (x: Node, { mean }: Channels, reader: number): Node => binary("sub", x, held(mean, reader))

const channelsOf = ({ x, weight }: GroupNorm, g: Grouping, epsilon: number): Channels => {
  const mean = groupMean(x, g)
  const off = binary("sub", x, mean)
  const scale = held(unary("rsqrt", binary("add", groupMean(binary("mul", off, off), g), epsilon)))
  return { mean, scale, slope: held(binary("mul", scale, weight)) }
}

const normal = (given: GroupNorm, c: Channels, reader: number): Node =>
  binary("add", binary("mul", centred(given.x, c, reader), held(c.slope, reader)), given.bias)

/** With u = (x - mean) s and c = ct weight, the gradient of x is s (c - mean c - u mean (c u)), means over groups. */
const groupBack = (ct: Node, given: GroupNorm, channels: Channels, g: Grouping): GroupNorm => {
  const { x, weight, bias } = given
  const { scale } = channels
  const places = (n: Node): Node => reduce("sum", n, g.along)
  const own = held(places(ct))
  const product = held(binary("mul", places(binary("mul", ct, centred(x, channels, 3))), scale))
  const summed = (n: Node, like: Node): Node =>
    align(reduce("sum", n, n.axes.filter((a) => !like.axes.includes(a))), like.axes, like.shape)
  const mean = 1 / count(g.along.map((a) => sizeOf(x, a) ?? 1))
  const weighted = (n: Node): Node => binary("mul", groupMean(binary("mul", n, weight), { ...g, along: [] }), mean)
  const middle = held(binary("mul", weighted(own), scale))
  const slope = held(binary("mul", weighted(product), binary("mul", scale, scale)))
  const less = binary("add", binary("mul", centred(x, channels, 4), slope), middle)
  return {
    x: typed(binary("sub", binary("mul", ct, held(channels.slope, 4)), less)),
    weight: typed(summed(product, weight)),
    bias: typed(summed(own, bias)),
  }
}

const groupRule = (g: Grouping, epsilon: number) => (ct: Node, _value: Node, given: GroupNorm): GroupNorm =>
  groupBack(ct, given, channelsOf(given, g, epsilon), g)

/** silu(y) = y s(y) has the slope s(y) (1 + y (1 - s(y))). */
const siluRule = (g: Grouping, epsilon: number) => (ct: Node, _value: Node, given: GroupNorm): GroupNorm => {
  const channels = channelsOf(given, g, epsilon)
  const y = normal(given, channels, 2)
  const s = unary("sigmoid", y)
  const slope = binary("mul", s, binary("add", binary("mul", y, binary("sub", 1, s)), 1))
  return groupBack(binary("mul", ct, slope), given, channels, g)
}

const grouped = (
  op: string,
  inputs: { readonly [K in keyof GroupNorm]: unknown },
  g: Grouping,
  epsilon: number,
  f: (given: GroupNorm, c: Channels) => Node,
  rule: ReturnType<typeof groupRule>,
): Node => {
  const { dtype } = tensor(op, inputs.x)
  const wide = (given: unknown): Tensor<"f32", Axes> => typed(cast(tensor(op, given, dtype), "f32"))
  const made = customVjp<GroupNorm, Tensor<"f32", Axes>>(
    (given) => typed(f(given, channelsOf(given, g, epsilon))),
    rule,
  )
  return cast(made({ x: wide(inputs.x), weight: wide(inputs.weight), bias: wide(inputs.bias) }), dtype)
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
  const g: Grouping = { over, groups, along: words<string>(along) }
  const rule = groupRule(g, epsilon)
  return typed(grouped("groupNorm", { x, weight, bias }, g, epsilon, (given, c) => normal(given, c, 1), rule))
}

/**
 * silu of `groupNorm`, with the same arguments. Kept for the gradient is x, which is there anyway: what stands between is
 * computed again, which takes less time than writing it and reading it again.
 */
export const groupNormSilu = <
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
  const g: Grouping = { over, groups, along: words<string>(along) }
  const curved = (given: GroupNorm, c: Channels): Node => {
    const y = normal(given, c, 1)
    return binary("mul", y, unary("sigmoid", y))
  }
  return typed(grouped("groupNormSilu", { x, weight, bias }, g, epsilon, curved, siluRule(g, epsilon)))
}
