/**
 * Graphs as JSON and back. A document lists the nodes, arguments first and by number; what is read
 * is decoded, held to the table of `validity`, and only then believed.
 * @module
 */
import { either as E } from "fp-ts"
import * as t from "io-ts"
import { type DType, dtypes, type HostArray } from "../tensor/dtype.ts"
import { masks } from "./attention.ts"
import type { Collective } from "./collective.ts"
import { fault, type Faults } from "./fault.ts"
import { type Body, type Node, type Op, topological } from "./node.ts"
import { check, faultsOf } from "./validity.ts"

/** A number of JSON; what JSON has no number for is text. */
export type JsonNumber = number | "NaN" | "Infinity" | "-Infinity" | "-0"

/** An op of the document: its tag, and what belongs to it. */
export interface JsonOp {
  readonly tag: string
  readonly [key: string]: unknown
}

/** A node of the document; `args` are numbers of earlier nodes. */
export interface JsonNode {
  readonly op: JsonOp
  readonly args: ReadonlyArray<number>
  readonly dtype: DType
  readonly axes: ReadonlyArray<string>
  readonly shape: ReadonlyArray<number>
}

/** The document. */
export interface JsonGraph {
  readonly version: 1
  readonly nodes: ReadonlyArray<JsonNode>
  readonly roots: ReadonlyArray<number>
}

const jsonNumber = (x: number): JsonNumber =>
  Number.isFinite(x) && !Object.is(x, -0) ? x : Object.is(x, -0) ? "-0" : String(x) as JsonNumber

/** The classes of arrays that hold elements. */
export type ArrayName =
  | "Float64Array"
  | "Float32Array"
  | "Int32Array"
  | "Uint32Array"
  | "Uint16Array"
  | "Uint8Array"

const arrays: { readonly [N in ArrayName]: new (bytes: ArrayBuffer) => HostArray } = {
  Float64Array,
  Float32Array,
  Int32Array,
  Uint32Array,
  Uint16Array,
  Uint8Array,
}

/** The name of its class. */
export const arrayName = (a: HostArray): ArrayName =>
  (Object.keys(arrays) as ReadonlyArray<ArrayName>).find((n) => a instanceof arrays[n])!

/** The bytes, not copied. */
export const bytesOf = (a: HostArray): Uint8Array => new Uint8Array(a.buffer, a.byteOffset, a.byteLength)

const base64 = (bytes: Uint8Array): string => {
  const parts: Array<string> = []
  for (let i = 0; i < bytes.length; i += 8192) parts.push(String.fromCharCode(...bytes.subarray(i, i + 8192)))
  return btoa(parts.join(""))
}

const fromBase64 = (text: string): Uint8Array => Uint8Array.from(atob(text), (c) => c.charCodeAt(0))

/** An op as JSON with its keys in alphabetical order; `data` and `body` say how those are written. */
export const opJson = (op: Op, data: (values: HostArray) => unknown, body: (b: Body) => unknown): JsonOp => {
  const value = (key: string, v: unknown): unknown => {
    if (key === "values") return data(v as HostArray)
    if (key === "body") return body(v as Body)
    return typeof v === "number" ? jsonNumber(v) : v
  }
  const kept = Object.entries(op).filter(([, v]) => typeof v !== "function").sort(([a], [b]) => a < b ? -1 : 1)
  return { ...Object.fromEntries(kept.map(([k, v]) => [k, value(k, v)])), tag: op.tag }
}

/** All nodes that a body is told by. */
export const bodyRoots = (b: Body): ReadonlyArray<Node> => [...b.carry, ...b.each, ...b.constants, ...b.next, ...b.out]

const listing = (roots: ReadonlyArray<Node>): readonly [ReadonlyArray<JsonNode>, ReadonlyMap<Node, number>] => {
  const nodes = topological(roots)
  const number = new Map(nodes.map((n, i) => [n, i] as const))
  const literal = (values: HostArray): unknown => ({ type: arrayName(values), base64: base64(bytesOf(values)) })
  const json = nodes.map(({ op, args, dtype, axes, shape }): JsonNode => ({
    op: opJson(op, literal, bodyJson),
    args: args.map((a) => number.get(a)!),
    dtype,
    axes,
    shape,
  }))
  return [json, number]
}

const bodyJson = (b: Body): unknown => {
  const [nodes, number] = listing(bodyRoots(b))
  const numbers = (list: ReadonlyArray<Node>): ReadonlyArray<number> => list.map((n) => number.get(n)!)
  return {
    nodes,
    carry: numbers(b.carry),
    each: numbers(b.each),
    constants: numbers(b.constants),
    next: numbers(b.next),
    out: numbers(b.out),
  }
}

const everywhere = (roots: ReadonlyArray<Node>): ReadonlyArray<Node> =>
  topological(roots).flatMap((n) => [n, ...(n.op.tag === "scan" ? everywhere(bodyRoots(n.op.body)) : [])])

/** The graph as a document. Faults: those of the graph; a gradient rule of the user's, which is code and no data. */
export const toJson = (roots: ReadonlyArray<Node>): E.Either<Faults, JsonGraph> => {
  const code = everywhere(roots).filter((n) => n.op.tag === "custom").map(() =>
    fault("RuleFault", "toJson", "a custom gradient rule is code and cannot be written; take the gradient first")
  )
  const faults = [...faultsOf(roots), ...code]
  if (faults.length > 0) return E.left(faults)
  const [nodes, number] = listing(roots)
  return E.right({ version: 1, nodes, roots: roots.map((r) => number.get(r)!) })
}

const names = t.readonlyArray(t.string)
const counts = t.readonlyArray(t.number)
const anyNumber = t.union([
  t.number,
  t.literal("NaN"),
  t.literal("Infinity"),
  t.literal("-Infinity"),
  t.literal("-0"),
])

const oneOf = <K extends string>(...keys: ReadonlyArray<K>): t.Type<K> =>
  t.keyof(Object.fromEntries(keys.map((k) => [k, null])) as { readonly [P in K]: null }) as unknown as t.Type<K>

const unaryFn = oneOf(
  ...["neg", "abs", "sign", "exp", "log", "sqrt", "rsqrt", "recip", "sin", "cos", "tanh", "erf", "sigmoid", "floor"],
  ...["ceil", "round", "trunc", "not", "isnan", "isfinite"],
)
const binaryFn = oneOf(
  ...["add", "sub", "mul", "div", "rem", "pow", "min", "max", "and", "or", "xor", "shl", "shr"],
  ...["eq", "ne", "lt", "le", "gt", "ge"],
)
const literalData = t.type({ type: t.keyof(arrays), base64: t.string })
const nodeCodec = t.type({
  op: t.type({ tag: t.string }),
  args: counts,
  dtype: t.keyof(dtypes),
  axes: names,
  shape: counts,
})
const bodyCodec = t.type({
  nodes: t.readonlyArray(nodeCodec),
  carry: counts,
  each: counts,
  constants: counts,
  next: counts,
  out: counts,
})
const graphCodec = t.type({ version: t.literal(1), nodes: t.readonlyArray(nodeCodec), roots: counts })

const attendCodec = t.type({
  part: oneOf("forward", "query", "keys"),
  query: t.string,
  key: t.string,
  head: t.string,
  value: t.string,
  masks: t.readonlyArray(oneOf(...masks)),
  scale: t.number,
  cap: t.number,
  causal: t.number,
  window: t.number,
  queryBlock: t.number,
  keyBlock: t.number,
})

const among = { over: names, ranks: t.number }

/** Of a collective: shared with programs. */
export const collectiveCodec: t.Type<Collective, unknown> = t.union([
  t.strict({ kind: t.literal("permute"), ...among, shift: t.number }),
  t.strict({ kind: t.literal("allReduce"), ...among, fn: oneOf("sum", "max") }),
  t.strict({ kind: t.literal("allGather"), ...among, axis: t.string }),
  t.strict({ kind: t.literal("reduceScatter"), ...among, axis: t.string }),
  t.strict({ kind: t.literal("broadcast"), ...among, root: t.number }),
], "collective") as unknown as t.Type<Collective, unknown>

/** What is in each op of a document, besides its tag. `custom` is code. */
const opCodecs: { readonly [T in Exclude<Op["tag"], "custom">]: t.Mixed } = {
  input: t.type({ name: t.string }),
  constant: t.type({ value: anyNumber }),
  data: t.type({ values: literalData }),
  iota: t.type({}),
  unary: t.type({ fn: unaryFn }),
  binary: t.type({ fn: binaryFn }),
  select: t.type({}),
  cast: t.type({}),
  bitcast: t.type({}),
  align: t.type({}),
  reshape: t.type({}),
  slice: t.type({ start: counts, step: counts }),
  pad: t.type({ low: counts, interior: counts, value: anyNumber }),
  concat: t.type({ axis: t.string }),
  window: t.type({ axis: t.string, tap: t.string, stride: t.number, dilation: t.number }),
  reduce: t.type({ fn: oneOf("sum", "prod", "max", "min", "argmax", "argmin"), axes: names }),
  dot: t.type({ on: names }),
  gather: t.type({ axis: t.string }),
  scatter: t.type({ axis: t.string, size: t.number }),
  cumulate: t.type({ fn: oneOf("sum", "prod", "max", "min"), axis: t.string, reverse: t.boolean }),
  nearest: t.type({ on: t.string, code: t.string }),
  argsort: t.type({ axis: t.string, descending: t.boolean }),
  scan: t.type({ body: bodyCodec, axis: t.string, length: t.number, reverse: t.boolean }),
  attend: attendCodec,
  write: t.type({ axis: t.string }),
  exchange: t.type({ collective: collectiveCodec }),
  pick: t.type({ index: t.number }),
  stop: t.type({}),
  barrier: t.type({ key: t.number }),
}

const wrong = (message: string): E.Either<Faults, never> => E.left([fault("ValueFault", "fromJson", message)])

const reported = (where: string, errors: t.Errors): E.Either<Faults, never> => {
  const first = errors[0]
  const path = first === undefined ? "" : first.context.map((c) => c.key).filter((k) => k !== "").join(".")
  const got = JSON.stringify(first?.value) ?? "nothing"
  return wrong(`${where}${path === "" ? "" : ` at ${path}`} is not what is expected, got ${got.slice(0, 60)}`)
}

const decodeData = (where: string, json: t.TypeOf<typeof literalData>): E.Either<Faults, HostArray> =>
  E.tryCatch(
    () => new arrays[json.type](fromBase64(json.base64).buffer as ArrayBuffer),
    (e) => [fault("ValueFault", "fromJson", `elements of ${where} cannot be read: ${(e as Error).message}`)],
  )

const decodeBody = (where: string, json: t.TypeOf<typeof bodyCodec>): E.Either<Faults, Body> => {
  const nodes = decodeNodes(`${where}, body`, json.nodes)
  if (E.isLeft(nodes)) return nodes
  const lists = [json.carry, json.each, json.constants, json.next, json.out]
  const stray = lists.flat().find((i) => nodes.right[i] === undefined)
  if (stray !== undefined) return wrong(`${where} names node ${stray} of its body, which has ${nodes.right.length}`)
  const [carry, each, constants, next, out] = lists.map((l) => l.map((i) => nodes.right[i]!))
  return E.right({ carry: carry!, each: each!, constants: constants!, next: next!, out: out! })
}

const decodeOp = (where: string, json: { readonly tag: string }): E.Either<Faults, Op> => {
  if (!Object.hasOwn(opCodecs, json.tag)) {
    return wrong(`${where} is '${json.tag}', which is no op of version 1; write the document with this version`)
  }
  const decoded = opCodecs[json.tag as keyof typeof opCodecs].decode(json)
  if (E.isLeft(decoded)) return reported(where, decoded.left)
  const op = json as unknown as Op
  switch (op.tag) {
    case "constant":
    case "pad":
      return E.right({ ...op, value: Number(op.value) })
    case "data":
      return E.map((values: HostArray): Op => ({ tag: "data", values }))(
        decodeData(where, op.values as unknown as t.TypeOf<typeof literalData>),
      )
    case "scan":
      return E.map((body: Body): Op => ({ ...op, body }))(
        decodeBody(where, op.body as unknown as t.TypeOf<typeof bodyCodec>),
      )
    default:
      return E.right(op)
  }
}

const decodeNodes = (
  where: string,
  list: ReadonlyArray<t.TypeOf<typeof nodeCodec>>,
): E.Either<Faults, ReadonlyArray<Node>> => {
  const nodes: Array<Node> = []
  for (const [i, json] of list.entries()) {
    const here = `${where} ${i}`
    const stray = json.args.find((a) => !(Number.isInteger(a) && a >= 0 && a < i))
    if (stray !== undefined) return wrong(`${here} has the argument ${stray}; arguments are numbers of earlier nodes`)
    const op = decodeOp(here, json.op)
    if (E.isLeft(op)) return op
    const { dtype, axes, shape } = json
    nodes.push({ op: op.right, args: json.args.map((a) => nodes[a]!), dtype, axes, shape, faults: [] })
  }
  return E.right(nodes)
}

/** The roots of a document. Faults: what is no document, and every rule that the graph breaks. */
export const fromJson = (json: unknown): E.Either<Faults, ReadonlyArray<Node>> => {
  const decoded = graphCodec.decode(json)
  if (E.isLeft(decoded)) return reported("the document", decoded.left)
  const nodes = decodeNodes("node", decoded.right.nodes)
  if (E.isLeft(nodes)) return nodes
  const stray = decoded.right.roots.find((r) => nodes.right[r] === undefined)
  if (stray !== undefined) return wrong(`the root ${stray} is no node; there are ${nodes.right.length}`)
  const roots = decoded.right.roots.map((r) => nodes.right[r]!)
  const faults = check(roots)
  return faults.length > 0 ? E.left(faults) : E.right(roots)
}
