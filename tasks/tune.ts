/**
 * `deno task tune`: measures this machine's GPU and prints how kernels are best cut for it, as a row of the tuning table.
 * @module
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { either as E } from "fp-ts"
import { writeFile } from "node:fs/promises"
import process from "node:process"
import { parseArgs } from "node:util"
import type { DeviceFault } from "../core/device/backend.ts"
import { type Gpu, openGpu } from "../core/device/webgpu/open.ts"
import { loads, tune, type Tuned } from "../core/device/webgpu/tune.ts"

const usage = `Measures how kernels are best cut for this machine's GPU.

    deno task tune [flags]

  --implementation=dawn|navigator   Dawn, or what the runtime brings (the first that finds an adapter)
  --out=FILE                        also as JSON, for the device's option \`tuning\`
  --help                            this text
`

const flags = {
  implementation: { type: "string" },
  out: { type: "string" },
  help: { type: "boolean" },
} as const

/** What was measured, one line a candidate, and the row. */
const text = (gpu: Gpu, { tuning, trials }: Tuned): string =>
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

const report = (implementation: string | undefined, out: string | undefined): Effect.Effect<void, DeviceFault> =>
  Effect.scoped(Effect.gen(function* () {
    const gpu = yield* openGpu(implementation === "dawn" || implementation === "navigator" ? { implementation } : {})
    const tuned = yield* tune(gpu, loads[gpu.adapterClass === "software" ? "software" : "gpu"])
    process.stdout.write(text(gpu, tuned))
    if (out !== undefined) {
      yield* Effect.promise(() => writeFile(out, `${JSON.stringify({ adapter: gpu.adapter, ...tuned }, null, 2)}\n`))
    }
  }))

const main = async (args: ReadonlyArray<string>): Promise<number> => {
  const read = E.tryCatch(
    () => parseArgs({ args: [...args], options: flags, strict: true, allowPositionals: false }).values,
    (e) => (e instanceof Error ? e.message : String(e)).split("\n")[0]!,
  )
  const known = ["dawn", "navigator", undefined]
  if (E.isLeft(read) || !known.includes(read.right.implementation)) {
    const wrong = E.isLeft(read) ? read.left : `--implementation is '${read.right.implementation}'`
    process.stderr.write(`${wrong}\n\n${usage}`)
    return 2
  }
  if (read.right.help === true) {
    process.stdout.write(usage)
    return 0
  }
  const exit = await Effect.runPromiseExit(
    Effect.match(report(read.right.implementation, read.right.out), {
      onSuccess: () => 0,
      onFailure: (fault) => {
        process.stderr.write(`${fault.message}\n`)
        return 1
      },
    }),
  )
  if (Exit.isSuccess(exit)) return exit.value
  process.stderr.write(`${exit.cause}\n`)
  return 1
}

process.exitCode = await main(process.argv.slice(2))
