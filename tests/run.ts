/**
 * The one test runner, for Deno and for Node 20: it imports every `*.test.ts` file below a folder, lets uvu run the
 * suites, and fails loudly where uvu stays silent: a hook that throws, a suite without `.run()`, an import that fails,
 * a filter that meets no file, a test that never settles, a process that never drains.
 *
 *     deno run -A tests/run.ts [part of a path ...] [--root=folder] [--timeout=seconds a file] [--grace=seconds]
 *
 * The last line of the output is always `N passed, N failed, N skipped`.
 * @module
 */
import { writeSync } from "node:fs"
import { readdir } from "node:fs/promises"
import { resolve, sep } from "node:path"
import process from "node:process"
import { pathToFileURL } from "node:url"
import { asked, type Entry, refuse } from "./asked.ts"
import { type Counts, watch } from "./watchdog.ts"

type Result = readonly [errors: string | true, passed: number, skipped: number, total: number]
type Suite = () => Promise<Result>
interface Uvu {
  UVU_DEFER: number
  UVU_INDEX: number
  UVU_QUEUE: Array<[name: string, ...suites: Array<Suite>]>
}

const uvu = globalThis as unknown as Uvu
uvu.UVU_DEFER = 1
const { exec } = await import("uvu")

// ---- what was asked for

const entry: Entry = {
  usage: `Runs the tests here.

    deno task test:deno [part of a path ...] [flags]
    deno task test:node [part of a path ...] [flags]

  --root=FOLDER       where the test files lie (tests)
  --timeout=SECONDS   how long one file may take
  --grace=SECONDS     how long the process may take to end after the last test (10)
  --help              this text

The last line is \`N passed, N failed, N skipped\`.
`,
  flags: { root: "value", timeout: "value", grace: "value" },
  words: "any",
}
const { words: filters, value } = asked(entry)
const option = (name: string, otherwise: string): string => value(name) ?? otherwise
const seconds = (name: string, otherwise: string): number => {
  const n = Number(option(name, otherwise))
  return n > 0 && n < Infinity ? n : refuse(entry, `--${name} is '${value(name)}'; expected seconds above 0`)
}
const root = resolve(option("root", new URL(".", import.meta.url).pathname))
const timeout = seconds("timeout", "600")
const grace = seconds("grace", "10")

/** Here the files end in `.ts`; transpiled for Node, in `.js`. */
const ending = import.meta.url.endsWith(".ts") ? ".test.ts" : ".test.js"
const wanted = (file: string): boolean => filters.length === 0 || filters.some((part) => file.includes(part))
/** Files that fail on purpose live below a folder `cases`; only the runner's own test asks for them, by `--root`. */
const all = (await readdir(root, { recursive: true })).map((file) => file.split(sep).join("/"))
  .filter((file) => file.endsWith(ending) && !file.split("/").includes("cases")).sort()
const files = all.filter(wanted)

// ---- the counts, and the last line, whatever happens

const times = new Map<string, number>()
const watchdog = watch(timeout)
let finished = false

const fail = (message: string): void => {
  watchdog.count("failed", 1)
  process.exitCode = 1
  writeSync(1, `\n  FAIL  ${message}\n`)
}
const describe = (error: unknown): string => error instanceof Error ? error.stack ?? error.message : String(error)

/** The last thing this process says. Standard output is written synchronously, so nothing follows it. */
const closing = (): void => {
  if (!finished) fail(`${watchdog.file()}: the process ended in the middle; a promise that never settles?`)
  const { passed, failed, skipped }: Counts = watchdog.counts()
  if (failed > 0) process.exitCode = 1
  writeSync(1, `${passed} passed, ${failed} failed, ${skipped} skipped\n`)
}
process.on("exit", closing)

// ---- suites, wrapped

/** Runs one suite and counts it. uvu swallows what a hook throws: then fewer tests ran than there are, and no error. */
const counted = (file: string, run: Suite): Suite => async () => {
  const start = performance.now()
  const [errors, passed, skipped, total] = await run()
  times.set(file, (times.get(file) ?? 0) + (performance.now() - start) / 1000)
  const silent = errors === true && passed < total
  watchdog.count("passed", passed)
  watchdog.count("failed", Math.max(total - passed, silent ? 1 : 0))
  watchdog.count("skipped", skipped)
  return [
    silent ? `  FAIL  ${file}: a hook threw; ${passed} of ${total} tests ran\n` : errors,
    passed,
    skipped,
    total,
  ]
}

/** A suite that only says what is wrong with its file. */
const broken = (message: string): Suite => () => Promise.resolve([`  FAIL  ${message}\n`, 0, 0, 1])
const entering = (file: string): Suite => () => {
  watchdog.enter(file)
  return Promise.resolve([true, 0, 0, 0])
}

for (const [index, file] of files.entries()) {
  watchdog.enter(file)
  uvu.UVU_INDEX = index
  uvu.UVU_QUEUE[index] = [file]
  const before = performance.now()
  const wrong = await import(pathToFileURL(resolve(root, file)).href).then(() => undefined, describe)
  times.set(file, (performance.now() - before) / 1000)
  const [name, ...suites] = uvu.UVU_QUEUE[index]!
  const faults = wrong !== undefined
    ? [broken(`${file}: the file cannot be imported\n${wrong}`)]
    : suites.length === 0
    ? [broken(`${file}: no suite was run; is \`it.run()\` missing?`)]
    : []
  uvu.UVU_QUEUE[index] = [name, entering(file), ...[...faults, ...suites].map((suite) => counted(file, suite))]
}

if (files.length === 0) fail(`no test file matches ${JSON.stringify(filters)} among ${all.length} below ${root}`)
await exec()
finished = true

// ---- afterwards: the slowest, and the process must drain by itself

const slowest = [...times].sort((a, b) => b[1] - a[1]).slice(0, 8).filter(([, s]) => s >= 0.05)
if (slowest.length > 0) {
  writeSync(
    1,
    "  Slowest:\n" + slowest.map(([file, s]) => `    ${s.toFixed(2).padStart(7)} s  ${file}\n`).join("") + "\n",
  )
}
await watchdog.stop()

const hangs = (): void => {
  const open = process.getActiveResourcesInfo?.().join(", ") ?? ""
  fail(`the tests are over, but the process does not end: something is left open (worker, timer, socket) ${open}`)
  process.exit(1)
}
setTimeout(hangs, grace * 1000).unref()
