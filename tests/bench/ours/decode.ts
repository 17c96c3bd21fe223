/**
 * Decoding: one new token against a cache that is full but for its place: decode.ts THREADS CAPACITY... 8 heads of 64, and
 * 2 heads of keys that 4 heads of queries share. A step appends to the cache, in place, and attends to all of it. Results
 * are checked against float64 on the keys before they were rounded. Prints one line of JSON.
 * @module
 */
import process from "node:process"
import * as Effect from "effect/Effect"
import { compile } from "../../../core/plan/compile.ts"
import type { Program } from "../../../core/plan/program.ts"
import type { HostArray } from "../../../core/tensor/dtype.ts"
import { encodeHalf } from "../../../core/tensor/half.ts"
import { f32, i32 } from "../../../core/tensor/spec.ts"
import type { F32, I32 } from "../../../core/tensor/tensor.ts"
import { appendToCache, type Cache, cacheSpec, type Storage } from "../../../ops/cache.ts"
import { decodeAttention } from "../../../ops/decode.ts"
import { head } from "../attention.ts"
import { uniform } from "../training.ts"
import { must, session } from "./session.ts"

const [threads = 2, ...capacities] = process.argv.slice(2).map(Number)

type Q = F32<"group share time head">
type K = F32<"group time head">
type Room = ["group", "key", "head"]

/** One case: heads of keys, heads of queries that share one, places, and how the cache is kept. */
interface Case {
  readonly groups: number
  readonly share: number
  readonly capacity: number
  readonly storage: Storage
}

const program = ({ groups, share, capacity, storage }: Case): Program => {
  const cache = cacheSpec(storage, f32("group key head", { group: groups, key: capacity, head }))
  const token = f32("group time head", { group: groups, time: 1, head })
  const specs = { cache, q: f32("group share time head", { group: groups, share, time: 1, head }), k: token, v: token }
  const step = (x: { cache: unknown; q: unknown; k: unknown; v: unknown; place: I32 }) => {
    const cache = appendToCache(x.cache as Cache<Storage, Room>, x.k as K, x.v as K, x.place)
    return { cache, out: decodeAttention(x.q as Q, cache, x.place) }
  }
  return must(compile(step as never, { ...specs, place: i32() } as never, { donate: ["cache"] }))
}

/** Values of one side before they are rounded; the last place is the token that is appended. */
const valuesOf = ({ groups, capacity }: Case, side: "keys" | "values"): Float32Array =>
  uniform([groups, capacity, head], side === "keys" ? 11 : 12, Math.sqrt(3))

const bytesOf = (values: Float32Array): { readonly bytes: Uint8Array; readonly scale: Float32Array } => {
  const scale = new Float32Array(values.length / head), bytes = new Uint8Array(values.length)
  scale.forEach((_, row) => {
    const part = values.subarray(row * head, (row + 1) * head)
    scale[row] = Math.max(...part.map(Math.abs)) / 127
    part.forEach((x, d) => bytes[row * head + d] = Math.round(x / scale[row]!) + 128)
  })
  return { bytes, scale }
}

const inputs = (c: Case) => (path: string): HostArray => {
  const [first, side, field] = path.split(".") as [string, "keys" | "values", string?]
  if (path === "place") return Int32Array.of(c.capacity - 1)
  if (path === "q") return uniform([c.groups, c.share, 1, head], 13, Math.sqrt(3))
  if (first !== "cache") {
    const all = valuesOf(c, path === "k" ? "keys" : "values"), last = new Float32Array(c.groups * head)
    for (let g = 0; g < c.groups; g++) {
      const at = ((g + 1) * c.capacity - 1) * head
      last.set(all.subarray(at, at + head), g * head)
    }
    return last
  }
  const values = valuesOf(c, side)
  if (field !== undefined) return bytesOf(values)[field as "bytes" | "scale"]
  return c.storage === "f32" ? values : encodeHalf("f16", values)
}

/** The largest error of the last head of queries, relative to its largest value. */
const errorOf = (c: Case, out: ArrayLike<number>): number => {
  const [keys, values, q] = [valuesOf(c, "keys"), valuesOf(c, "values"), inputs(c)("q")]
  const row = c.groups * c.share - 1, base = (c.groups - 1) * c.capacity
  const scores = Array.from({ length: c.capacity }, (_, j) => {
    let sum = 0
    for (let d = 0; d < head; d++) sum += q[row * head + d]! * keys[(base + j) * head + d]!
    return sum / Math.sqrt(head)
  })
  const most = scores.reduce((a, b) => Math.max(a, b), -Infinity)
  const p = scores.map((s) => Math.exp(s - most)), total = p.reduce((a, b) => a + b, 0)
  const want = Array.from(
    { length: head },
    (_, d) => p.reduce((sum, x, j) => sum + x * values[(base + j) * head + d]!, 0),
  )
  const off = want.map((x, d) => Math.abs(x / total - out[row * head + d]!))
  return Math.max(...off) / Math.max(...want.map((x) => Math.abs(x / total)))
}

const elementBytes: { readonly [S in Storage]: number } = { f32: 4, f16: 2, bf16: 2, int8: 1 + 4 / head }

const one = (c: Case) =>
  Effect.scoped(Effect.gen(function* () {
    const made = program(c)
    const on = yield* session(made, inputs(c), threads)
    const milliseconds: Array<number> = []
    const warm = performance.now() + 200
    while (performance.now() < warm) yield* on.run
    const until = performance.now() + 800
    while (milliseconds.length < 9 || (performance.now() < until && milliseconds.length < 2000)) {
      milliseconds.push(yield* on.run)
    }
    const { groups, share, capacity, storage } = c
    return {
      ...{ groups, share, capacity, storage, milliseconds: milliseconds.sort((a, b) => a - b) },
      bytes: 2 * groups * capacity * head * elementBytes[storage],
      beyond: on.forecast - made.forecast.inputs - made.forecast.outputs,
      error: errorOf(c, yield* on.output("out")),
    }
  }))

const cases = capacities.flatMap((capacity) =>
  (["f32", "f16", "int8"] as const).flatMap((storage): ReadonlyArray<Case> => [
    { groups: 8, share: 1, capacity, storage },
    { groups: 2, share: 4, capacity, storage },
  ])
)
const results = await Effect.runPromise(Effect.forEach(cases, one))
const middle = results.map((r) => ({
  ...r,
  milliseconds: [r.milliseconds[r.milliseconds.length >> 1]!, r.milliseconds[0]!],
}))
process.stdout.write(JSON.stringify({ version: "0.1.0", results: middle }) + "\n")
