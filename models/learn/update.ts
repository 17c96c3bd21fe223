/**
 * The optimisers that a recipe may name, on any tree of parameters: what their state is, and how it is updated. What an
 * optimiser must know of a parameter beside its numbers, the model says by its path.
 * @module
 */
import { i32 } from "../../core/tensor/spec.ts"
import type { AnySpec } from "../../core/tensor/spec.ts"
import type { F32, Float } from "../../core/tensor/tensor.ts"
import { map } from "../../core/tensor/tree.ts"
import {
  adafactor,
  adafactorSpecs,
  type AdafactorState,
  type AdamState,
  adamW,
  type Leading,
  muon,
  muonSpecs,
  type MuonState,
  type Stored,
  type Updated,
} from "../../ops/optimiser.ts"
import { learningRate } from "../../ops/schedule.ts"
import { decayAt, type Decaying, type OptimiserName, type Recipe, schedule } from "./recipe.ts"
import type { Specs } from "./tree.ts"

// ---- types -----------------------------------------------------------------

/** What the parameters of a model are, by their paths. */
export interface Traits {
  /** How many leading axes a matrix takes; the others, which follow, are those that it gives. 0 for what is no matrix. */
  readonly inputs: Leading
  /** The same for what Muon turns: matrices between hidden features. `inputs` if not given. */
  readonly hidden?: Leading
  /** Parts of the decay by endings of paths, for recipes that name none; norms do not decay if not given. */
  readonly decays?: Decaying
}

/** Means of gradients, which may be stored narrow. */
export type Means<P> = Stored<P, "f32" | "bf16">

/** The state of an optimiser. */
export type OptimiserState<P> = AdamState<P, Means<P>> | AdafactorState<Means<P>> | MuonState<Means<P>>

/** What of a recipe says what the state is. */
export type Chosen = Pick<Recipe, "optimiser" | "adafactor" | "muon" | "momentum">

/** Rates by step, in the graph. */
type Rate = (step: F32) => F32

/** An optimiser of a recipe. */
interface Kind {
  readonly specs: (r: Chosen, traits: Traits) => (params: unknown) => unknown
  readonly update: (
    r: Recipe,
    rate: Rate,
    traits: Traits,
  ) => (params: unknown, gradients: unknown, state: never) => Updated<unknown, unknown>
}

// ---- the table ---------------------------------------------------------------

const stored = (params: unknown, dtype: Float): unknown =>
  map(params, (leaf) => ({ ...leaf as unknown as AnySpec, dtype }))

const decaysOf = (r: Recipe, { decays }: Traits) => decayAt(r, decays)

const turned = ({ inputs, hidden = inputs }: Traits): Leading => hidden

const kinds: Readonly<Record<OptimiserName, Kind>> = {
  adamw: {
    specs: (r) => (params) => ({ step: i32(), first: stored(params, r.momentum ?? "f32"), second: params }),
    update: (r, rate, traits) => adamW({ ...r, rate, decays: decaysOf(r, traits) }),
  },
  adafactor: {
    specs: (r, { inputs }) => (params) => adafactorSpecs(params, { ...r.adafactor, inputs }, r.momentum),
    update: (r, rate, traits) =>
      adafactor({ ...r.adafactor, rate, decay: r.decay, decays: decaysOf(r, traits), inputs: traits.inputs }),
  },
  muon: {
    specs: (r, traits) => (params) => muonSpecs(params, { inputs: turned(traits) }, r.momentum),
    update: ({ epsilon, beta1, beta2, decay, ...r }, rate, traits) =>
      muon({
        ...r.muon,
        ...{ rate, beta1, beta2, decay, decays: decaysOf(r as Recipe, traits), inputs: turned(traits) },
        ...(epsilon === undefined ? {} : { epsilon }),
      }),
  },
}

const kindOf = (r: Pick<Recipe, "optimiser">): Kind => kinds[r.optimiser ?? "adamw"]

// ---- of a recipe ---------------------------------------------------------------

/** The optimiser's state as specs, from those of the parameters; it begins with zeros. */
export const optimiserSpecs = (r: Chosen, traits: Traits) => <P>(params: Specs<P>): Specs<OptimiserState<P>> =>
  kindOf(r).specs(r, traits)(params) as Specs<OptimiserState<P>>

/** Parameters and optimiser after a step along the gradient. */
export const update =
  (r: Recipe, traits: Traits) =>
  <P>(params: P, gradients: P, state: OptimiserState<P>): Updated<P, OptimiserState<P>> =>
    kindOf(r).update(r, learningRate(schedule(r)), traits)(params, gradients, state as never) as Updated<
      P,
      OptimiserState<P>
    >
