/**
 * A small convolutional classifier of frames: what it is made of, what it says, and how it is trained.
 * @module
 */
export * from "./classifier.ts"
export * from "./config.ts"
export * from "./train.ts"
