/**
 * Llama as a function: RMSNorm, rotary positions on interleaved pairs, causal attention with shared heads of keys and
 * values, SwiGLU, an untied head (Touvron et al., 2023; the arithmetic of LWM). No biases, no dropout. How it is computed
 * (blocks, chunks, what is computed twice, on which ranks) is a `Plan`, and does not change what is computed.
 *
 * ```ts
 * import type { F32, I32 } from "../../core/tensor/tensor.ts"
 * import type { Config } from "./config.ts"
 * import type { Parameters } from "./parameters.ts"
 * const logits = (c: Config, p: Parameters, x: I32<"batch time">): F32<"batch time vocab"> => forward(c)(p, x)
 * ```
 * @module
 */
import { remat } from "../../core/grad/custom.ts"
import { sizeOf } from "../../core/graph/node.ts"
import type { F32, I32 } from "../../core/tensor/tensor.ts"
import { silu } from "../../ops/activation.ts"
import { blockwiseAttention } from "../../ops/attention.ts"
import { chunked } from "../../ops/chunked.ts"
import { dot } from "../../ops/contraction.ts"
import { add, mul } from "../../ops/elementwise.ts"
import { take } from "../../ops/indexing.ts"
import { iota } from "../../ops/literal.ts"
import { rmsNorm } from "../../ops/norm.ts"
import { ringAttention } from "../../ops/ring.ts"
import { rope } from "../../ops/rope.ts"
import type { Config } from "./config.ts"
import type { Block, Parameters } from "./parameters.ts"
import { plain, type Plan, ringOf } from "./plan.ts"

/** The stream that runs through the blocks. */
export type Stream = F32<"batch time model">

/** Heads of queries, and of keys and values. */
export type Queries = F32<"batch time group share head">
/** Heads of keys or of values. */
export type Keys = F32<"batch time group head">

/** Which tokens these are: places in their sequence, and which of a packed row's examples they belong to. */
export interface Place {
  /** 0 or more; they rotate queries and keys, and order them. Without them: 0, 1, 2, ... */
  readonly positions?: I32<"time"> | I32<"batch time"> | undefined
  /** Tokens see tokens of their own segment only; ids do not fall along a row. */
  readonly segments?: I32<"batch time"> | undefined
}

/** The places of a stream of tokens. */
const positionsOf = (x: Stream | I32<"batch time">, { positions }: Place): I32<"time"> | I32<"batch time"> =>
  positions ?? iota("time", sizeOf(x, "time") ?? 0)

/** `f` over chunks of tokens, where the plan has them. */
const perChunk = <P, T>(plan: Plan, f: (inputs: P) => T): (inputs: P) => T =>
  plan.chunk === undefined ? f : chunked(f, "time", plan.chunk) as (inputs: P) => T

/** What attention takes. */
export interface Heads {
  readonly q: Queries
  readonly k: Keys
  readonly v: Keys
}

/** Queries, keys and values of the normalised stream, queries and keys turned by their positions. */
export const heads =
  (c: Config, block: Block) =>
  ({ x, positions }: { readonly x: Stream; readonly positions: I32<"batch time"> }): Heads => {
    const seen = rmsNorm(x, block.attentionNorm, "model", c.epsilon)
    return {
      q: rope(dot(seen, block.query, "model"), positions, "head", c.theta),
      k: rope(dot(seen, block.key, "model"), positions, "head", c.theta),
      v: dot(seen, block.value, "model"),
    }
  }

/** Causal attention of queries to keys, over all ranks of the ring. */
const attended = (plan: Plan, { q, k, v }: Heads, place: Place): Queries => {
  const ring = ringOf(plan)
  const { segments, positions } = place
  const options = { causal: true, blocks: plan.blocks ?? {}, segments, positions } as const
  return ring.ranks > 1 ? ringAttention(q, k, v, ring, options) : blockwiseAttention(q, k, v, options)
}

/** SwiGLU: silu(x gate) * (x up), down. */
export const feedForward = (block: Block, x: Stream): Stream =>
  dot(mul(silu(dot(x, block.gate, "model")), dot(x, block.up, "model")), block.down, "hidden")

/** What follows attention in a block, token by token. */
export const after =
  (c: Config, block: Block) => ({ x, seen }: { readonly x: Stream; readonly seen: Queries }): Stream => {
    const sum = add(x, dot(seen, block.output, "group share head"))
    return add(sum, feedForward(block, rmsNorm(sum, block.feedNorm, "model", c.epsilon)))
  }

/** One block on the stream. */
export const layer = (c: Config, block: Block, x: Stream, plan: Plan = plain, place: Place = {}): Stream => {
  const positions = positionsOf(x, place) as I32<"batch time">
  const body = ({ x }: { readonly x: Stream }): Stream => {
    const own = perChunk(plan, heads(c, block))({ x, positions })
    return perChunk(plan, after(c, block))({ x, seen: attended(plan, own, place) })
  }
  return plan.remat === "none" ? body({ x }) : remat(body, { keep: plan.remat === "layer" })({ x })
}

/** The last stream, normalised, of the one that the blocks begin with: what a head reads. */
export const encodeStream =
  (c: Config, plan: Plan = plain) =>
  (p: Pick<Parameters, "blocks" | "norm">, first: Stream, place: Place = {}): Stream => {
    const last = p.blocks.reduce<Stream>((x, block) => layer(c, block, x, plan, place), first)
    return rmsNorm(last, p.norm, "model", c.epsilon)
  }

/** The last stream, normalised: what the head reads. */
export const encode =
  (c: Config, plan: Plan = plain) => (p: Parameters, tokens: I32<"batch time">, place: Place = {}): Stream =>
    encodeStream(c, plan)(p, take(p.embedding, tokens, "vocab"), place)

/** Logits of the token after each place. */
export const forward =
  (c: Config, plan: Plan = plain) =>
  (p: Parameters, tokens: I32<"batch time">, place: Place = {}): F32<"batch time vocab"> =>
    dot(encode(c, plan)(p, tokens, place), p.head, "model")

/** Logits of the token after one place of each row: the head reads that place alone. */
export const next =
  (c: Config, plan: Plan = plain) => (p: Parameters, tokens: I32<"batch time">, place: I32): F32<"batch vocab"> =>
    dot(take(encode(c, plan)(p, tokens), place, "time"), p.head, "model")
