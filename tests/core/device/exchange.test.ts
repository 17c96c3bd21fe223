/** Programs with collectives on meshes in one process: what they give, when blocks are under way, and how they fail. */
import * as Effect from "effect/Effect"
import { either as E } from "fp-ts"
import * as fc from "fast-check"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { oracle } from "../../../core/device/oracle.ts"
import { binary, exchange, reduce, reshape, slice, stack, unary } from "../../../core/graph/build.ts"
import type { Collective } from "../../../core/graph/collective.ts"
import type { Node } from "../../../core/graph/node.ts"
import { ranksAlong, type Shape } from "../../../core/mesh/shape.ts"
import { decode, encode } from "../../../core/plan/json.ts"
import { broken } from "../../../core/plan/validity.ts"
import { f32 } from "../../../core/tensor/spec.ts"
import type { Backend } from "../../../core/device/backend.ts"
import { wasm } from "../../../core/wasm/backend.ts"
import { agrees, compiledOf, type Opened, type RankProgram } from "./ranks.ts"
import { programs } from "./rings.ts"

const backends: ReadonlyArray<readonly [string, Opened, number]> = [
  ["oracle", oracle, 1e-12],
  ["wasm", Effect.map(wasm({ threads: 1, blas: false, memory: 2 ** 26 }), (b) => b as Backend), 1e-5],
]

const shapes: ReadonlyArray<Shape> = [{ ring: 1 }, { ring: 2 }, { ring: 3 }, { ring: 4 }]

const it = suite("programs with collectives")

for (const [name, backend, bound] of backends) {
  for (const [what, of] of programs) {
    it(`${name}: ${what}, on 1 to 4 ranks, twice`, async () => {
      for (const shape of shapes) await agrees({ shape, ...of(shape["ring"]!) }, backend, bound, 2)
    })
  }
}

it("with halves kept in memory, what is sent is stored as what comes", async () => {
  const policy = { compute: "f32", accumulate: "f32", storage: "bf16" } as const
  for (const [, of] of programs) {
    const p: RankProgram = { shape: { ring: 3 }, ...of(3) }
    const halves = { ...p, options: { ...p.options, policy } }
    assert.equal(broken(compiledOf(halves).program), [])
    await agrees(halves, oracle, 0.05)
  }
})

// -----------------------------------------------------------------------------
// random programs
// -----------------------------------------------------------------------------

/** One more value of a program, of those before it; all have the axes of `x`. */
type Growth = (made: ReadonlyArray<Node>, shape: Shape) => Node

const growth: fc.Arbitrary<Growth> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.tuple(fc.nat(), fc.nat(), fc.constantFrom("add", "mul", "max")).map(([i, j, fn]): Growth => (made) =>
      unary("tanh", binary(fn as "add", made[i % made.length]!, made[j % made.length]!))
    ),
  },
  {
    weight: 2,
    arbitrary: fc.nat().map((i): Growth => (made) =>
      binary("mul", made[i % made.length]!, reduce("sum", made.at(-1)!, ["col"]))
    ),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      from: fc.nat(),
      kind: fc.constantFrom("permute", "permute", "allReduce", "allGather", "reduceScatter", "broadcast"),
      over: fc.constantFrom(["ring"], ["data"], ["data", "ring"]),
      by: fc.integer({ min: -3, max: 3 }),
    }).map(({ from, kind, over, by }): Growth => (made, shape) => {
      const v = made[from % made.length]!
      const ranks = ranksAlong(shape, over)
      const root = Math.abs(by) % ranks
      const c =
        (kind === "permute"
          ? { kind, over, ranks, shift: by }
          : kind === "allReduce"
          ? { kind, over, ranks, fn: by > 0 ? "sum" : "max" }
          : kind === "broadcast"
          ? { kind, over, ranks, root }
          : { kind, over, ranks, axis: "rank" }) as Collective
      if (kind === "allGather") {
        const all = exchange(v, c)
        const at = all.axes.map((_, d) => d === 0 ? root : 0)
        return reshape(slice(all, at, all.shape.map((n, d) => d === 0 ? 1 : n)), v.axes, v.shape)
      }
      if (kind !== "reduceScatter") return exchange(v, c)
      return exchange(stack(Array.from({ length: ranks }, (_, r) => binary("mul", v, r + 1)), "rank"), c)
    }),
  },
)

const randomPrograms: fc.Arbitrary<RankProgram> = fc.record({
  shape: fc.record({ data: fc.integer({ min: 1, max: 2 }), ring: fc.integer({ min: 1, max: 3 }) }),
  grown: fc.array(growth, { minLength: 2, maxLength: 12 }),
  outputs: fc.array(fc.nat(), { minLength: 1, maxLength: 3 }),
  donate: fc.subarray(["a", "b"]),
}).map(({ shape, grown, outputs, donate }): RankProgram => ({
  shape,
  specs: { a: f32("row col", { row: 2, col: 3 }), b: f32("row col", { row: 2, col: 3 }) },
  body: ({ a, b }) => {
    const made = [a!, b!]
    for (const g of grown) made.push(g(made, shape))
    const names = ["a", "b", "c"]
    const taken = outputs.map((o, i) => [names[i]!, made[made.length - 1 - (o % (made.length - 1))]!] as const)
    return Object.fromEntries([...taken, ["last", made.at(-1)!]])
  },
  options: { donate: donate.filter((d) => ["a", "b", "c"].indexOf(d) < outputs.length) },
}))

it("random programs are valid, come back from JSON, and agree with their meaning", async () => {
  await fc.assert(
    fc.asyncProperty(randomPrograms, async (p) => {
      const { program } = compiledOf(p)
      assert.equal(broken(program), [])
      const back = decode(encode(program))
      assert.ok(E.isRight(back) && back.right.exchanges.length === program.exchanges.length)
      if (E.isRight(back)) assert.equal(back.right, program)
      await agrees(p, oracle, 1e-9, 2)
    }),
    { numRuns: 100, seed: 11 },
  )
})

it("random programs agree on wasm", async () => {
  const [, backend] = backends[1]!
  await fc.assert(fc.asyncProperty(randomPrograms, (p) => agrees(p, backend, 1e-4, 2)), { numRuns: 12, seed: 12 })
})

it.run()
