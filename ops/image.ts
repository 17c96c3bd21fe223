/**
 * How like two pictures are: PSNR, and SSIM (Wang, Bovik, Sheikh and Simoncelli, 2004). Both work on any axes, so frames
 * and whole batches are judged by the same functions.
 *
 * ```ts
 * import { type F32, psnr, ssim } from "@orrery/orrery"
 * type Frames = F32<"batch row col channel">
 * // frames in 0 ... 1: the range is 1
 * const noise = (x: Frames, y: Frames): F32<"batch"> => psnr(x, y, "row col channel", 1)
 * const likeness = (x: Frames, y: Frames): F32<"batch channel"> => ssim(x, y, { row: "row", col: "col" }, 1)
 * ```
 * @module
 */
import { binary, constant, data, dot, reduce, unary, window } from "../core/graph/build.ts"
import { fault, type Faults } from "../core/graph/fault.ts"
import { marked, tensor } from "../core/graph/given.ts"
import { type Node, sizeOf } from "../core/graph/node.ts"
import type { Axes, Has, Same, Without, Word } from "../core/tensor/axes.ts"
import { exp } from "../core/tensor/elementary.ts"
import { words } from "../core/tensor/spec.ts"
import { type Tensor, typed } from "../core/tensor/tensor.ts"

// ---- PSNR --------------------------------------------------------------------

/** Numbers above 0, the named ones whole. */
const above = (op: string, numbers: Readonly<Record<string, number>>, whole: ReadonlyArray<string> = []): Faults =>
  Object.entries(numbers).flatMap(([name, n]): Faults => {
    const good = Number.isFinite(n) && n > 0 && (!whole.includes(name) || Number.isInteger(n))
    const wanted = whole.includes(name) ? "a whole number from 1" : "a number above 0"
    return good ? [] : [fault("ValueFault", op, `'${name}' is ${n}; expected ${wanted}`)]
  })

/**
 * Peak signal-to-noise ratio in dB over the named axes: 10 log10(range^2 / mean squared difference). `range` is the greatest
 * value less the least (255 for bytes, 2 for -1 ... 1). Pictures that are equal have Infinity. Faults: a range that is not
 * above 0.
 */
export const psnr = <A extends Axes, B extends Axes, const N extends string>(
  x: Tensor<"f32", A>,
  y: Tensor<"f32", B> & Same<A, B>,
  over: N & Has<A, Word<N>>,
  range: number,
): Tensor<"f32", Without<A, Word<N>>> => {
  const off = binary("sub", marked(tensor("psnr", x), above("psnr", { range })), tensor("psnr", y))
  const axes = words<string>(over)
  const places = axes.reduce((n, axis) => n * (sizeOf(off, axis) ?? 1), 1)
  const mean = binary("mul", reduce("sum", binary("mul", off, off), axes), 1 / places)
  return typed(binary("mul", unary("log", binary("div", range * range, mean)), 10 / Math.LN10))
}

// ---- SSIM --------------------------------------------------------------------

/** What SSIM looks through. Without, the paper's. */
export interface Ssim {
  /** Rows and columns of the window; 11. */
  readonly size?: number
  /** Standard deviation of the window's weights, in pixels; 1.5. */
  readonly sigma?: number
  /** Parts of the range that keep quotients steady; 0.01 and 0.03. */
  readonly k1?: number
  readonly k2?: number
}

/** Weights of a window along one side; their sum is 1. */
const gaussian = (size: number, sigma: number): ReadonlyArray<number> => {
  const raw = Array.from({ length: size }, (_, i) => exp(-(((i - (size - 1) / 2) / sigma) ** 2) / 2))
  const total = raw.reduce((a, b) => a + b, 0)
  return raw.map((w) => w / total)
}

/** Weighted means through the window at every place where it lies inside. */
const seen = (weights: ReadonlyArray<number>, axes: ReadonlyArray<string>) => (x: Node): Node =>
  axes.reduce((y, axis) => {
    const tap = `${axis}.tap`
    const weight = data("f32", [tap], [weights.length], Float32Array.from(weights))
    return dot(window(y, axis, tap, weights.length, 1, 1), weight, [tap])
  }, x)

/**
 * Structural similarity: the mean over all windows of
 * (2 mx my + c1)(2 cov + c2) / ((mx^2 + my^2 + c1)(vx + vy + c2)), with means, variances and covariance weighted by a
 * Gaussian, c1 = (k1 range)^2, c2 = (k2 range)^2; 1 for equal pictures. `along` names rows and columns, which the result
 * lacks; other axes (frames, colours) go side by side. Windows lie wholly inside. Means are compared as brightnesses, so
 * values are those from 0 (black) on: of -1 ... 1, a grey is as good as black. Faults: a side shorter than the window, a range or
 * window that is not above 0.
 */
export const ssim = <
  A extends Axes,
  B extends Axes,
  const R extends string,
  const C extends string,
>(
  x: Tensor<"f32", A>,
  y: Tensor<"f32", B> & Same<A, B>,
  along: { readonly row: R & Has<A, R>; readonly col: C & Has<A, C> },
  range: number,
  { size = 11, sigma = 1.5, k1 = 0.01, k2 = 0.03 }: Ssim = {},
): Tensor<"f32", Without<A, R | C>> => {
  const [a, b] = [tensor("ssim", x), tensor("ssim", y)]
  const axes: ReadonlyArray<string> = [along.row, along.col]
  const wrong = above("ssim", { range, size, sigma }, ["size"])
  if (wrong.length > 0) return typed(marked(ssim(x, y, along, 1), wrong))
  const short = axes.filter((axis) => (sizeOf(a, axis) ?? 0) < size)
  if (short.length > 0) {
    const rest = a.axes.map((axis, i) => [axis, a.shape[i]!] as const).filter(([axis]) => !axes.includes(axis))
    const message = `'${short.join("', '")}' has ${short.map((axis) => sizeOf(a, axis)).join(", ")} places, ` +
      `fewer than the window's ${size}; give larger pictures, or a smaller size`
    const blank = constant("f32", 0, rest.map(([axis]) => axis), rest.map(([, places]) => places))
    return typed(marked(blank, [fault("SizeFault", "ssim", message)]))
  }
  const mean = seen(gaussian(size, sigma), axes)
  const times = (p: Node, q: Node): Node => binary("mul", p, q)
  const [ma, mb] = [mean(a), mean(b)]
  const spread = (p: Node, q: Node, mp: Node, mq: Node): Node => binary("sub", mean(times(p, q)), times(mp, mq))
  const [c1, c2] = [(k1 * range) ** 2, (k2 * range) ** 2]
  const alike = (twice: Node, both: Node, c: number): Node =>
    binary("div", binary("add", binary("mul", twice, 2), c), binary("add", both, c))
  const brightness = alike(times(ma, mb), binary("add", times(ma, ma), times(mb, mb)), c1)
  const structure = alike(spread(a, b, ma, mb), binary("add", spread(a, a, ma, ma), spread(b, b, mb, mb)), c2)
  const places = axes.reduce((n, axis) => n * (sizeOf(ma, axis) ?? 1), 1)
  return typed(binary("mul", reduce("sum", times(brightness, structure), axes), 1 / places))
}
