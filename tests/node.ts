/**
 * Runs a module of ours under Node, which reads no TypeScript before 22.18: transpiles everything to `.node/` (a fraction
 * of a second), gives it the packages that `deno.lock` pins (hard links into Deno's cache, so no copy and nothing fetched
 * twice; only when the lock changed), and starts Node there.
 *
 *     deno run -A tests/node.ts tests/run.ts [arguments]
 *
 * `NODE` names another Node than the one on the path.
 * @module
 */
import { spawnSync } from "node:child_process"
import { existsSync } from "node:fs"
import { join } from "node:path"
import process from "node:process"
import { asked, refuse } from "./asked.ts"
import { packages, root, target, transpile } from "./transpiled.ts"

const usage = `Runs a module of ours under Node: transpiles everything to .node/ and starts it there.

    deno run -A tests/node.ts [tests/run.ts [arguments]]

  --help    this text; after the module, the module's own
`
const [entry = "tests/run.ts", ...rest] = process.argv.slice(2)
if (entry.startsWith("-")) {
  asked({ usage }, [entry])
}
if (!existsSync(join(root, entry))) refuse({ usage }, `there is no module ${entry}`)

try {
  packages()
  transpile()
} catch (e) {
  process.stderr.write(`${e instanceof Error ? e.message : e}\n`)
  process.exit(1)
}
const { status } = spawnSync(
  process.env.NODE ?? "node",
  ["--disable-warning=ExperimentalWarning", "--import", "./tests/node.mjs", entry.replace(/\.ts$/, ".js"), ...rest],
  { cwd: target, stdio: "inherit" },
)
process.exitCode = status ?? 1
