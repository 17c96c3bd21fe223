/**
 * Our training step: training.ts FOLDER SIZE THREADS REPEATS; the folder is for the peers, ours makes the same weights.
 * Prints one line of JSON. The first figure is all that comes before the first step is done: tracing, differentiation,
 * compiling, the device and its code.
 * @module
 */
import process from "node:process"
import * as Effect from "effect/Effect"
import { sizes } from "../training.ts"
import { beginning, program } from "./llama-step.ts"
import { session } from "./session.ts"

const [, name = "s", threads = "1", repeats = "8"] = process.argv.slice(2)
const size = sizes[name === "m" ? "m" : "s"]
const inputs = beginning(size)

const main = Effect.scoped(Effect.gen(function* () {
  const begun = performance.now()
  const step = program(size)
  const compiled = performance.now() - begun
  const on = yield* session(step, inputs, Number(threads))
  const losses: Array<number> = [], milliseconds: Array<number> = []
  for (let i = 0; i < Number(repeats); i++) {
    const took = yield* on.run
    milliseconds.push(i === 0 ? performance.now() - begun : took)
    losses.push((yield* on.output("loss"))[0]!)
  }
  return { version: "0.1.0", device: on.description, compiled, forecast: step.forecast, losses, milliseconds }
}))

process.stdout.write(JSON.stringify(await Effect.runPromise(main)) + "\n")
