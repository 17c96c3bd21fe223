/**
 * What could not be used: counted, the first ones kept by name, and too many of them a fault.
 * @module
 */
import type * as Effect from "effect/Effect"
import * as t from "io-ts"
import { natural } from "../../core/files/codec.ts"
import { type Events, say } from "../events.ts"
import { type DataFault, dataFault } from "./fault.ts"

/** A reading that cannot be used. */
export type Malformed = {
  /** The file and the line. */
  readonly id: string
  readonly why: string
}

/** How many there were, and the first of them. It is plain data, so that it can be part of a position. */
export type Tally = {
  readonly count: number
  readonly first: ReadonlyArray<Malformed>
}

/** The codec of tallies. */
export const Tally: t.Type<Tally, unknown> = t.strict({
  count: natural,
  first: t.readonlyArray(t.strict({ id: t.string, why: t.string })),
})

/** Nothing yet. */
export const none: Tally = { count: 0, first: [] }

const kept = 5
const shortened = (why: string): string => why.length > 160 ? `${why.slice(0, 157)}...` : why

/** One more. */
export const another = ({ count, first }: Tally, { id, why }: Malformed): Tally => ({
  count: count + 1,
  first: first.length < kept ? [...first, { id, why: shortened(why) }] : first,
})

/** The first ones, for people: `a.jsonl:3 (broken JSON ...); a.jsonl:9 (...)`. */
export const tallyText = ({ count, first }: Tally): string =>
  first.map(({ id, why }) => `${id} (${why})`).join("; ") + (count > first.length ? "; ..." : "")

/** The fault of a tally that is above the limit. */
export const tooMany = (name: string, tally: Tally, limit: number): DataFault | undefined =>
  tally.count <= limit ? undefined : dataFault(
    "malformed",
    tally.first[0]?.id ?? name,
    `${name} has more than ${limit} readings that cannot be used: ${tallyText(tally)}; mend them, or raise the limit`,
  )

/** Tells all listeners of a reading that is passed over. */
export const sayMalformed = ({ id, why }: Malformed): Effect.Effect<void, never, Events> =>
  say({ _tag: "Skipped", path: id, why: shortened(why) })
