/**
 * The other side of worker.test.ts: takes a program as a document, runs it, and sends the result back.
 * @module
 */
import { either as E } from "fp-ts"
import * as Effect from "effect/Effect"
import { parentPort } from "node:worker_threads"
import { make } from "../../../core/device/device.ts"
import { oracle } from "../../../core/device/oracle.ts"
import { decode, plain } from "../../../core/plan/json.ts"
import type { AnyHost } from "../../../core/tensor/host.ts"

/** What is sent: a program's document and its inputs by path. */
export interface Job {
  readonly document: string
  readonly inputs: { readonly [path: string]: AnyHost }
}

const work = ({ document, inputs }: Job): Promise<unknown> => {
  const program = decode(document)
  if (E.isLeft(program)) return Promise.resolve(program.left)
  return Effect.runPromise(Effect.scoped(Effect.gen(function* () {
    const device = yield* make(yield* oracle, "the test asks for it")
    const run = yield* device.load(plain(program.right))
    return yield* device.fetch(yield* run(inputs))
  })))
}

parentPort?.on("message", (job: Job) => {
  work(job).then((result) => parentPort?.postMessage(result))
})
