/**
 * Makes nodes, and finds what is wrong with their arguments. Nothing here throws: a fault goes into the node, whose
 * shape is the best guess, so that one tracing finds all faults of a program.
 * @module
 */
import { type DType, dtypes, isDType } from "../tensor/dtype.ts"
import { fault, type Faults, type GraphFault } from "./fault.ts"
import { count, type Node, type Op, sizeOf } from "./node.ts"
import { holds, type Rule } from "./rules.ts"

/** What a node is of: dtype, axes and sizes. */
export interface Kind {
  readonly dtype: DType
  readonly axes: ReadonlyArray<string>
  readonly shape: ReadonlyArray<number>
}

/** A node, or a number that takes dtype, axes and sizes of the other argument. */
export type Operand = Node | number

/** Nothing is wrong. */
export const none: Faults = []

/** `f32[batch 8, time 256]` */
export const show = ({ dtype, axes, shape }: Kind): string =>
  `${dtype}[${axes.map((a, i) => `${a} ${shape[i]}`).join(", ")}]`

/** `'batch', 'time'`, or `none`. */
export const quoted = (names: ReadonlyArray<string>): string =>
  names.length === 0 ? "none" : names.map((n) => `'${n}'`).join(", ")

const repeated = (names: ReadonlyArray<string>): ReadonlyArray<string> => [
  ...new Set(names.filter((n, i) => names.indexOf(n) !== i)),
]

/** What is wrong with these names and sizes as such. */
export const kindFaults = (op: string, { axes, shape }: Omit<Kind, "dtype">): Faults => {
  const faults: Array<GraphFault> = []
  const twice = repeated(axes)
  if (twice.length > 0) {
    faults.push(
      fault("NameFault", op, `axis ${quoted(twice)} would stand twice in [${axes.join(" ")}]; rename one first`),
    )
  }
  const bad = axes.filter((a) => typeof a !== "string" || !/^[^\s]+$/.test(a))
  if (bad.length > 0) {
    faults.push(fault("NameFault", op, `${quoted(bad)} is no name of an axis; a name is text without spaces`))
  }
  if (axes.length !== shape.length) {
    faults.push(fault("SizeFault", op, `${axes.length} names and ${shape.length} sizes; give every axis one size`))
  }
  axes.forEach((a, i) => {
    if (isSize(shape[i]!)) return
    faults.push(
      fault("SizeFault", op, `axis '${a}' has the size ${shape[i]}; a size is a whole number, 0 or more`),
    )
  })
  if (faults.length === 0 && !Number.isSafeInteger(count(shape))) {
    faults.push(fault("LimitFault", op, `[${axes.join(" ")}] has ${count(shape)} elements, more than can be counted`))
  }
  return faults
}

const isSize = (n: number): boolean => Number.isSafeInteger(n) && n >= 0

/** Is every size one that can be? Where one is not, its fault has been told. */
export const sized = ({ shape }: Omit<Kind, "dtype">): boolean => shape.every(isSize)

/** A dtype that is none. */
const unknown = (op: string, dtype: unknown): Faults => [
  fault("DTypeFault", op, `'${String(dtype)}' is no dtype; known are ${Object.keys(dtypes).join(", ")}`),
]

/** A node; `op` is what faults call it. Sizes of what has none are not complained of again. */
export const make = (label: string, op: Op, args: ReadonlyArray<Node>, kind: Kind, faults: Faults = none): Node => {
  const known = isDType(kind.dtype)
  const own = known ? kindFaults(label, kind) : [...unknown(label, kind.dtype), ...kindFaults(label, kind)]
  const all = own.length === 0 ? faults : [...faults, ...own]
  const fresh = all.length === 0 || args.every(sized) ? all : all.filter((f) => f._tag !== "SizeFault")
  return { op, args, dtype: known ? kind.dtype : "f32", axes: kind.axes, shape: kind.shape, faults: fresh }
}

/** Names that `x` lacks. */
export const lacking = (op: string, x: Kind, names: ReadonlyArray<string>): Faults =>
  names.filter((n) => !x.axes.includes(n)).map((n) =>
    fault("NameFault", op, `no axis '${n}' in ${show(x)}; its axes are ${quoted(x.axes)}`)
  )

/** A name given twice where each counts once. */
export const twice = (op: string, names: ReadonlyArray<string>): Faults =>
  repeated(names).map((n) => fault("NameFault", op, `axis '${n}' is given twice; name it once`))

/** A dtype that the rule does not take. */
export const refused = (op: string, rule: Rule, x: Kind): Faults =>
  !isDType(x.dtype) || rule.takes.includes(x.dtype)
    ? none
    : [fault("DTypeFault", op, `takes ${rule.takes.join(", ")}, got ${show(x)}; cast it first`)]

/** Arguments of different dtypes. */
export const unlike = (op: string, x: Kind, y: Kind): Faults =>
  x.dtype === y.dtype
    ? none
    : [fault("DTypeFault", op, `${show(x)} and ${show(y)} have different dtypes; cast one to the other's`)]

/** Axes of the same name and different sizes, but for those in `except`. */
export const clashes = (op: string, x: Kind, y: Kind, except: ReadonlyArray<string> = []): Faults =>
  x.axes.flatMap((a, i) => {
    const other = y.shape[y.axes.indexOf(a)]
    return other === undefined || other === x.shape[i] || except.includes(a) ? [] : [fault(
      "SizeFault",
      op,
      `axis '${a}' is ${x.shape[i]} in ${show(x)} and ${other} in ${show(y)}; ` +
        `slice, pad or rename one`,
    )]
  })

/** A number that the dtype cannot hold. */
export const unfit = (op: string, dtype: DType, value: number): Faults =>
  !isDType(dtype) || (typeof value === "number" && holds(dtype, value))
    ? none
    : [fault("ValueFault", op, `${value} is no ${dtype}; round it, or cast the other argument to f32 first`)]

/** A whole number in a range. */
export const whole = (op: string, what: string, value: number, low: number, high: number = Infinity): Faults =>
  Number.isSafeInteger(value) && value >= low && value <= high ? none : [fault(
    "SizeFault",
    op,
    `${what} is ${value}; expected a whole number from ${low}${high === Infinity ? "" : ` to ${high}`}`,
  )]

/** Position of an axis; 0 where there is none, for a best guess. */
export const placeOf = (x: Kind, axis: string): number => Math.max(0, x.axes.indexOf(axis))

/** Same names in the same order with the same sizes. */
export const alike = (x: Omit<Kind, "dtype">, y: Omit<Kind, "dtype">): boolean =>
  x.axes.length === y.axes.length && x.axes.every((a, i) => a === y.axes[i] && x.shape[i] === y.shape[i])

/** The list with item `i` replaced by those of `items`. */
export const spliced = <T>(list: ReadonlyArray<T>, i: number, ...items: ReadonlyArray<T>): ReadonlyArray<T> => [
  ...list.slice(0, i),
  ...items,
  ...list.slice(i + 1),
]

/** Size of an axis, 1 where there is none, for a best guess. */
export const sizeOr1 = (x: Node, axis: string): number => sizeOf(x, axis) ?? 1
