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
import { explain } from "../core/plan/explain.ts"
import { explanation } from "./picture.ts"
import { programs } from "./programs.ts"
import { decodeSettings, type Settings, standard } from "./settings.ts"

const usage = `Draws the programs of the world task: work, traffic and memory of every kernel.

    deno task explain [flags]

  --program=train|score|next   which one (train)
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
  const compiled = programs(settings.right, most)
  if (E.isLeft(compiled)) return fail(1, compiled.left.map(sentence).join("\n"))
  const chosen = compiled.right[program].program
  await mkdir(dirname(out), { recursive: true })
  await writeFile(out, explanation(`The world task: ${program}`, chosen))
  process.stdout.write(`${explain(chosen)}\n\ndrawn in ${out}\n`)
  return 0
}

process.exitCode = await main(process.argv.slice(2))
