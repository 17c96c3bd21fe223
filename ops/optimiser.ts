/**
 * Optimisers as pure functions `(params, gradients, state) -> { params, state }` on trees of tensors. The step counter
 * is a tensor of the state, so a whole training step is one program; donate `params` and `state` and it works in place.
 *
 * Arithmetic is in f32 whatever the leaves are stored in. The rate of an update is that of the count before it.
 * @module
 */
export { adamStart, type AdamState, type AdamW, adamW, type Decays } from "./optimiser/adamw.ts"
export { averaged } from "./optimiser/average.ts"
export { chosenTree, clipByGlobalNorm, clipFinite, globalNorm, type Guarded } from "./optimiser/clip.ts"
export { type LossScale, rescaled, scaleStart, type ScaleState } from "./optimiser/scale.ts"
export { type Sgd, sgd, sgdStart, type SgdState } from "./optimiser/sgd.ts"
export {
  type Adafactor,
  adafactor,
  type AdafactorSettings,
  adafactorSpecs,
  type AdafactorState,
  palm,
} from "./optimiser/adafactor.ts"
export { type Muon, muon, type MuonSettings, muonSpecs, type MuonState } from "./optimiser/muon.ts"
export { orthogonal } from "./optimiser/orthogonal.ts"
export { type Leading, type Rate, type Stored, type Updated, type Zeros, zerosLike } from "./optimiser/tree.ts"
