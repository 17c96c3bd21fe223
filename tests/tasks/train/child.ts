/**
 * Starts a module of ours as a process, in the runtime that runs the tests, and hears its lines.
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process"
import { join } from "node:path"
import process from "node:process"
import { fileURLToPath } from "node:url"

/** What came of it. */
export interface Ended {
  readonly code: number | null
  readonly signal: string | null
  readonly lines: ReadonlyArray<string>
  readonly err: string
}

/** Where we are: the sources, or what was transpiled of them for Node. */
export const top: string = fileURLToPath(new URL("../../../", import.meta.url))

/** Are the tests run by Deno? */
export const inDeno: boolean = "Deno" in globalThis

/** The command line of Node for a module below a folder of transpiled ones. */
export const nodeLine = (node: string, below: string, module: string): ReadonlyArray<string> => [
  ...[node, "--disable-warning=ExperimentalWarning", "--import", join(below, "tests/node.mjs")],
  join(below, module.replace(/\.ts$/, ".js")),
]

/** The command line of this runtime for a module, named from the top of the house. */
export const ownLine = (module: string): ReadonlyArray<string> =>
  inDeno
    ? [process.execPath, "run", "-A", "--quiet", "--no-check", join(top, module)]
    : nodeLine(process.execPath, top, module)

/** Runs a command to its end; `heard` may end it before. */
export const run = (
  [command = "", ...args]: ReadonlyArray<string>,
  env: { readonly [name: string]: string } = {},
  heard: (line: string, child: ChildProcess) => void = () => undefined,
): Promise<Ended> =>
  new Promise((done, fail) => {
    const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] })
    const lines: Array<string> = []
    const decoder = new TextDecoder()
    let rest = ""
    let err = ""
    child.stdout.on("data", (bytes: Uint8Array) => {
      const parts = (rest + decoder.decode(bytes, { stream: true })).split("\n")
      rest = parts.pop()!
      for (const line of parts) {
        lines.push(line)
        heard(line, child)
      }
    })
    child.stderr.on("data", (bytes: Uint8Array) => err += new TextDecoder().decode(bytes))
    child.on("error", fail)
    child.on("close", (code, signal) => done({ code, signal, lines, err }))
  })
