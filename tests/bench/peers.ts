/**
 * The peers, each optional: jax-js, onnxruntime-web and tfjs in Node 24, installed once into a temporary folder, and PyTorch
 * from the system's Python. Every peer is a process of its own that prints one line of JSON; one that is absent says why
 * and how to get it.
 * @module
 */
import { spawnSync } from "node:child_process"
import { copyFileSync, existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { basename, join } from "node:path"
import process from "node:process"
import { either as E } from "fp-ts"
import { root } from "../house.ts"

/** What npm brings. Node 24 is the newest that all of them run on, and the one that jax-js is fastest on. */
const packages = [
  "@jax-js/jax@0.1.25",
  "onnxruntime-web@1.30.0",
  "@tensorflow/tfjs-core@4.22.0",
  "@tensorflow/tfjs-backend-wasm@4.22.0",
  "node@24.21.0",
]

/** Where the peers live between runs. */
const folder: string = join(tmpdir(), "orrery-peers-2")

const modules = (): E.Either<string, string> => {
  const node = join(folder, "node_modules/node/bin/node")
  mkdirSync(folder, { recursive: true })
  for (const file of readdirSync(join(root, "tests/bench/peers"))) {
    copyFileSync(join(root, "tests/bench/peers", file), join(folder, file))
  }
  if (existsSync(node)) return E.right(node)
  writeFileSync(join(folder, "package.json"), JSON.stringify({ private: true, type: "module" }))
  const args = ["install", "--no-audit", "--no-fund", "--loglevel=error", ...packages]
  const { status, stderr } = spawnSync("npm", args, { cwd: folder, encoding: "utf8" })
  if (status === 0 && existsSync(node)) return E.right(node)
  return E.left(`npm could not install ${packages.join(", ")}: ${stderr?.trim().split("\n").at(-1) ?? "npm is absent"}`)
}

const python = (): E.Either<string, string> => {
  const found = ["python3", "/usr/bin/python3"].find((name) => spawnSync(name, ["-c", "import torch"]).status === 0)
  return found === undefined
    ? E.left("PyTorch is absent; Debian has it: apt-get install python3-torch")
    : E.right(found)
}

/** The lines in which a process that failed says why: the errors it names, else its last words. */
const reasonOf = (stderr: string): string => {
  const lines = stderr.split("\n").map((line) => line.trim()).filter((line) => line !== "")
  const named = lines.filter((line) => /(error|exception|fault)\b.*:/i.test(line) && line.length < 400)
  return (named.length > 0 ? named.slice(-1) : lines.slice(-3)).join(" | ")
}

/** How a process ended: the JSON of its last line, or why there is none. It has five minutes, or so many seconds. */
export const ask = (
  command: string,
  args: ReadonlyArray<string>,
  options: { readonly cwd: string; readonly env?: Readonly<Record<string, string>>; readonly seconds?: number },
): E.Either<string, unknown> => {
  const { seconds = 300 } = options
  const { status, signal, stdout, stderr, error } = spawnSync(command, args, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    encoding: "utf8",
    timeout: seconds * 1000,
    killSignal: "SIGKILL",
  })
  if (status !== 0) {
    const late = error !== undefined && "code" in error && error.code === "ETIMEDOUT"
    const why = late ? `was not done after ${seconds} s` : error?.message ?? reasonOf(stderr)
    return E.left(`${basename(command)} ${args[0]}: ${why || `ended by ${signal ?? `status ${status}`}`}`)
  }
  return E.tryCatch(() => JSON.parse(stdout.trim().split("\n").at(-1)!), String)
}

/** The peers that are there, asked by the name of their script. */
export interface Peers {
  /** Node 24, which the peers run in; also ours, to measure it with V8's 256-bit vectors. */
  readonly node24: E.Either<string, string>
  /** Asks a script of Node 24. */
  readonly inNode: (script: string, ...args: ReadonlyArray<string>) => E.Either<string, unknown>
  /** The peers as they are asked when each has so many seconds. */
  readonly within: (seconds: number) => Pick<Peers, "inNode" | "inTorch">
  /** Asks a script of Python, with so many threads that do not spin while they wait. */
  readonly inTorch: (script: string, threads: number, ...args: ReadonlyArray<string>) => E.Either<string, unknown>
}

/** Installs what is missing, once; or leaves all of them out. */
export const openPeers = (wanted: boolean): Peers => {
  const out = E.left("left out by --no-peers")
  const node24 = wanted ? modules() : out
  const torch = wanted ? python() : out
  const within = (seconds?: number): Pick<Peers, "inNode" | "inTorch"> => {
    const options = { cwd: folder, ...(seconds === undefined ? {} : { seconds }) }
    return {
      inNode: (script, ...args) => E.flatMap((node: string) => ask(node, [script, ...args], options))(node24),
      inTorch: (script, threads, ...args) => {
        const env = { OMP_NUM_THREADS: `${threads}`, OPENBLAS_NUM_THREADS: `${threads}`, OMP_WAIT_POLICY: "PASSIVE" }
        return E.flatMap((command: string) => ask(command, [script, ...args], { ...options, env }))(torch)
      },
    }
  }
  return { node24, ...within(), within }
}
