/**
 * Attention with its gradients, and decoding from a cache, as random graphs that any device can be asked for.
 * @module
 */
import * as fc from "fast-check"
import { vjp } from "../../core/grad/grad.ts"
import { binary } from "../../core/graph/build.ts"
import type { Node } from "../../core/graph/node.ts"
import { type AnySpec, f32, i32 } from "../../core/tensor/spec.ts"
import { flatten, unflatten } from "../../core/tensor/tree.ts"
import { either as E } from "fp-ts"
import { appendToCache, type Cache, cacheSpec, type Storage } from "../../ops/cache.ts"
import { decodeAttention } from "../../ops/decode.ts"
import type { F32, I32 } from "../../core/tensor/tensor.ts"
import type { Given as Input, RandomGraph } from "../core/device/graphs.ts"
import { values } from "../core/plan/same.ts"
import { cases, folded, type Given, specsOf } from "./dense.ts"

/** An input with values; of halves such that they hold. */
const drawn = (path: string, spec: AnySpec, seed: number): Input => {
  const half = spec.dtype === "f16" || spec.dtype === "bf16"
  const numbers = values(spec, seed).map((x) => half ? Math.round(x * 64) / 64 : x)
  return { path, dtype: spec.dtype, axes: spec.axes, shape: spec.shape, values: numbers }
}

/** Result, log-sum-exp and gradients of an attention. */
export const attentionGraphs: fc.Arbitrary<RandomGraph> = cases.map((c): RandomGraph => {
  const specs = Object.entries(specsOf(c)) as ReadonlyArray<readonly [string, AnySpec]>
  return {
    inputs: specs.map(([path, s], i) => drawn(path, s, i + 1)),
    build: (nodes) => {
      const g = Object.fromEntries(specs.map(([path], i) => [path, nodes[i]!])) as unknown as Given
      type Sides = Pick<Given, "q" | "k" | "v">
      const { value, pullback } = vjp((x: Sides) => folded(c, { ...g, ...x }).out, { q: g.q, k: g.k, v: g.v })
      const back = pullback(value)
      // the lowest f32, where nothing is seen, would be the measure of all others
      const lse = binary("max", folded(c, g).logSumExp, -100)
      return { out: value, lse, dq: back.q, dk: back.k, dv: back.v }
    },
    donate: [],
    maxBindings: 8,
  }
})

interface Decoding {
  readonly storage: Storage
  readonly batch: number
  readonly group: number
  readonly share: number
  readonly head: number
  readonly time: number
  readonly key: number
  readonly split: number
  readonly window: number
  /** Each row has a place of its own. */
  readonly apart: boolean
}

const size = (most: number): fc.Arbitrary<number> => fc.integer({ min: 1, max: most })

const decodings: fc.Arbitrary<Decoding> = fc.record({
  storage: fc.constantFrom<Storage>("f32", "f16", "bf16", "int8"),
  batch: size(2),
  group: size(2),
  share: size(3),
  head: fc.constantFrom(4, 8, 16),
  time: size(3),
  key: fc.integer({ min: 6, max: 70 }),
  split: fc.constantFrom(5, 8, 16, 512),
  window: fc.constantFrom(0, 0, 4),
  apart: fc.boolean(),
})

/** Tokens appended to a cache, and their attention to it. What is not written yet is random, and must not be seen. */
export const decodingGraphs: fc.Arbitrary<RandomGraph> = decodings.map((c): RandomGraph => {
  const token = f32("batch time group head", c)
  const specs = {
    cache: cacheSpec(c.storage, f32("batch group key head", c)),
    q: f32("batch time group share head", c),
    k: token,
    v: token,
    place: c.apart ? i32("batch", c) : i32(),
  }
  const list = flatten(specs) as ReadonlyArray<readonly [string, AnySpec]>
  return {
    inputs: list.map(([path, s], i) =>
      path === "place"
        ? { ...drawn(path, s, 1), values: [Math.floor(c.key / 2), 1].slice(0, c.apart ? c.batch : 1) }
        : drawn(path, s, i + 1)
    ),
    build: (nodes) => {
      const tree = unflatten(specs, Object.fromEntries(list.map(([path], i) => [path, nodes[i]!])))
      if (E.isLeft(tree)) throw new Error("the same paths")
      const { cache, q, k, v, place } = tree.right as unknown as {
        readonly cache: Cache<Storage, ["batch", "group", "key", "head"]>
        readonly q: F32<"batch time group share head">
        readonly k: F32<"batch time group head">
        readonly v: F32<"batch time group head">
        readonly place: I32<"batch">
      }
      const now = appendToCache(cache, k, v, place)
      const out = decodeAttention(q, now, place, { split: c.split, ...(c.window > 0 ? { window: c.window } : {}) })
      return Object.fromEntries(flatten({ cache: now, out }) as unknown as ReadonlyArray<readonly [string, Node]>)
    },
    donate: list.map(([path]) => path).filter((path) => path.startsWith("cache")),
    maxBindings: 8,
  }
})
