/** Steps of every optimiser on devices: compiled they are what their graphs mean, in place, whatever the sizes. */
import * as Effect from "effect/Effect"
import { suite } from "uvu"
import { make } from "../../core/device/device.ts"
import { oracle } from "../../core/device/oracle.ts"
import { wasm } from "../../core/wasm/backend.ts"
import { agree, nearly, type Tolerance } from "../core/device/compiled.ts"
import { steps } from "./optimiser-graphs.ts"

const it = suite("optimisers on devices")

it("the oracle", async () => {
  await agree(await Effect.runPromise(Effect.flatMap(oracle, make)), steps, 40, 11, nearly)
})

/** f32; the polynomial of Muon multiplies rounding by its slope. */
const within: Tolerance = (dtype) => dtype === "bf16" ? 1e-2 : 3e-4

it("wasm", () =>
  Effect.runPromise(Effect.scoped(Effect.gen(function* () {
    const device = yield* Effect.flatMap(wasm({ memory: 2 ** 28, threads: 1 }), make)
    yield* Effect.promise(() => agree(device, steps, 25, 12, within))
  }))))

it.run()
