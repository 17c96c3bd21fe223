/**
 * One training stage as a process of its own: `process.ts FOLDER STEPS`. It goes on with what lies in the folder, says `step n`
 * after each step and `saved n` after each state, and at last what it learned as JSON. `ORRERY_THREADS` and `ORRERY_WASM`
 * choose the device.
 * @module
 */
import { writeSync } from "node:fs"
import process from "node:process"
import * as Effect from "effect/Effect"
import { layer } from "../../../core/device/device.ts"
import { wasm } from "../../../core/wasm/backend.ts"
import { type Event, events, heardBy } from "../../../tasks/events.ts"
import { folder } from "../../../tasks/store.ts"
import { run } from "../../../tasks/stage/run.ts"
import { trainingStage } from "../../../tasks/train/stage.ts"
import { Trained } from "../../../tasks/train/training.ts"
import { config, counted, recipe } from "./tiny.ts"

const [out = "", steps = "9"] = process.argv.slice(2)
const own = { ...recipe, steps: Number(steps) }

const told = (e: Event): Effect.Effect<void> =>
  Effect.sync(() => {
    if (e._tag === "Stepped") writeSync(1, `step ${e.step}\n`)
    if (e._tag === "Saved") writeSync(1, `saved ${e.step}\n`)
  })

const stage = trainingStage({
  ...{ name: "tiny", config, recipe: own, seed: 3, save: 2, needs: {} },
  data: { settings: null, batches: () => counted(own) },
})

const main = Effect.gen(function* () {
  const trained = yield* heardBy(run(stage), [told])
  writeSync(1, `trained ${JSON.stringify(Trained.encode(trained))}\n`)
})

await Effect.runPromise(
  main.pipe(
    Effect.provide(events),
    Effect.provide(layer(wasm({ memory: 2 ** 28, blas: false }))),
    Effect.provide(folder(out)),
  ),
)
