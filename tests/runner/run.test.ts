/** The runner on files that go wrong on purpose: each must end with its exit code and its last line. */
import { spawnSync } from "node:child_process"
import process from "node:process"
import { fileURLToPath } from "node:url"
import { suite } from "uvu"
import * as assert from "uvu/assert"

const it = suite("runner")

interface Case {
  readonly folder: string
  readonly last: string
  readonly says?: RegExp
  readonly args?: ReadonlyArray<string>
  readonly env?: Readonly<Record<string, string>>
}

const cases: ReadonlyArray<Case> = [
  { folder: "passes", last: "2 passed, 0 failed, 0 skipped" },
  { folder: "fails", last: "1 passed, 1 failed, 0 skipped", says: /"two"/ },
  { folder: "hook", last: "0 passed, 2 failed, 0 skipped", says: /a hook threw; 0 of 2/ },
  { folder: "unrun", last: "0 passed, 1 failed, 0 skipped", says: /no suite was run/ },
  { folder: "throws", last: "1 passed, 1 failed, 0 skipped", says: /while it is imported/ },
  {
    folder: "stuck",
    last: "0 passed, 1 failed, 0 skipped",
    says: /stuck\.test\.\ws: (the process ended in the middle|still running)/,
  },
  { folder: "spins", last: "0 passed, 1 failed, 0 skipped", says: /spins\.test\.\ws: still running after 1 s/ },
  { folder: "open", last: "1 passed, 1 failed, 0 skipped", says: /does not end/, args: ["--grace=0.2"] },
  {
    folder: "passes",
    last: "0 passed, 1 failed, 0 skipped",
    says: /no test file matches \["absent"\]/,
    args: ["absent"],
  },
  { folder: "lacks", last: "1 passed, 0 failed, 1 skipped", says: /SKIP {2}no luck; to run these tests: look for/ },
  { folder: "lacks", last: "1 passed, 1 failed, 0 skipped", says: /must not be skipped in CI/, env: { CI: "true" } },
]

const path = (name: string): string => fileURLToPath(new URL(name, import.meta.url))
const extension = import.meta.url.endsWith(".ts") ? "ts" : "js"
const flags = extension === "ts" ? ["run", "-A"] : ["--import", new URL("../node.mjs", import.meta.url).href]

for (const { folder, last, says, args = [], env = {} } of cases) {
  it([folder, ...args, ...Object.keys(env)].join(" "), () => {
    const child = spawnSync(
      process.execPath,
      [...flags, path(`../run.${extension}`), `--root=${path(`cases/${folder}`)}`, "--timeout=1", ...args],
      { encoding: "utf8", env: { ...process.env, CI: "", FORCE_COLOR: "0", ...env } },
    )
    assert.is(child.stdout.trimEnd().split("\n").at(-1), last, child.stdout + child.stderr)
    assert.is(child.status === 0, / 0 failed/.test(last), `exit status ${child.status}`)
    if (says !== undefined) assert.match(child.stdout, says)
  })
}

it.run()
