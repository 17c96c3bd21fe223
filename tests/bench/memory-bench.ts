/**
 * What a training step over a long sequence takes: the forecast of a Llama of two layers from 4K to 1M tokens on meshes of
 * 1 to 8 ranks, with the exponent at which it grows, and what was allocated against what was forecast, at lengths that run
 * here. Ours alone.
 * @module
 */
import { either as E } from "fp-ts"
import * as t from "io-ts"
import { type Choice, hasPart, named, sizesOf } from "./choice.ts"
import { ours } from "./ours.ts"
import type { Peers } from "./peers.ts"
import { rounds } from "./rounds.ts"
import type { Report, Row } from "./table.ts"

const Forecast = t.type({
  time: t.number,
  where: t.string,
  ranks: t.number,
  inputs: t.record(t.string, t.number),
  outputs: t.number,
  constants: t.number,
  residuals: t.number,
  exchanged: t.number,
  workspace: t.number,
  arena: t.number,
  peak: t.number,
  device: t.number,
  flops: t.number,
})
type Forecast = t.TypeOf<typeof Forecast>

interface Forecasts {
  readonly results: ReadonlyArray<Forecast>
}
const Forecasts: t.Type<Forecasts, unknown> = t.type({ results: t.readonlyArray(Forecast) })

interface Measured {
  readonly forecast: number
  readonly peak: number
  readonly resident: number
  readonly milliseconds: number
  readonly loss: number
}
const Measured: t.Type<Measured, unknown> = t.type({
  forecast: t.number,
  peak: t.number,
  resident: t.number,
  milliseconds: t.number,
  loss: t.number,
})

const lengths = [4096, 16_384, 65_536, 262_144, 1_048_576]
const meshes = [1, 2, 4, 8]

/** What runs here in a couple of minutes. */
const runs: ReadonlyArray<{ readonly part: "forward" | "gradient"; readonly ranks: number; readonly time: number }> = [
  { part: "forward", ranks: 1, time: 131_072 },
  { part: "gradient", ranks: 1, time: 32_768 },
  { part: "gradient", ranks: 4, time: 32_768 },
]

type Table = Omit<Report, "bench">

const mib = (bytes: number): number => bytes / 2 ** 20
const shown = (bytes: number): string => `${mib(bytes).toFixed(mib(bytes) < 10 ? 2 : 0)} MiB`
const tokens = (time: number): string => time % 1024 === 0 ? `${time / 1024}K` : `${time}`

/** Bytes that depend on the sequence, of one rank: all but parameters, optimiser and constants. */
const growing = (f: Forecast): number =>
  (f.arena + f.device + (f.inputs["examples"] ?? 0)) / (f.where === "local" ? f.ranks : 1)

/** The exponent of a power law through the points: the slope of their logarithms. */
const exponent = (points: ReadonlyArray<readonly [x: number, y: number]>): number => {
  const logs = points.map(([x, y]) => [Math.log(x), Math.log(y)] as const)
  const [mx, my] = [0, 1].map((i) => logs.reduce((sum, p) => sum + p[i as 0 | 1], 0) / logs.length) as [number, number]
  const over = logs.reduce((sum, [x, y]) => sum + (x - mx) * (y - my), 0)
  return over / logs.reduce((sum, [x]) => sum + (x - mx) ** 2, 0)
}

const nameOf = ({ ranks, where }: Pick<Forecast, "ranks" | "where">): string =>
  ranks === 1 ? "one rank" : where === "local" ? `local(${ranks}), all ranks` : `${ranks} processes, each`

const rowOf = (f: Forecast): Row => ({
  what: `forecast ${tokens(f.time)}`,
  who: nameOf(f),
  unit: "MiB",
  median: mib(f.peak),
  best: mib(f.peak),
  note: [
    `parameters ${shown(f.inputs["parameters"] ?? 0)}`,
    `optimiser ${shown(f.inputs["optimiser"] ?? 0)}`,
    // The most of each, at different times: together they may be more than the arena that they share.
    `arena ${shown(f.arena)} (residuals ${shown(f.residuals)}, workspace ${shown(f.workspace)}` +
    `${f.exchanged > 0 ? `, ring blocks ${shown(f.exchanged)}` : ""}; most of each)`,
    `device ${shown(f.device)}`,
    `${(growing(f) / f.time).toFixed(0)} B a token and rank`,
  ].join(", "),
  more: {
    "parameters B": f.inputs["parameters"] ?? 0,
    "optimiser B": f.inputs["optimiser"] ?? 0,
    "examples B": f.inputs["examples"] ?? 0,
    "residuals B": f.residuals,
    "workspace B": f.workspace,
    "device B": f.device,
    "ring blocks B": f.exchanged,
    "arena B": f.arena,
    "operations": f.flops,
  },
})

/** Growth of each mesh's bytes between neighbours, and over all. */
const growth = (all: ReadonlyArray<Forecast>): ReadonlyArray<string> => {
  const names = [...new Set(all.map(nameOf))]
  return names.flatMap((name) => {
    const points = all.filter((f) => nameOf(f) === name).map((f) => [f.time, growing(f)] as const)
    if (points.length < 2) return []
    const steps = points.slice(1).map(([x, y], i) => Math.log(y / points[i]![1]) / Math.log(x / points[i]![0]))
    const power = exponent(points), most = Math.max(...steps)
    return [
      `${name}: what a rank holds of its sequence grows with the power ${power.toFixed(3)} of its length ` +
      `(between neighbours at most ${most.toFixed(3)}): ${most <= 1.05 ? "linear, met" : "MISSED"}`,
    ]
  })
}

const forecasts = (peers: Peers, choice: Choice): Table => {
  const heard = meshes.map((ranks) => {
    const args = ["forecast", "2", `${ranks}`, ...sizesOf(choice, lengths).map(String)]
    const asked = ours(peers, "memory.ts", args, { which: ["tasks"] })
    return [...rounds(Forecasts, asked, 1).values()][0]!
  })
  const all = heard.flatMap((said) => E.isLeft(said) ? [] : said.right.flatMap((a) => a.results))
  return {
    rows: [...all].sort((a, b) => a.time - b.time).map(rowOf),
    absent: heard.flatMap((said) => E.isLeft(said) ? [said.left] : []),
    targets: growth(all),
  }
}

const measurements = (peers: Peers, choice: Choice): Table => {
  const tables = runs.map(({ part, ranks, time: usual }): Table => {
    const time = Math.min(usual, ...(choice.sizes ?? []))
    const args = [part, "2", `${ranks}`, `${time}`]
    const said = [...rounds(Measured, ours(peers, "memory.ts", args, { which: ["tasks"] }), 1).values()][0]!
    if (E.isLeft(said)) return { rows: [], absent: [said.left] }
    const { forecast, peak, resident, milliseconds, loss } = said.right[0]!
    const what = `${part === "forward" ? "forward" : "training step"} ${tokens(time)}`
    const who = nameOf({ ranks, where: "local" })
    return {
      rows: [{
        ...{ what, who, unit: "MiB", median: mib(peak), best: mib(peak) },
        note: `forecast ${shown(forecast)}, process +${shown(resident)}, ${(milliseconds / 1000).toFixed(1)} s, ` +
          `loss ${loss.toFixed(4)}`,
        more: { "forecast B": forecast, "allocated B": peak, "resident B": resident, milliseconds, loss },
      }],
      absent: [],
      targets: [`${what}, ${who}: allocated as forecast: ${peak === forecast ? "met" : "MISSED"}`],
    }
  })
  return {
    rows: tables.flatMap((x) => x.rows),
    absent: tables.flatMap((x) => x.absent),
    targets: tables.flatMap((x) => x.targets ?? []),
  }
}

/** Runs it. A forecast is the same every time, and what is allocated too: one round is all there is. */
export const memory = (_: number, peers: Peers, choice: Choice): Report => {
  const tables = [
    ...(hasPart(choice, "forecast") ? [forecasts(peers, choice)] : []),
    ...(hasPart(choice, "measured") ? [measurements(peers, choice)] : []),
  ]
  return {
    bench: named("memory", choice),
    rows: tables.flatMap((x) => x.rows),
    absent: tables.flatMap((x) => x.absent),
    targets: tables.flatMap((x) => x.targets ?? []),
  }
}
