/**
 * World models: a Llama with a second vocabulary, the codes of frames. What it is made of, its parameters, what it computes
 * and what it loses; frames as tokens beside text, and the prompts that ask for them.
 * @module
 */
export * from "./config.ts"
export * from "./decode.ts"
export * from "./examples.ts"
export * from "./layout.ts"
export * from "./loss.ts"
export * from "./names.ts"
export * from "./parameters.ts"
export * from "./presets.ts"
export * from "./prompt.ts"
export * from "./recipe.ts"
export * from "./train.ts"
export * from "./world.ts"
