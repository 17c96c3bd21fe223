/**
 * `deno task world`: the main job. It trains a small Llama on Moby-Dick, saves checkpoints, samples, and writes a report.
 * `tasks/arguments.ts` says what may be asked of it.
 * @module
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import process from "node:process"
import { Device, deviceOn } from "../core/device/device.ts"
import { wasm } from "../core/wasm/backend.ts"
import { oracle } from "../core/device/oracle.ts"
import { main } from "./job.ts"
import { standard } from "./progress.ts"

process.exitCode = await Effect.runPromise(main(process.argv.slice(2), {
  terminal: standard(),
  complain: (text) => void process.stderr.write(text),
  device: (asked) => Layer.effect(Device, Effect.map((asked === "oracle" ? oracle : wasm()) as never, deviceOn) as never),
}))
