/**
 * Who writes questions about chunks: our own model, somebody's endpoint, or rules over the text. Which of them it was is
 * said by each pair.
 * @module
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import * as t from "io-ts"
import { hostFold, type HostKey, hostKey } from "../../core/random/host.ts"
import type { Chunk } from "./chunks.ts"

// ---- types -------------------------------------------------------------------

/** A question that the chunk answers, and the answer. Both are one line. */
export interface Pair {
  readonly question: string
  readonly answer: string
}

/** Why there is no pair. Each of them names the writer, and what to try. */
export interface WriterFault {
  readonly _tag: "WriterFault"
  readonly reason:
    | "unreachable" // nobody answers there
    | "slow" // no answer in time
    | "limited" // asked too often, for longer than we wait
    | "refused" // a wrong key, an unknown model: asking again does not help
    | "failed" // the other side broke
    | "malformed" // an answer that is no pair
  readonly message: string
}

/** Writes pairs. The same chunk and the same key are the same pair where the writer is our own. */
export interface Writer {
  /** For people; it goes into the output: `rules`, `endpoint small-8b at localhost`. */
  readonly label: string
  /** All that a pair depends on beside chunk and key: other identity, other pairs. */
  readonly identity: string
  /** A pair, or undefined where the chunk holds nothing to ask about. */
  readonly write: (chunk: Chunk, key: HostKey) => Effect.Effect<Pair | undefined, WriterFault>
}

/** The service. */
export const Writer: Context.Service<Writer, Writer> = Context.Service<Writer>("orrery/tasks/questions/Writer")

/** The codec of pairs. */
export const Pair: t.Type<Pair, unknown> = t.strict({ question: t.string, answer: t.string })

// ---- constructors --------------------------------------------------------------

/** Makes a fault. */
export const writerFault = (reason: WriterFault["reason"], message: string): WriterFault => ({
  _tag: "WriterFault",
  reason,
  message,
})

/** The key of a chunk: it depends on the seed and on what is in the chunk, not on where it lies. */
export const keyOf = (seed: number, { digest }: Pick<Chunk, "digest">): HostKey =>
  hostFold(hostKey(seed), Number.parseInt(digest.slice(0, 8), 16))
