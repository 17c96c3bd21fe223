/**
 * What is limited by memory, or by functions of one element: each against what the same engine copies in the same
 * process. Ours only; peers stand in `stream-bench.ts`.
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
  readonly unit: string
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
    t.type({ name: t.string, unit: t.string, amount: t.number, milliseconds: t.readonlyArray(t.number) }),
  ),
})

const repeats = 9

const rowsOf = (who: string, said: E.Either<string, ReadonlyArray<Answer>>): ReadonlyArray<Row> => {
  if (E.isLeft(said) || said.right.length === 0) return []
  const speed = ({ name, unit, amount }: Result): Row => {
    const times = said.right.flatMap((a) => a.results.filter((r) => r.name === name).map((r) => r.milliseconds))
    const { median, best } = together(times)
    return { what: name, who, unit, median: amount / median / 1e6, best: amount / best / 1e6 }
  }
  const all = said.right[0]!.results.map(speed)
  const most = Math.max(...all.filter((r) => /^(copy|triad)/.test(r.what)).map((r) => r.median))
  return all.map((r) =>
    r.unit === "GB/s" ? { ...r, note: `${Math.round(100 * r.median / most)} % of copy and triad` } : r
  )
}

/** Runs it. */
export const elementwise = (count: number, peers: Peers): Report => {
  const own = [1, 2].flatMap((threads) =>
    ours(peers, "elementwise.ts", [threads, repeats].map(String)).map(({ who, ask }) => ({
      who: `${who}, threads: ${threads}`,
      ask,
    }))
  )
  const heard = rounds(Answer, own, count)
  return {
    bench: "elementwise",
    rows: [...heard].flatMap(([who, said]) => rowsOf(who, said)),
    absent: [...heard.values()].flatMap((said) => E.isLeft(said) ? [said.left] : []),
  }
}
