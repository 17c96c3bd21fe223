/**
 * Tuning on the device: the candidates of each choice are measured on kernels that hang on it, the fastest is taken. What
 * comes out is a row for the table in `core/wgsl/capability.ts`, or the `tuning` of this machine's device.
 * @module
 */
import * as Effect from "effect/Effect"
import { candidates, type Capability, type Tile, type Tuning, within } from "../../wgsl/capability.ts"
import { tiled } from "../../wgsl/contract.ts"
import { exact } from "../../plan/policy.ts"
import { attend } from "../../wgsl/attend.ts"
import { loop } from "../../wgsl/loop.ts"
import type { Shader } from "../../wgsl/shader.ts"
import type { Slot } from "../../wgsl/emitter.ts"
import type { DeviceFault } from "../backend.ts"
import { attention } from "./measure-attend.ts"
import { fused, product, softmax, type Subject, sums, timed } from "./measure.ts"
import type { Gpu } from "./open.ts"

/** What was measured for one candidate. */
export interface Trial {
  readonly choice: "tile" | "map" | "row" | "perLane" | "held"
  readonly candidate: string
  /** Seconds of one run; infinite where it did not run. */
  readonly seconds: number
  /** Operations or bytes in a second. */
  readonly rate: number
  readonly unit: "GFLOP/s" | "GB/s"
}

/** A tuning and how it was found. */
export interface Tuned {
  readonly tuning: Tuning
  readonly trials: ReadonlyArray<Trial>
}

/** How much work the kernels of a tuning have: `edge` of the product, elements of the streams. */
export interface Load {
  readonly edge: number
  readonly elements: number
  /** Seconds that one measurement takes, about. */
  readonly span: number
}

/** Enough for a large GPU; and for a software adapter. */
export const loads: { readonly [kind in "gpu" | "software"]: Load } = {
  gpu: { edge: 2048, elements: 2 ** 25, span: 0.2 },
  software: { edge: 128, elements: 2 ** 18, span: 0.15 },
}

const measure = async (gpu: Gpu, shader: Shader, slots: ReadonlyArray<Slot>, span: number): Promise<number> => {
  const made = await timed(gpu, shader, slots)
  if ("_tag" in made) return Infinity
  const seconds = await made.seconds(3, span)
  made.dispose()
  return seconds
}

/** Measures some candidates one after another. */
const trials = async <C>(
  choice: Trial["choice"],
  unit: Trial["unit"],
  list: ReadonlyArray<C>,
  name: (c: C) => string,
  run: (c: C) => Promise<{ readonly seconds: number; readonly work: number }>,
): Promise<ReadonlyArray<{ readonly candidate: C; readonly trial: Trial }>> => {
  const out: Array<{ readonly candidate: C; readonly trial: Trial }> = []
  for (const candidate of list) {
    const { seconds, work } = await run(candidate)
    out.push({ candidate, trial: { choice, candidate: name(candidate), seconds, rate: work / seconds / 1e9, unit } })
  }
  return out
}

const fastest = <C>(list: ReadonlyArray<{ readonly candidate: C; readonly trial: Trial }>, otherwise: C): C => {
  const sorted = list.filter((t) => Number.isFinite(t.trial.seconds)).sort((a, b) => a.trial.seconds - b.trial.seconds)
  return sorted[0]?.candidate ?? otherwise
}

const area = (t: Tile): number => t.rows * t.cols

/**
 * The fastest tile for large products, and below it the fastest of each smaller size, for products that would leave most
 * of the device idle.
 */
const ladder = (
  list: ReadonlyArray<{ readonly candidate: Tile; readonly trial: Trial }>,
  otherwise: ReadonlyArray<Tile>,
): ReadonlyArray<Tile> => {
  const ran = list.filter((t) => Number.isFinite(t.trial.seconds))
  if (ran.length === 0) return otherwise
  const best = fastest(ran, otherwise[0]!)
  const sizes = [...new Set(ran.map((t) => area(t.candidate)))].filter((a) => a < area(best)).sort((a, b) => b - a)
  return [best, ...sizes.map((a) => fastest(ran.filter((t) => area(t.candidate) === a), best))]
}

const legal = (c: Capability, base: Tuning): ReadonlyArray<Tile> => within({ ...base, tiles: candidates }, c).tiles

/** Measures and chooses, starting from the tuning that the device has. */
export const tune = (gpu: Gpu, load: Load): Effect.Effect<Tuned, DeviceFault> =>
  Effect.promise(async () => {
    const { capability, tuning: base } = gpu
    const { edge, elements, span } = load
    const run = async <K>(s: Subject<K>, shader: Shader, work: number) => ({
      seconds: await measure(gpu, shader, s.slots, span),
      work,
    })
    const build = (slots: ReadonlyArray<Slot>, tuning: Tuning) => ({ slots, capability, tuning })

    const square = product(1, edge, edge, edge, false)
    const tiles = await trials(
      "tile",
      "GFLOP/s",
      legal(capability, base),
      (t) => `${t.rows} x ${t.cols} x ${t.depth}, ${t.m} x ${t.n} a lane`,
      (t) => run(square, tiled(square.kernel, build(square.slots, base), t), square.flops),
    )
    const lanes = [64, 128, 256, 512].filter((n) => n <= Math.min(capability.maxInvocations, capability.maxSizeX))
    const stream = fused(elements)
    const maps = await trials("map", "GB/s", lanes, String, (map) =>
      run(stream, loop(stream.kernel, build(stream.slots, { ...base, map })), stream.bytes))
    const rows = softmax(Math.max(1, elements / 1024), 1024)
    const folds = await trials("row", "GB/s", lanes, String, (row) =>
      run(rows, loop(rows.kernel, build(rows.slots, { ...base, row })), rows.bytes))
    const row = fastest(folds, base.row)
    const adding = sums(Math.max(1, elements / 1024), 1024, false)
    const perLane = await trials("perLane", "GB/s", [1, 2, 4, 8, 16], String, (n) =>
      run(adding, loop(adding.kernel, build(adding.slots, { ...base, row, perLane: n })), adding.bytes))
    const attended = attention("forward", { heads: 16, tokens: edge, features: 128 }, exact)
    // what software adapters make of large blocks takes them long to compile
    const sizes = base.unroll ? [48, 64, 96, 128, 160, 192] : [16, 32]
    const held = await trials("held", "GFLOP/s", sizes, String, (n) =>
      run(attended, attend(attended.kernel, build(attended.slots, { ...base, row, held: n })), attended.flops))
    return {
      tuning: {
        ...base,
        held: fastest(held, base.held),
        tiles: ladder(tiles, base.tiles),
        map: fastest(maps, base.map),
        row,
        perLane: fastest(perLane, base.perLane),
      },
      trials: [tiles, maps, folds, perLane, held].flatMap((list) =>
        list.map((t) =>
          t.trial
        )
      ),
    }
  })
