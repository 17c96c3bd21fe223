import * as Effect from "effect/Effect"
import { suite } from "uvu"
import { oracle } from "../../../core/device/oracle.ts"
import { conform } from "./attends.ts"

const it = suite("kernel/attend")

it("the kernel of an attention means what the graph means", async () => {
  await conform(await Effect.runPromise(oracle), 40, 1e-6, 20)
})

it.run()
