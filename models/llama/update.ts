/**
 * The optimisers that a recipe may name: what their state is, and how it is updated.
 * @module
 */
import type { F32, Float } from "../../core/tensor/tensor.ts"
import {
  adafactor,
  adafactorSpecs,
  type AdafactorState,
  type AdamState,
  adamW,
  muon,
  muonSpecs,
  type MuonState,
  type Stored,
  type Updated,
} from "../../ops/optimiser.ts"
import { learningRate } from "../../ops/schedule.ts"
import { i32 } from "../../core/tensor/spec.ts"
import { map } from "../../core/tensor/tree.ts"
import type { AnySpec } from "../../core/tensor/spec.ts"
import { inputsAt, type Parameters, type Specs } from "./parameters.ts"
import { decayAt, type OptimiserName, type Recipe, schedule } from "./recipe.ts"

/** Means of gradients, which may be stored narrow. */
export type Means = Stored<Parameters, "f32" | "bf16">

/** The state of an optimiser. */
export type OptimiserState = AdamState<Parameters, Means> | AdafactorState<Means> | MuonState<Means>

/** What of a recipe says what the state is. */
export type Chosen = Pick<Recipe, "optimiser" | "adafactor" | "muon" | "momentum">

/** An optimiser of a recipe. */
interface Kind<S extends OptimiserState = OptimiserState> {
  readonly specs: (r: Chosen, params: Specs<Parameters>) => Specs<S>
  readonly update: (
    r: Recipe,
    rate: (step: F32) => F32,
  ) => (params: Parameters, gradients: Parameters, state: S) => Updated<Parameters, S>
}

const stored = (params: Specs<Parameters>, dtype: Float): Specs<Means> =>
  map(params, (leaf) => ({ ...leaf as unknown as AnySpec, dtype })) as unknown as Specs<Means>

/** Rows of hidden matrices: Muon turns nothing outside of the blocks. */
const hidden = (path: string): number => path.startsWith("blocks.") ? inputsAt(path) : 0

const adamw: Kind<AdamState<Parameters, Means>> = {
  specs: (r, params) => ({ step: i32(), first: stored(params, r.momentum ?? "f32"), second: params }),
  update: (r, rate) => adamW({ ...r, rate, decays: decayAt(r) }),
}

const factored: Kind<AdafactorState<Means>> = {
  specs: (r, params) =>
    adafactorSpecs(params, { ...r.adafactor, inputs: inputsAt }, r.momentum) as unknown as Specs<AdafactorState<Means>>,
  update: (r, rate) => adafactor({ ...r.adafactor, rate, decay: r.decay, decays: decayAt(r), inputs: inputsAt }),
}

const orthogonal: Kind<MuonState<Means>> = {
  specs: (r, params) => muonSpecs(params, { inputs: hidden }, r.momentum) as unknown as Specs<MuonState<Means>>,
  update: ({ epsilon, beta1, beta2, decay, ...r }, rate) =>
    muon({
      ...r.muon,
      ...{ rate, beta1, beta2, decay, decays: decayAt(r), inputs: hidden },
      ...(epsilon === undefined ? {} : { epsilon }),
    }),
}

/** A state is given to the optimiser alone whose recipe it began with. */
const known = <S extends OptimiserState>(kind: Kind<S>): Kind => kind as unknown as Kind

const kinds: Readonly<Record<OptimiserName, Kind>> = {
  adamw: known(adamw),
  adafactor: known(factored),
  muon: known(orthogonal),
}

const kindOf = (r: Pick<Recipe, "optimiser">): Kind => kinds[r.optimiser ?? "adamw"]

/** The optimiser's state as specs, from those of the parameters; it begins with zeros. */
export const optimiserSpecs = (r: Chosen, params: Specs<Parameters>): Specs<OptimiserState> =>
  kindOf(r).specs(r, params)

/** Parameters and optimiser after a step along the gradient. */
export const update =
  (r: Recipe) =>
  (params: Parameters, gradients: Parameters, state: OptimiserState): Updated<Parameters, OptimiserState> =>
    kindOf(r).update(r, learningRate(schedule(r)))(params, gradients, state)
