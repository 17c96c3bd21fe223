/**
 * `deno task chat`: a dialogue with a model in the terminal. `tasks/language/flags.ts` says what may be asked of it.
 * @module
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import process from "node:process"
import { asked, choose } from "../core/device/choose.ts"
import { Device, make } from "../core/device/device.ts"
import { standard } from "./language/console.ts"
import { modelIn } from "./language/model.ts"
import { main } from "./language/talk.ts"

process.exitCode = await Effect.runPromise(main(process.argv.slice(2), {
  console: standard(),
  model: (wanted) => modelIn(wanted.model ?? "runs/world/model"),
  device: (kind) =>
    Layer.effect(
      Device,
      Effect.flatMap(
        choose(kind ?? asked()),
        ({ backend, reason }) => make(backend, kind === undefined ? reason : "asked for by --device"),
      ),
    ),
}))
