/**
 * The files of the house, for the tests that read them: as they are written, also when Node runs their transpiled copies.
 * @module
 */
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const here = import.meta.url
/** The top of the repository. */
export const root: string = fileURLToPath(new URL(here.includes("/.node/tests/") ? "../../" : "../", here))

const rooms = ["core", "ops", "models", "tasks", "tests", ".ci"]
const top = ["mod.ts", "README.md", "ARCHITECTURE.md", "deno.json", "package.json", ".gitignore"]
const text = /\.(ts|mjs|js|json|md|html|css|py|sh)$|^\.ci\//

const below = (room: string): ReadonlyArray<string> => {
  try {
    return readdirSync(join(root, room), { recursive: true, withFileTypes: true, encoding: "utf8" })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(root.length).replaceAll("\\", "/"))
  } catch {
    return []
  }
}

/** A file of ours: its path from the top, and its text. */
export interface Source {
  readonly path: string
  readonly text: string
}

const read = (path: string): ReadonlyArray<Source> => {
  try {
    return [{ path, text: readFileSync(join(root, path), "utf8") }]
  } catch {
    return []
  }
}

/** Every text file written by hand, in order of its path. Measured results are not among them. */
export const sources: ReadonlyArray<Source> = [...top, ...rooms.flatMap(below)]
  .filter((path) => (text.test(path) || top.includes(path)) && !path.startsWith("tests/bench/results/"))
  .sort().flatMap(read)

/** The TypeScript among them. */
export const modules: ReadonlyArray<Source> = sources.filter(({ path }) => path.endsWith(".ts"))
