/**
 * Nodes that move elements: names and sizes change, values do not.
 * @module
 */
import { fault, type Faults, type GraphFault } from "../fault.ts"
import {
  alike,
  clashes,
  lacking,
  make,
  none,
  placeOf,
  quoted,
  show,
  sizeOr1,
  spliced,
  twice,
  unfit,
  unlike,
  whole,
} from "../make.ts"
import { count, type Node } from "../node.ts"
import { align } from "./element.ts"

/** The same elements in row-major order. Faults: another count of elements. */
export const reshape = (
  x: Node,
  axes: ReadonlyArray<string>,
  shape: ReadonlyArray<number>,
  label: string = "reshape",
  known: Faults = none,
): Node => {
  const kind = { dtype: x.dtype, axes, shape }
  if (known.length === 0 && alike(x, kind)) return x
  const wrong = known.length === 0 && count(shape) !== count(x.shape)
  const faults: Faults = wrong
    ? [fault("SizeFault", label, `${show(x)} has ${count(x.shape)} elements, ${show(kind)} has ${count(shape)}`)]
    : known
  return make(label, { tag: "reshape" }, [x], kind, faults)
}

/** Other names: `{ old: "new" }`. */
export const rename = (x: Node, names: Readonly<Record<string, string>>): Node =>
  reshape(
    x,
    x.axes.map((a) => Object.hasOwn(names, a) ? names[a]! : a),
    x.shape,
    "rename",
    lacking("rename", x, Object.keys(names)),
  )

/** One axis as several, outermost first; one of their sizes may be left out. Faults: sizes that do not multiply up. */
export const split = (
  x: Node,
  axis: string,
  parts: ReadonlyArray<string>,
  sizes: Readonly<Record<string, number | undefined>> = {},
): Node => {
  const faults: Array<GraphFault> = [...lacking("split", x, [axis])]
  const size = sizeOr1(x, axis)
  const open = parts.filter((p) => sizes[p] === undefined)
  const known = parts.reduce((product, p) => product * (sizes[p] ?? 1), 1)
  const rest = open.length === 1 && known > 0 ? size / known : 1
  const stray = Object.keys(sizes).filter((s) => !parts.includes(s))
  if (stray.length > 0) {
    faults.push(fault("NameFault", "split", `size of ${quoted(stray)} is given, but the parts are ${quoted(parts)}`))
  }
  if (open.length > 1) {
    faults.push(fault("SizeFault", "split", `sizes of ${quoted(open)} are open; give all of them but one`))
  } else if (faults.length === 0 && (known * rest !== size || !Number.isInteger(rest))) {
    const given = parts.map((p) => `${p} ${sizes[p] ?? "?"}`).join(", ")
    faults.push(
      fault(
        "SizeFault",
        "split",
        `axis '${axis}' of ${show(x)} is ${size}, which is not ${given}; choose sizes whose product is ${size}`,
      ),
    )
  }
  const i = placeOf(x, axis)
  const shape = parts.map((p) => sizes[p] ?? (Number.isInteger(rest) ? rest : 1))
  return reshape(x, spliced(x.axes, i, ...parts), spliced(x.shape, i, ...shape), "split", faults)
}

/** Axes that stand side by side, in that order, as one. */
export const merge = (x: Node, parts: ReadonlyArray<string>, axis: string): Node => {
  const faults: Array<GraphFault> = [...lacking("merge", x, parts), ...twice("merge", parts)]
  const i = placeOf(x, parts[0] ?? "")
  const beside = parts.every((p, k) => x.axes[i + k] === p)
  if (parts.length === 0) faults.push(fault("NameFault", "merge", `no axes to merge into '${axis}'; name some`))
  else if (faults.length === 0 && !beside) {
    faults.push(
      fault("NameFault", "merge", `[${parts.join(" ")}] does not stand side by side in ${show(x)}; transpose first`),
    )
  }
  const rest = x.axes.filter((a) => !parts.includes(a))
  const size = parts.reduce((n, p) => n * sizeOr1(x, p), 1)
  const at = Math.min(i, rest.length)
  const axes = [...rest.slice(0, at), axis, ...rest.slice(at)]
  return reshape(x, axes, axes.map((a) => a === axis ? size : sizeOr1(x, a)), "merge", faults)
}

/** Element i of each axis is element `start + i * step`. Faults: a place outside of the argument. */
export const slice = (
  x: Node,
  start: ReadonlyArray<number>,
  shape: ReadonlyArray<number>,
  step: ReadonlyArray<number> = x.axes.map(() => 1),
  label: string = "slice",
): Node => {
  const faults = x.axes.flatMap((a, i): Faults => {
    const [s, n, by] = [start[i]!, shape[i]!, step[i]!]
    const last = s + (n - 1) * by
    const size = x.shape[i]!
    const fits = Number.isSafeInteger(s) && Number.isSafeInteger(by) && by !== 0 &&
      (n === 0 || (s >= 0 && s < size && last >= 0 && last < size))
    return fits ? [] : [
      fault(
        "SizeFault",
        label,
        `axis '${a}' of ${show(x)} has places 0 to ${size - 1}; ${n} from ${s} by ${by} goes beyond`,
      ),
    ]
  })
  const whole = faults.length === 0 && alike(x, { axes: x.axes, shape }) && step.every((s) => s === 1)
  if (whole) return x
  return make(label, { tag: "slice", start, step }, [x], { dtype: x.dtype, axes: x.axes, shape }, faults)
}

/** `size` places of one axis from `start`, by `step`. */
export const sliceAxis = (
  x: Node,
  axis: string,
  start: number,
  size: number,
  step: number = 1,
  label?: string,
): Node => {
  const wrong = lacking(label ?? "slice", x, [axis])
  if (wrong.length > 0) return { ...x, args: [x], op: { tag: "reshape" }, faults: wrong }
  const set = (list: ReadonlyArray<number>, v: number): ReadonlyArray<number> => spliced(list, x.axes.indexOf(axis), v)
  return slice(x, set(x.axes.map(() => 0), start), set(x.shape, size), set(x.axes.map(() => 1), step), label)
}

/** Backwards along each of the axes. */
export const flip = (x: Node, axes: ReadonlyArray<string>): Node => {
  const wrong = lacking("flip", x, axes)
  if (wrong.length > 0) return { ...x, args: [x], op: { tag: "reshape" }, faults: wrong }
  const turned = (i: number): boolean => axes.includes(x.axes[i]!) && x.shape[i]! > 1
  const start = x.shape.map((n, i) => turned(i) ? n - 1 : 0)
  return slice(x, start, x.shape, x.shape.map((_, i) => turned(i) ? -1 : 1), "flip")
}

/** Size of an axis after `interior` values are put between any two of its elements. */
const spread = (size: number, interior: number): number => size === 0 ? 0 : size + (size - 1) * interior

/** `low` values before, `interior` between any two, the rest after, up to `shape`. Faults: a size too small. */
export const pad = (
  x: Node,
  low: ReadonlyArray<number>,
  interior: ReadonlyArray<number>,
  shape: ReadonlyArray<number>,
  value: number = 0,
): Node => {
  const faults = [
    ...unfit("pad", x.dtype, value),
    ...x.axes.flatMap((a, i): Faults => [
      ...whole("pad", `what is put before '${a}'`, low[i]!, 0),
      ...whole("pad", `what is put between the elements of '${a}'`, interior[i]!, 0),
      ...(low[i]! + spread(x.shape[i]!, interior[i]!) <= shape[i]! ? [] : [
        fault(
          "SizeFault",
          "pad",
          `axis '${a}' of ${show(x)} does not fit into ${shape[i]}; pad by 0 or more, slice to cut`,
        ),
      ]),
    ]),
  ]
  const idle = faults.length === 0 && alike(x, { axes: x.axes, shape })
  return idle
    ? x
    : make("pad", { tag: "pad", low, interior, value }, [x], { dtype: x.dtype, axes: x.axes, shape }, faults)
}

/** Pads one axis. */
export const padAxis = (
  x: Node,
  axis: string,
  low: number,
  high: number,
  value: number = 0,
  interior: number = 0,
): Node => {
  const wrong = lacking("pad", x, [axis])
  if (wrong.length > 0) return { ...x, args: [x], op: { tag: "reshape" }, faults: wrong }
  const set = (list: ReadonlyArray<number>, v: number): ReadonlyArray<number> => spliced(list, x.axes.indexOf(axis), v)
  const zeros = x.axes.map(() => 0)
  const size = low + spread(sizeOr1(x, axis), interior) + high
  return pad(x, set(zeros, low), set(zeros, interior), set(x.shape, size), value)
}

/** One after another along an axis; the others are brought into the order of the first. */
export const concat = (xs: ReadonlyArray<Node>, axis: string): Node => {
  const first = xs[0]
  if (first === undefined) {
    const empty = fault("ValueFault", "concat", `no tensors to put along '${axis}'; give one at least`)
    return make("concat", { tag: "concat", axis }, [], { dtype: "f32", axes: [axis], shape: [0] }, [empty])
  }
  const faults = xs.flatMap((x, i): Faults =>
    i === 0 ? lacking("concat", x, [axis]) : [
      ...unlike("concat", first, x),
      ...lacking("concat", x, first.axes),
      ...lacking("concat", first, x.axes),
      ...clashes("concat", first, x, [axis]),
    ]
  )
  const total = xs.reduce((n, x) => n + sizeOr1(x, axis), 0)
  const sizes = (n: number): ReadonlyArray<number> => first.axes.map((a, i) => a === axis ? n : first.shape[i]!)
  const kind = { dtype: first.dtype, axes: first.axes, shape: sizes(total) }
  if (faults.length > 0) return make("concat", { tag: "concat", axis }, xs, kind, faults)
  if (xs.length === 1) return first
  const args = xs.map((x) => align(x, first.axes, sizes(sizeOr1(x, axis)), "concat"))
  return make("concat", { tag: "concat", axis }, args, kind)
}

/** Side by side along a new first axis. */
export const stack = (xs: ReadonlyArray<Node>, axis: string): Node =>
  concat(xs.map((x) => reshape(x, [axis, ...x.axes], [1, ...x.shape], "stack")), axis)

/**
 * Windows of `size` places: `axis` becomes `axis` (where a window begins, by `stride`) and, behind it, `tap` (the
 * places in it, by `dilation`). Faults: an axis shorter than a window.
 */
export const window = (
  x: Node,
  axis: string,
  tap: string,
  size: number,
  stride: number = 1,
  dilation: number = 1,
): Node => {
  const faults = [
    ...lacking("window", x, [axis]),
    ...whole("window", "its size", size, 1),
    ...whole("window", "its stride", stride, 1),
    ...whole("window", "its dilation", dilation, 1),
  ]
  const n = sizeOr1(x, axis)
  const span = (size - 1) * dilation + 1
  if (faults.length === 0 && n < span) {
    faults.push(
      fault("SizeFault", "window", `axis '${axis}' of ${show(x)} is shorter than a window of ${span}; pad it first`),
    )
  }
  const i = placeOf(x, axis)
  const places = faults.length === 0 ? Math.floor((n - span) / stride) + 1 : 1
  const kind = {
    dtype: x.dtype,
    axes: spliced(x.axes, i, axis, tap),
    shape: spliced(x.shape, i, places, faults.length === 0 ? size : 1),
  }
  return make("window", { tag: "window", axis, tap, stride, dilation }, [x], kind, faults)
}
