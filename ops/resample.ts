/**
 * Other sizes of images: repeated places, means of windows, sums of neighbours by distance, and the convolution that
 * halves them.
 *
 * ```ts
 * import { averagePool, downsample, type F32, resize, upsample } from "@orrery/orrery"
 *
 * type Image = F32<"batch row col feature">
 * const doubled = (x: Image): Image => upsample(x, { row: 2, col: 2 })
 * const pooled = (x: Image): Image => averagePool(x, { row: 2, col: 2 })
 * const any = (x: Image): Image => resize(x, { row: 48, col: 64 })
 * const halved = (x: Image, w: F32<"drow dcol feature out">): F32<"batch row col out"> =>
 *   downsample(x, w, { row: "drow", col: "dcol" }, "feature")
 * ```
 * @module
 */
import { align, binary, data, dot, merge, reduce, rename, sliceAxis, split } from "../core/graph/build.ts"
import { fault, type Faults } from "../core/graph/fault.ts"
import { marked, tensor } from "../core/graph/given.ts"
import { lacking, whole } from "../core/graph/make.ts"
import { type Node, sizeOf } from "../core/graph/node.ts"
import type { Axes, Has, Lacks, Without, Word } from "../core/tensor/axes.ts"
import { type Float, type Numeric, type Tensor, typed } from "../core/tensor/tensor.ts"
import { convolve } from "./convolution.ts"

/** A number for each of some axes. */
type Factors = Readonly<Record<string, number>>

/** One axis after another; a number that is no whole one above 0 is a fault. */
const each = (op: string, what: string, x: Node, by: Factors, f: (x: Node, axis: string, n: number) => Node): Node =>
  Object.entries(by).reduce<Node>((now, [axis, n]) => {
    const wrong: Faults = [...lacking(op, now, [axis]), ...whole(op, `${what} '${axis}'`, n, 1)]
    return wrong.length > 0 ? marked(now, wrong) : f(now, axis, n)
  }, x)

/** Every place of an axis so many times over: nearest neighbours. The gradient is the sum over the copies. */
export const upsample = <D extends Numeric, A extends Axes, const M extends Factors>(
  x: Tensor<D, A>,
  by: M & Has<A, keyof M & string>,
): Tensor<D, A> =>
  typed(each("upsample", "the factor of", tensor("upsample", x), by, (now, axis, n) => {
    const copy = `${axis}/copy`
    const at = now.axes.indexOf(axis) + 1
    const axes = [...now.axes.slice(0, at), copy, ...now.axes.slice(at)]
    const wide = align(now, axes, axes.map((a) => a === copy ? n : sizeOf(now, a)!))
    return merge(wide, [axis, copy], axis)
  }))

/** Means of windows of so many places, side by side; places at the end that fill no window are left out. */
export const averagePool = <D extends Float, A extends Axes, const M extends Factors>(
  x: Tensor<D, A>,
  by: M & Has<A, keyof M & string>,
): Tensor<D, A> => {
  const node = tensor("averagePool", x)
  const cut = each("averagePool", "the window of", node, by, (now, axis, n) => {
    const size = sizeOf(now, axis)!
    const places = Math.floor(size / n)
    return split(sliceAxis(now, axis, 0, places * n), axis, [axis, `${axis}/place`], { [axis]: places })
  })
  const places = Object.keys(by).map((a) => `${a}/place`).filter((a) => cut.axes.includes(a))
  const area = Object.values(by).reduce((product, n) => product * n, 1)
  return typed(binary("mul", reduce("sum", cut, places), 1 / area))
}

/** How places between others are made up: by the distance to the neighbours, or as the nearest one. */
export type Resizing = "linear" | "nearest"

/** What each place of an axis of `from` gives to each of `to`; places stand in the middle of equal parts of one length. */
const weightsOf = (from: number, to: number, how: Resizing): Float64Array => {
  const weights = new Float64Array(from * to)
  const scale = from / to
  // of a smaller image each place sums over all that it stands for, or fine patterns would come and go
  const reach = Math.max(1, scale)
  for (let j = 0; j < to; j++) {
    const centre = (j + 0.5) * scale - 0.5
    if (how === "nearest") {
      weights[Math.min(from - 1, Math.floor((j + 0.5) * scale)) * to + j] = 1
      continue
    }
    let total = 0
    for (let i = 0; i < from; i++) total += Math.max(0, 1 - Math.abs(i - centre) / reach)
    for (let i = 0; i < from; i++) weights[i * to + j] = Math.max(0, 1 - Math.abs(i - centre) / reach) / total
  }
  return weights
}

/**
 * Axes with other sizes, each as a product with a matrix. "linear" weighs neighbours by their distance, and all that a
 * place stands for where an image becomes smaller (as antialiased bilinear resizing does); beyond an edge there is nothing.
 */
export const resize = <D extends Float, A extends Axes, const M extends Factors>(
  x: Tensor<D, A>,
  to: M & Has<A, keyof M & string>,
  how: Resizing = "linear",
): Tensor<D, A> => {
  const node = tensor("resize", x)
  const known: ReadonlyArray<string> = ["linear", "nearest"]
  const strange = known.includes(how) ? [] : [
    fault("ValueFault", "resize", `'${String(how)}' is no way to resize; known are ${known.join(", ")}`),
  ]
  const made = each("resize", "the size of", node, to, (now, axis, n) => {
    const size = sizeOf(now, axis)!
    if (size === n) return now
    const next = `${axis}/to`
    const matrix = data(now.dtype, [axis, next], [size, n], weightsOf(size, n, how))
    const made = rename(dot(now, matrix, [axis]), { [next]: axis })
    return align(made, now.axes, now.axes.map((a) => a === axis ? n : sizeOf(now, a)!))
  })
  return typed(marked(made, strange))
}

/**
 * The convolution that halves images in VQGAN (Esser et al., 2021): stride 2, one row and column of zeros behind each
 * axis and none before.
 */
export const downsample = <
  D extends Float,
  A extends Axes,
  K extends Axes,
  const M extends Readonly<Record<string, string>>,
  const N extends string,
>(
  x: Tensor<D, A>,
  kernel: Tensor<NoInfer<D>, K>,
  along: M & Has<A, keyof M & string> & Has<K, M[keyof M]> & Lacks<A, M[keyof M]>,
  on: N & Has<A, Word<N>> & Has<K, Word<N>>,
): Tensor<D, [...Without<A, Word<N>>, ...Without<K, Word<N> | M[keyof M] | A[number]>]> =>
  typed(
    convolve<Float, Axes, Axes, Record<string, string>, string>(x, kernel, along, on, { stride: 2, padding: [0, 1] }),
  )
