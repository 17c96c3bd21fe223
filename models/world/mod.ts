/**
 * World models: frames as tokens beside text, and the prompts that ask for them.
 * @module
 */
export * from "./layout.ts"
export * from "./prompt.ts"
