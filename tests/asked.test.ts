/** Every entry says what may be asked of it, and refuses what it does not know before it does anything. */
import { spawnSync } from "node:child_process"
import process from "node:process"
import { fileURLToPath } from "node:url"
import { suite } from "uvu"
import * as assert from "uvu/assert"

const it = suite("command lines")

const extension = import.meta.url.endsWith(".ts") ? "ts" : "js"
const flags = extension === "ts" ? ["run", "-A"] : ["--import", new URL("./node.mjs", import.meta.url).href]

const start = (entry: string, ...args: ReadonlyArray<string>) => {
  const [module, ...own] = entry.split(" ")
  const path = fileURLToPath(new URL(`../${module}.${extension}`, import.meta.url))
  return spawnSync(process.execPath, [...flags, path, ...own, ...args], { encoding: "utf8", timeout: 120_000 })
}

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
