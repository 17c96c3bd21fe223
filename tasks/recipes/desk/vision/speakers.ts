/**
 * World models to generate with and to ask: what was learned, with its tokenizer and the eyes whose codes it knows.
 * @module
 */
import * as Effect from "effect/Effect"
import * as t from "io-ts"
import { VqganConfig } from "../../../../models/vqgan/mod.ts"
import { WorldConfig } from "../../../../models/world/mod.ts"
import { type Stage, stage } from "../../../stage/stage.ts"
import { WorldFiles } from "../../../vision/model.ts"
import type { Around, DeskFault, Learned } from "../training.ts"
import type { Studio } from "./worlds.ts"

/** A stage that makes a world model to generate with and to ask. */
export type Seer = Stage<WorldFiles, DeskFault, Around>

/** The files of a world model. */
export const seer = (
  { vocabulary, eyes, world, vqgan }: Studio,
  name: string,
  about: string,
  learned: Learned,
): Seer =>
  stage({
    name,
    version: "1",
    about,
    codec: t.strict({ config: WorldConfig, vqgan: VqganConfig }),
    settings: { config: world, vqgan },
    needs: { learned, vocabulary, eyes },
    output: WorldFiles,
    make: ({ learned, vocabulary, eyes }, { config, vqgan }) =>
      Effect.succeed({
        config,
        parameters: learned.parameters,
        tokenizer: vocabulary.file,
        vqgan: { config: vqgan, parameters: eyes.parameters },
      }),
  })
