/** `deno task report`, and the report at the end of a run: paths, exit codes, and what they leave alone. */
import * as Effect from "effect/Effect"
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { layer } from "../../../core/device/device.ts"
import { oracle } from "../../../core/device/oracle.ts"
import type { Surroundings } from "../../../tasks/command/around.ts"
import { commands } from "../../../tasks/command/command.ts"
import type { Recipe } from "../../../tasks/recipes/registry.ts"
import { reported } from "../../../tasks/report/outline.ts"
import { pipeline, stage } from "../../../tasks/stage/stage.ts"
import * as t from "io-ts"
import { small, stages } from "./pipeline.ts"

const it = suite("tasks/report/command")

const broken = stage({
  ...{ name: "broken", version: "1", codec: t.null, settings: null, needs: { base: stages.base! }, output: t.null },
  make: () => Effect.fail({ message: "the river is dry" }),
})
const plain = pipeline("plain", "has no outline", { base: stages.base! })
const breaks = reported(pipeline("breaks", "fails at its end", { base: stages.base!, broken }), { title: "It breaks" })

interface Said {
  readonly code: number
  readonly out: string
  readonly err: string
}

/** Calls commands in a folder of their own. */
const inFolder = async (use: (call: (...line: Array<string>) => Promise<Said>, root: string) => Promise<void>) => {
  const root = await mkdtemp(join(tmpdir(), "orrery-"))
  const call = async (name: string, ...args: ReadonlyArray<string>): Promise<Said> => {
    let [out, err] = ["", ""]
    const around: Surroundings = {
      terminal: { interactive: false, columns: 80, write: (text) => void (out += text) },
      complain: (text) => void (err += text),
      recipes: [small, plain, breaks] as unknown as ReadonlyArray<Recipe>,
      device: () => layer(oracle, "a test"),
      launch: undefined,
      confirm: () => Effect.succeed(false),
    }
    const code = await Effect.runPromise(commands[name]!(around, args))
    return { code, out, err }
  }
  try {
    await use(call as (...line: Array<string>) => Promise<Said>, root)
  } finally {
    await rm(root, { recursive: true, force: true })
  }
}

it("a run of a pipeline that has an outline ends with its report, also when it fails; others write none", () =>
  inFolder(async (call, root) => {
    const ran = await call("run", "small", `--root=${root}`)
    assert.equal([ran.code, ran.err], [0, ""])
    const path = join(root, "small", "report.html")
    assert.is(ran.out.trim().split("\n").at(-1), `report  ${path}`)
    assert.match(await readFile(path, "utf8"), /<h1>A pipeline of nothing<\/h1>/)
    const failed = await call("run", "breaks", `--root=${root}`)
    assert.equal([failed.code, failed.err], [1, "broken: the river is dry\n"])
    assert.match(await readFile(join(root, "breaks", "report.html"), "utf8"), /Not made yet: broken\./)
    await call("run", "plain", `--root=${root}`)
    assert.equal(await readdir(join(root, "plain")), ["log.jsonl"])
  }))

it("the page is made again of what is there, here or elsewhere, or of its data; nothing runs", () =>
  inFolder(async (call, root) => {
    await call("run", "small", `--root=${root}`)
    const [page, data] = ["report.html", "report.json"].map((f) => join(root, "small", f)) as [string, string]
    const [first, log] = [await readFile(page, "utf8"), await readFile(join(root, "small", "log.jsonl"), "utf8")]
    await rm(page)
    assert.equal(await call("report", "small", `--root=${root}`), { code: 0, out: `${page}\n`, err: "" })
    assert.is(await readFile(page, "utf8"), first)
    assert.is(await readFile(join(root, "small", "log.jsonl"), "utf8"), log)
    const out = join(root, "deep", "er", "page.html")
    assert.equal(await call("report", "small", `--root=${root}`, `--out=${out}`), { code: 0, out: `${out}\n`, err: "" })
    assert.is(await readFile(out, "utf8"), first)
    const again = join(root, "again.html")
    assert.is((await call("report", `--data=${data}`, `--out=${again}`)).code, 0)
    assert.is(await readFile(again, "utf8"), first)
  }))

it("of what was never run it says so on the page; of what there is not, in a sentence", () =>
  inFolder(async (call, root) => {
    assert.is((await call("report", "small", `--root=${root}`)).code, 0)
    assert.match(await readFile(join(root, "small", "report.html"), "utf8"), /Not made yet: base, longer/)
    const fails = async (expected: RegExp, code: number, ...args: Array<string>): Promise<void> => {
      const said = await call("report", ...args, `--root=${root}`)
      assert.equal([said.code, said.out], [code, ""])
      assert.match(said.err, expected)
    }
    await fails(/name a pipeline: small, plain, breaks/, 1)
    await fails(/smal: there is no such pipeline/, 1, "smal")
    await fails(/either a pipeline or --data/, 1, "small", "--data=x.json")
    await fails(/cannot read .*gone\.json: there is no such file/, 1, `--data=${join(root, "gone.json")}`)
    await writeFile(join(root, "other.json"), "{}")
    await fails(/other\.json is no report\.json of this version: /, 1, `--data=${join(root, "other.json")}`)
    await fails(/nonsense/, 2, "small", "--nonsense")
    const help = await call("report", "--help")
    assert.equal([help.code, help.err], [0, ""])
    assert.match(help.out, /deno task report <pipeline>/)
  }))

it("clean --all takes reports with it", () =>
  inFolder(async (call, root) => {
    await call("run", "small", `--root=${root}`)
    assert.is((await call("clean", "--all", `--root=${root}`)).code, 0)
    const left = await readdir(root, { recursive: true, withFileTypes: true })
    assert.equal(left.filter((f) => f.isFile()).map((f) => f.name), [])
  }))

it.run()
