/**
 * Products of other shapes, each against the square product of the same engine in the same process. Ours only, and our
 * own code only: a system BLAS is off.
 * @module
 */
import { either as E } from "fp-ts"
import * as t from "io-ts"
import { ours } from "./ours.ts"
import type { Peers } from "./peers.ts"
import { rounds, together } from "./rounds.ts"
import type { Report, Row } from "./table.ts"

interface Result {
  readonly name: string
  readonly amount: number
  readonly milliseconds: ReadonlyArray<number>
}
interface Answer {
  readonly version: string
  readonly results: ReadonlyArray<Result>
}
const Answer: t.Type<Answer, unknown> = t.type({
  version: t.string,
  results: t.readonlyArray(
    t.type({ name: t.string, amount: t.number, milliseconds: t.readonlyArray(t.number) }),
  ),
})

const repeats = 9

const rowsOf = (who: string, said: E.Either<string, ReadonlyArray<Answer>>): ReadonlyArray<Row> => {
  if (E.isLeft(said) || said.right.length === 0) return []
  const all = said.right[0]!.results.map(({ name, amount }): Row => {
    const times = said.right.flatMap((a) => a.results.filter((r) => r.name === name).map((r) => r.milliseconds))
    const { median, best } = together(times)
    return { what: name, who, unit: "GFLOP/s", median: 2 * amount / median / 1e6, best: 2 * amount / best / 1e6 }
  })
  return all.map((r) => ({ ...r, note: `${Math.round(100 * r.median / all[0]!.median)} % of ${all[0]!.what}` }))
}

/** Runs it. */
export const products = (count: number, peers: Peers): Report => {
  const own = [1, 2].flatMap((threads) =>
    ours(peers, "products.ts", [threads, repeats].map(String)).map(({ who, ask }) => ({
      who: `${who}, threads: ${threads}`,
      ask,
    }))
  )
  const heard = rounds(Answer, own, count)
  return {
    bench: "products",
    rows: [...heard].flatMap(([who, said]) => rowsOf(who, said)),
    absent: [...heard.values()].flatMap((said) => E.isLeft(said) ? [said.left] : []),
  }
}
