/**
 * Reports for users: what a pipeline's page tells, the data that it is made of, and the page. What draws is read when a page
 * is drawn.
 * @module
 */
export * from "./data.ts"
export { type Drawing, drawing, writeReport } from "./drawing.ts"
export { gather, type GatherFault } from "./gather.ts"
export * from "./outline.ts"
export { type Target, targets } from "./vision/targets.ts"
export type * from "./vision/data.ts"
export { type Picture, pictureOf } from "./vision/picture.ts"
export { type Prompt, type SamplesDeclaration, samplesStage } from "./samples.ts"
