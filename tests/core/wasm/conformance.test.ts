/** The WebAssembly device does what the oracle does: one thread and more, relaxed and strict. @module */
import process from "node:process"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Backend, DeviceFault } from "../../../core/device/backend.ts"
import { wasm, type WasmOptions } from "../../../core/wasm/backend.ts"
import { conforms } from "../kernel/conformance.ts"

const device = (options: WasmOptions): Effect.Effect<Backend, DeviceFault, Scope.Scope> =>
  Effect.map(wasm({ memory: 2 ** 28, ...options }), (b) => b as Backend)

/** Tiles as wide as for an engine that joins vectors in pairs: right on any engine, fast on that. */
const wide = Effect.suspend(() => {
  const before = process.env.ORRERY_WIDE
  process.env.ORRERY_WIDE = "on"
  const restore = Effect.sync(() => {
    if (before === undefined) delete process.env.ORRERY_WIDE
    else process.env.ORRERY_WIDE = before
  })
  return Effect.ensuring(device({ threads: 2, blas: false }), restore)
})

conforms("wasm, 2 threads, relaxed", device({ threads: 2 }), { runs: 40 })
conforms("wasm, 1 thread, strict", device({ threads: 1, relaxed: false }), { runs: 15, seed: 2 })
conforms("wasm, 2 threads, wide contractions", wide, {
  runs: 15,
  seed: 3,
  kinds: ["contract"],
  goldens: false,
  large: false,
})
