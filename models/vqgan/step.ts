/**
 * One step of training as one function of the graph: the generator's losses and gradient, the discriminator's, both
 * updates, the codes. State goes in and comes out with the same paths, so a program that donates `state` works in place. A
 * step in which any loss or gradient is not finite leaves the state as it was.
 *
 * ```ts
 * import { compile, Vqgan } from "@orrery/orrery"
 * declare const recipe: Vqgan.Recipe
 * const c = Vqgan.presets.tiny32
 * const parts = { state: Vqgan.stateSpecs(c, recipe), batch: Vqgan.batchSpecs(c, recipe) }
 * const program = compile((given: Vqgan.Given) => Vqgan.step(c, recipe)(given), parts as never, { donate: ["state"] })
 * ```
 * @module
 */
import { valueAndGrad } from "../../core/grad/grad.ts"
import { stop } from "../../core/graph/build.ts"
import { fault, type Faults } from "../../core/graph/fault.ts"
import { marked } from "../../core/graph/given.ts"
import { f32, type Spec } from "../../core/tensor/spec.ts"
import { type Bool, type F32, typed } from "../../core/tensor/tensor.ts"
import { codeCounts, codeUsage } from "../../ops/codebook.ts"
import { cast, clamp, isFinite, select } from "../../ops/elementwise.ts"
import { psnr } from "../../ops/image.ts"
import { and, ge } from "../../ops/logic.ts"
import { averaged, chosenTree, clipFinite } from "../../ops/optimiser.ts"
import { advance, type Metrics as Common } from "../learn/step.ts"
import { update } from "../learn/update.ts"
import { renewed } from "./codebook.ts"
import type { VqganConfig } from "./config.ts"
import { type Discriminator, judge } from "./discriminator.ts"
import { generate, type Generated, type Judges } from "./generator.ts"
import { hinge, type Sight } from "./losses.ts"
import type { Frames } from "./model.ts"
import type { Parameters } from "./parameters.ts"
import { type Adversary, type Recipe, sharpening } from "./recipe.ts"
import { type AdversaryState, type State, stateSpecs, traits } from "./state.ts"

// ---- types -------------------------------------------------------------------

/** What a step learns from. */
export interface Batch {
  readonly frames: Frames
}

/** The sizes of a batch. */
export const batchSpecs = (
  { resolution, channels }: VqganConfig,
  { batch }: Pick<Recipe, "batch">,
): { readonly frames: Spec<"f32", ["batch", "row", "col", "channel"]> } => ({
  frames: f32("batch row col channel", { batch, row: resolution, col: resolution, channel: channels }),
})

/** What a step tells; its `loss` is all that the generator makes small, with its weights. */
export interface Metrics extends Common {
  /** How far frames are off, in pixels and for the given network, with the weights of the recipe. */
  readonly reconstruction: F32
  /** The mean squared distance of latents from their codes, without its weight. */
  readonly commitment: F32
  /** How many codes, used alike, would tell as much as this batch's do. */
  readonly perplexity: F32
  /** The part of the codes that this batch uses. */
  readonly usage: F32
  /** Of all frames of the batch together, in dB. */
  readonly psnr: F32
  /** What the discriminator makes small, of a recipe that has one. */
  readonly discriminator?: F32
  /** What the generator makes small of what the discriminator says, without its weights. */
  readonly adversarial?: F32
  /** The adaptive weight, whether the discriminator is listened to yet or not. */
  readonly adaptive?: F32
}

/** What a step takes; `sight` are the parameters of the given network. */
export interface Given<P = undefined> {
  readonly state: State
  readonly batch: Batch
  readonly sight?: P
}

/** What a step gives. */
export interface Stepped {
  readonly state: State
  readonly metrics: Metrics
}

// ---- the discriminator -------------------------------------------------------

/** A discriminator of a step: its settings, its state, and whether its time has come. */
interface Rival {
  readonly settings: Adversary
  readonly state: AdversaryState
  readonly on: Bool
}

const rivalOf = (r: Recipe, state: State): Rival | undefined =>
  r.adversary === undefined || state.adversary === undefined ? undefined : {
    settings: r.adversary,
    state: state.adversary,
    on: ge(state.optimiser.step, r.adversary.start),
  }

/** What the discriminator makes of a batch, and what it would be after learning from it. */
interface Learned {
  readonly loss: F32
  readonly norm: F32
  readonly state: AdversaryState
}

const rivalled = (r: Recipe, { settings, state }: Rival, frames: Frames, made: Frames): Learned => {
  const { value, gradient } = valueAndGrad((own: Discriminator) =>
    hinge(judge(settings)(own, frames), judge(settings)(own, typed<Frames>(stop(made))))
  )(state.parameters)
  const { clipped, norm } = clipFinite(gradient, r.clip, [value])
  const own: Recipe = { ...r, rate: sharpening(r), decay: 0 }
  const { params, state: optimiser } = update(own, traits)(state.parameters, clipped, state.optimiser)
  return { loss: value, norm, state: { parameters: params, optimiser } }
}

// ---- the codes ---------------------------------------------------------------

/** The state with renewed codes, of a step that was finite; their average goes with that of the decoder. */
const recoded = (r: Recipe, before: State, after: State, made: Generated, finite: Bool): State => {
  if (before.codes === undefined) return after
  const { codebook: old } = before.parameters
  const { step } = before.optimiser
  const now = { codebook: after.parameters.codebook, key: before.key, step }
  const fresh = renewed(r.codebook, before.codes, { ...made, codebook: old }, now)
  const { codebook, codes } = chosenTree(finite, fresh, { codebook: old, codes: before.codes })
  const put = (of: Parameters, own: Parameters["codebook"]): Parameters => ({ ...of, codebook: own })
  const average = before.average === undefined || after.average === undefined ? {} : {
    average: put(
      after.average,
      chosenTree(
        finite,
        averaged(r.ema ?? 0)({ own: before.average.codebook }, { own: codebook }, step),
        { own: before.average.codebook },
      ).own,
    ),
  }
  return { ...after, parameters: put(after.parameters, codebook), codes, ...average }
}

// ---- the step ----------------------------------------------------------------

/** What the recipe asks of a state that began with another recipe. */
const lacking = (c: VqganConfig, r: Recipe, state: State): Faults => {
  const wanted = stateSpecs(c, r)
  const why = { codes: `the codebook '${r.codebook.kind}'`, key: "revival", adversary: "the discriminator" }
  return (Object.keys(why) as ReadonlyArray<keyof typeof why>)
    .filter((key) => wanted[key] !== undefined && state[key] === undefined)
    .map((key) =>
      fault(
        "NameFault",
        "step",
        `the state lacks '${key}', which ${why[key]} needs; begin it with the recipe of the step`,
      )
    )
}

/** A recipe that weighs what a network sees needs one. */
const unseen = <P>({ perceptual = 0 }: Recipe, sight: Sight<P> | undefined): Faults =>
  perceptual === 0 || sight !== undefined ? [] : [fault(
    "ValueFault",
    "step",
    `the recipe's 'perceptual' is ${perceptual}, but there is no network to see through; give step one, or leave it out`,
  )]

/** The loss; what the rival has that is not finite in its place, so that then nothing is learned by either. */
const shared = (loss: F32, other: Learned | undefined): F32 => {
  if (other === undefined) return loss
  const both = [other.loss, other.norm]
  return both.reduce((x, y) => select(isFinite(y), x, y), loss)
}

/**
 * One step: what comes out under `state` takes the place of what went in. The discriminator is listened to, and learns,
 * from the step on that its recipe says; before that its state does not change. `sight` is the network of the perceptual
 * loss, whose parameters come in beside state and batch. Faults: a state that began with another recipe, a recipe that
 * weighs what a network sees where none is given, frames of another size.
 */
export const step = <P = undefined>(c: VqganConfig, r: Recipe, sight?: Sight<P>) => (given: Given<P>): Stepped => {
  const { state, batch: { frames } } = given
  const rival = rivalOf(r, state)
  const judges: Judges = {
    ...(sight === undefined ? {} : { sight: (seen: Frames) => sight(given.sight as P, seen) }),
    ...(rival === undefined ? {} : { adversary: { parameters: rival.state.parameters, on: cast(rival.on, "f32") } }),
  }
  const { value: made, gradient } = generate(c, r, judges)(state.parameters, frames)
  const other = rival === undefined ? undefined : rivalled(r, rival, frames, made.made)
  const loss = typed<F32>(marked(shared(made.loss, other), [...lacking(c, r, state), ...unseen(r, sight)]))
  const { finite, ...moved } = advance(r, traits)<Parameters, State>(state, { loss, gradient, more: {} })
  const coded = recoded(r, state, moved.state, made, finite)
  const used = codeUsage(codeCounts(made.ids, "code", c.codes))
  return {
    state: rival === undefined || other === undefined
      ? coded
      : { ...coded, adversary: chosenTree(and(finite, rival.on), other.state, rival.state) },
    metrics: {
      ...moved.metrics,
      ...{ reconstruction: made.reconstruction, commitment: made.commitment },
      ...{ perplexity: used.perplexity, usage: used.share },
      psnr: psnr(clamp(made.made, -1, 1), frames, "batch row col channel", 2),
      ...(other === undefined || made.heard === undefined ? {} : {
        ...{ discriminator: other.loss, adversarial: made.heard.adversarial, adaptive: made.heard.adaptive },
      }),
    },
  }
}
