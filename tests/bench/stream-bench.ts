/**
 * Passes over memory that is larger than any cache, and a softmax of rows: ours against jax-js and PyTorch, whose copy is
 * the measure of what the machine's memory gives.
 * @module
 */
import { either as E } from "fp-ts"
import * as t from "io-ts"
import { ours } from "./ours.ts"
import type { Peers } from "./peers.ts"
import { type Contestant, rounds, together } from "./rounds.ts"
import type { Report, Row } from "./table.ts"

interface Answer {
  readonly version: string
  readonly results: ReadonlyArray<{ readonly name: string; readonly milliseconds: ReadonlyArray<number> }>
}
const Answer: t.Type<Answer, unknown> = t.type({
  version: t.string,
  results: t.readonlyArray(t.type({ name: t.string, milliseconds: t.readonlyArray(t.number) })),
})

/** What is counted: bytes read and written, or elements. */
const cases = [
  { name: "copy", unit: "GB/s", amount: 2 * 4 * 2 ** 24 },
  { name: "multiply-add", unit: "GB/s", amount: 3 * 4 * 2 ** 24 },
  { name: "sum", unit: "GB/s", amount: 4 * 2 ** 24 },
  { name: "softmax", unit: "Gelem/s", amount: 4096 * 1024 },
]
const repeats = 9

/** Runs it. */
export const stream = (count: number, peers: Peers): Report => {
  const args = (threads: number): ReadonlyArray<string> => [threads, repeats].map(String)
  const others: ReadonlyArray<Contestant> = [1, 2].flatMap((threads) => [
    { who: `jax-js wasm, Node 24, threads: ${threads}`, ask: () => peers.inNode("jax_stream.mjs", ...args(threads)) },
    { who: `PyTorch, threads: ${threads}`, ask: () => peers.inTorch("torch_stream.py", threads, ...args(threads)) },
  ])
  const own = [1, 2].flatMap((threads) =>
    ours(peers, "stream.ts", args(threads)).map(({ who, ask }) => ({ who: `${who}, threads: ${threads}`, ask }))
  )
  const heard = rounds(Answer, [...own, ...others], count)
  const rows = cases.flatMap(({ name, unit, amount }): ReadonlyArray<Row> =>
    [...heard].flatMap(([who, said]) => {
      if (E.isLeft(said)) return []
      const times = said.right.flatMap((a) => a.results.filter((r) => r.name === name).map((r) => r.milliseconds))
      if (times.length === 0) return []
      const { median, best } = together(times)
      return [{ what: name, who, unit, median: amount / median / 1e6, best: amount / best / 1e6 }]
    })
  )
  return { bench: "stream", rows, absent: [...heard.values()].flatMap((said) => E.isLeft(said) ? [said.left] : []) }
}
