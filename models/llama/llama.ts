/**
 * Llama as a function: RMSNorm, rotary positions on interleaved pairs, causal attention with shared heads of keys and
 * values, SwiGLU, an untied head (Touvron et al., 2023; the arithmetic of LWM). No biases, no dropout.
 *
 * ```ts
 * import type { F32, I32 } from "../../core/tensor/tensor.ts"
 * import type { Config } from "./config.ts"
 * import type { Parameters } from "./parameters.ts"
 * const logits = (c: Config, p: Parameters, x: I32<"batch time">): F32<"batch time vocab"> => forward(c)(p, x)
 * ```
 * @module
 */
import type { Axes } from "../../core/tensor/axes.ts"
import { sizeOf } from "../../core/graph/node.ts"
import type { Bool, F32, I32, Tensor } from "../../core/tensor/tensor.ts"
import { silu } from "../../ops/activation.ts"
import { dot } from "../../ops/contraction.ts"
import { add, mul, select } from "../../ops/elementwise.ts"
import { take } from "../../ops/indexing.ts"
import { iota } from "../../ops/literal.ts"
import { le } from "../../ops/logic.ts"
import { crossEntropy, tokenLoss } from "../../ops/loss.ts"
import { broadcast, rename } from "../../ops/movement.ts"
import { rmsNorm } from "../../ops/norm.ts"
import { sum } from "../../ops/reduction.ts"
import { rope } from "../../ops/rope.ts"
import { softmax } from "../../ops/softmax.ts"
import type { Config } from "./config.ts"
import type { Block, Parameters } from "./parameters.ts"

/** The stream that runs through the blocks. */
export type Stream = F32<"batch time model">

/** Takes the place of a score that must not be seen: far below any other, and finite, so that nothing becomes NaN. */
const unseen = -1e30

const places = (x: Tensor<"f32" | "i32", Axes>): I32<"time"> => iota("time", sizeOf(x, "time") ?? 0)

/** True where the key is not after the query. */
const causal = (x: Stream): Bool<"time key"> => {
  const time = places(x)
  return le(broadcast(rename(time, { time: "key" }), "time", { time: time.shape[0] }), time) as Bool<"time key">
}

/** Causal attention: softmax over keys of q.k / sqrt(head), times the values. Scores are materialised. */
export const attention = (c: Config, block: Block, x: Stream): Stream => {
  const position = places(x)
  const q = rope(dot(x, block.query, "model"), position, "head", c.theta)
  const k = rope(dot(x, block.key, "model"), position, "head", c.theta)
  const v = dot(x, block.value, "model")
  const scores = dot(mul(q, 1 / Math.sqrt(c.head)), rename(k, { time: "key" }), "head")
  const weights = softmax(select(causal(x), scores, unseen), "key")
  return dot(dot(weights, rename(v, { time: "key" }), "key"), block.output, "group share head")
}

/** SwiGLU: silu(x gate) * (x up), down. */
export const feedForward = (block: Block, x: Stream): Stream =>
  dot(mul(silu(dot(x, block.gate, "model")), dot(x, block.up, "model")), block.down, "hidden")

/** One block on the stream. */
export const layer = (c: Config, block: Block, x: Stream): Stream => {
  const seen = add(x, attention(c, block, rmsNorm(x, block.attentionNorm, "model", c.epsilon)))
  return add(seen, feedForward(block, rmsNorm(seen, block.feedNorm, "model", c.epsilon)))
}

/** The last stream, normalised: what the head reads. */
export const encode = (c: Config) => (p: Parameters, tokens: I32<"batch time">): Stream => {
  const first: Stream = take(p.embedding, tokens, "vocab")
  const last = p.blocks.reduce<Stream>((x, block) => layer(c, block, x), first)
  return rmsNorm(last, p.norm, "model", c.epsilon)
}

/** Logits of the token after each place. */
export const forward = (c: Config) => (p: Parameters, tokens: I32<"batch time">): F32<"batch time vocab"> =>
  dot(encode(c)(p, tokens), p.head, "model")

/** Mean negative log likelihood of the targets, in nats per token. */
export const loss = (c: Config) => (p: Parameters, tokens: I32<"batch time">, targets: I32<"batch time">): F32 =>
  crossEntropy(forward(c)(p, tokens), targets, "vocab")

/** Negative log likelihood of the targets in nats, each times its weight, summed: for evaluation. */
export const score = (c: Config) =>
(
  p: Parameters,
  tokens: I32<"batch time">,
  targets: I32<"batch time">,
  weights: F32<"batch time">,
): F32 => sum(mul(tokenLoss(forward(c)(p, tokens), targets, "vocab"), weights))

/** Logits of the token after one place of each row: the head reads that place alone. */
export const next = (c: Config) => (p: Parameters, tokens: I32<"batch time">, place: I32): F32<"batch vocab"> =>
  dot(take(encode(c)(p, tokens), place, "time"), p.head, "model")
