/**
 * `deno task tune`: measures this machine's GPU and prints how kernels are best cut for it, as a row of the tuning table.
 * @module
 */
import * as Effect from "effect/Effect"
import { type Gpu, openGpu } from "../../core/device/webgpu/open.ts"
import { loads, tune as tuned, type Tuned } from "../../core/device/webgpu/tune.ts"
import type { Told } from "../recipes/registry.ts"
import { failure, type Surroundings } from "./around.ts"
import { writeText } from "../named.ts"
import { type Asked, type Command, type Flag, oneOf, text } from "./flags.ts"

type TuneFlags = { readonly implementation: Flag<"dawn" | "navigator">; readonly out: Flag<string> }

/** What may be asked of it. */
export const command: Command<TuneFlags> = {
  call: "deno task tune [flags]",
  about: "Measures how kernels are best cut for this machine's GPU.",
  names: 0,
  flags: {
    implementation: oneOf(
      ["dawn", "navigator"],
      "Dawn, or what the runtime brings (the first that finds an adapter)",
    ),
    out: text("FILE", "also as JSON, for the device's option `tuning`"),
  },
}

/** What was measured, one line a candidate, and the row. */
const shown = (gpu: Gpu, { tuning, trials }: Tuned): string =>
  [
    `${gpu.adapter} by ${gpu.implementation}, class ${gpu.adapterClass}`,
    ...trials.map((t) =>
      `  ${t.choice.padEnd(8)} ${t.candidate.padEnd(30)} ` +
      (Number.isFinite(t.seconds) ? `${t.rate.toFixed(2).padStart(10)} ${t.unit}` : "does not run")
    ),
    "",
    `${gpu.adapterClass}: ${JSON.stringify(tuning)},`,
    "",
  ].join("\n")

const measured = (
  { terminal }: Surroundings,
  { values: { implementation, out } }: Asked<TuneFlags>,
): Effect.Effect<number, Told> =>
  Effect.scoped(Effect.gen(function* () {
    const gpu = yield* openGpu(implementation === undefined ? {} : { implementation })
    const found = yield* tuned(gpu, loads[gpu.adapterClass === "software" ? "software" : "gpu"])
    terminal.write(shown(gpu, found))
    if (out !== undefined) yield* writeText(out, `${JSON.stringify({ adapter: gpu.adapter, ...found }, null, 2)}\n`)
    return 0
  }))

/** Runs it; gives the exit code. */
export const tune = (around: Surroundings, asked: Asked<TuneFlags>): Effect.Effect<number> =>
  measured(around, asked).pipe(Effect.catch(failure(around)))
