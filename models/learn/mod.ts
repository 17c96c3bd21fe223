/**
 * Learning for any model: recipes, optimisers by name, states, gradients in parts and over ranks, and the step.
 * @module
 */
export * from "./gradient.ts"
export {
  decayAt,
  type Decaying,
  type OptimiserName,
  Recipe,
  recipeCodec,
  recipeFaults,
  schedule,
  undecayed,
} from "./recipe.ts"
export * from "./state.ts"
export * from "./step.ts"
export * from "./tree.ts"
export * from "./update.ts"
