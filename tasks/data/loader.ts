/**
 * Rows for steps out of examples: packed, looked at before they are given out, cut for the ranks of the data axis, and made
 * ahead while the device works. A position names the example that the next rows begin with and how much of it is used:
 * rows are made again from there, to the bit.
 *
 * ```ts
 * import * as Effect from "effect/Effect"
 * import { either as E } from "fp-ts"
 * import { bytes } from "../../models/tokenizers/bytes.ts"
 * import { mobyDick } from "./books.ts"
 * import { within } from "./documents.ts"
 * import { examples } from "./examples.ts"
 * import { keep } from "./kept.ts"
 * import { shuffled } from "./order.ts"
 * import { masked } from "./packing.ts"
 *
 * const rows = Effect.gen(function* () {
 *   const chapters = examples(mobyDick, { fields: "text" }, bytes)
 *   if (E.isLeft(chapters)) return yield* Effect.fail(chapters.left)
 *   const all = yield* keep(chapters.right, { vocab: bytes.vocab }) // tokens in the store, made once
 *   const long = yield* within(all, { from: 10_000, below: Infinity })
 *   return batches(shuffled(long, 42), masked({ pad: 258 }), { batch: 8, time: 8192 })
 * })
 * ```
 * @module
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as t from "io-ts"
import { sentence } from "../../core/graph/fault.ts"
import { natural } from "../../core/files/codec.ts"
import type { Host } from "../../core/tensor/host.ts"
import { positionFaults, segmentFaults } from "../../ops/sequence.ts"
import type { Batch, Batches, Example, Packed, Packing, Position, Rows } from "./example.ts"
import type { VisionRows } from "./vision-example.ts"
import { type DataFault, dataFault } from "./fault.ts"
import type { Examples, Placed } from "./order.ts"
import { Place, placeOf, taken } from "./source.ts"

// ---- rows ----------------------------------------------------------------------

type Grid = Host<"i32" | "f32", ["batch", "time"]>

const grids = (rows: Rows & Partial<VisionRows>): ReadonlyArray<readonly [name: keyof VisionRows, grid: Grid]> =>
  (["tokens", "targets", "weights", "vision", "visionTargets", "segments", "positions"] as const).flatMap((name) => {
    const grid = rows[name]
    return grid === undefined ? [] : [[name, grid] as const]
  })

/** What is wrong with rows: another shape, segments that fall, positions or weights below 0. */
export const rowsFault = (rows: Rows, batch: number, time: number): DataFault | undefined => {
  const fault = (what: string): DataFault => dataFault("rows", "packing", `packed rows are wrong: ${what}`)
  const odd = grids(rows).find(([, { shape, data }]) =>
    shape[0] !== batch || shape[1] !== time || data.length !== batch * time
  )
  if (odd !== undefined) return fault(`${odd[0]} are ${odd[1].shape.join(" x ")}; expected ${batch} x ${time}`)
  const wrong = [
    ...(rows.segments === undefined ? [] : segmentFaults(rows.segments)),
    ...(rows.positions === undefined ? [] : positionFaults(rows.positions)),
  ][0]
  if (wrong !== undefined) return fault(sentence(wrong))
  const weight = rows.weights.data.findIndex((w: number) => !(w >= 0 && w < Infinity))
  return weight < 0
    ? undefined
    : fault(`the weight of row ${Math.floor(weight / time)}, place ${weight % time} is ${rows.weights.data[weight]}`)
}

const part = <G extends Grid>(grid: G, first: number, rows: number): G => {
  const time = grid.shape[1]!
  return { ...grid, shape: [rows, time], data: grid.data.slice(first * time, (first + rows) * time) }
}

/** Which rows of a step a rank takes: of n ranks, the r-th n-th of them. */
export interface Shard {
  readonly rank: number
  readonly of: number
}

/** A rank's rows of a step. All ranks' rows, one after another, are the step's. */
export const shardOf = <B extends Rows>(rows: B, { rank, of }: Shard): B => {
  const own = rows.tokens.shape[0]! / of
  return Object.fromEntries(grids(rows).map(([name, grid]) => [name, part(grid, rank * own, own)])) as unknown as B
}

// ---- batches -------------------------------------------------------------------

/** How rows are made. */
export interface Loading {
  /** Rows in a step, of all ranks together. */
  readonly batch: number
  /** Tokens in a row. */
  readonly time: number
  /** This rank's place on the data axis; alone without. Every rank packs all rows, so that one file of positions fits all. */
  readonly shard?: Shard
  /** Steps made ahead (1); up to twice as many are held, and 0 makes each when it is asked for. */
  readonly ahead?: number
}

type Begun = { readonly examples: Position; readonly skip: number }
const Begun: t.Type<Begun, unknown> = t.strict({ examples: Place, skip: natural })

const settingsFault = ({ batch, time, shard = { rank: 0, of: 1 }, ahead = 1 }: Loading): DataFault | undefined => {
  const whole = (n: number, low: number): boolean => Number.isSafeInteger(n) && n >= low
  const fault = (what: string): DataFault => dataFault("settings", "loader", what)
  if (!whole(batch, 1) || !whole(time, 1)) return fault(`rows are ${batch} x ${time}; expected whole numbers from 1`)
  if (!whole(shard.of, 1) || !whole(shard.rank, 0) || shard.rank >= shard.of) {
    return fault(`rank ${shard.rank} of ${shard.of} is no rank; ranks count from 0`)
  }
  if (batch % shard.of !== 0) {
    return fault(`${batch} rows cannot be divided among ${shard.of} ranks; take a multiple of ${shard.of} rows`)
  }
  return whole(ahead, 0) ? undefined : fault(`${ahead} steps cannot be made ahead; expected a whole number from 0`)
}

/** Examples at hand, which the next rows begin with. */
interface Pending<E extends Example> {
  /** Where the first of them is in the order; null at its beginning. */
  readonly at: Position
  readonly skip: number
  readonly placed: ReadonlyArray<Placed<E>>
}

/** Examples, and their tokens, among which a step is sure to be found, if there is one at all; packings may fill several. */
const enough = ({ batch, time }: Loading): readonly [examples: number, tokens: number] => [
  Math.max(2 ** 12, 64 * batch * (time + 1)),
  Math.max(2 ** 26, 64 * batch * (time + 1)),
]

/** Takes examples until they fill a batch, but no more than can be needed: all of them may be too long for the packing. */
const filled = <X, R, E extends Example, B extends Rows>(
  next: Effect.Effect<Placed<E> | undefined, X, R>,
  packing: Packing<E, B>,
  loading: Loading,
  { skip, placed }: Pending<E>,
): Effect.Effect<readonly [Packed<B>, ReadonlyArray<Placed<E>>], X | DataFault, R> =>
  Effect.gen(function* () {
    const { batch, time } = loading
    const [most, mostTokens] = enough(loading)
    const all = [...placed]
    const held: Array<E> = all.map(({ example }) => example)
    let tokens = held.reduce((n, example) => n + example.tokens.length, 0)
    for (;;) {
      const packed = packing.pack(held, skip, { batch, time })
      if (packed !== undefined) return [packed, all] as const
      for (let more = Math.max(1, all.length >> 2); more > 0; more--) {
        const one = yield* next
        if (one === undefined || all.length > most || tokens > mostTokens) {
          const found = one === undefined ? "the examples end and" : `${all.length} examples of ${tokens} tokens`
          const message =
            `${found} do not fill a step of ${batch} x ${time} by the packing ${packing.name}; are they ` +
            "longer than a row, or without anything that counts?"
          return yield* Effect.fail(dataFault("empty", packing.name, message))
        }
        all.push(one)
        held.push(one.example)
        tokens += one.example.tokens.length
      }
    }
  })

const sequenceOf = <X, R, E extends Example, B extends Rows>(
  examples: Examples<X, R, E>,
  packing: Packing<E, B>,
  loading: Loading,
  position: Position | undefined,
): Stream.Stream<Batch<B>, X | DataFault, R> =>
  Stream.unwrap(Effect.gen(function* () {
    const begun: Begun = position === undefined
      ? { examples: null, skip: 0 }
      : yield* placeOf(Begun, examples.name, position)
    const next = yield* taken(examples.from(begun.examples ?? undefined))
    const start: Pending<E> = { at: begun.examples, skip: begun.skip, placed: [] }
    return Stream.paginate(start, (now) =>
      Effect.gen(function* () {
        const [{ rows, used, skip }, all] = yield* filled(next, packing, loading, now)
        const fault = rowsFault(rows, loading.batch, loading.time)
        if (fault !== undefined) return yield* Effect.fail(fault)
        const at = used > 0 ? all[used - 1]!.after : now.at
        const own = loading.shard === undefined ? rows : shardOf(rows, loading.shard)
        const batch: Batch<B> = { rows: own, after: { examples: at, skip } }
        return [[batch], Option.some<Pending<E>>({ at, skip, placed: all.slice(used) })] as const
      }))
  }))

/**
 * Batches of packed examples without end. What follows a position is the same whether it is read on or begun there, on any
 * number of ranks. What is wrong with the settings fails at the first batch.
 */
export const batches = <X, R, E extends Example, B extends Rows>(
  examples: Examples<X, R, E>,
  packing: Packing<E, B>,
  loading: Loading,
): Batches<X | DataFault, R, B> => ({
  from: (position) => {
    const fault = settingsFault(loading)
    if (fault !== undefined) return Stream.fail(fault)
    const made = sequenceOf(examples, packing, loading, position)
    const ahead = loading.ahead ?? 1
    return ahead === 0 ? made : Stream.buffer(made, { capacity: ahead })
  },
})
