/**
 * `deno task explain`: the world task's programs, or a program from a file of JSON, as one page with pictures and as
 * text, before anything runs.
 * @module
 */
import { either as E } from "fp-ts"
import { mkdir, readFile, writeFile } from "node:fs/promises"
import { dirname } from "node:path"
import process from "node:process"
import { parseArgs } from "node:util"
import { sentence } from "../core/graph/fault.ts"
import { explain, explainMemory } from "../core/plan/explain.ts"
import { memoryOf } from "../core/plan/memory.ts"
import type { Program } from "../core/plan/program.ts"
import { explanation } from "./picture.ts"
import { type Programs, programs } from "./programs.ts"
import { wishedStep, wishOf } from "./wish.ts"
import { decodeSettings, type Settings, standard } from "./settings.ts"

const usage = `Draws the programs of the world task: work, traffic and memory of every kernel.

    deno task explain [flags]

  --program=train|score|next   which one (train)
  --preset=NAME                LWM's sizes instead of the world task's: debug 200m 1b 3b 7b 13b 30b 65b (train only)
  --time=N --batch=N           tokens in a row, and rows in a step (train only)
  --mesh=ring=4,data=2         the ranks that a step is spread over, zigzag around the ring (train only)
  --where=local|processes      all ranks in one program, or one rank's program of many (processes)
  --chunk=N                    tokens that a layer and the loss work on at once (train only)
  --remat=none|layer|all       what the backward pass computes again (none)
  --settings=FILE              settings as JSON, as a run writes them to settings.json
  --bindings=N                 buffers that a kernel may bind: 8 is what WebGPU promises, wasm binds 256 (256)
  --out=FILE                   where the page goes (runs/explain.html)
  --help                       this text
`

const fail = (code: number, text: string): number => {
  process.stderr.write(`${text}\n`)
  return code
}

const settingsFrom = async (path: string | undefined): Promise<E.Either<string, Settings>> => {
  if (path === undefined) return E.right(standard)
  const text = await readFile(path, "utf8").then(E.right, (e) => E.left(`cannot read ${path}: ${e.message}`))
  if (E.isLeft(text)) return text
  return E.mapLeft((faults: ReadonlyArray<{ readonly message: string }>) => faults.map((f) => f.message).join("\n"))(
    decodeSettings(text.right),
  )
}

const flags = {
  program: { type: "string" },
  preset: { type: "string" },
  time: { type: "string" },
  batch: { type: "string" },
  mesh: { type: "string" },
  where: { type: "string" },
  chunk: { type: "string" },
  remat: { type: "string" },
  settings: { type: "string" },
  bindings: { type: "string" },
  out: { type: "string" },
  help: { type: "boolean" },
} as const

const main = async (args: ReadonlyArray<string>): Promise<number> => {
  const read = E.tryCatch(
    () => parseArgs({ args: [...args], options: flags, strict: true, allowPositionals: false }).values,
    (e) => (e instanceof Error ? e.message : String(e)).split("\n")[0]!,
  )
  if (E.isLeft(read)) return fail(2, `${read.left}\n\n${usage}`)
  const { program = "train", bindings = "256", out = "runs/explain.html", help } = read.right
  if (help === true) {
    process.stdout.write(usage)
    return 0
  }
  if (program !== "train" && program !== "score" && program !== "next") {
    return fail(2, `--program is '${program}'; expected train, score or next\n\n${usage}`)
  }
  const most = Number(bindings)
  if (!Number.isSafeInteger(most) || most < 4) {
    return fail(2, `--bindings is '${bindings}'; expected 4 or more\n\n${usage}`)
  }
  const settings = await settingsFrom(read.right.settings)
  if (E.isLeft(settings)) return fail(1, settings.left)
  const wished = wishOf(read.right, settings.right)
  if (E.isLeft(wished)) return fail(2, `${wished.left}\n\n${usage}`)
  if (wished.right !== undefined && program !== "train") {
    return fail(
      2,
      `--preset, --time, --batch, --mesh, --where, --chunk and --remat are of the program train\n\n${usage}`,
    )
  }
  const compiled = wished.right === undefined
    ? E.map((all: Programs) => all[program].program)(programs(settings.right, most))
    : E.map((c: { readonly program: Program }) => c.program)(wishedStep(wished.right, most))
  if (E.isLeft(compiled)) return fail(1, compiled.left.map(sentence).join("\n"))
  const chosen = compiled.right
  const whose = wished.right === undefined || wished.right.where === "local" ? "this program" : "one rank"
  const memory = program === "train" ? `\n\n${explainMemory(memoryOf(chosen), whose)}` : ""
  await mkdir(dirname(out), { recursive: true })
  await writeFile(out, explanation(`The world task: ${program}`, chosen))
  process.stdout.write(`${explain(chosen)}${memory}\n\ndrawn in ${out}\n`)
  return 0
}

process.exitCode = await main(process.argv.slice(2))
