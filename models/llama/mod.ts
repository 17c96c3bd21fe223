/**
 * Llama: what it is made of, its parameters, what it computes, and how it is trained.
 * @module
 */
export * from "./config.ts"
export * from "./decode.ts"
export {
  encode,
  encodeStream,
  feedForward,
  forward,
  type Keys,
  layer,
  next,
  type Place,
  type Queries,
  type Stream,
} from "./llama.ts"
export * from "./loss.ts"
export * from "./names.ts"
export * from "./parameters.ts"
export * from "./plan.ts"
export * from "./presets.ts"
export * from "./train.ts"
