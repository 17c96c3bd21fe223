/**
 * `deno task world`: the main job. It trains a small Llama on Moby-Dick, saves checkpoints, samples, and writes a report.
 * `tasks/arguments.ts` says what may be asked of it.
 * @module
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import process from "node:process"
import { asked, choose } from "../core/device/choose.ts"
import { Device, make } from "../core/device/device.ts"
import { main } from "./job.ts"
import { standard } from "./progress.ts"

process.exitCode = await Effect.runPromise(main(process.argv.slice(2), {
  terminal: standard(),
  complain: (text) => void process.stderr.write(text),
  device: (kind) =>
    Layer.effect(
      Device,
      Effect.flatMap(
        choose(kind ?? asked()),
        ({ backend, reason }) => make(backend, kind === undefined ? reason : "asked for by --device"),
      ),
    ),
}))
