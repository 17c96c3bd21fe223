/**
 * Attention on the CPU: what it means, with one thread and more.
 * @module
 */
import * as Effect from "effect/Effect"
import { suite } from "uvu"
import type { Backend } from "../../../core/device/backend.ts"
import { wasm, type WasmOptions } from "../../../core/wasm/backend.ts"
import { conform } from "../kernel/attends.ts"

const it = suite("wasm attention")

const on = <A>(options: WasmOptions, use: (backend: Backend) => Promise<A>): Promise<A> =>
  Effect.runPromise(Effect.scoped(Effect.gen(function* () {
    const backend = yield* wasm(options)
    return yield* Effect.promise(() => use(backend as Backend))
  })))

it("is what it means with one thread, strict", () =>
  on({ threads: 1, relaxed: false }, (backend) => conform(backend, 40, 1e-5)))

it("is what it means with two threads, relaxed", () =>
  on({ threads: 2 }, (backend) => conform(backend, 40, 1e-5, 140, 2)))

it.run()
