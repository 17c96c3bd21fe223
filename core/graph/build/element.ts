/**
 * Elementwise nodes. Their arguments have the same axes in the same order: what the user wrote with other orders or
 * fewer axes goes through `align` first.
 * @module
 */
import { type DType, dtypes, isDType } from "../../tensor/dtype.ts"
import { fault, type Faults } from "../fault.ts"
import {
  alike,
  clashes,
  type Kind,
  lacking,
  make,
  none,
  type Operand,
  refused,
  show,
  sized,
  twice,
  unlike,
} from "../make.ts"
import type { BinaryFn, Node, UnaryFn } from "../node.ts"
import { binaryRules, gives, unaryRules } from "../rules.ts"
import { constant } from "./leaf.ts"

/** Reorders by name and broadcasts along the axes that `x` lacks. Faults: axes of `x` left out, other sizes. */
export const align = (
  x: Node,
  axes: ReadonlyArray<string>,
  shape: ReadonlyArray<number>,
  label: string = "align",
): Node => {
  const kind = { dtype: x.dtype, axes, shape }
  if (alike(x, kind)) return x
  return make(label, { tag: "align" }, [x], kind, [
    ...lacking(label, kind, x.axes),
    ...clashes(label, x, kind),
  ])
}

/** Reorders by name. */
export const transpose = (x: Node, axes: ReadonlyArray<string>): Node => {
  const wrong = [...lacking("transpose", x, axes), ...twice("transpose", axes)]
  const missing = x.axes.filter((a) => !axes.includes(a))
  if (missing.length > 0) {
    wrong.push(
      fault(
        "NameFault",
        "transpose",
        `[${axes.join(" ")}] leaves out '${missing.join("', '")}' of ${show(x)}; name all axes`,
      ),
    )
  }
  if (wrong.length > 0) return { ...x, op: { tag: "align" }, args: [x], faults: wrong }
  return align(x, axes, axes.map((a) => x.shape[x.axes.indexOf(a)]!), "transpose")
}

/** Repeats along new axes in front; `axes` and `shape` are those of the new ones. */
export const broadcast = (x: Node, axes: ReadonlyArray<string>, shape: ReadonlyArray<number>): Node =>
  align(x, [...axes, ...x.axes], [...shape, ...x.shape], "broadcast")

/** Only order and broadcasting, no faults of its own: the caller has found them. */
const fitted = (x: Node, to: Kind): Node =>
  x.axes.length === to.axes.length && x.axes.every((a, i) => a === to.axes[i])
    ? x
    : { op: { tag: "align" }, args: [x], dtype: x.dtype, axes: to.axes, shape: to.shape, faults: none }

/** Axes and sizes of the one that has all axes of the others; the union, with a fault, where none has. */
const widest = (op: string, nodes: ReadonlyArray<Node>): readonly [Omit<Kind, "dtype">, Faults] => {
  const wide = nodes.find((n) => nodes.every((m) => m.axes.every((a) => n.axes.includes(a))))
  const pairs = nodes.flatMap((n, i) => nodes.slice(i + 1).flatMap((m) => clashes(op, n, m)))
  if (wide !== undefined) return [wide, pairs]
  const axes = [...new Set(nodes.flatMap((n) => n.axes))]
  const owner = (a: string): Node => nodes.find((n) => n.axes.includes(a))!
  const shape = axes.map((a) => owner(a).shape[owner(a).axes.indexOf(a)]!)
  const message = `none of ${nodes.map(show).join(", ")} has all axes [${axes.join(" ")}]; ` +
    `rename what is meant to be the same, or broadcast one to these axes`
  return [{ axes, shape }, [fault("NameFault", op, message), ...pairs]]
}

/** Numbers as constants of the dtype, axes and sizes of the tensors beside them; f32 scalars where there are none. */
const lifted = (operands: ReadonlyArray<Operand>, all: ReadonlyArray<Node>): ReadonlyArray<Node> => {
  const like = operands.find((o) => typeof o !== "number")
  const dtype: DType = like?.dtype ?? "f32"
  const wide = all.find((n) => all.every((m) => m.axes.every((a) => n.axes.includes(a))))
  const whole = wide !== undefined && sized(wide)
  return operands.map((o) =>
    typeof o !== "number" ? o : whole ? constant(dtype, o, wide.axes, wide.shape) : constant(dtype, o)
  )
}

const tensors = (operands: ReadonlyArray<Operand>): ReadonlyArray<Node> =>
  operands.filter((o): o is Node => typeof o !== "number")

/** A function of each element. Faults: a dtype that it does not take. */
export const unary = (fn: UnaryFn, x: Node): Node => {
  const rule = unaryRules[fn]
  const kind = { dtype: gives(rule, x.dtype), axes: x.axes, shape: x.shape }
  return make(fn, { tag: "unary", fn }, [x], kind, refused(fn, rule, x))
}

/**
 * A function of two elements that have the same place by name. The result has the axes of the argument that has them
 * all. Faults: different dtypes, a dtype that it does not take, axes or sizes that do not fit.
 */
export const binary = (fn: BinaryFn, first: Operand, second: Operand): Node => {
  const [x, y] = lifted([first, second], tensors([first, second])) as readonly [Node, Node]
  const rule = binaryRules[fn]
  const [kind, unfitting] = widest(fn, [x, y])
  const faults = [...unlike(fn, x, y), ...refused(fn, rule, x), ...unfitting]
  const result = { dtype: gives(rule, x.dtype), axes: kind.axes, shape: kind.shape }
  return make(fn, { tag: "binary", fn }, [fitted(x, result), fitted(y, result)], result, faults)
}

/** `yes` where the condition holds, `no` where it does not. All three fit by name as in `binary`. */
export const select = (condition: Node, yes: Operand, no: Operand): Node => {
  const [x, y] = lifted([yes, no], [condition, ...tensors([yes, no])]) as readonly [Node, Node]
  const [kind, unfitting] = widest("select", [condition, x, y])
  const notBool = condition.dtype === "bool" ? none : [
    fault("DTypeFault", "select", `the condition is ${show(condition)}, expected bool; compare it with a number first`),
  ]
  const result = { dtype: x.dtype, axes: kind.axes, shape: kind.shape }
  const args = [fitted(condition, result), fitted(x, result), fitted(y, result)]
  return make("select", { tag: "select" }, args, result, [...notBool, ...unlike("select", x, y), ...unfitting])
}

/** Converts the value. */
export const cast = (x: Node, dtype: DType): Node =>
  x.dtype === dtype ? x : make("cast", { tag: "cast" }, [x], { dtype, axes: x.axes, shape: x.shape })

/** The same bits as another dtype. Faults: another width. */
export const bitcast = (x: Node, dtype: DType): Node => {
  if (x.dtype === dtype) return x
  const kind = { dtype, axes: x.axes, shape: x.shape }
  if (!isDType(dtype)) return make("bitcast", { tag: "bitcast" }, [x], kind)
  const [from, to] = [dtypes[x.dtype].bytes, dtypes[dtype].bytes]
  const bool = x.dtype === "bool" || dtype === "bool"
  const faults = from === to && !bool ? none : [
    fault(
      "DTypeFault",
      "bitcast",
      `${x.dtype} has ${from} bytes and ${dtype} has ${to}; cast converts the value instead`,
    ),
  ]
  return make("bitcast", { tag: "bitcast" }, [x], kind, faults)
}
