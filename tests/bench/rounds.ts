/**
 * Measuring on a machine that others use: all contestants run in turn, for some rounds, and what is kept of each is the
 * median over rounds of the median of a round, and the best repetition of all.
 * @module
 */
import { either as E } from "fp-ts"
import type * as t from "io-ts"
import { median } from "./table.ts"

/** One who can be asked to run, in a process of its own. */
export interface Contestant {
  readonly who: string
  readonly ask: () => E.Either<string, unknown>
}

/** What one contestant said over all rounds; or why it said nothing. */
export type Heard<A> = E.Either<string, ReadonlyArray<A>>

/** Asks everyone in turn, round after round. One who fails is not asked again. */
export const rounds = <A>(
  answer: t.Type<A, unknown>,
  contestants: ReadonlyArray<Contestant>,
  count: number,
): ReadonlyMap<string, Heard<A>> => {
  const heard = new Map<string, Heard<A>>(contestants.map(({ who }) => [who, E.right([])]))
  const once = ({ who, ask }: Contestant): void => {
    const before = heard.get(who)!
    if (E.isLeft(before)) return
    const said = E.flatMap((value: unknown) =>
      E.mapLeft(() => `its answer is not as agreed: ${JSON.stringify(value)}`)(answer.decode(value))
    )(ask())
    heard.set(who, E.isLeft(said) ? E.left(`${who}: ${said.left}`) : E.right([...before.right, said.right]))
  }
  for (let round = 0; round < count; round++) contestants.forEach(once)
  return heard
}

/** Milliseconds of all rounds, put together. */
export const together = (
  rounds: ReadonlyArray<ReadonlyArray<number>>,
): { readonly median: number; readonly best: number } => ({
  median: median(rounds.map(median)),
  best: Math.min(...rounds.flat()),
})
