/** The WebAssembly device does what the oracle does: one thread and two, relaxed and strict. @module */
import { wasm } from "../../../core/wasm/backend.ts"
import { conforms } from "../kernel/conformance.ts"

conforms("wasm, 2 threads, relaxed", wasm({ threads: 2 }))
conforms("wasm, 1 thread, strict", wasm({ threads: 1, relaxed: false }), { runs: 30, seed: 2 })
conforms("wasm, 3 threads, contractions", wasm({ threads: 3 }), {
  runs: 30,
  seed: 3,
  kinds: ["contract"],
  goldens: false,
  large: false,
})
