/**
 * The world model as a function (Liu et al., World Model on Million-Length Video and Language With Blockwise RingAttention,
 * 2024): a Llama whose stream begins with one of two embeddings, text's or vision's, and ends in two heads. Which of them a
 * token is of, a mask says beside it; its id is of its own vocabulary, and never looked up in the other.
 *
 * ```ts
 * import type { I32 } from "../../core/tensor/tensor.ts"
 * import type { WorldConfig } from "./config.ts"
 * import type { Parameters } from "./parameters.ts"
 * const logits = (c: WorldConfig, p: Parameters, tokens: I32<"batch time">, vision: I32<"batch time">) =>
 *   forward(c)(p, { tokens, vision }) // { text: F32<"batch time vocab">, vision: F32<"batch time code"> }
 * ```
 * @module
 */
import type { F32, I32 } from "../../core/tensor/tensor.ts"
import { dot } from "../../ops/contraction.ts"
import { add, select } from "../../ops/elementwise.ts"
import { take } from "../../ops/indexing.ts"
import { ne } from "../../ops/logic.ts"
import { encodeStream, type Place, type Stream } from "../llama/llama.ts"
import { plain, type Plan } from "../llama/plan.ts"
import type { WorldConfig } from "./config.ts"
import type { Parameters, Vision } from "./parameters.ts"

/** Tokens of both vocabularies. */
export interface Mixed {
  /** Ids, each of its own vocabulary. */
  readonly tokens: I32<"batch time">
  /** 1 where a token is of the vision vocabulary, else 0; without it all are of the text's, and vision is not looked at. */
  readonly vision?: I32<"batch time"> | undefined
}

/** Which heads are asked. */
export type Mode = "all" | "text" | "vision"

/** Logits of the token after each place, by vocabulary. */
export interface Logits {
  readonly text: F32<"batch time vocab">
  readonly vision: F32<"batch time code">
}

/** The logits that a mode gives. */
export type Said<L, M extends Mode> = Pick<L, M extends "all" ? keyof L : M & keyof L>

/** A place that no table has, which reads as 0 and gets no gradient. */
const nowhere = -1

/** What the blocks begin with: of each token, its row of the embedding that its mask names. */
export const embed = (
  p: Pick<Parameters, "embedding" | "visionEmbedding">,
  { tokens, vision }: Mixed,
): Stream => {
  if (vision === undefined) return take(p.embedding, tokens, "vocab")
  const seen = ne(vision, 0)
  const text: I32<"batch time"> = select(seen, nowhere, tokens)
  const code: I32<"batch time"> = select(seen, tokens, nowhere)
  return add(take(p.embedding, text, "vocab"), take(p.visionEmbedding, code, "code"))
}

/** The last stream, normalised: what both heads read. */
export const encode =
  (c: WorldConfig, plan: Plan = plain) => (p: Parameters, mixed: Mixed, place: Place = {}): Stream =>
    encodeStream(c, plan)(p, embed(p, mixed), place)

/** The head of the vision vocabulary; its axes may stand in either order. */
export const visionHeadOf = (p: Vision): F32<"model code"> =>
  // products are by name: the embedding is its own transpose
  p.visionHead ?? (p.visionEmbedding as unknown as F32<"model code">)

/** Logits of the token after each place: `all`, or of one vocabulary. A text's are those of the Llama, by the same graph. */
export const forward = <const M extends Mode = "all">(c: WorldConfig, plan: Plan = plain, mode?: M) =>
(
  p: Parameters,
  mixed: Mixed,
  place: Place = {},
): Said<Logits, M> => {
  const stream = encode(c, plan)(p, mixed, place)
  const asked: Mode = mode ?? "all"
  return {
    ...(asked === "vision" ? {} : { text: dot(stream, p.head, "model") }),
    ...(asked === "text" ? {} : { vision: dot(stream, visionHeadOf(p), "model") }),
  } as Said<Logits, M>
}
