/**
 * The search for the nearest code on the CPU: the same bits for any number of threads, tiles of any width, and operands
 * that lie badly or must be computed first. What it means is held by the conformance of the device.
 * @module
 */
import process from "node:process"
import * as Effect from "effect/Effect"
import { either as E } from "fp-ts"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import type { Backend } from "../../../core/device/backend.ts"
import { make } from "../../../core/device/device.ts"
import { binary, nearest, reduce, rename, split, unary } from "../../../core/graph/build.ts"
import { evaluate } from "../../../core/graph/meaning.ts"
import type { Node } from "../../../core/graph/node.ts"
import { input } from "../../../core/graph/build.ts"
import { compile } from "../../../core/plan/compile.ts"
import type { AnyHost } from "../../../core/tensor/host.ts"
import { wasm, type WasmOptions } from "../../../core/wasm/backend.ts"
import { conform, foundOn, givenOf, known } from "../kernel/nearests.ts"
import { values } from "../plan/same.ts"

const it = suite("wasm nearest")

const on = <A>(options: WasmOptions, use: (backend: Backend) => Promise<A>): Promise<A> =>
  Effect.runPromise(Effect.scoped(Effect.gen(function* () {
    const backend = yield* wasm({ memory: 2 ** 28, ...options })
    return yield* Effect.promise(() => use(backend as Backend))
  })))

it("finds the same with 1, 2 and 3 threads", async () => {
  const given = givenOf({ ...known[0]!, batch: 2, rows: 201, codes: 777, features: 33, seed: 9 })
  const all = []
  for (const threads of [1, 2, 3]) all.push([...await on({ threads }, (b) => foundOn(b, given))])
  assert.equal(all[1], all[0])
  assert.equal(all[2], all[0])
})

it("is what it means in wide tiles, relaxed and strict", async () => {
  const before = process.env.ORRERY_WIDE
  process.env.ORRERY_WIDE = "on"
  try {
    for (const relaxed of [true, false]) await on({ threads: 2, relaxed }, (b) => conform(b, { runs: 25, seed: 4 }))
  } finally {
    if (before === undefined) delete process.env.ORRERY_WIDE
    else process.env.ORRERY_WIDE = before
  }
})

it("takes operands that are moved, computed and split, and feeds what follows", async () => {
  const specs = {
    z: { dtype: "f32", axes: ["n", "d"], shape: [24, 12] },
    e: { dtype: "f32", axes: ["d", "c"], shape: [12, 30] },
  } as const
  const f = ({ z, e }: { readonly z: Node; readonly e: Node }): { readonly [name: string]: Node } => {
    const parts = split(z, "n", ["a", "b"], { a: 4, b: 6 })
    const ids = nearest(unary("tanh", parts), unary("sin", rename(e, { c: "code" })), "d", "code")
    const halves = split(split(z, "d", ["h", "d"], { h: 2, d: 6 }), "n", ["a", "b"], { a: 4, b: 6 })
    const book = split(rename(e, { c: "code" }), "d", ["h", "d"], { h: 2, d: 6 })
    const grouped = nearest(halves, book, "d", "code")
    return { ids, next: binary("add", ids, 1), grouped, most: reduce("max", grouped, ["b"]) }
  }
  const given = Object.fromEntries(Object.entries(specs).map(([k, s], i) => [k, values(s as never, i + 7)]))
  const nodes = f({ z: input("z", "f32", ["n", "d"], [24, 12]), e: input("e", "f32", ["d", "c"], [12, 30]) })
  const wanted = evaluate(Object.values(nodes), given)
  if (E.isLeft(wanted)) throw new Error(JSON.stringify(wanted.left))
  const compiled = compile(f as never, specs as never)
  if (E.isLeft(compiled)) throw new Error(JSON.stringify(compiled.left))
  const hosts = Object.fromEntries(
    Object.entries(specs).map(([k, s]) => [k, { ...s, data: Float32Array.from(given[k]!) } as unknown as AnyHost]),
  )
  const got = await on({ threads: 2 }, (backend) =>
    Effect.runPromise(Effect.scoped(Effect.gen(function* () {
      const device = yield* make(backend)
      const run = yield* device.load(compiled.right as never)
      return (yield* device.fetch(yield* run(hosts as never))) as unknown as { readonly [k: string]: AnyHost }
    }))))
  Object.keys(nodes).forEach((name, i) => assert.equal([...got[name]!.data], [...wanted.right[i]!.data], name))
})

it.run()
