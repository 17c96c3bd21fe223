/**
 * Examples of two vocabularies in the store, as `keep` keeps text: a vision token is kept as its id above those of text.
 * @module
 */
import * as Effect from "effect/Effect"
import { either as E } from "fp-ts"
import type { Events } from "../events.ts"
import type { Store } from "../store.ts"
import type { Example } from "./example.ts"
import type { DataFault } from "./fault.ts"
import { keep, type Keeping, type KeptFault } from "./kept.ts"
import type { Indexed } from "./order.ts"
import { mapped, type Sequence } from "./source.ts"
import type { Tally } from "./tally.ts"
import type { VisionExample } from "./vision-example.ts"

/** Examples that lie in the store. */
export interface KeptVision extends Indexed<KeptFault, Store, VisionExample> {
  /** What was passed over when they were made. */
  readonly malformed: Tally
}

/** How they are kept: `vocab` is that of text. */
export interface KeepingVision extends Keeping {
  /** Ids of the vision vocabulary: codes, and the two ends. */
  readonly vision: number
}

/** One vocabulary of both: vision ids above the text's. */
export const joinedIds = ({ tokens, counted, vision }: VisionExample, text: number): Example => ({
  tokens: tokens.map((id, i) => vision[i] === 1 ? id + text : id),
  counted,
})

/** And back. */
export const partedIds = ({ tokens, counted }: Example, text: number): VisionExample => ({
  tokens: tokens.map((id) => id >= text ? id - text : id),
  counted,
  vision: Uint8Array.from(tokens, (id) => id >= text ? 1 : 0),
})

/** The examples of a sequence in the store: made now, gone on with, or found. Tasks are not kept; `tasked` says them. */
export const keepVision = <R>(
  sequence: Sequence<VisionExample, R>,
  { vision, ...keeping }: KeepingVision,
): Effect.Effect<KeptVision, KeptFault | DataFault, R | Store | Events> => {
  const { vocab: text } = keeping
  const joined = mapped(
    sequence,
    Effect.succeed(["joined ids", text]),
    (example) => E.right(joinedIds(example, text)),
  )
  return Effect.map(keep(joined, { ...keeping, vocab: text + vision }), (kept) => ({
    ...kept,
    at: (i) => Effect.map(kept.at(i), (example) => partedIds(example, text)),
  }))
}
