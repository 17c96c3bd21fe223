/** Every entry says what may be asked of it, and refuses what it does not know before it does anything. */
import { spawn, spawnSync } from "node:child_process"
import process from "node:process"
import { fileURLToPath } from "node:url"
import { suite } from "uvu"
import * as assert from "uvu/assert"

const it = suite("command lines")

const extension = import.meta.url.endsWith(".ts") ? "ts" : "js"
const flags = extension === "ts" ? ["run", "-A"] : ["--import", new URL("./node.mjs", import.meta.url).href]

const lineOf = (entry: string, args: ReadonlyArray<string>): ReadonlyArray<string> => {
  const [module, ...own] = entry.split(" ")
  return [...flags, fileURLToPath(new URL(`../${module}.${extension}`, import.meta.url)), ...own, ...args]
}

const start = (entry: string, ...args: ReadonlyArray<string>) =>
  spawnSync(process.execPath, lineOf(entry, args), { encoding: "utf8", timeout: 120_000 })

/** Started, and what it writes goes nowhere: as by `| head`, which leaves. */
const unread = (
  entry: string,
  ...args: ReadonlyArray<string>
): Promise<{ readonly code: number; readonly err: string }> =>
  new Promise((done, fail) => {
    const child = spawn(process.execPath, lineOf(entry, args), { stdio: ["ignore", "pipe", "pipe"], timeout: 120_000 })
    let err = ""
    child.stdout.destroy()
    child.stderr.on("data", (bytes) => err += bytes)
    child.on("error", fail)
    child.on("close", (code) => done({ code: code ?? -1, err }))
  })

const entries: ReadonlyArray<string> = [
  "tasks/command/main run",
  "tasks/chat",
  "tests/all",
  "tests/run",
  "tests/node",
  "tests/bench/run",
  "tests/publish/pack",
  "tests/publish/check",
]

for (const entry of entries) {
  it(`${entry} --help prints what may be asked, and does nothing`, () => {
    const { status, stdout, stderr } = start(entry, "--help")
    assert.is(status, 0, stdout + stderr)
    assert.match(stdout, /\n {4}deno (task|run) /)
    assert.match(stdout, /\n {2}--help {2,}\w/)
    assert.is(stdout.split("\n").length < 40, true, stdout)
  })

  it(`${entry} refuses a flag that it does not know`, () => {
    const { status, stdout, stderr } = start(entry, "--nonsense")
    assert.is(status, 2, stdout + stderr)
    assert.match(stderr, /--nonsense/)
    assert.is(stdout, "")
  })
}

for (const entry of ["tasks/command/main list", "tasks/chat"]) {
  it(`${entry} ends well though nobody reads what it writes`, async () => {
    assert.equal(await unread(entry, "--help"), { code: 0, err: "" })
  })
}

const wrong: ReadonlyArray<readonly [entry: string, args: ReadonlyArray<string>, says: RegExp]> = [
  ["tasks/command/main", ["learn"], /'learn' is no command; there are list, plan, run, /],
  ["tests/run", ["--timeout=soon"], /--timeout is 'soon'; expected seconds above 0/],
  ["tests/node", ["tests/absent.ts"], /there is no module tests\/absent\.ts/],
  ["tests/bench/run", ["nothing"], /'nothing' is not known; expected some of contraction/],
  ["tests/bench/run", ["--rounds=0"], /--rounds is '0'; expected a whole number from 1/],
  ["tests/publish/pack", ["here"], /'?here'?/],
]

for (const [entry, args, says] of wrong) {
  it(`${entry} ${args.join(" ")} is refused with a sentence`, () => {
    const { status, stdout, stderr } = start(entry, ...args)
    assert.is(status, 2, stdout + stderr)
    assert.match(stderr, says)
    assert.is(stdout, "")
  })
}

it.run()
