import { either as E } from "fp-ts"
import { Worker } from "node:worker_threads"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { compile } from "../../../core/plan/compile.ts"
import { encode } from "../../../core/plan/json.ts"
import { f32 } from "../../../core/tensor/spec.ts"
import { dot } from "../../../ops/contraction.ts"
import { exp } from "../../../ops/elementwise.ts"
import type { Job } from "./worker-entry.ts"

const it = suite("plan: worker")

const entry = new URL(import.meta.url.endsWith(".js") ? "./worker-entry.js" : "./worker-entry.ts", import.meta.url)

const answer = (job: Job): Promise<unknown> =>
  new Promise((done, fail) => {
    const worker = new Worker(entry)
    worker.once("error", fail)
    worker.once("message", (result) => worker.terminate().then(() => done(result)))
    worker.postMessage(job)
  })

it("a program goes to a worker as a document and runs there", async () => {
  const specs = { x: f32("row inner", { row: 2, inner: 2 }), y: f32("inner column", { inner: 2, column: 1 }) }
  const made = compile(({ x, y }) => ({ z: exp(dot(x, y, "inner")) }), specs)
  assert.ok(E.isRight(made))
  const inputs = {
    x: { ...specs.x, data: Float32Array.of(1, 2, 3, 4) },
    y: { ...specs.y, data: Float32Array.of(0.5, 0.25) },
  }
  const result = await answer({ document: encode(made.right.program), inputs }) as { z: { data: Float64Array } }
  const wanted = [Math.exp(1), Math.exp(2.5)]
  Array.from(result.z.data).forEach((z, i) => assert.ok(Math.abs(z - wanted[i]!) <= 4e-16 * wanted[i]!, `${z}`))
  assert.is(result.z.data.length, 2)
})

it.run()
