/**
 * Examples in an endless order that depends on a seed and nothing else: whole permutations where their number is known, a
 * window that slides where it is not, and mixtures. Any place of the order can be gone back to.
 * @module
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { either as E } from "fp-ts"
import * as t from "io-ts"
import { natural } from "../../core/files/codec.ts"
import { hostFold, hostKey, hostPermutation } from "../../core/random/host.ts"
import { drawer, partsOf } from "./draws.ts"
import type { Example, Position } from "./example.ts"
import { type DataFault, dataFault } from "./fault.ts"
import type { Json } from "../stage/stage.ts"
import { digestOf, Place, placeOf, type Sequence, taken } from "./source.ts"
import { another, type Malformed, none, Tally, tooMany } from "./tally.ts"

// ---- types -------------------------------------------------------------------

/** An example, and where the order goes on after it. */
export interface Placed<E extends Example = Example> {
  readonly example: E
  readonly after: Position
}

/** Examples without end. */
export interface Examples<X = never, R = never, E extends Example = Example> {
  /** For people. */
  readonly name: string
  /** SHA-256 of all that the order depends on. */
  readonly digest: Effect.Effect<string, X | DataFault, R>
  readonly from: (position: Position | undefined) => Stream.Stream<Placed<E>, X | DataFault, R>
}

/** Examples that can be asked for by number. */
export interface Indexed<X = never, R = never, E extends Example = Example> {
  readonly name: string
  /** SHA-256 of all of them, in order. */
  readonly digest: string
  /** How many tokens each has. */
  readonly lengths: ReadonlyArray<number>
  readonly at: (i: number) => Effect.Effect<E, X, R>
}

// ---- those that are counted --------------------------------------------------------

const nothing = (name: string): DataFault =>
  dataFault("empty", name, `${name} gives no example to learn from; name other files, other fields or another bin`)

type Turned = { readonly turn: number; readonly next: number }
const Turned: t.Type<Turned, unknown> = t.strict({ turn: natural, next: natural })

/** What becomes of example `number` when it comes in turn `turn`. */
export type InTurn<E extends Example> = (example: E, number: number, turn: number) => E

const asItIs = <E extends Example>(example: E): E => example

const turning = <X, R, E extends Example>(
  indexed: Indexed<X, R, E>,
  order: (turn: number) => ArrayLike<number>,
  digest: Effect.Effect<string>,
  inTurn: InTurn<E> = asItIs,
): Examples<X, R, E> => {
  const count = indexed.lengths.length
  const turn = (from: Turned): Stream.Stream<Placed<E>, X, R> =>
    Stream.suspend(() => {
      const own = order(from.turn)
      return Stream.paginate(from.next, (next) =>
        next >= count ? Effect.succeed([[], Option.none<number>()] as const) : Effect.map(
          indexed.at(own[next]!),
          (example) => {
            const after: Turned = next + 1 < count ? { ...from, next: next + 1 } : { turn: from.turn + 1, next: 0 }
            return [[{ example: inTurn(example, own[next]!, from.turn), after }], Option.some(next + 1)] as const
          },
        ))
    })
  return {
    name: indexed.name,
    digest,
    from: (position) =>
      Stream.unwrap(Effect.gen(function* () {
        if (count === 0) return yield* Effect.fail(nothing(indexed.name))
        const first = position === undefined ? { turn: 0, next: 0 } : yield* placeOf(Turned, indexed.name, position)
        return Stream.flatMap(
          Stream.iterate(first.turn, (n) => n + 1),
          (n) => turn(n === first.turn ? first : { turn: n, next: 0 }),
        )
      })),
  }
}

/** Each once in every turn, in a new permutation of all of them, drawn for the turn. */
export const shuffled = <X, R, E extends Example>(
  indexed: Indexed<X, R, E>,
  seed: number,
): Examples<X, R, E> => turning(indexed, permuted(indexed, seed), digestOf("shuffled", indexed.digest, seed))

/** The same, each example changed by a function of its number and the turn, which `meaning` names. */
export const shuffledAs = <X, R, E extends Example>(
  indexed: Indexed<X, R, E>,
  seed: number,
  inTurn: InTurn<E>,
  meaning: Json,
): Examples<X, R, E> =>
  turning(indexed, permuted(indexed, seed), digestOf("shuffled as", indexed.digest, seed, meaning), inTurn)

const permuted = ({ lengths }: Pick<Indexed, "lengths">, seed: number) => {
  const key = hostFold(hostKey(seed), 0x7475726e)
  return (turn: number): ArrayLike<number> => hostPermutation(hostFold(key, turn), lengths.length)
}

/** In their own order, again and again. */
export const inOrder = <X, R, E extends Example>(indexed: Indexed<X, R, E>): Examples<X, R, E> =>
  turning(indexed, () => indexed.lengths.map((_, i) => i), digestOf("in order", indexed.digest))

// ---- those that are not --------------------------------------------------------------

/** How a sequence is read whose length nobody knows. */
export interface Window<R = never> {
  readonly seed: number
  /** Examples that are put into a random order together; 1 leaves the order as it is. */
  readonly window: number
  /** How many readings of a turn may be of no use; without it, all. */
  readonly limit?: number
  /** Told of each of them, in the first turn. */
  readonly tell?: (malformed: Malformed) => Effect.Effect<void, never, R>
}

/** Where a window begins, and how many of its examples are given. */
type Windowed = {
  readonly turn: number
  readonly window: number
  /** Null at the beginning of the sequence. */
  readonly place: Place
  readonly tally: Tally
  readonly next: number
}
const Windowed: t.Type<Windowed, unknown> = t.strict({
  turn: natural,
  window: natural,
  place: Place,
  tally: Tally,
  next: natural,
})

/** A window that is being gathered. */
interface Gathering<E extends Example> {
  readonly begin: Windowed
  readonly examples: Array<E>
  readonly place: Place
  readonly tally: Tally
}

/**
 * A sequence once through, then again, without end. Every `window` examples that follow each other come in a permutation
 * drawn for the turn and the window: an example moves by less than a window. Memory is a window; going on reads at most
 * one window again. Readings that cannot be used are passed over, counted for each turn, and a fault above the limit.
 */
export const windowed = <R, R2 = never, E extends Example = Example>(
  sequence: Sequence<E, R>,
  { seed, window, limit = Infinity, tell }: Window<R2>,
): Examples<never, R | R2, E> => {
  const key = hostFold(hostKey(seed), 0x77696e64)
  const size = Math.max(1, Math.floor(window))

  const given = ({ begin, examples, place, tally }: Gathering<E>): ReadonlyArray<Placed<E>> => {
    const order = hostPermutation(hostFold(hostFold(key, begin.turn), begin.window), examples.length)
    const last: Windowed = { turn: begin.turn, window: begin.window + 1, place, tally, next: 0 }
    return Array.from(order, (n, i) => ({
      example: examples[n]!,
      after: i + 1 < examples.length ? { ...begin, next: i + 1 } : last,
    })).slice(begin.next)
  }

  const gather = (begin: Windowed, place: Place, tally: Tally): Gathering<E> => ({ begin, examples: [], place, tally })

  const turn = (first: Windowed): Stream.Stream<Placed<E>, DataFault, R | R2> => {
    const empty = first.place === null
    const gathered = Stream.mapAccumEffect(
      sequence.read(first.place ?? undefined),
      () => gather(first, first.place, first.tally),
      (now, { id, value, after }) =>
        Effect.gen(function* () {
          if (E.isLeft(value)) {
            const malformed = { id, why: value.left }
            const tally = another(now.tally, malformed)
            if (tell !== undefined && now.begin.turn === 0) yield* tell(malformed)
            const fault = tooMany(sequence.name, tally, limit)
            return fault === undefined ? [{ ...now, tally, place: after }, []] as const : yield* Effect.fail(fault)
          }
          now.examples.push(value.right)
          const more: Gathering<E> = { ...now, place: after }
          if (more.examples.length < size) return [more, []] as const
          const begin = { ...now.begin, window: now.begin.window + 1, place: after, tally: now.tally, next: 0 }
          return [gather(begin, after, now.tally), [more]] as const
        }),
      { onHalt: (rest) => rest.examples.length > 0 || (empty && rest.begin.window === 0) ? [rest] : [] },
    )
    return Stream.flatMap(
      gathered,
      (w) => w.examples.length > 0 ? Stream.fromArray(given(w)) : Stream.fail(nothing(sequence.name)),
    )
  }

  return {
    name: sequence.name,
    digest: Effect.flatMap(sequence.digest, (below) => digestOf("windowed", below, seed, size)),
    from: (position) =>
      Stream.unwrap(Effect.gen(function* () {
        const start: Windowed = { turn: 0, window: 0, place: null, tally: none, next: 0 }
        const first = position === undefined ? start : yield* placeOf(Windowed, sequence.name, position)
        return Stream.flatMap(
          Stream.iterate(first.turn, (n) => n + 1),
          (n) => turn(n === first.turn ? first : { ...start, turn: n }),
        )
      })),
  }
}

// ---- several -----------------------------------------------------------------

type Drawn = { readonly drawn: number; readonly at: ReadonlyArray<Place> }
const Drawn: t.Type<Drawn, unknown> = t.strict({ drawn: natural, at: t.readonlyArray(Place) })

/**
 * Examples of several orders by shares: each is drawn by its number, as in `mixed`, but every order goes on by itself and
 * begins anew when it has to, so there is no end. The 7 : 3 of short dialogues and questions about books is such a mixture.
 */
export const mixture = <X, R, E extends Example>(
  shares: ReadonlyArray<readonly [examples: Examples<X, R, E>, share: number]>,
  seed: number,
): Examples<X, R, E> => {
  const name = shares.map(([{ name }, share]) => `${name} ${share}`).join(" + ")
  const parts = partsOf(shares.map(([, share]) => share))
  return {
    name,
    digest: Effect.flatMap(
      Effect.forEach(shares, ([{ digest }]) => digest),
      (below) => digestOf("mixture", seed, shares.map(([, share]) => share), below),
    ),
    from: (position) =>
      Stream.unwrap(Effect.gen(function* () {
        if (E.isLeft(parts)) return yield* Effect.fail(parts.left)
        const draw = drawer(parts.right, seed)
        const first: Drawn = position === undefined
          ? { drawn: 0, at: shares.map(() => null) }
          : yield* placeOf(Drawn, name, position)
        const next = yield* Effect.forEach(
          shares,
          ([examples], i) => taken(examples.from(first.at[i] ?? undefined)),
        ) as Effect.Effect<
          ReadonlyArray<Effect.Effect<Placed<E> | undefined, X | DataFault, R>>,
          never,
          R | Scope.Scope
        >
        return Stream.paginate(first, (now: Drawn) => {
          const i = draw(now.drawn)
          return Effect.map(next[i]!, (placed) => {
            if (placed === undefined) return [[], Option.none<Drawn>()] as const
            const after: Drawn = { drawn: now.drawn + 1, at: now.at.map((at, k) => k === i ? placed.after : at) }
            return [[{ example: placed.example, after }], Option.some(after)] as const
          })
        })
      })),
  }
}
