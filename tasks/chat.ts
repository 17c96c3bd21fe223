/**
 * `deno task chat`: a dialogue with a model in the terminal. `tasks/language/flags.ts` says what may be asked of it.
 * @module
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import process from "node:process"
import { asked, choose } from "../core/device/choose.ts"
import { Device, make } from "../core/device/device.ts"
import { chosenModel } from "./language/choice.ts"
import { standard } from "./language/console.ts"
import { main } from "./language/talk.ts"
import { folder } from "./store.ts"

process.exitCode = await Effect.runPromise(main(process.argv.slice(2), {
  console: standard(),
  model: (wanted) =>
    Effect.provide(
      chosenModel(wanted, { pipelines: [], main: "world", shipped: undefined }),
      folder(wanted.store ?? "runs"),
    ),
  device: (kind) =>
    Layer.effect(
      Device,
      Effect.flatMap(
        choose(kind ?? asked()),
        ({ backend, reason }) => make(backend, kind === undefined ? reason : "asked for by --device"),
      ),
    ),
}))
