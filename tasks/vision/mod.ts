/**
 * Pictures and videos for users: files of them, with captions; handwritten digits that move, with captions and questions;
 * photographs that ship as packages.
 *
 * ```ts
 * import * as Effect from "effect/Effect"
 * import { captionOf, framesOfScene, scans, sceneOf, writeClip } from "./mod.ts"
 *
 * const shown = Effect.gen(function* () {
 *   const scene = sceneOf(yield* scans, { seed: 1, frames: 4 }, "train", 0)
 *   yield* writeClip("scene.gif", { frames: framesOfScene(scene), rate: 4 })
 *   return captionOf(scene)
 * })
 * ```
 * @module
 */

// frames
export * from "./fault.ts"
export * from "./frame.ts"
export * from "./scale.ts"

// files
export { kindOf, type Look, readClip, usualRate, writeClip } from "./file.ts"
export { decodeImage, gifOf, type Limits, limits, pngOf, type Prepare } from "./image.ts"
export { type FolderLook, pictureFiles, pictureFolder, pictureLines } from "./pictures.ts"
export { mp4Of, probe, readVideo, type Tools, tools, type VideoFacts } from "./video.ts"

// what packages ship
export * from "./digits.ts"
export { cat, photographs } from "./photographs.ts"

// world models
export {
  layoutOf,
  type ModelFault,
  pairFaults,
  VqganFiles,
  type VqganModel,
  vqganOf,
  vqganParametersIn,
  WorldFiles,
  worldIn,
  type WorldModel,
  worldOf,
} from "./model.ts"
export { chosenWorld, worldOfStage } from "./staged-world.ts"

// codes
export * from "./codes.ts"
export * from "./frame-model.ts"

// generating and asking
export { answerEnds, type Asking, type Question } from "./ask.ts"
export { type Generate, type GenerateFault, type Listening, type Pictured } from "./generate.ts"
export { type Drawn, type Generating, generatingFaults, type Wish } from "./wish.ts"
export { type WorldLanguage, worldLanguage, type WorldParts } from "./world-language.ts"

// what learns of them
export * from "./boxes.ts"
export * from "./classifier.ts"
export * from "./judge.ts"
export * from "./learners.ts"
