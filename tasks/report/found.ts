/**
 * A measurement with its name, and whose it is.
 * @module
 */
import * as t from "io-ts"
import { finite } from "../../core/files/codec.ts"

/** Whose line a stage or a measurement belongs to: the model's, or that of what it is compared with. */
export type Lane = "model" | "control"

/** A measurement with its name, a sentence, and whose it is. */
export interface Found<A> {
  readonly stage: string
  readonly name: string
  readonly says: string
  readonly lane: Lane
  /** Tokens of the rows that this model learned last; null where that is not known. */
  readonly reach: number | null
  readonly result: A
}

/** The codec of lanes. */
export const Lane: t.Type<Lane, unknown> = t.keyof({ model: null, control: null })

const reach: t.Type<number | null, unknown> = t.union([finite, t.null])

/** The codec of measurements of a kind. */
export const found = <A>(result: t.Type<A, unknown>): t.Type<Found<A>, unknown> =>
  t.strict({ stage: t.string, name: t.string, says: t.string, lane: Lane, reach, result })
