/**
 * Evaluation for users: needles and keys (LWM's and RULER's), pairs, variables; grids of lengths and depths; nats by position
 * and bits per byte; what models that see keep, show and answer; each as a stage.
 * @module
 */
export { cities, divideCities } from "./cities.ts"
export * from "./grid.ts"
export * from "./haystack.ts"
export { heatmap } from "./heatmap.ts"
export { Pairs, pairsTask } from "./pairs.ts"
export {
  BitsPerByte,
  bitsPerByte,
  ByPosition,
  logBounds,
  perplexityByPosition,
  Regression,
  regression,
} from "./perplexity.ts"
export * from "./probe.ts"
export { type Cell, Result, type Said, share } from "./result.ts"
export * from "./stage.ts"
export * from "./task.ts"
export { rulerVariables, Variables, variablesTask } from "./variables.ts"
export { chat, desk, lwmMulti, lwmSingle, ruler, Wording } from "./wording.ts"

/** Models that see and show: reconstructions, pictures under a judge, questions about scenes, ablations. */
export * as Vision from "./vision/mod.ts"
