/**
 * How codes are learned: by a loss that pulls them to the latents, or as the running mean of the latents that chose them
 * (van den Oord et al., 2017; Razavi et al., 2019). Either way codes that nothing chooses can be revived. Where most latents
 * are alike, as those of an empty background, to draw evenly would put all revived codes there; so latents are drawn by how
 * badly they are met, as k-means++ begins (Arthur and Vassilvitskii, 2007).
 * @module
 */
import { sizeOf } from "../../core/graph/node.ts"
import { foldKey, type Key, uniform } from "../../core/random/random.ts"
import { f32, type Spec } from "../../core/tensor/spec.ts"
import type { Bool, F32, I32 } from "../../core/tensor/tensor.ts"
import { batchCodes, codeCounts, emaCodebook, emaUpdate } from "../../ops/codebook.ts"
import { add, cast, clamp, log, maximum, mul, neg, rem, select, square, sub } from "../../ops/elementwise.ts"
import { take } from "../../ops/indexing.ts"
import { lt } from "../../ops/logic.ts"
import { merge } from "../../ops/movement.ts"
import { sum } from "../../ops/reduction.ts"
import { argsort, cumsum } from "../../ops/sorting.ts"
import type { VqganConfig } from "./config.ts"
import type { Ids, Latents } from "./model.ts"

/** How codes are learned. */
export interface Codebook {
  /** `loss`: by the gradient of a loss. `mean`: each is the running mean of the latents that chose it. */
  readonly kind: "loss" | "mean"
  /** Weight of the loss, which `mean` has none of; 1. */
  readonly weight?: number
  /** Memory of the running means: 0.99 looks back a hundred steps. 0.99. */
  readonly memory?: number
  /** A code that is chosen less than this part of the mean code is revived; never if not given. */
  readonly revive?: number
}

/** What is known of the codes from step to step. */
export interface CodesState {
  /** How often each is chosen in a batch, a running mean. */
  readonly counts: F32<"code">
  /** The sum of the latents that chose it, likewise; of `mean` alone. */
  readonly sums?: F32<"code embed">
}

/** Is anything kept from step to step? */
export const keepsCodes = ({ kind, revive }: Codebook): boolean => kind === "mean" || revive !== undefined

/** The state's sizes. */
export const codesSpecs = (
  c: VqganConfig,
  { kind }: Codebook,
): { readonly counts: Spec<"f32", ["code"]>; readonly sums?: Spec<"f32", ["code", "embed"]> } => ({
  counts: f32("code", { code: c.codes }),
  ...(kind === "mean" ? { sums: f32("code embed", { code: c.codes, embed: c.embed }) } : {}),
})

/** What a batch chose, and from what. */
export interface Chosen {
  readonly ids: Ids
  readonly latents: Latents
  readonly codebook: F32<"code embed">
}

/** Codes and what is known of them after a step. */
export interface Renewed {
  readonly codebook: F32<"code embed">
  readonly codes: CodesState
}

// ---- revival -----------------------------------------------------------------

/** -log(-log u): the largest of logits with this added is drawn by their softmax. */
const gumbel = (key: Key, places: number): F32<"place"> =>
  neg(log(neg(log(clamp(uniform(key, f32("place", { place: places })), 1e-7, 1 - 1e-7)))))

/** For each code a latent of the batch: the dead ones get different ones, those that are met worst the likeliest. */
const drawn = ({ latents, ids, codebook }: Chosen, dead: Bool<"code">, key: Key): F32<"code embed"> => {
  const z: F32<"place embed"> = merge(latents, "batch row col", "place")
  const nearest = take(codebook, merge(ids, "batch row col", "place"), "code")
  const places = sizeOf(z, "place") ?? 1
  const far = sum(square(sub(z, nearest)), "embed")
  const order = argsort(add(log(maximum(far, 1e-20)), gumbel(key, places)), "place", { descending: true })
  const turn: I32<"code"> = sub(cumsum(cast(dead, "i32"), "code"), 1)
  return take(z, take(order, rem(maximum(turn, 0), places), "place"), "place")
}

// ---- the update ----------------------------------------------------------------

/** What a step has for the codes beside the batch. */
export interface Renewal {
  /** What the optimiser made of the codes; as they were, where it made nothing. */
  readonly codebook: F32<"code embed">
  /** Of the draws of revival, with the step. */
  readonly key: Key | undefined
  readonly step: I32
}

/**
 * The codes after a step. Where nothing has been counted yet, `revive` puts nearly all of them among the latents of the batch.
 */
export const renewed = (
  { kind, memory = 0.99, revive }: Codebook,
  codes: CodesState,
  before: Chosen,
  { codebook, key, step }: Renewal,
): Renewed => {
  const size = sizeOf(codebook, "code") ?? 1
  const mean = kind === "mean" && codes.sums !== undefined
  const counted = codeCounts(before.ids, "code", size)
  const seen = mean
    ? emaUpdate(
      { counts: codes.counts, sums: codes.sums },
      batchCodes(before.latents, before.ids, "embed", "code", size),
      {
        decay: memory,
      },
    )
    : { counts: add(mul(codes.counts, memory), mul(counted, 1 - memory)) }
  const sums = "sums" in seen ? seen.sums : undefined
  const moved = sums === undefined ? codebook : emaCodebook({ counts: seen.counts, sums })
  if (revive === undefined || key === undefined) return { codebook: moved, codes: seen }
  const fair = mul(sum(counted), 1 / size)
  const dead = lt(seen.counts, mul(fair, revive))
  const fresh = drawn(before, dead, foldKey(key, step))
  return {
    codebook: select(dead, fresh, moved),
    codes: {
      counts: select(dead, fair, seen.counts),
      ...(sums === undefined ? {} : { sums: select(dead, mul(fresh, fair), sums) }),
    },
  }
}
