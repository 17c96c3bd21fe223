/**
 * Contraction of two n x n matrices in float32: ours in each engine against jax-js, onnxruntime-web and PyTorch.
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
  readonly results: ReadonlyArray<{ readonly n: number; readonly milliseconds: ReadonlyArray<number> }>
}
const Answer: t.Type<Answer, unknown> = t.type({
  version: t.string,
  results: t.readonlyArray(t.type({ n: t.number, milliseconds: t.readonlyArray(t.number) })),
})

const sizes = [64, 128, 256, 512, 1024, 2048]

/** Repetitions a round. */
const repeats = 9

/** Runs it. */
export const contraction = (count: number, peers: Peers): Report => {
  const args = (threads: number): ReadonlyArray<string> => [threads, repeats, ...sizes].map(String)
  const others: ReadonlyArray<Contestant> = [
    { who: "jax-js wasm, Node 24, 2 threads", ask: () => peers.inNode("jax_contraction.mjs", ...args(2)) },
    { who: "onnxruntime-web wasm, Node 24, 2 threads", ask: () => peers.inNode("ort_contraction.mjs", ...args(2)) },
    { who: "PyTorch, 1 thread", ask: () => peers.inTorch("torch_contraction.py", 1, ...args(1)) },
    { who: "PyTorch, 2 threads", ask: () => peers.inTorch("torch_contraction.py", 2, ...args(2)) },
  ]
  const heard = rounds(Answer, [...ours(peers, "contraction.ts", args(2)), ...others], count)
  const rows = sizes.flatMap((n): ReadonlyArray<Row> =>
    [...heard].flatMap(([who, said]) => {
      if (E.isLeft(said)) return []
      const { median, best } = together(said.right.map((a) => a.results.find((r) => r.n === n)?.milliseconds ?? []))
      const rate = (milliseconds: number): number => 2 * n ** 3 / milliseconds / 1e6
      return [{ what: `n = ${n}`, who, unit: "GFLOP/s", median: rate(median), best: rate(best) }]
    })
  )
  return {
    bench: "contraction",
    rows,
    absent: [...heard.values()].flatMap((said) => E.isLeft(said) ? [said.left] : []),
  }
}
