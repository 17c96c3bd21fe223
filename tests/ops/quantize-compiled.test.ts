/**
 * A step of a codebook as a program: what it holds in memory, and that the CPU gives what the graph means, with the same
 * draws.
 * @module
 */
import * as Effect from "effect/Effect"
import { either as E } from "fp-ts"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { make } from "../../core/device/device.ts"
import { grad } from "../../core/grad/grad.ts"
import { evaluate } from "../../core/graph/meaning.ts"
import { leaves } from "../../core/graph/leaves.ts"
import { compile } from "../../core/plan/compile.ts"
import { hostKey } from "../../core/random/host.ts"
import type { AnyHost } from "../../core/tensor/host.ts"
import { f32, u32 } from "../../core/tensor/spec.ts"
import { flatten, type Tensors } from "../../core/tensor/tree.ts"
import { wasm } from "../../core/wasm/backend.ts"
import { batchCodes, emaCodebook, emaUpdate, reviveCodes } from "../../ops/codebook.ts"
import { add, mul } from "../../ops/elementwise.ts"
import { codebookLoss, commitmentLoss, vectorQuantize } from "../../ops/quantize.ts"
import { sum } from "../../ops/reduction.ts"
import { values } from "../core/plan/same.ts"
import { inputs } from "./updates.ts"

const it = suite("vector quantisation, compiled")

const specsOf = (side: number, codes: number) =>
  ({
    z: f32("batch row col embed", { batch: 2, row: side, col: side, embed: 8 }),
    counts: f32("code", { code: codes }),
    sums: f32("code embed", { code: codes, embed: 8 }),
    key: u32("key", { key: 2 }),
  }) as const
type Given = Tensors<ReturnType<typeof specsOf>>

/** Quantises, takes the gradient, and learns the codebook. */
const step = (codes: number) => ({ z, counts, sums, key }: Given) => {
  const state = { counts, sums }
  const book = emaCodebook(state)
  const { ids, quantized } = vectorQuantize(z, book, "embed", "code")
  const loss = (x: Given["z"]) => {
    const q = vectorQuantize(x, book, "embed", "code").quantized
    return add(sum(mul(q, q)), add(commitmentLoss(x, q), codebookLoss(x, book, ids, "code")))
  }
  const next = emaUpdate(state, batchCodes(z, ids, "embed", "code", codes))
  return { ids, quantized, gradient: grad(loss)(z), next: reviveCodes(next, z, key, "embed", { threshold: 0.9 }) }
}

it("one search, and no array of vectors times codes", () => {
  const compiled = compile(step(640), specsOf(16, 640))
  if (E.isLeft(compiled)) throw new Error(JSON.stringify(compiled.left))
  const { program } = compiled.right
  const searches = program.steps.filter((s) => s.tag === "dispatch" && program.kernels[s.kernel]!.tag === "nearest")
  assert.is(searches.length, 1)
  // 512 vectors x 640 codes would be 1.3 MB; the codes themselves are 20 KB
  assert.ok(program.forecast.arena < 3 * 640 * 8 * 4, `${program.forecast.arena}`)
  assert.ok(program.buffers.every((b) => b.elements <= 640 * 8))
})

it("the CPU gives what the graph means, and draws the same", async () => {
  const specs = specsOf(5, 30)
  const given: { readonly [path: string]: ReadonlyArray<number> } = {
    z: values(specs.z, 3),
    counts: values(specs.counts, 4).map((x) => 1 + x),
    sums: values(specs.sums, 5),
    key: [...hostKey(9).data],
  }
  const tree = step(30)(inputs(specs))
  const wanted = evaluate(leaves(tree), given)
  const compiled = compile(step(30), specs)
  if (E.isLeft(wanted) || E.isLeft(compiled)) throw new Error(JSON.stringify([wanted, compiled]))
  const hosts = Object.fromEntries(
    Object.entries(specs).map(([name, s]) => {
      const data = name === "key" ? Uint32Array.from(given[name]!) : Float32Array.from(given[name]!)
      return [name, { dtype: s.dtype, axes: s.axes, shape: s.shape, data } as unknown as AnyHost]
    }),
  )
  const got = await Effect.runPromise(Effect.scoped(Effect.gen(function* () {
    const device = yield* make(yield* wasm({ memory: 2 ** 28, threads: 2 }))
    const run = yield* device.load(compiled.right as never)
    return yield* device.fetch(yield* run(hosts as never))
  })))
  const results = new Map(flatten(got) as unknown as ReadonlyArray<readonly [string, AnyHost]>)
  flatten(tree).forEach(([path], i) => {
    const data = results.get(path)!.data as ArrayLike<number>
    wanted.right[i]!.data.forEach((want, j) =>
      assert.ok(Math.abs(data[j]! - want) <= 1e-5 * Math.max(1, Math.abs(want)), `${path}[${j}]: ${data[j]}, ${want}`)
    )
  })
  const revived = wanted.right[flatten(tree).findIndex(([p]) => p === "next.counts")]!.data.filter((n) => n === 0.9)
  assert.ok(revived.length > 3 && revived.length < 30, `${revived.length} codes began anew`)
})

it.run()
