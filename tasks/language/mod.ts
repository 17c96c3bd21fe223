/**
 * Languages for users: what answers prompts and foretells tokens; Llama as one, guards beside it, chat and drawing.
 * @module
 */
export { askFault } from "./asking.ts"
export * from "./chat.ts"
export * from "./guards.ts"
export * from "./language.ts"
export { llamaLanguage, type LlamaParts, type Opened, opened, parameterDigest } from "./llama.ts"
export { type Model, modelIn, modelOf } from "./model.ts"
export * from "./sampling.ts"
export { type Session, session } from "./session.ts"
export { modelOfStage, type StagedFault } from "./staged.ts"
