/**
 * The parameters of a world model: a Llama's, and an embedding and a head of the vision vocabulary. A text model becomes a
 * world model by `grow`, which leaves what it has learned as it is.
 * @module
 */
import { hostFold, type HostKey } from "../../core/random/host.ts"
import { f32 } from "../../core/tensor/spec.ts"
import type { F32 } from "../../core/tensor/tensor.ts"
import {
  drawn,
  type Hosts,
  initialise as initialiseText,
  inputsAt as textInputsAt,
  type Parameters as TextParameters,
  type Specs,
  specs as textSpecs,
} from "../llama/parameters.ts"
import type { WorldConfig } from "./config.ts"

/** What is learned of the vision vocabulary. */
export interface Vision {
  readonly visionEmbedding: F32<"code model">
  /** Where the config ties them, the embedding is the head, and this is not there. */
  readonly visionHead?: F32<"model code">
}

/** All that is learned. */
export type Parameters = TextParameters & Vision

const visionSpecs = ({ model, vision, tie }: WorldConfig): Specs<Vision> => ({
  visionEmbedding: f32("code model", { code: vision, model }),
  ...(tie ? {} : { visionHead: f32("model code", { code: vision, model }) }),
})

/** Axes and sizes of every parameter: the text's first. */
export const specs = (c: WorldConfig): Specs<Parameters> => ({ ...textSpecs(c), ...visionSpecs(c) })

/** How many leading axes of the parameter at a path it takes. */
export const inputsAt = (path: string): number => /(^|\.)vision(Embedding|Head)$/.test(path) ? 1 : textInputsAt(path)

/** A text model's part of the parameters, the same tensors. */
export const textOf = <E, B, N, H>(
  { embedding, blocks, norm, head }: {
    readonly embedding: E
    readonly blocks: B
    readonly norm: N
    readonly head: H
  },
): { readonly embedding: E; readonly blocks: B; readonly norm: N; readonly head: H } => ({
  embedding,
  blocks,
  norm,
  head,
})

/** Folded into the key for what is seen: no parameter of a text has that number. */
const sight = 2 ** 31

/** A text model's parameters, unchanged, with an embedding and a head of the vision vocabulary as LWM's begin. */
export const grow = (c: WorldConfig, text: Hosts<TextParameters>, key: HostKey): Hosts<Parameters> => ({
  ...textOf(text),
  ...drawn<Vision>(visionSpecs(c), hostFold(key, sight)),
})

/** The beginning of a model that has read nothing: that of the text model of the key, grown. */
export const initialise = (c: WorldConfig, key: HostKey): Hosts<Parameters> => grow(c, initialiseText(c, key), key)
