/**
 * How a model is computed: in which blocks, chunks and ranks, and what is computed twice. A plan never changes what is
 * computed, but for rounding; it changes how much memory that takes, and where.
 * @module
 */
import { alone, ranksAlong, type Spread } from "../../core/mesh/shape.ts"
import type { Ring } from "../../ops/ring.ts"

/** The choices. What is left out is the device's, or not cut at all. */
export interface Plan {
  /** Queries and keys that attention works on at once. */
  readonly blocks?: { readonly query?: number; readonly key?: number }
  /** Tokens that projections and the feed-forward part work on at once. */
  readonly chunk?: number
  /** Tokens and words that the loss works on at once: logits of all tokens are never held. */
  readonly loss?: { readonly tokens: number; readonly vocab: number }
  /**
   * What a backward pass computes again: `none`; `layer`: all but attention's result and log-sum-exp; `all`: attention
   * too.
   */
  readonly remat: "none" | "layer" | "all"
  /** The mesh: `time` may lie on `ring`, `batch` on `data`. */
  readonly spread: Spread
  /** How cotangents of keys and values come home around the ring. */
  readonly home?: "travel" | "direct"
}

/** Nothing is cut, nothing computed twice, one rank. */
export const plain: Plan = { remat: "none", spread: alone }

/** LWM's plan for long sequences: chunks of 1024, layers computed again but for attention. */
export const long: Plan = { chunk: 1024, loss: { tokens: 1024, vocab: 8192 }, remat: "layer", spread: alone }

/** How tensors of a Llama lie on a mesh of that shape: sequences around the ring, rows over data; zigzag. */
export const spreadOver = (
  shape: { readonly data?: number; readonly ring?: number },
  layout: Spread["layout"] = "zigzag",
): Spread => ({
  shape: { data: shape.data ?? 1, ring: shape.ring ?? 1 },
  map: { batch: "data", time: "ring" },
  layout,
})

/** The ring that a sequence lies on. */
export const ringOf = ({ spread, home }: Plan): Ring => {
  const over = spread.map["time"]
  const ranks = over === undefined ? 1 : ranksAlong(spread.shape, [over])
  return { ranks, ...(over === undefined ? {} : { over }), ...(home === undefined ? {} : { home }) }
}
