/**
 * What a user gives, looked at before it is believed: types forbid most mistakes, but not in JavaScript, nor after a
 * cast. What is wrong becomes a node with a fault, so that the ops above need not throw. Gradients and compiler passes
 * build from what is known to be right, and do not come through here.
 * @module
 */
import { type DType, dtypes, isDType } from "../tensor/dtype.ts"
import { decodeHalf, encodeHalf } from "../tensor/half.ts"
import { fault, type Faults } from "./fault.ts"
import { make, none, type Operand } from "./make.ts"
import type { Node } from "./node.ts"

/** Is it a node of a graph? */
export const isNode = (x: unknown): x is Node =>
  typeof x === "object" && x !== null && "op" in x && "args" in x && "axes" in x && "faults" in x

/** What it is, for a sentence. */
const called = (x: unknown): string => {
  if (x === undefined || x === null) return String(x)
  if (typeof x === "string") return `the text ${JSON.stringify(x.slice(0, 40))}`
  if (typeof x === "number" || typeof x === "boolean" || typeof x === "bigint") return `the ${typeof x} ${x}`
  if (Array.isArray(x) || ArrayBuffer.isView(x)) return "an array; `literal` makes a tensor of a host's values"
  if (typeof x !== "object") return `a ${typeof x}`
  if (!("dtype" in x)) return "an object that is no tensor; give one leaf of a tree"
  return "data" in x ? "values of the host; `literal` makes a tensor of them" : "a spec; `zeros` makes a tensor of it"
}

/** A scalar 0 that carries faults. */
const zero = (op: string, dtype: DType, faults: Faults): Node =>
  make(op, { tag: "constant", value: 0 }, [], { dtype, axes: [], shape: [] }, faults)

/** The tensor; a scalar with a fault where it is none. */
export const tensor = (op: string, x: unknown, dtype: DType = "f32"): Node =>
  isNode(x) ? x : zero(op, dtype, [fault("ValueFault", op, `takes a tensor, got ${called(x)}`)])

/** The number as the float dtype keeps it. */
const rounded = (dtype: DType, value: number): number =>
  dtype === "f16" || dtype === "bf16" ? decodeHalf(dtype, encodeHalf(dtype, [value]))[0]! : Math.fround(value)

/**
 * A number that becomes a constant of a float dtype. Faults: NaN, and a finite number that the dtype would round to
 * infinity. Infinity itself is a value that masks need. Whole numbers are looked at where the constant is made.
 */
export const constantFaults = (op: string, dtype: DType, value: unknown): Faults => {
  if (!isDType(dtype) || dtypes[dtype].kind !== "float" || typeof value !== "number") return none
  if (value !== value) {
    return [fault("ValueFault", op, `the number is NaN; find where it comes from, or make one of a tensor (0 / 0)`)]
  }
  return !Number.isFinite(value) || Number.isFinite(rounded(dtype, value)) ? none : [
    fault(
      "ValueFault",
      op,
      `${value} is beyond ${dtype}, which ends at ${dtypes[dtype].max}; scale it, or cast to f32`,
    ),
  ]
}

/** As `constantFaults`; infinity is a fault too, as arithmetic with it is nearly always a mistake. */
const numberFaults: typeof constantFaults = (op, dtype, value) =>
  value === Infinity || value === -Infinity
    ? [
      fault(
        "ValueFault",
        op,
        `the number is ${value}; give a finite one, or constant(${value}) where infinity is what you mean`,
      ),
    ]
    : constantFaults(op, dtype, value)

type Look = typeof constantFaults

const looked = (look: Look, op: string, given: ReadonlyArray<unknown>): ReadonlyArray<Operand> => {
  const dtype = given.find(isNode)?.dtype ?? "f32"
  return given.map((x) => {
    if (typeof x !== "number") return tensor(op, x, dtype)
    const faults = dtypes[dtype].kind === "float" ? look(op, dtype, x) : none
    return faults.length === 0 ? x : zero(op, dtype, faults)
  })
}

/** Tensors and numbers beside each other; a number takes the dtype of the first tensor, f32 where there is none. */
export const operands = (op: string, ...given: ReadonlyArray<unknown>): ReadonlyArray<Operand> =>
  looked(numberFaults, op, given)

/** As `operands`, for what is chosen and not computed with: a mask may choose infinity. */
export const branches = (op: string, ...given: ReadonlyArray<unknown>): ReadonlyArray<Operand> =>
  looked(constantFaults, op, given)

/** The node with more faults, the new ones first. An input stays the one that it is: a copy would be nobody's. */
export const marked = (node: Node, faults: Faults): Node =>
  faults.length === 0
    ? node
    : node.op.tag === "input"
    ? make("marked", { tag: "barrier", key: 0 }, [node], node, faults)
    : { ...node, faults: [...faults, ...node.faults] }

/** The input that a spec asks for; a scalar with a fault where it is no spec. */
export const inputLike = (path: string, spec: unknown): Node => {
  const op = path === "" ? "input" : `input ${path}`
  const s = spec as { readonly dtype?: unknown; readonly axes?: unknown; readonly shape?: unknown } | null | undefined
  const whole = typeof s === "object" && s !== null && Array.isArray(s.axes) && Array.isArray(s.shape)
  const kind = whole
    ? { dtype: s.dtype as DType, axes: s.axes as ReadonlyArray<string>, shape: s.shape as ReadonlyArray<number> }
    : { dtype: "f32", axes: [], shape: [] } as const
  const faults = whole ? none : [
    fault("ValueFault", op, `takes a spec such as f32("batch", { batch: 8 }), got ${strange(spec)}`),
  ]
  return make(op, { tag: "input", name: path }, [], kind, faults)
}

const strange = (x: unknown): string =>
  typeof x === "object" && x !== null
    ? `an object with ${Object.keys(x).slice(0, 4).join(", ") || "nothing"}`
    : called(x)
