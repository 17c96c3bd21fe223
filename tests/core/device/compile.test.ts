/** The compiler's law: a compiled program on the oracle is the meaning of its graph, and allocates what it forecast. */
import * as Effect from "effect/Effect"
import { suite } from "uvu"
import { make } from "../../../core/device/device.ts"
import { oracle } from "../../../core/device/oracle.ts"
import { agree } from "./compiled.ts"
import { graphs } from "./graphs.ts"

const it = suite("compiled graphs")

const device = () => Effect.runPromise(Effect.flatMap(oracle, (b) => make(b)))

it("random graphs mean the same compiled", async () => {
  await agree(await device(), graphs(false), 300, 1)
})

it("random graphs with NaN, infinities and extreme ints mean the same compiled", async () => {
  await agree(await device(), graphs(true), 150, 2)
})

it.run()
