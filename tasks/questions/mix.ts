/**
 * Rows of several streams in one batch, by shares: 7 of short chat to 3 of questions about books, as in LWM. Each stream
 * packs its own rows, for in a row with a book the few answers would drown among dialogues.
 * @module
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { either as E } from "fp-ts"
import * as t from "io-ts"
import { natural } from "../../core/files/codec.ts"
import type { Host } from "../../core/tensor/host.ts"
import { drawer, partsOf } from "../data/draws.ts"
import type { Batch, Batches, Position, Rows } from "../data/example.ts"
import { type DataFault, dataFault } from "../data/fault.ts"
import { Place, placeOf, taken } from "../data/source.ts"

// ---- rows ----------------------------------------------------------------------

type Grid<D extends "i32" | "f32" = "i32" | "f32"> = Host<D, ["batch", "time"]>

const below = <D extends "i32" | "f32">(grids: ReadonlyArray<Grid<D>>): Grid<D> => {
  const [first] = grids
  const all = grids.reduce((n, { data }) => n + data.length, 0)
  const data = first!.dtype === "f32" ? new Float32Array(all) : new Int32Array(all)
  grids.reduce((at, grid) => (data.set(grid.data as Float32Array, at), at + grid.data.length), 0)
  const rows = grids.reduce((n, { shape }) => n + shape[0]!, 0)
  return { ...first!, shape: [rows, first!.shape[1]!], data: data as Grid<D>["data"] }
}

/** Places along a row, and one example to each row: what rows mean that say nothing of either. */
const alone = <B extends Rows>(rows: B): B => {
  const { tokens } = rows
  const time = tokens.shape[1]!
  return {
    segments: { ...tokens, data: new Int32Array(tokens.data.length) },
    positions: { ...tokens, data: Int32Array.from(tokens.data, (_, i) => i % time) },
    ...rows,
  }
}

/** Rows that always say which examples they hold: what goes with packed ones, of which a batch may have none. */
export const saying = <X, R, B extends Rows>(batches: Batches<X, R, B>): Batches<X, R, B> => ({
  from: (position) => Stream.map(batches.from(position), ({ rows, after }) => ({ rows: alone(rows), after })),
})

/** Rows one below the other; all say the same of their tokens. If some are packed, all say which examples they hold. */
export const stacked = <B extends Rows>(parts: ReadonlyArray<B>): B => {
  const packed = parts.some(({ segments, positions }) => segments !== undefined || positions !== undefined)
  const whole = parts.map((rows) => packed ? alone(rows) : rows) as unknown as ReadonlyArray<
    Readonly<Record<string, Grid>>
  >
  return Object.fromEntries(
    Object.keys(whole[0]!).map((name) => [name, below(whole.map((rows) => rows[name]!))]),
  ) as unknown as B
}

// ---- batches -------------------------------------------------------------------

/** Rows, one at a time, and their share of all. */
export type Portion<X, R, B extends Rows = Rows> = readonly [rows: Batches<X, R, B>, share: number]

type Mixed = { readonly drawn: number; readonly at: ReadonlyArray<Place> }
const Mixed: t.Type<Mixed, unknown> = t.strict({ drawn: natural, at: t.readonlyArray(Place) })

const ended = dataFault("empty", "mixture", "a stream of rows has ended where rows without end are expected")

/**
 * Batches of `batch` rows, each drawn by its number from the portions in proportion; each portion goes on by itself. Faults:
 * shares that are none, portions that end.
 */
export const mixedRows = <X, R, B extends Rows = Rows>(
  portions: ReadonlyArray<Portion<X, R, B>>,
  batch: number,
  seed: number,
): Batches<X | DataFault, R, B> => ({
  from: (position: Position | undefined) =>
    Stream.unwrap(Effect.gen(function* () {
      const parts = partsOf(portions.map(([, share]) => share))
      if (E.isLeft(parts)) return yield* Effect.fail(parts.left)
      const draw = drawer(parts.right, seed)
      const first: Mixed = position === undefined
        ? { drawn: 0, at: portions.map(() => null) }
        : yield* placeOf(Mixed, "the mixture of rows", position)
      const next = yield* Effect.forEach(
        portions,
        ([rows], i) => taken(rows.from(first.at[i] ?? undefined)),
      ) as Effect.Effect<ReadonlyArray<Effect.Effect<Batch<B> | undefined, X, R>>, never, R | Scope.Scope>
      return Stream.paginate(first, (begin) =>
        Effect.gen(function* () {
          const rows: Array<B> = []
          let now: Mixed = begin
          while (rows.length < batch) {
            const i = draw(now.drawn)
            const row = yield* next[i]!
            if (row === undefined) return yield* Effect.fail(ended)
            rows.push(row.rows)
            now = { drawn: now.drawn + 1, at: now.at.map((at, k) => k === i ? row.after : at) }
          }
          return [[{ rows: stacked(rows), after: now }], Option.some(now)] as const
        }))
    })),
})
