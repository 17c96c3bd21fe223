/**
 * Node: `worker_threads`, and V8's flags set at run time. Built-in modules are asked for at run time, so that a bundle
 * for browsers does not contain them.
 * @module
 */
import type { Platform, WorkerEvents, WorkerHandle } from "./platform.ts"
import { workerMain, type WorkerMessage, type WorkerReply } from "./worker.ts"

/** As much of Node's modules as is used. */
interface NodeWorker {
  readonly postMessage: (message: WorkerMessage) => void
  readonly terminate: () => Promise<number>
  readonly unref: () => void
  readonly on: (event: "message" | "error" | "exit", handler: (value: unknown) => void) => void
}
interface NodeProcess {
  readonly getBuiltinModule: (name: string) => unknown
  readonly versions: { readonly node: string }
  readonly execArgv: ReadonlyArray<string>
  readonly env: { readonly [name: string]: string | undefined }
}

const source = `const { parentPort } = require("node:worker_threads");
(${workerMain})({
  receive: (handler) => parentPort.on("message", handler),
  send: (message) => parentPort.postMessage(message),
  close: () => parentPort.close(),
});`

/** Node's platform. */
export const nodePlatform = (): Platform => {
  const process = (globalThis as unknown as { process: NodeProcess }).process
  const builtin = <A>(name: string): A => process.getBuiltinModule(`node:${name}`) as A
  const major = Number(process.versions.node.split(".")[0])

  const spawn = (events: WorkerEvents): WorkerHandle => {
    const { Worker } = builtin<{ Worker: new (source: string, options: object) => NodeWorker }>("worker_threads")
    const worker = new Worker(source, { eval: true, execArgv: [] })
    let ending = false
    worker.on("message", (reply) => events.reply(reply as WorkerReply))
    worker.on("error", (cause) => events.died(String(cause)))
    worker.on("exit", () => ending ? undefined : events.died("it exited"))
    worker.unref()
    return {
      send: (message) => worker.postMessage(message),
      end: async () => {
        ending = true
        await worker.terminate()
      },
    }
  }

  return {
    name: "node",
    processors: builtin<{ availableParallelism: () => number }>("os").availableParallelism(),
    mainMaySleep: true,
    tune: ({ relaxed, wide }) => {
      const { setFlagsFromString } = builtin<{ setFlagsFromString: (flag: string) => void }>("v8")
      if (relaxed && major < 22) setFlagsFromString("--experimental-wasm-relaxed-simd")
      const revectorize = wide && major >= 24
      if (revectorize) setFlagsFromString("--experimental-wasm-revectorize")
      return { revectorize }
    },
    spawn,
    variable: (name) => process.env[name],
  }
}
