/**
 * Node and Deno: `worker_threads`. Node's V8 is tuned by flags at run time; Deno's by its command line only
 * (`--v8-flags`), and says so in `ORRERY_WIDE=on`, which our tasks set together with the flags (anywhere else it only
 * makes the tiles wide). Built-in modules are asked for at run time, so that a bundle for browsers does not hold them.
 * @module
 */
import { bindSgemm } from "./blas.ts"
import type { Platform, WorkerEvents, WorkerHandle } from "./platform.ts"
import { workerMain, type WorkerMessage, type WorkerReply } from "./worker.ts"

/** As much of Node's modules as is used. */
interface NodeWorker {
  readonly postMessage: (message: WorkerMessage) => void
  readonly terminate: () => Promise<number>
  readonly ref: () => void
  readonly unref: () => void
  readonly on: (event: "message" | "error" | "exit", handler: (value: unknown) => void) => void
}
interface NodeRequire {
  (name: string): unknown
  readonly resolve: (name: string) => string
}
interface DenoPermissions {
  readonly permissions: { readonly querySync: (what: { readonly name: "ffi" }) => { readonly state: string } }
}
interface NodeProcess {
  readonly getBuiltinModule: (name: string) => unknown
  readonly versions: { readonly node: string }
  readonly env: { readonly [name: string]: string | undefined }
}

const source = `const { parentPort } = require("node:worker_threads");
(${workerMain})({
  receive: (handler) => parentPort.on("message", handler),
  send: (message) => parentPort.postMessage(message),
  bindSgemm: (library, memory) => (${bindSgemm})(library, memory, require),
});`

/** The platform of Node and Deno. */
export const nodePlatform = (): Platform => {
  const process = (globalThis as unknown as { process: NodeProcess }).process
  const builtin = <A>(name: string): A => process.getBuiltinModule(`node:${name}`) as A
  const deno = "Deno" in globalThis
  const variable = (name: string): string | undefined => {
    try {
      return process.env[name]
    } catch {
      return undefined // no permission to read it
    }
  }
  const processors = (): number => {
    try {
      return builtin<{ availableParallelism: () => number }>("os").availableParallelism()
    } catch {
      return navigator.hardwareConcurrency // no permission to ask the system
    }
  }
  /** Deno asks for the permission where a person could give it: only use what was given. */
  const mayLoad = (): boolean => {
    const { permissions } = (globalThis as unknown as { readonly Deno: DenoPermissions }).Deno
    return permissions.querySync({ name: "ffi" }).state === "granted"
  }
  const foreign = (): Platform["foreign"] => {
    try {
      if (deno) return mayLoad() ? { koffi: undefined, require: () => undefined } : undefined
      const { createRequire } = builtin<{ createRequire: (url: string) => NodeRequire }>("module")
      const require = createRequire(import.meta.url)
      return { koffi: require.resolve("koffi"), require }
    } catch {
      return undefined // koffi is not installed
    }
  }
  const major = Number(process.versions.node.split(".")[0])

  const spawn = (events: WorkerEvents): WorkerHandle => {
    const { Worker } = builtin<{ Worker: new (source: string, options: object) => NodeWorker }>("worker_threads")
    const worker = new Worker(source, { eval: true, execArgv: [] })
    let ending = false
    let begun: () => void = () => {}
    // a thread that is ended while it loads a library takes Node with it: it must have begun before
    const ready = new Promise<void>((resolve) => {
      begun = resolve
    })
    worker.on("message", (reply) => {
      begun()
      events.reply(reply as WorkerReply)
    })
    worker.on("error", (cause) => {
      begun()
      events.died(String(cause))
    })
    worker.on("exit", () => {
      begun()
      return ending ? undefined : events.died("it exited")
    })
    worker.unref()
    return {
      send: (message) => worker.postMessage(message),
      end: async () => {
        ending = true
        worker.ref()
        let given: ReturnType<typeof setTimeout> | undefined
        const patience = new Promise<void>((resolve) => {
          given = setTimeout(resolve, 10_000)
        })
        await Promise.race([ready, patience])
        clearTimeout(given)
        await worker.terminate()
      },
    }
  }

  return {
    name: deno ? "deno" : "node",
    processors: processors(),
    mainMaySleep: true,
    pause: () => new Promise((resolve) => setTimeout(resolve, 0)),
    foreign: foreign(),
    tune: ({ relaxed, wide }) => {
      const said = variable("ORRERY_WIDE")
      if (deno) return { revectorize: wide && said === "on" }
      const { setFlagsFromString } = builtin<{ setFlagsFromString: (flag: string) => void }>("v8")
      if (relaxed && major < 22) setFlagsFromString("--experimental-wasm-relaxed-simd")
      const can = wide && major >= 24 && said !== "off"
      if (can) setFlagsFromString("--experimental-wasm-revectorize")
      return { revectorize: can || (wide && said === "on") }
    },
    spawn,
    variable,
  }
}
