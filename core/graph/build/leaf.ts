/**
 * Nodes without arguments, and those that only stand between others.
 * @module
 */
import type { DType, HostArray } from "../../tensor/dtype.ts"
import { fault } from "../fault.ts"
import { kindFaults, make, none, refused, show, unfit } from "../make.ts"
import { count, type Node } from "../node.ts"
import { iotaRule } from "../rules.ts"

/** A value given when the program runs; `name` is its path in the tree of inputs. */
export const input = (
  name: string,
  dtype: DType,
  axes: ReadonlyArray<string>,
  shape: ReadonlyArray<number>,
): Node => make(name === "" ? "input" : `input ${name}`, { tag: "input", name }, [], { dtype, axes, shape })

/** The same value everywhere. Faults: a value that the dtype cannot hold. */
export const constant = (
  dtype: DType,
  value: number,
  axes: ReadonlyArray<string> = [],
  shape: ReadonlyArray<number> = [],
): Node => make("constant", { tag: "constant", value }, [], { dtype, axes, shape }, unfit("constant", dtype, value))

/** Literal elements in stored form, row-major. Faults: another count of them than the sizes say. */
export const data = (
  dtype: DType,
  axes: ReadonlyArray<string>,
  shape: ReadonlyArray<number>,
  values: HostArray,
): Node => {
  const kind = { dtype, axes, shape }
  const wrong = kindFaults("data", kind).length === 0 && count(shape) !== values.length
  const faults = wrong
    ? [fault("SizeFault", "data", `${show(kind)} has ${count(shape)} elements, got ${values.length}`)]
    : none
  return make("data", { tag: "data", values }, [], kind, faults)
}

/** 0, 1, 2, ... along a new axis. */
export const iota = (axis: string, size: number, dtype: DType = "i32"): Node => {
  const kind = { dtype, axes: [axis], shape: [size] }
  return make("iota", { tag: "iota" }, [], kind, refused("iota", iotaRule, kind))
}

/** Identity without a gradient. */
export const stop = (x: Node): Node => make("stop", { tag: "stop" }, [x], x)

/** Identity of `x` that is computed after `after`. */
export const barrier = (x: Node, after: ReadonlyArray<Node>, key: number): Node =>
  make("barrier", { tag: "barrier", key }, [x, ...after], x)

/**
 * Identity of `value`, whose gradient for the inputs is the rule's; `keep` are the numbers of the arguments (0 is the
 * value, 1 the first input) that recomputation takes from the forward pass.
 */
export const custom = (
  value: Node,
  inputs: ReadonlyArray<Node>,
  vjp: (cotangent: Node, value: Node, inputs: ReadonlyArray<Node>) => ReadonlyArray<Node>,
  keep: ReadonlyArray<number> = [],
): Node =>
  make("custom", keep.length === 0 ? { tag: "custom", vjp } : { tag: "custom", vjp, keep }, [value, ...inputs], value)
