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
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import process from "node:process"
import { fileURLToPath } from "node:url"
import { asked, refuse } from "./asked.ts"

const root = fileURLToPath(new URL("..", import.meta.url))
const target = join(root, ".node")
const rooms = ["core", "ops", "models", "tasks", "tests"]

const deno = (args: ReadonlyArray<string>, cwd: string): void => {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd, encoding: "utf8" })
  if (status === 0) return
  process.stderr.write(`deno ${args.slice(0, 3).join(" ")} ... ended with status ${status}\n${stdout}${stderr}`)
  process.exit(1)
}

/** All files of the house, relative to its root. */
const sources = (): ReadonlyArray<string> =>
  rooms.filter((room) => existsSync(join(root, room))).flatMap((room) =>
    readdirSync(join(root, room), { recursive: true, encoding: "utf8" }).map((file) => join(room, file))
  ).filter((file) => !file.startsWith(join("tests", "bench", "results")))

/** Packages as the lock file has them, in `.node/node_modules`. */
const packages = (): void => {
  const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"))
  const lock = readFileSync(join(root, "deno.lock"), "utf8")
  const { imports } = JSON.parse(readFileSync(join(root, "deno.json"), "utf8"))
  const wanted = JSON.stringify([lock, manifest, imports])
  const stamp = join(target, "stamp")
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === wanted) return
  writeFileSync(join(target, "package.json"), JSON.stringify({ ...manifest, exports: undefined }))
  writeFileSync(join(target, "deno.json"), JSON.stringify({ nodeModulesDir: "auto", imports }))
  writeFileSync(join(target, "deno.lock"), lock)
  deno(["install", "--quiet"], target)
  writeFileSync(stamp, wanted)
}

/** JavaScript of every module, and whatever else lies beside them, in the same places. */
const transpile = (): void => {
  for (const room of rooms) rmSync(join(target, room), { recursive: true, force: true })
  const files = sources()
  const modules = [...(existsSync(join(root, "mod.ts")) ? ["mod.ts"] : []), ...files.filter((f) => f.endsWith(".ts"))]
  deno(["transpile", "--outdir", ".node", ...modules], root)
  for (const file of files.filter((f) => /\.[^.\\/]+$/.test(f) && !f.endsWith(".ts"))) {
    cpSync(join(root, file), join(target, file), { recursive: true })
  }
}

const usage = `Runs a module of ours under Node: transpiles everything to .node/ and starts it there.

    deno run -A tests/node.ts [tests/run.ts [arguments]]

  --help    this text; after the module, the module's own
`
const [entry = "tests/run.ts", ...rest] = process.argv.slice(2)
if (entry.startsWith("-")) {
  asked({ usage }, [entry])
}
if (!existsSync(join(root, entry))) refuse({ usage }, `there is no module ${entry}`)

mkdirSync(target, { recursive: true })
packages()
transpile()
const { status } = spawnSync(
  process.env.NODE ?? "node",
  ["--disable-warning=ExperimentalWarning", "--import", "./tests/node.mjs", entry.replace(/\.ts$/, ".js"), ...rest],
  { cwd: target, stdio: "inherit" },
)
process.exitCode = status ?? 1
