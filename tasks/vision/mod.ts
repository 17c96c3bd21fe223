/**
 * Pictures and videos for users: frames, and handwritten digits that move, with captions and questions.
 *
 * ```ts
 * import * as Effect from "effect/Effect"
 * import { captionOf, framesOfScene, scans, sceneOf } from "./mod.ts"
 *
 * const captions = Effect.map(scans, (all) => {
 *   const scene = sceneOf(all, { seed: 1, frames: 4 }, "train", 0)
 *   return [captionOf(scene), framesOfScene(scene).length]
 * })
 * ```
 * @module
 */
export * from "./digits.ts"
export * from "./fault.ts"
export * from "./frame.ts"
export * from "./learners.ts"
