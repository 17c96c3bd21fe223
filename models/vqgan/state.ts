/**
 * What a step of training changes, as one tree of tensors: a checkpoint is that tree.
 * @module
 */
import { hostFold, type HostKey } from "../../core/random/host.ts"
import type { Key } from "../../core/random/random.ts"
import { load } from "../../core/tensor/host.ts"
import { u32 } from "../../core/tensor/spec.ts"
import { zerosLike } from "../../ops/optimiser.ts"
import * as Learn from "../learn/state.ts"
import { optimiserSpecs, type OptimiserState, type Traits } from "../learn/update.ts"
import { codesSpecs, type CodesState, keepsCodes } from "./codebook.ts"
import { tokensOf, type VqganConfig } from "./config.ts"
import { beginDiscriminator, type Discriminator, discriminatorSpecs } from "./discriminator.ts"
import { type Hosts, initialise, type Parameters, type Specs, specs } from "./parameters.ts"
import type { Recipe } from "./recipe.ts"

/** The discriminator and its optimiser. */
export interface AdversaryState {
  readonly parameters: Discriminator
  readonly optimiser: OptimiserState<Discriminator>
}

/** What a step changes. */
export interface State extends Learn.State<Parameters> {
  /** Where codes are running means, or are revived. */
  readonly codes?: CodesState
  /** What revival draws from, with the step; it never changes. */
  readonly key?: Key
  readonly adversary?: AdversaryState
}

/** What of a recipe the state depends on. */
export type Keeps = Learn.Keeps & Pick<Recipe, "batch" | "codebook" | "adversary">

/** Kernels take rows, columns and features; they alone decay: codes lie where latents do, biases and scales are places. */
export const traits: Traits = {
  inputs: (path) => path.endsWith("kernel") ? 3 : 0,
  decays: { codebook: 0, bias: 0, scale: 0 },
}

/** The state without its values: for what is known before anything runs. */
export const stateSpecs = (c: VqganConfig, r: Keeps): Specs<State> => {
  const judge = r.adversary === undefined ? undefined : discriminatorSpecs(r.adversary, c.channels)
  return {
    ...Learn.stateSpecs(r, traits)<Parameters>(specs(c)),
    ...(keepsCodes(r.codebook) ? { codes: codesSpecs(c, r.codebook) } : {}),
    ...(r.codebook.revive === undefined ? {} : { key: u32("key", { key: 2 }) }),
    ...(judge === undefined
      ? {}
      : { adversary: { parameters: judge, optimiser: optimiserSpecs(r, traits)<Discriminator>(judge) } }),
  }
}

/** Codes that lie where `initialise` puts them have met no latents yet. */
const unmet = ({ codebook }: Hosts<Parameters>): boolean =>
  Array.from(load("f32", codebook.data)).every((x) => Math.abs(x) <= 1 / codebook.shape[0])

/**
 * What is known of codes in the beginning: they are taken to have been chosen alike. Where codes are revived and none has
 * met a latent yet, nothing is known, so that the first step puts them among its latents.
 */
const beginCodes = (c: VqganConfig, parameters: Hosts<Parameters>, r: Keeps): Hosts<CodesState> => {
  const { counts, sums } = codesSpecs(c, r.codebook)
  const each = r.codebook.revive !== undefined && unmet(parameters) ? 0 : r.batch * tokensOf(c) / c.codes
  const codes = load("f32", parameters.codebook.data)
  return {
    counts: { ...counts, data: new Float32Array(c.codes).fill(each) },
    ...(sums === undefined ? {} : { sums: { ...sums, data: Float32Array.from(codes, (x) => x * each) } }),
  }
}

/** The state of a training that begins with these parameters; the key is for the discriminator and for revival. */
export const beginFrom = (c: VqganConfig, parameters: Hosts<Parameters>, r: Keeps, key: HostKey): Hosts<State> => {
  const { adversary } = stateSpecs(c, r)
  return {
    ...Learn.beginFrom(r, traits)<Parameters>(specs(c), parameters),
    ...(keepsCodes(r.codebook) ? { codes: beginCodes(c, parameters, r) } : {}),
    ...(r.codebook.revive === undefined ? {} : { key: hostFold(key, 1) }),
    ...(adversary === undefined || r.adversary === undefined ? {} : {
      adversary: {
        parameters: beginDiscriminator(r.adversary, c.channels, hostFold(key, 2)),
        optimiser: zerosLike(adversary.optimiser),
      },
    }),
  } as Hosts<State>
}

/** The state before the first step. */
export const begin = (c: VqganConfig, key: HostKey, r: Keeps): Hosts<State> =>
  beginFrom(c, initialise(c, hostFold(key, 0)), r, key)
