/**
 * The search for the nearest code on any device against its meaning in float64. Devices sum in f32, so of two codes whose
 * scores differ by less than the rounding of a sum either may be found; nothing else is borne. Codes that are equal have
 * equal scores on every device, whatever place they have: there the lowest number is asked for.
 * @module
 */
import * as fc from "fast-check"
import { either as E } from "fp-ts"
import * as Effect from "effect/Effect"
import type { Backend } from "../../../core/device/backend.ts"
import { make } from "../../../core/device/device.ts"
import { nearest } from "../../../core/graph/build.ts"
import type { Node } from "../../../core/graph/node.ts"
import { compile, type Compiled } from "../../../core/plan/compile.ts"
import { decodeHalf, encodeHalf } from "../../../core/tensor/half.ts"
import type { AnyHost } from "../../../core/tensor/host.ts"
import { values } from "../plan/same.ts"
import * as assert from "uvu/assert"

/** A search. */
export interface Search {
  readonly batch: number
  readonly rows: number
  readonly codes: number
  readonly features: number
  /** Every point of the batch has a codebook of its own. */
  readonly own: boolean
  /** Features before vectors and codes, or behind them, in memory. */
  readonly zFirst: boolean
  readonly eFirst: boolean
  readonly dtype: "f32" | "f16" | "bf16"
  /** Whole numbers, so that many scores are the same; the last codes repeat the first ones. */
  readonly ties: boolean
  readonly seed: number
}

const size = (most: number): fc.Arbitrary<number> => fc.integer({ min: 1, max: most })

/** Small and middling searches, most of whose sizes nothing divides. */
export const searches = (most = 70): fc.Arbitrary<Search> =>
  fc.record({
    batch: size(3),
    rows: fc.oneof(size(9), size(most)),
    codes: fc.oneof(size(9), size(4 * most), fc.constantFrom(1, 8, 16, 64, 128)),
    features: fc.constantFrom(1, 2, 3, 4, 7, 8, 16, 33, 64),
    own: fc.constantFrom(false, false, true),
    zFirst: fc.boolean(),
    eFirst: fc.boolean(),
    dtype: fc.constantFrom("f32", "f32", "f16", "bf16"),
    ties: fc.boolean(),
    seed: fc.nat(1000),
  })

interface Given {
  readonly z: AnyHost
  readonly e: AnyHost
  /** Element of a vector, and of a code. */
  readonly zAt: (batch: number, row: number, feature: number) => number
  readonly eAt: (batch: number, code: number, feature: number) => number
}

const hostOf = (
  dtype: Search["dtype"],
  axes: ReadonlyArray<string>,
  shape: ReadonlyArray<number>,
  seed: number,
  ties: boolean,
) => {
  const raw = values({ dtype: "f32", axes, shape } as never, seed).map((x) => ties ? Math.round(x) : x)
  const stored = dtype === "f32" ? Float32Array.from(raw) : encodeHalf(dtype, Float32Array.from(raw))
  const numbers = dtype === "f32" ? stored : decodeHalf(dtype, stored as Uint16Array)
  return { host: { dtype, axes, shape, data: stored } as unknown as AnyHost, numbers: numbers as Float32Array }
}

/** The values of a search. */
export const givenOf = (s: Search): Given => {
  const zAxes = s.zFirst ? ["batch", "feature", "row"] : ["batch", "row", "feature"]
  const book = s.eFirst ? ["feature", "code"] : ["code", "feature"]
  const eAxes = s.own ? ["batch", ...book] : book
  const sizes: { readonly [a: string]: number } = { batch: s.batch, row: s.rows, feature: s.features, code: s.codes }
  const shapeOf = (axes: ReadonlyArray<string>): ReadonlyArray<number> => axes.map((a) => sizes[a]!)
  const z = hostOf(s.dtype, zAxes, shapeOf(zAxes), s.seed, s.ties)
  const e = hostOf("f32", eAxes, shapeOf(eAxes), s.seed + 1, s.ties)
  const place = (axes: ReadonlyArray<string>, at: { readonly [a: string]: number }): number =>
    axes.reduce((n, a) => n * sizes[a]! + at[a]!, 0)
  if (s.ties) {
    // a quarter of the codes repeats the first ones
    const repeated = Math.floor(s.codes / 4)
    for (let b = 0; b < (s.own ? s.batch : 1); b++) {
      for (let c = 0; c < repeated; c++) {
        for (let f = 0; f < s.features; f++) {
          const from = place(eAxes, { batch: b, code: c, feature: f })
          e.numbers[place(eAxes, { batch: b, code: s.codes - repeated + c, feature: f })] = e.numbers[from]!
        }
      }
    }
  }
  return {
    z: z.host,
    e: e.host,
    zAt: (batch, row, feature) => z.numbers[place(zAxes, { batch, row, feature })]!,
    eAt: (batch, code, feature) => e.numbers[place(eAxes, { batch, code, feature })]!,
  }
}

const kindOf = ({ dtype, axes, shape }: AnyHost) => ({ dtype, axes, shape })

/** The program of a search. */
export const searchProgram = (given: Pick<Given, "z" | "e">): Compiled<unknown, unknown> => {
  const made = compile(
    (({ z, e }: { readonly z: Node; readonly e: Node }) => ({ ids: nearest(z, e, "feature", "code") })) as never,
    { z: kindOf(given.z), e: kindOf(given.e) } as never,
  )
  if (E.isLeft(made)) throw new Error(JSON.stringify(made.left))
  return made.right as Compiled<unknown, unknown>
}

/** The codes that a device finds, row-major over batch and rows. */
export const foundOn = (backend: Backend, given: Pick<Given, "z" | "e">): Promise<Int32Array> =>
  Effect.runPromise(Effect.scoped(Effect.gen(function* () {
    const device = yield* make(backend)
    const run = yield* device.load(searchProgram(given) as never)
    const results = yield* device.fetch(yield* run({ z: given.z, e: given.e } as never))
    return (results as unknown as { readonly ids: AnyHost }).ids.data as Int32Array
  })))

/** The rounding of one operation in f32. */
const ulp = 2 ** -24

/** What is wrong with the codes that were found. */
export const searchFault = (s: Search, g: Given, found: ArrayLike<number>): string | undefined => {
  if (found.length !== s.batch * s.rows) return `${found.length} codes for ${s.batch * s.rows} vectors`
  const [z, e] = [new Float64Array(s.features), new Float64Array(s.codes * s.features)]
  for (let b = 0; b < s.batch; b++) {
    for (let c = 0; c < s.codes; c++) for (let f = 0; f < s.features; f++) e[c * s.features + f] = g.eAt(b, c, f)
    for (let r = 0; r < s.rows; r++) {
      for (let f = 0; f < s.features; f++) z[f] = g.zAt(b, r, f)
      const id = found[b * s.rows + r]!
      if (!Number.isInteger(id) || id < 0 || id >= s.codes) return `vector ${b},${r}: ${id} is no code of ${s.codes}`
      let best = Infinity, wanted = 0, own = Infinity, bestSize = 0, ownSize = 0
      for (let c = 0; c < s.codes; c++) {
        let norm = 0, product = 0, size = 0
        for (let f = 0; f < s.features; f++) {
          const x = e[c * s.features + f]!
          norm += x * x
          product += x * z[f]!
          size += x * x + 2 * Math.abs(x * z[f]!)
        }
        const score = norm - 2 * product
        if (score < best) [best, wanted, bestSize] = [score, c, size]
        if (c === id) [own, ownSize] = [score, size]
      }
      // a sum of n rounded terms is off by n roundings of their sizes at most; those of the two codes are compared
      const bound = s.ties ? 0 : ulp * (s.features + 2) * (ownSize + bestSize)
      const near = s.ties ? id === wanted : own - best <= bound
      if (!near) {
        return `vector ${b},${r} of ${
          JSON.stringify(s)
        }: code ${id} with ${own}, expected ${wanted} with ${best}, bound ${bound}`
      }
    }
  }
  return undefined
}

/** Searches of a size that models have, and at the edges. */
export const known: ReadonlyArray<Search> = [
  { batch: 1, rows: 3, codes: 8192, features: 64 },
  { batch: 1, rows: 37, codes: 300, features: 64, eFirst: true },
  { batch: 2, rows: 70, codes: 65, features: 48, zFirst: true, own: true },
  { batch: 1, rows: 5, codes: 1, features: 4 },
  { batch: 1, rows: 6, codes: 20, features: 2000 },
  { batch: 1, rows: 100, codes: 515, features: 5, ties: true },
  { batch: 3, rows: 9, codes: 2048, features: 2, ties: true, dtype: "bf16" as const },
].map((s) => ({ own: false, zFirst: false, eFirst: false, dtype: "f32" as const, ties: false, seed: 5, ...s }))

/** Numbers that are none, or beyond: what is found is what the scores say, and always a code. */
export const strange = (): { readonly z: AnyHost; readonly e: AnyHost; readonly wanted: ReadonlyArray<number> } => {
  const e = [3, 0, -1, -1, 2, 2, -1, -1, 0.5, 0.5]
  const rows: ReadonlyArray<readonly [number, number, number]> = [
    [NaN, 0, 0],
    [0, NaN, 0],
    [-1, -1, 1],
    [NaN, Infinity, 0],
    [Infinity, 1, 0],
    [-Infinity, 1, 1],
    [1, Infinity, 2],
    [2.1, 2, 2],
    [1e30, 1e30, 2],
  ]
  const f32 = (axes: ReadonlyArray<string>, shape: ReadonlyArray<number>, data: ReadonlyArray<number>): AnyHost =>
    ({ dtype: "f32", axes, shape, data: Float32Array.from(data) }) as unknown as AnyHost
  return {
    z: f32(["row", "feature"], [rows.length, 2], rows.flatMap(([a, b]) => [a, b])),
    e: f32(["code", "feature"], [5, 2], e),
    wanted: rows.map(([, , id]) => id),
  }
}

/** How many searches, and how large. */
export interface Searches {
  readonly runs: number
  /** Rows and codes of random searches are a few times this at most. */
  readonly most?: number
  /** Known searches of more products are left out. */
  readonly work?: number
  readonly seed?: number
}

/** Random searches and known ones, and what is found of numbers that are none; throws what is wrong. */
export const conform = async (
  backend: Backend,
  { runs, most, work = Infinity, seed = 1 }: Searches,
): Promise<void> => {
  const holds = async (s: Search): Promise<void> => {
    const given = givenOf(s)
    const wrong = searchFault(s, given, await foundOn(backend, given))
    if (wrong !== undefined) throw new Error(wrong)
  }
  const odd = strange()
  assert.equal([...await foundOn(backend, odd)], odd.wanted)
  for (const s of known.filter((s) => s.batch * s.rows * s.codes * s.features <= work)) await holds(s)
  await fc.assert(fc.asyncProperty(searches(most), holds), { numRuns: runs, seed })
}
