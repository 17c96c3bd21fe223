/**
 * Starts a script of ours on several ranks, as a user would: under Open MPI's mpirun or MPICH's mpiexec, in the runtime
 * that runs the tests. Nothing outlives its time.
 * @module
 */
import { spawn, spawnSync } from "node:child_process"
import { join } from "node:path"
import process from "node:process"
import { fileURLToPath } from "node:url"
import type { Kind } from "../../../../core/mesh/mpi/library.ts"

/** What came of it. */
export interface Ended {
  /** The launcher's exit code; undefined where it had to be killed. */
  readonly code: number | undefined
  readonly seconds: number
  readonly out: string
  readonly err: string
}

/** Where we are: the sources, or what was transpiled of them for Node. */
const top = fileURLToPath(new URL("../../../../", import.meta.url))
const deno = "Deno" in globalThis

/** Commands by which a kind may be started, and what it says of its version. */
const commands: { readonly [K in Kind]: { readonly names: ReadonlyArray<string>; readonly says: RegExp } } = {
  openmpi: { names: ["mpirun.openmpi", "mpiexec.openmpi", "mpirun", "mpiexec"], says: /Open MPI|OpenRTE/ },
  mpich: { names: ["mpiexec.mpich", "mpiexec.hydra", "mpiexec", "mpirun"], says: /HYDRA|MPICH/i },
}

/** The command that starts programs of that kind here. */
export const launcherOf = (kind: Kind): string | undefined =>
  commands[kind].names.find((name) => {
    const { stdout, stderr } = spawnSync(name, ["--version"], { encoding: "utf8" })
    return commands[kind].says.test(`${stdout}${stderr}`)
  })

/** Open MPI counts cores and users; a test machine has few of the one and is often run by its first user. */
const flags: { readonly [K in Kind]: ReadonlyArray<string> } = { openmpi: ["--oversubscribe"], mpich: [] }
const settings: { readonly [K in Kind]: { readonly [name: string]: string } } = {
  openmpi: { OMPI_ALLOW_RUN_AS_ROOT: "1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: "1" },
  mpich: {},
}

/** The command line of this runtime for a module, named from the top of the house. */
const runtime = (module: string): ReadonlyArray<string> =>
  deno
    ? [process.execPath, "run", "-A", "--quiet", join(top, module)]
    : [process.execPath, "--import", join(top, "tests/node.mjs"), join(top, module.replace(/\.ts$/, ".js"))]

/** What to start. */
export interface Launched {
  readonly kind: Kind
  readonly ranks: number
  /** Path of the module from the top of the house. */
  readonly module: string
  readonly args?: ReadonlyArray<string>
  readonly env?: { readonly [name: string]: string }
  /** After that it is killed. */
  readonly seconds?: number
}

/** Starts it and waits for its end. */
export const launch = ({ kind, ranks, module, args = [], env = {}, seconds = 30 }: Launched): Promise<Ended> =>
  new Promise((done, fail) => {
    const start = performance.now()
    const child = spawn(
      launcherOf(kind) ?? "mpirun",
      [...flags[kind], "-n", String(ranks), ...runtime(module), ...args],
      {
        cwd: top,
        env: { ...process.env, NO_COLOR: "1", ...settings[kind], ...env },
        stdio: ["ignore", "pipe", "pipe"],
      },
    )
    const text = { out: "", err: "" }
    const decoder = { out: new TextDecoder(), err: new TextDecoder() }
    child.stdout.on("data", (bytes: Uint8Array) => text.out += decoder.out.decode(bytes, { stream: true }))
    child.stderr.on("data", (bytes: Uint8Array) => text.err += decoder.err.decode(bytes, { stream: true }))
    const timers = [
      setTimeout(() => child.kill("SIGTERM"), seconds * 1000), // it ends its ranks
      setTimeout(() => child.kill("SIGKILL"), seconds * 1000 + 3000),
    ]
    child.on("error", fail)
    child.on("close", (code) => {
      timers.forEach(clearTimeout)
      const took = (performance.now() - start) / 1000
      done({ code: code === null || took >= seconds ? undefined : code, seconds: took, ...text })
    })
  })
