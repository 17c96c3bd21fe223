/**
 * Web workers: browsers and Deno. Deno's engine is tuned by its command line only (`--v8-flags`), and says so in
 * `ORRERY_WIDE=on`, which our tasks set together with the flags.
 * @module
 */
import type { Platform, WorkerEvents, WorkerHandle } from "./platform.ts"
import { workerMain, type WorkerReply } from "./worker.ts"

/** As much of Deno as is used. */
interface DenoLike {
  readonly env: { readonly get: (name: string) => string | undefined }
}

const source = `(${workerMain})({
  receive: (handler) => { self.onmessage = (event) => handler(event.data) },
  send: (message) => self.postMessage(message),
  close: () => self.close(),
});`

const spawn = (events: WorkerEvents): WorkerHandle => {
  const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }))
  const worker = new Worker(url, { type: "module" })
  worker.onmessage = (event: MessageEvent<WorkerReply>) => events.reply(event.data)
  worker.onmessageerror = () => events.died("a message could not be read")
  worker.onerror = (event) => {
    event.preventDefault()
    events.died(event.message)
  }
  return {
    send: (message) => worker.postMessage(message),
    end: () => {
      worker.terminate()
      URL.revokeObjectURL(url)
      return Promise.resolve()
    },
  }
}

/** The platform of browsers and Deno. */
export const webPlatform = (): Platform => {
  const deno = (globalThis as { Deno?: DenoLike }).Deno
  const variable = (name: string): string | undefined => {
    try {
      return deno?.env.get(name)
    } catch {
      return undefined // no permission to read it
    }
  }
  return {
    name: deno === undefined ? "browser" : "deno",
    processors: navigator.hardwareConcurrency,
    mainMaySleep: deno !== undefined,
    tune: ({ wide }) => ({ revectorize: wide && variable("ORRERY_WIDE") === "on" }),
    spawn,
    variable,
  }
}
