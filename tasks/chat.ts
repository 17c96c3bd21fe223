/**
 * `deno task chat`: a dialogue with a model in the terminal. `tasks/language/flags.ts` says what may be asked of it.
 * @module
 */
import * as Effect from "effect/Effect"
import process from "node:process"
import { here, nameable, rootOf, unheard } from "./command/around.ts"
import { chosenModel } from "./language/choice.ts"
import { standard } from "./language/console.ts"
import { main } from "./language/talk.ts"
import { folder } from "./store.ts"

unheard()
const around = here()

process.exitCode = await Effect.runPromise(main(process.argv.slice(2), {
  console: standard(),
  model: (said) =>
    Effect.flatMap(
      nameable(around, said.from),
      (pipelines) => chosenModel(said, { pipelines, main: "world", shipped: undefined }),
    ).pipe(Effect.provide(folder(rootOf(said.root)))),
  device: around.device,
}))
