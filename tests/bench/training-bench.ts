/**
 * One training step of a small Llama: ours in each engine against jax-js and PyTorch, from the same weights and tokens,
 * with the losses compared: a contestant whose losses differ has done something else, and is said to.
 * @module
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { either as E } from "fp-ts"
import * as t from "io-ts"
import { ours } from "./ours.ts"
import type { Peers } from "./peers.ts"
import { type Contestant, type Heard, rounds, together } from "./rounds.ts"
import type { Report, Row } from "./table.ts"
import { type Size, sizes, write } from "./training.ts"

interface Answer {
  readonly version: string
  readonly losses: ReadonlyArray<number>
  readonly milliseconds: ReadonlyArray<number>
}
const Answer: t.Type<Answer, unknown> = t.type({
  version: t.string,
  losses: t.readonlyArray(t.number),
  milliseconds: t.readonlyArray(t.number),
})

/** Steps a round; the first two are not timed, as they compile. */
const steps = 12
const warm = 2

/** Largest difference of a loss, relative, over the steps. */
const difference = (a: ReadonlyArray<number>, b: ReadonlyArray<number>): number =>
  Math.max(...a.map((x, i) => Math.abs(x - (b[i] ?? NaN)) / Math.abs(x)))

/** Who sets the losses: PyTorch, where it is there. */
const reference = (heard: ReadonlyMap<string, Heard<Answer>>): Answer | undefined =>
  [...heard].sort(([a], [b]) => Number(b.startsWith("PyTorch")) - Number(a.startsWith("PyTorch")))
    .flatMap(([, said]) => E.isRight(said) ? said.right : [])[0]

const rowsOf = (s: Size, heard: ReadonlyMap<string, Heard<Answer>>): ReadonlyArray<Row> =>
  [...heard].flatMap(([who, said]): ReadonlyArray<Row> => {
    if (E.isLeft(said) || said.right.length === 0) return []
    const [first] = said.right, against = reference(heard)
    const off = against === undefined ? 0 : difference(against.losses, first!.losses)
    const agrees = off < 1e-3 ? "" : `; ITS LOSSES DIFFER by ${off.toExponential(1)}`
    const note = `first ${first!.milliseconds[0]!.toFixed(0)} ms, loss ${first!.losses[0]!.toFixed(4)} to ` +
      `${first!.losses.at(-1)!.toFixed(4)}${agrees}`
    return [{
      what: `step ${s.name}`,
      who,
      unit: "ms",
      ...together(said.right.map((a) => a.milliseconds.slice(warm))),
      note,
    }]
  })

/** Runs it. */
export const training = (count: number, peers: Peers): Report => {
  const folder = mkdtempSync(join(tmpdir(), "orrery-training-"))
  const one = (s: Size): Report => {
    write(s, folder)
    const args = (threads: number): ReadonlyArray<string> => [folder, s.name, `${threads}`, `${steps}`]
    const others: ReadonlyArray<Contestant> = [
      { who: "jax-js wasm, Node 24, 1 thread", ask: () => peers.inNode("jax_train.mjs", ...args(1)) },
      { who: "jax-js wasm, Node 24, 2 threads", ask: () => peers.inNode("jax_train.mjs", ...args(2)) },
      { who: "PyTorch, 1 thread", ask: () => peers.inTorch("torch_train.py", 1, ...args(1)) },
      { who: "PyTorch, 2 threads", ask: () => peers.inTorch("torch_train.py", 2, ...args(2)) },
    ]
    const heard = rounds(Answer, [...ours(peers, "training.ts", args(2)), ...others], count)
    return {
      bench: "training",
      rows: rowsOf(s, heard),
      absent: [...heard.values()].flatMap((said) => E.isLeft(said) ? [said.left] : []),
    }
  }
  const all = [one(sizes.s), one(sizes.m)]
  rmSync(folder, { recursive: true, force: true })
  return { bench: "training", rows: all.flatMap((r) => r.rows), absent: [...new Set(all.flatMap((r) => r.absent))] }
}
