/**
 * The command line of the world task: flags in, options or one sentence out.
 * @module
 */
import { either as E } from "fp-ts"
import { parseArgs } from "node:util"

/** What was asked for. What is undefined was not said. */
export interface Options {
  readonly help: boolean
  readonly device: "webgpu" | "wasm" | "oracle" | undefined
  readonly seed: number | undefined
  readonly steps: number | undefined
  readonly minutes: number | undefined
  readonly resume: boolean
  readonly out: string | undefined
  /** A file of settings, for other models than the standard one. */
  readonly settings: string | undefined
}

/** What `--help` prints. */
export const usage = `Trains a small Llama on Moby-Dick, byte by byte, and writes a report.

    deno task world [flags]

  --device=webgpu|wasm|oracle   where it runs; without it the best that works is taken
  --seed=N                      seed of the parameters, the order of the rows and the samples (42)
  --steps=N                     steps of training; the same steps and seed give the same checkpoint
  --minutes=N                   as many steps as fit into so many minutes here, measured before it starts
  --resume                      goes on from the newest whole checkpoint in the folder
  --out=FOLDER                  where checkpoints, log, samples and report go (runs/world, or the next free runs/world-2, ...)
  --settings=FILE               settings as JSON, as a run writes them to settings.json
  --help                        this text

It ends with held-out bits per byte beside what xz -9e and bzip2 -9 make of the same text. It may be stopped at any
moment, also by force: what was saved last is whole, and --resume goes on to the same bytes.
`

const flags = {
  help: { type: "boolean" },
  device: { type: "string" },
  seed: { type: "string" },
  steps: { type: "string" },
  minutes: { type: "string" },
  resume: { type: "boolean" },
  out: { type: "string" },
  settings: { type: "string" },
} as const

const devices: ReadonlyArray<string> = ["webgpu", "wasm", "oracle"]

/** A number in words' stead is a sentence. */
const numeric = (
  name: string,
  text: string | undefined,
  fits: (n: number) => boolean,
  what: string,
): E.Either<string, number | undefined> => {
  if (text === undefined) return E.right(undefined)
  const n = text.trim() === "" ? NaN : Number(text)
  return fits(n) ? E.right(n) : E.left(`--${name} is '${text}'; expected ${what}`)
}

const whole = (low: number, high: number) => (n: number): boolean => Number.isSafeInteger(n) && n >= low && n <= high

/** Pairs of flags that contradict each other. */
const conflicts: ReadonlyArray<readonly [keyof typeof flags, keyof typeof flags, string]> = [
  ["steps", "minutes", "steps are either given or measured"],
  ["resume", "steps", "a run goes on with the settings it began with"],
  ["resume", "minutes", "a run goes on with the settings it began with"],
  ["resume", "seed", "a run goes on with the settings it began with"],
  ["resume", "settings", "a run goes on with the settings it began with"],
]

/** Reads the flags. A left is what to print before leaving with exit code 2. */
export const parse = (args: ReadonlyArray<string>): E.Either<string, Options> => {
  const read = E.tryCatch(
    () => parseArgs({ args: [...args], options: flags, strict: true, allowPositionals: false }).values,
    (e) => (e instanceof Error ? e.message : String(e)).split("\n")[0]!,
  )
  if (E.isLeft(read)) return read
  const v = read.right
  const clash = conflicts.find(([a, b]) => v[a] !== undefined && v[b] !== undefined)
  if (clash !== undefined) return E.left(`--${clash[0]} and --${clash[1]} do not go together: ${clash[2]}`)
  if (v.device !== undefined && !devices.includes(v.device)) {
    return E.left(`--device is '${v.device}'; expected ${devices.join(", ")}`)
  }
  if (v.out === "") return E.left("--out is empty; expected a folder")
  const seed = numeric("seed", v.seed, whole(0, Number.MAX_SAFE_INTEGER), "a whole number from 0 to 2^53 - 1")
  if (E.isLeft(seed)) return seed
  const steps = numeric("steps", v.steps, whole(1, 1e9), "a whole number of 1 or more")
  if (E.isLeft(steps)) return steps
  const minutes = numeric("minutes", v.minutes, (n) => n > 0 && n < 1e6, "a number of minutes above 0")
  if (E.isLeft(minutes)) return minutes
  return E.right({
    help: v.help === true,
    device: v.device as Options["device"],
    seed: seed.right,
    steps: steps.right,
    minutes: minutes.right,
    resume: v.resume === true,
    out: v.out,
    settings: v.settings,
  })
}
