/**
 * VQGAN: frames as grids of codes. What it is made of, its parameters, what it computes, and how it is trained.
 * @module
 */
export * from "./config.ts"
export * from "./cost.ts"
export {
  decode,
  decodeIds,
  encode,
  type Encoded,
  type Frames,
  type Ids,
  type Latents,
  latentsOf,
  type Nearest,
  nearest,
  reconstruct,
} from "./model.ts"
export {
  type Conv,
  type Decoder,
  type Encoder,
  type Hosts,
  initialise,
  type Level,
  type Norm,
  parameterCount,
  type Parameters,
  type Resnet,
  type Specs,
  specs,
} from "./parameters.ts"
export * from "./codebook.ts"
export * from "./discriminator.ts"
export * from "./losses.ts"
export * from "./names.ts"
export * from "./recipe.ts"
export * from "./state.ts"
export * from "./step.ts"
