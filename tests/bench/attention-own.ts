/**
 * Our kinds of attention against each other, and decoding against a cache: ours alone, in the widest and in a plain
 * engine.
 * @module
 */
import { either as E } from "fp-ts"
import * as t from "io-ts"
import { type Choice, isAsked, sizesOf } from "./choice.ts"
import { ours } from "./ours.ts"
import type { Peers } from "./peers.ts"
import { type Contestant, type Heard, rounds, together } from "./rounds.ts"
import type { Report, Row } from "./table.ts"

interface Answer {
  readonly results: ReadonlyArray<{ readonly name: string; readonly milliseconds: ReadonlyArray<number> }>
}
const Answer: t.Type<Answer, unknown> = t.type({
  results: t.readonlyArray(t.type({ name: t.string, milliseconds: t.readonlyArray(t.number) })),
})

type Table = Omit<Report, "bench">

const asking = (peers: Peers, choice: Choice, script: string, args: ReadonlyArray<string>): ReadonlyArray<Contestant> =>
  ours(peers, script, args, { which: ["tasks", "node"] }).filter(({ who }) => isAsked(choice, who))

const absentOf = (heard: ReadonlyMap<string, Heard<unknown>>): ReadonlyArray<string> =>
  [...heard.values()].flatMap((said) => E.isLeft(said) ? [said.left] : [])

const timesOf = (
  said: ReadonlyArray<Answer>,
): ReadonlyMap<string, { readonly median: number; readonly best: number }> =>
  new Map((said[0]?.results ?? []).map(({ name }) => [
    name,
    together(said.flatMap((a) => a.results.filter((r) => r.name === name).map((r) => r.milliseconds))),
  ]))

/** Causal, shared, windowed, packed attention, and the full one that they skip parts of. */
export const kinds = (count: number, peers: Peers, choice: Choice): Table => {
  const time = Math.max(...choice.sizes?.filter((n) => n <= 4096) ?? [4096])
  const heard = rounds(Answer, asking(peers, choice, "attention-kinds.ts", [`${time}`, "2"]), count)
  const tables = [...heard].flatMap(([who, said]): ReadonlyArray<Table> => {
    if (E.isLeft(said)) return []
    const times = timesOf(said.right)
    const base = (name: string): string => name.endsWith("gradients") ? "full, with gradients" : "full"
    const rows = [...times].map(([name, found]): Row => ({
      what: `${name}, T = ${time}`,
      who,
      unit: "ms",
      ...found,
      note: `${(found.median / times.get(base(name))!.median).toFixed(2)} of ${base(name)}`,
    }))
    const share = times.get("causal")!.median / times.get("full")!.median
    const target = `causal forward of full, T = ${time}: ${who.replace("Orrery, ", "")} ${share.toFixed(2)} of 0.6: ` +
      (share <= 0.6 ? "met" : "MISSED")
    return [{ rows, absent: [], targets: time === 4096 ? [target] : [] }]
  })
  return {
    rows: tables.flatMap((x) => x.rows),
    absent: absentOf(heard),
    targets: tables.flatMap((x) => x.targets ?? []),
  }
}

// -----------------------------------------------------------------------------
// decoding
// -----------------------------------------------------------------------------

const Step = t.type({
  groups: t.number,
  share: t.number,
  capacity: t.number,
  storage: t.string,
  milliseconds: t.readonlyArray(t.number),
  bytes: t.number,
  beyond: t.number,
  error: t.number,
})
type Step = t.TypeOf<typeof Step>

interface Steps {
  readonly results: ReadonlyArray<Step>
}
const Steps: t.Type<Steps, unknown> = t.type({ results: t.readonlyArray(Step) })

/** How far a result may be off for what the cache keeps, relative to its largest value. */
const bounds: { readonly [storage: string]: number } = { f32: 1e-5, f16: 2e-3, int8: 3e-2 }

const stepOf = (who: string, all: ReadonlyArray<Step>): Row => {
  const { groups, share, capacity, storage, bytes, beyond } = all[0]!
  // The middle and the best of a round.
  const middle = together(all.map((s) => [s.milliseconds[0]!])).median
  const best = Math.min(...all.map((s) => s.milliseconds[1]!))
  const error = Math.max(...all.map((s) => s.error))
  const wrong = error <= bounds[storage]! ? "" : " WHICH IS TOO MUCH"
  return {
    what: `decode, ${capacity / 1024}K x ${groups}${share > 1 ? ` shared by ${share}` : ""}, ${storage}`,
    who,
    unit: "us",
    median: 1000 * middle,
    best: 1000 * best,
    note: `${(bytes / middle / 1e6).toFixed(1)} GB/s of ${(bytes / 2 ** 20).toFixed(0)} MiB, ` +
      `${(beyond / 1024).toFixed(0)} KiB beside it, error ${error.toExponential(0)}${wrong}`,
    more: { "GB/s": bytes / middle / 1e6, "cache B": bytes, "beyond B": beyond, error },
  }
}

/** One token against a full cache: appended in place, and attended to. */
export const decode = (count: number, peers: Peers, choice: Choice): Table => {
  const places = sizesOf(choice, [8192, 32_768]).map(String)
  const heard = rounds(Steps, asking(peers, choice, "decode.ts", ["2", ...places]), count)
  const rows = [...heard].flatMap(([who, said]) =>
    E.isLeft(said) ? [] : said.right[0]!.results.map((_, i) => stepOf(who, said.right.map((a) => a.results[i]!)))
  )
  return { rows, absent: absentOf(heard) }
}
