/**
 * Browsers: web workers, an engine that is as it is, and a main thread that must not sleep.
 * @module
 */
import type { Platform, WorkerEvents, WorkerHandle } from "./platform.ts"
import { workerMain, type WorkerReply } from "./worker.ts"

const source = `(${workerMain})({
  receive: (handler) => { self.onmessage = (event) => handler(event.data) },
  send: (message) => self.postMessage(message),
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

/** The platform of browsers. */
export const webPlatform = (): Platform => ({
  name: "browser",
  processors: navigator.hardwareConcurrency,
  mainMaySleep: false,
  tune: () => ({ revectorize: false }),
  spawn,
  variable: () => undefined,
})
