/**
 * The house as Node reads it: JavaScript of its modules in `.node/`, and the packages that `deno.lock` pins (hard links
 * into Deno's cache, so no copy and nothing fetched twice; only when the lock changed).
 * @module
 */
import { spawnSync } from "node:child_process"
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join, relative } from "node:path"
import process from "node:process"
import { fileURLToPath } from "node:url"

/** The top of the house. */
export const root: string = fileURLToPath(new URL("..", import.meta.url))
/** Where all of it is transpiled to. */
export const target: string = join(root, ".node")
const rooms = ["core", "ops", "models", "tasks", "tests"]

const deno = (args: ReadonlyArray<string>, cwd: string): string => {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd, encoding: "utf8", maxBuffer: 2 ** 28 })
  if (status === 0) return stdout
  throw new Error(`deno ${args.slice(0, 3).join(" ")} ... ended with status ${status}\n${stdout}${stderr}`)
}

/** All files of the house, relative to its root. */
const sources = (): ReadonlyArray<string> =>
  rooms.filter((room) => existsSync(join(root, room))).flatMap((room) =>
    readdirSync(join(root, room), { recursive: true, encoding: "utf8" }).map((file) => join(room, file))
  ).filter((file) => !file.startsWith(join("tests", "bench", "results")))

/** Packages as the lock file has them, in `.node/node_modules`. */
export const packages = (): void => {
  mkdirSync(target, { recursive: true })
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
export const transpile = (): void => {
  for (const room of rooms) rmSync(join(target, room), { recursive: true, force: true })
  const files = sources()
  const modules = [...(existsSync(join(root, "mod.ts")) ? ["mod.ts"] : []), ...files.filter((f) => f.endsWith(".ts"))]
  deno(["transpile", "--outdir", ".node", ...modules], root)
  for (const file of files.filter((f) => /\.[^.\\/]+$/.test(f) && !f.endsWith(".ts"))) {
    cpSync(join(root, file), join(target, file), { recursive: true })
  }
}

interface Graph {
  readonly modules: ReadonlyArray<{ readonly local?: string }>
}

/** JavaScript of one module and of all that it imports, in the folder `name` of `.node`; gives the folder. */
export const transpileFor = (module: string, name: string): string => {
  const folder = join(target, name)
  rmSync(folder, { recursive: true, force: true })
  const graph = JSON.parse(deno(["info", "--json", module], root)) as Graph
  const own = graph.modules.flatMap(({ local }) => local === undefined ? [] : [relative(root, local)])
    .filter((path) => rooms.some((room) => path.startsWith(room)))
  deno(["transpile", "--outdir", folder, ...own], root)
  mkdirSync(join(folder, "tests"), { recursive: true })
  cpSync(join(root, "tests/node.mjs"), join(folder, "tests/node.mjs"))
  return folder
}
