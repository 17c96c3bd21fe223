/**
 * Recipes for users: growth by a table of contexts, the pipelines of the house and their settings, and how commands find
 * pipelines.
 * @module
 */
export * from "./adjust.ts"
export { cacheBytes, costRatio, trainingFlops } from "./costs.ts"
export { type Scale } from "./desk/scale.ts"
export { desk, world } from "./desk/world.ts"
export { example } from "./example.ts"
export * from "./extend.ts"
export { baseStage, chatStage, type Chatting, type Growing, type GrowingFault, type Model, textStage } from "./grow.ts"
export { lwm7b, lwmOf, type LwmSettings, lwmSettings } from "./lwm/pipeline.ts"
export { chatStages, type Row, textStages } from "./lwm/table.ts"
export { nothingSeen, type VisionSettings, type VisionStages } from "./lwm/vision.ts"
export { type VisionRow, visionStages } from "./lwm/vision-table.ts"
export { type Codebook, codebookStage } from "./codebook.ts"
export { type Seeing, seeingRecipe, type SeeingStages, seeStage } from "./see.ts"
export { type Lines, type SeenCount, type SeenKind, SeenMaterial, seenRows, type SeenStage, seenStage } from "./seen.ts"
export * from "./material.ts"
export { bitsOf, type HeldOutText, type MeasureFault, needlesOf, openModel } from "./measure.ts"
export * from "./registry.ts"
export { studio, studioOf, type StudioSettings, studioSettings } from "./studio.ts"
export { type Brought, weightsStage } from "./weights.ts"
