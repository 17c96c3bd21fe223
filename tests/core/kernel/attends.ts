/**
 * Attention on any device against its meaning in float64: random shapes, masks, heads, sharing, blocks that do not divide,
 * rows that see no key, in all three parts.
 * @module
 */
import * as fc from "fast-check"
import { either as E } from "fp-ts"
import * as Effect from "effect/Effect"
import { make } from "../../../core/device/device.ts"
import type { Backend } from "../../../core/device/backend.ts"
import { type Attention, nothing } from "../../../core/graph/attention.ts"
import { attend, input, pick } from "../../../core/graph/build.ts"
import { evaluate } from "../../../core/graph/meaning.ts"
import { count, type Node } from "../../../core/graph/node.ts"
import { compile } from "../../../core/plan/compile.ts"
import { exact, type Policy } from "../../../core/plan/policy.ts"
import type { AnyHost } from "../../../core/tensor/host.ts"
import { decodeHalf, encodeHalf } from "../../../core/tensor/half.ts"
import type { DType } from "../../../core/tensor/dtype.ts"
import { values } from "../plan/same.ts"

/** What is drawn. */
export interface Case {
  readonly part: Attention["part"]
  readonly batch: number
  readonly groups: number
  readonly share: number
  readonly query: number
  readonly key: number
  readonly head: number
  readonly value: number
  readonly causal: number
  readonly window: number
  readonly cap: number
  readonly scale: number
  readonly queryBlock: number
  readonly keyBlock: number
  readonly positions: boolean
  readonly segments: boolean
  readonly bias: boolean
  /** Keys before heads, or heads before keys, in memory. */
  readonly order: "heads" | "time"
  readonly dtype: "f32" | "f16" | "bf16"
}

const size = (most: number): fc.Arbitrary<number> => fc.integer({ min: 1, max: most })

/** Shapes of one part, small ones most of the time. */
export const cases = (part: Attention["part"], most = 70): fc.Arbitrary<Case> =>
  fc.record({
    part: fc.constant(part),
    batch: size(2),
    groups: size(3),
    share: fc.constantFrom(1, 1, 2, 3),
    query: fc.oneof(size(9), size(most)),
    key: fc.oneof(size(9), size(most)),
    head: fc.constantFrom(1, 2, 3, 4, 8, 16, 20, 32, 64),
    value: fc.constantFrom(1, 3, 4, 8, 16, 24, 64),
    causal: fc.constantFrom(0, 1, 1, 2, 5),
    window: fc.constantFrom(0, 0, 0, 1, 7),
    cap: fc.constantFrom(0, 0, 2),
    scale: fc.constantFrom(1, 0.5, 2),
    queryBlock: fc.constantFrom(0, 0, 1, 8, 13, 32),
    keyBlock: fc.constantFrom(0, 0, 1, 8, 13, 32),
    positions: fc.boolean(),
    segments: fc.boolean(),
    bias: fc.constantFrom(false, false, true),
    order: fc.constantFrom("heads", "time"),
    dtype: fc.constantFrom("f32", "f32", "f32", "f16", "bf16"),
  })

/** The attention of a case, and the values of its inputs; `lse` and `delta` are those of the forward part. */
export const graphOf = (c: Case): { readonly inputs: ReadonlyArray<Node>; readonly roots: ReadonlyArray<Node> } => {
  const inputs: Array<Node> = []
  const give = (name: string, dtype: DType, axes: ReadonlyArray<string>): Node => {
    const sizes: { readonly [axis: string]: number } = c as never
    const of: { readonly [axis: string]: number } = { group: c.groups, ...sizes }
    const made = input(name, dtype, axes, axes.map((a) => of[a]!))
    inputs.push(made)
    return made
  }
  const laid = (axes: ReadonlyArray<string>, time: string): ReadonlyArray<string> =>
    c.order === "heads" ? axes : ["batch", time, ...axes.filter((a) => a !== "batch" && a !== time)]
  const q = give("q", c.dtype, laid(["batch", "group", "share", "query", "head"], "query"))
  const k = give("k", c.dtype, laid(["batch", "group", "key", "head"], "key"))
  const v = give("v", c.dtype, laid(["batch", "group", "key", "value"], "key"))
  const masks = {
    queryPosition: c.positions ? give("queryPosition", "i32", ["batch", "query"]) : undefined,
    keyPosition: c.positions ? give("keyPosition", "i32", ["key"]) : undefined,
    querySegment: c.segments ? give("querySegment", "i32", ["query"]) : undefined,
    keySegment: c.segments ? give("keySegment", "i32", ["batch", "key"]) : undefined,
    bias: c.bias ? give("bias", "f32", ["group", "share", "query", "key"]) : undefined,
  }
  const { causal, window, cap, scale, queryBlock, keyBlock } = c
  const options = { causal, window, cap, scale, queryBlock, keyBlock }
  const axes = { query: "query", key: "key", head: "head", value: "value" }
  const rows = ["batch", "group", "share", "query"]
  if (c.part === "forward") {
    const both = attend("forward", [q, k, v], masks, { ...axes, ...options })
    return { inputs, roots: [pick(both, 0), pick(both, 1)] }
  }
  const outAxes = q.axes.map((a) => a === "head" ? "value" : a)
  const lse = give("lse", "f32", outAxes.filter((a) => rows.includes(a)))
  const delta = give("delta", "f32", lse.axes)
  const ct = give("cotangent", c.dtype, outAxes)
  const back = attend(c.part, [q, k, v], masks, { ...axes, ...options }, [lse, delta, ct])
  return { inputs, roots: c.part === "query" ? [pick(back, 0)] : [pick(back, 0), pick(back, 1)] }
}

/** Values of the inputs as numbers: whole numbers are few, so that segments meet and positions repeat. */
export const numbersOf = (c: Case, inputs: ReadonlyArray<Node>): { readonly [name: string]: ReadonlyArray<number> } => {
  const nameOf = (n: Node): string => n.op.tag === "input" ? n.op.name : ""
  const drawn = Object.fromEntries(inputs.map((n, i) => {
    const raw = values({ dtype: n.dtype, axes: n.axes, shape: n.shape } as never, i + 1)
    const exact = n.dtype === "f16" || n.dtype === "bf16" ? raw.map((x) => Math.round(x * 64) / 64) : raw
    // segments: sorted, a few of them; positions: any order, with gaps
    const placed = nameOf(n).endsWith("Position") ? exact.map((x, j) => (x * 7 + j * 3) % 50) : exact
    return [nameOf(n), placed] as const
  }))
  if (c.part === "forward") return drawn
  // the log-sum-exp of these very scores, so that the weights are weights
  const { inputs: own, roots } = graphOf({ ...c, part: "forward" })
  const found = evaluate(roots, Object.fromEntries(own.map((n) => [nameOf(n), drawn[nameOf(n)]!])))
  if (E.isLeft(found)) throw new Error(JSON.stringify(found.left))
  return { ...drawn, lse: Array.from(found.right[1]!.data, Math.fround) }
}

/** The graph on a device: its results as they are stored, or the sentence that says why there are none. */
export const resultsOn = async (
  backend: Backend,
  { inputs, roots }: ReturnType<typeof graphOf>,
  given: { readonly [name: string]: ReadonlyArray<number> },
  policy: Policy = exact,
): Promise<ReadonlyArray<AnyHost> | string> => {
  const nameOf = (n: Node): string => n.op.tag === "input" ? n.op.name : ""
  const compiled = compileGraph({ inputs, roots }, policy)
  if (E.isLeft(compiled)) return JSON.stringify(compiled.left)
  const host = (n: Node): AnyHost => {
    const data = given[nameOf(n)]!
    const stored = n.dtype === "f32"
      ? Float32Array.from(data)
      : n.dtype === "i32"
      ? Int32Array.from(data)
      : encodeHalf(n.dtype as "f16" | "bf16", Float32Array.from(data))
    return { dtype: n.dtype, axes: n.axes, shape: n.shape, data: stored } as AnyHost
  }
  const results = await Effect.runPromise(Effect.scoped(Effect.gen(function* () {
    const device = yield* make(backend)
    const run = yield* device.load(compiled.right as never)
    return yield* device.fetch(yield* run(Object.fromEntries(inputs.map((n) => [nameOf(n), host(n)])) as never))
  }))) as unknown as { readonly [key: string]: AnyHost }
  return roots.map((_, i) => results[`r${i}`]!)
}

/** The program of a graph. */
export const compileGraph = (
  { inputs, roots }: ReturnType<typeof graphOf>,
  policy: Policy = exact,
): ReturnType<typeof compile> => {
  const nameOf = (n: Node): string => n.op.tag === "input" ? n.op.name : ""
  const specs = Object.fromEntries(inputs.map((n) => [nameOf(n), { dtype: n.dtype, axes: n.axes, shape: n.shape }]))
  return compile(
    (tree) => {
      const byName = tree as unknown as { readonly [name: string]: Node }
      const again = new Map(inputs.map((n) => [n, byName[nameOf(n)]!] as const))
      return Object.fromEntries(roots.map((r, i) => [`r${i}`, replaced(r, again)]))
    },
    specs as never,
    { maxBindings: 16, policy },
  ) as ReturnType<typeof compile>
}

/** Runs a case on a device; the sentence that says what is wrong, if anything is. `bound` is relative to the largest. */
export const attendFault = async (
  backend: Backend,
  c: Case,
  bound: number,
  policy: Policy = exact,
): Promise<string | undefined> => {
  const { inputs, roots } = graphOf(c)
  const given = numbersOf(c, inputs)
  const wanted = evaluate(roots, given)
  if (E.isLeft(wanted)) return JSON.stringify(wanted.left)
  const results = await resultsOn(backend, { inputs, roots }, given, policy)
  if (typeof results === "string") return results
  for (const [i, w] of wanted.right.entries()) {
    const r = results[i]!
    const got = r.data instanceof Uint16Array
      ? Array.from(decodeHalf(r.dtype as "f16" | "bf16", r.data))
      : Array.from(r.data)
    const low = (x: number): boolean => x <= nothing / 2
    const scale = w.data.reduce((m, x) => low(x) ? m : Math.max(m, Math.abs(x)), 1e-3)
    // halves are stored rounded
    const own = r.dtype === "f16" ? 2 ** -11 : r.dtype === "bf16" ? 2 ** -8 : 0
    const at = w.data.findIndex((x, j) => low(x) ? !low(got[j]!) : !(Math.abs(x - got[j]!) <= (bound + own) * scale))
    if (at >= 0) return `result ${i}[${at}] of ${count(w.shape)}: expected ${w.data[at]}, got ${got[at]}`
  }
  return undefined
}

const replaced = (root: Node, by: ReadonlyMap<Node, Node>): Node => {
  const again = by.get(root)
  return again ?? { ...root, args: root.args.map((a) => replaced(a, by)) }
}

/** The suite: a property for each part. */
export const conform = async (
  backend: Backend,
  runs: number,
  bound: number,
  most?: number,
  seed = 1,
): Promise<void> => {
  for (const part of ["forward", "query", "keys"] as const) {
    const holds = fc.asyncProperty(cases(part, most), async (c) => {
      const wrong = await attendFault(backend, c, bound)
      if (wrong !== undefined) throw new Error(wrong)
    })
    await fc.assert(holds, { numRuns: runs, seed })
  }
}
