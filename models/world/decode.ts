/**
 * Reading on, and making the tokens of frames one after another: blocks of mixed tokens against caches of keys and values,
 * logits of the vocabulary that is asked for, and classifier-free guidance (Ho and Salimans, Classifier-free diffusion
 * guidance, 2022), for which both branches lie in one batch: rows 0 ... n - 1 have read what is asked for, rows n ... 2n - 1
 * a prompt that asks for nothing, and each pair goes on with the same tokens, from its own ends.
 *
 * ```ts
 * import type { F32, I32 } from "../../core/tensor/tensor.ts"
 * import type { Caches } from "../llama/decode.ts"
 * import type { WorldConfig } from "./config.ts"
 * import type { Parameters } from "./parameters.ts"
 * // codes: what each of n pictures was given last; places: where each of the 2n rows goes on
 * const step = (c: WorldConfig, p: Parameters, caches: Caches<"f16">, codes: I32<"batch time">, places: I32<"batch">) =>
 *   decodeGuided(c)(p, caches, { tokens: paired(codes), vision: onesLike(paired(codes)) }, places, 5)
 * ```
 * @module
 */
import { constant as constantNode } from "../../core/graph/build.ts"
import { fault } from "../../core/graph/fault.ts"
import { marked } from "../../core/graph/given.ts"
import { type Node, sizeOf } from "../../core/graph/node.ts"
import type { Axes, Has } from "../../core/tensor/axes.ts"
import type { DType } from "../../core/tensor/dtype.ts"
import { type F32, type I32, type Tensor, typed } from "../../core/tensor/tensor.ts"
import type { Storage } from "../../ops/cache.ts"
import { dot } from "../../ops/contraction.ts"
import type { DecodeOptions } from "../../ops/decode.ts"
import { add, mul, select, sub } from "../../ops/elementwise.ts"
import { take } from "../../ops/indexing.ts"
import { constant, iota } from "../../ops/literal.ts"
import { eq, lt } from "../../ops/logic.ts"
import { concat, slice } from "../../ops/movement.ts"
import { type Caches, type Places, type ReadOn, readOnStream, type Room } from "../llama/decode.ts"
import type { WorldConfig } from "./config.ts"
import type { Parameters } from "./parameters.ts"
import { embed, type Mixed, type Mode, type Said, visionHeadOf } from "./world.ts"

// ---- reading on ----------------------------------------------------------------

/**
 * Reads mixed tokens at `place`, `place` + 1, ... of every row; see `readOn` of a Llama. Each row may have a place of its
 * own, and padding behind its tokens: what lies beyond its end is never seen.
 */
export const readOn =
  (c: WorldConfig, options: DecodeOptions<Room> = {}) =>
  <S extends Storage>(p: Parameters, caches: Caches<S>, mixed: Mixed, place: Places): ReadOn<S> =>
    readOnStream(c, options)(p, caches, embed(p, mixed), place)

/** Logits of the token after one place of each row, by vocabulary. */
export interface NextLogits {
  readonly text: F32<"batch vocab">
  readonly vision: F32<"batch code">
}

/** What a step gives: the caches with the new tokens, and logits of the token after the last, of the mode's vocabularies. */
export interface Decoded<S extends Storage, M extends Mode> {
  readonly caches: Caches<S>
  readonly logits: Said<NextLogits, M>
}

/** As `readOn`, with the logits of the token after the last that was read: those of a text, of a frame, or all. */
export const decode =
  <const M extends Mode>(c: WorldConfig, mode: M, options: DecodeOptions<Room> = {}) =>
  <S extends Storage>(p: Parameters, caches: Caches<S>, mixed: Mixed, place: Places): Decoded<S, M> => {
    const read = readOn(c, options)(p, caches, mixed, place)
    const end = (sizeOf(mixed.tokens, "time") ?? 1) - 1
    const last: F32<"batch model"> = take(read.stream, constant(end, "i32"), "time")
    const asked: Mode = mode
    const logits = {
      ...(asked === "vision" ? {} : { text: dot(last, p.head, "model") }),
      ...(asked === "text" ? {} : { vision: dot(last, visionHeadOf(p), "model") }),
    }
    return { caches: read.caches, logits: logits as Said<NextLogits, M> }
  }

// ---- guidance ------------------------------------------------------------------

/** Below all logits that are numbers: its share is 0 at any temperature that is drawn with. */
const lowest = -3.4028234663852886e38

/**
 * u + scale * (c - u) of logits c that a prompt conditions and u without it: 0 forgets the prompt, 1 is c to the bit, and
 * more goes further from u.
 */
export const guided = <A extends Axes>(
  conditional: Tensor<"f32", A>,
  unconditional: Tensor<"f32", NoInfer<A>>,
  scale: number | F32,
): Tensor<"f32", A> => {
  const [c, u] = [conditional as unknown as F32<"code">, unconditional as unknown as F32<"code">]
  const far: F32<"code"> = add(u, mul(sub(c, u), scale))
  // u + (c - u) is not c: the difference was rounded
  const out = typeof scale === "number" ? scale === 1 ? c : far : select(eq(scale, 1), c, far)
  return typed(out)
}

/** Logits with the lowest at all ids that are no codes: what ends a frame, and what no frame has. */
export const ofCodebook =
  ({ codes, vision }: Pick<WorldConfig, "codes" | "vision">) => (logits: F32<"batch code">): F32<"batch code"> =>
    select(lt(iota("code", vision), codes), logits, lowest)

/** Each row twice: for the branch that knows what is asked for, and the one that does not. */
export const paired = <D extends DType, A extends Axes>(rows: Tensor<D, A> & Has<A, "batch">): Tensor<D, A> =>
  concat<D, Axes, "batch">([rows, rows] as never, "batch" as never) as unknown as Tensor<D, A>

/** 1 for every token: all are of the vision vocabulary. */
export const onesLike = (tokens: I32<"batch time">): I32<"batch time"> =>
  typed(constantNode("i32", 1, tokens.axes, tokens.shape))

/** Both halves of the rows of a batch. Faults: an odd number of rows. */
export const branches = (rows: F32<"batch code">): readonly [F32<"batch code">, F32<"batch code">] => {
  const all = sizeOf(rows as Node, "batch") ?? 2
  const half = Math.floor(all / 2)
  const whole = all % 2 === 0 ? rows : typed<F32<"batch code">>(marked(rows, [
    fault(
      "SizeFault",
      "decodeGuided",
      `${all} rows are no pairs; give n rows that know what is asked for and then n that do not (see paired)`,
    ),
  ]))
  return [slice(whole, "batch", 0, half), slice(whole, "batch", half, 2 * half)]
}

/** What a guided step gives: caches of 2n rows, and n rows of logits. */
export interface Guided<S extends Storage> {
  readonly caches: Caches<S>
  /** Guided, and the lowest at ids that are no codes. */
  readonly logits: F32<"batch code">
}

/**
 * Reads on in the 2n rows of n pairs, and gives the n rows of guided logits of the code that comes after the last token.
 * Whatever is drawn of them is a code. Faults: an odd number of rows.
 */
export const decodeGuided = (c: WorldConfig, options: DecodeOptions<Room> = {}) =>
<S extends Storage>(
  p: Parameters,
  caches: Caches<S>,
  mixed: Mixed,
  place: Places,
  scale: number | F32,
): Guided<S> => {
  const { caches: grown, logits } = decode(c, "vision", options)(p, caches, mixed, place)
  const [conditional, unconditional] = branches(logits.vision)
  return { caches: grown, logits: ofCodebook(c)(guided(conditional, unconditional, scale)) }
}
