/**
 * Models of the desk recipe as others open them: files that belong together, and the language that they are.
 * @module
 */
import * as Effect from "effect/Effect"
import * as t from "io-ts"
import type * as Scope from "effect/Scope"
import type { DeviceFault } from "../../../core/device/backend.ts"
import type { Device } from "../../../core/device/device.ts"
import type { FileFault } from "../../../core/files/codec.ts"
import type { AskFault, Language } from "../../language/language.ts"
import { llamaLanguage } from "../../language/llama.ts"
import { ModelFiles, modelOf } from "../../language/model.ts"
import type { Stage } from "../../stage/stage.ts"
import { stage } from "../../stage/stage.ts"
import type { Store, StoreFault } from "../../store.ts"
import { ConfigCodec } from "../../train/settings.ts"
import { configOf } from "../extend.ts"
import type { Around, Common, DeskFault, Sequel } from "./training.ts"

/** A stage that makes a model to talk to. */
export type Speaker = Stage<ModelFiles, DeskFault, Around>

/** What was learned, with the numbers that it is to be read with, and its tokenizer. */
export const speaker = ({ vocabulary, model }: Common, { name, about, learned, reach }: Sequel): Speaker =>
  stage({
    name,
    version: "1",
    about,
    codec: t.strict({ config: ConfigCodec }),
    settings: { config: configOf(model, reach) },
    needs: { learned, vocabulary },
    output: ModelFiles,
    make: ({ learned, vocabulary }, { config }) =>
      Effect.succeed({ config, parameters: learned.parameters, tokenizer: vocabulary.file }),
  })

/** The same files, believed to look over another context: what an evaluation beyond a model's own asks for. */
export const lookingOver = (files: ModelFiles, context: number): ModelFiles => ({
  ...files,
  config: { ...files.config, context },
})

/** The language that the files are, for as long as the scope lasts. */
export const languageOf = (
  name: string,
  files: ModelFiles,
): Effect.Effect<Language, DeviceFault | AskFault | StoreFault | FileFault, Device | Store | Scope.Scope> =>
  Effect.flatMap(modelOf(name, files), (m) => llamaLanguage({ ...m, digest: files.parameters.digest }))
