/** The WebAssembly device does what the oracle does: one thread and more, relaxed and strict. @module */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Backend, DeviceFault } from "../../../core/device/backend.ts"
import { wasm, type WasmOptions } from "../../../core/wasm/backend.ts"
import { conforms } from "../kernel/conformance.ts"

const device = (options: WasmOptions): Effect.Effect<Backend, DeviceFault, Scope.Scope> =>
  Effect.map(wasm(options), (b) => b as Backend)

conforms("wasm, 2 threads, relaxed", device({ threads: 2 }))
conforms("wasm, 1 thread, strict", device({ threads: 1, relaxed: false }), { runs: 30, seed: 2 })
conforms("wasm, 3 threads, contractions", device({ threads: 3 }), {
  runs: 30,
  seed: 3,
  kinds: ["contract"],
  goldens: false,
  large: false,
})
