/**
 * Boxes of numbers with named axes, and walking through them: what the interpreter of graphs is written in.
 * @module
 */
import type { DType, HostArray } from "../tensor/dtype.ts"
import { decodeHalf } from "../tensor/half.ts"
import type { Node } from "./node.ts"
import { count } from "./node.ts"

/** The elements of one tensor, row-major, with the axes they run along. */
export interface Value {
  readonly axes: ReadonlyArray<string>
  readonly shape: ReadonlyArray<number>
  readonly data: Float64Array
}

/** Elements as numbers: a `Uint16Array` of halves holds their bits. */
export const numbers = (dtype: DType, given: ArrayLike<number> | HostArray): Float64Array =>
  given instanceof Uint16Array && (dtype === "f16" || dtype === "bf16")
    ? Float64Array.from(decodeHalf(dtype, given))
    : Float64Array.from(given)

/** How far apart neighbours along each axis lie in a row-major box. */
export const rowMajor = (shape: ReadonlyArray<number>): ReadonlyArray<number> =>
  shape.map((_, i) => count(shape.slice(i + 1)))

/** How far apart neighbours along each of `axes` lie in the value; 0 along an axis that it lacks. */
export const strides = (x: Pick<Value, "axes" | "shape">, axes: ReadonlyArray<string>): ReadonlyArray<number> => {
  const own = rowMajor(x.shape)
  return axes.map((axis) => own[x.axes.indexOf(axis)] ?? 0)
}

/** Visits all points of a box in row-major order, with one offset for each list of strides. */
export const walk = (
  shape: ReadonlyArray<number>,
  lists: ReadonlyArray<ReadonlyArray<number>>,
  visit: (offsets: ReadonlyArray<number>, point: ReadonlyArray<number>) => void,
): void => {
  if (count(shape) === 0) return
  const point = shape.map(() => 0)
  const offsets = lists.map(() => 0)
  for (;;) {
    visit(offsets, point)
    let axis = shape.length - 1
    while (axis >= 0 && point[axis] === shape[axis]! - 1) {
      for (let l = 0; l < lists.length; l++) offsets[l]! -= lists[l]![axis]! * point[axis]!
      point[axis] = 0
      axis--
    }
    if (axis < 0) return
    point[axis]!++
    for (let l = 0; l < lists.length; l++) offsets[l]! += lists[l]![axis]!
  }
}

/** The axes of several nodes, each once, with sizes. */
export const union = (...nodes: ReadonlyArray<Pick<Node, "axes" | "shape">>): Pick<Value, "axes" | "shape"> => {
  const sizes = new Map(nodes.flatMap((n) => n.axes.map((axis, i) => [axis, n.shape[i]!] as const)))
  return { axes: [...sizes.keys()], shape: [...sizes.values()] }
}

/** Copies: element `base + strides * point` of the argument. */
export const copy = (node: Node, x: Value, base: number, steps: ReadonlyArray<number>): Float64Array => {
  const out = new Float64Array(count(node.shape))
  walk(node.shape, [rowMajor(node.shape), steps], ([o, from]) => {
    out[o!] = x.data[base + from!]!
  })
  return out
}
