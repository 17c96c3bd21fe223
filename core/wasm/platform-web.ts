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

/** A message to oneself: timers of browsers take milliseconds. */
const pause = (): Promise<void> =>
  new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel()
    port1.onmessage = () => {
      port1.close()
      resolve()
    }
    port2.postMessage(undefined)
  })

/** The platform of browsers. Memory is shared on pages that are isolated (COOP and COEP headers). */
export const webPlatform = (): Platform => ({
  name: "browser",
  processors: navigator.hardwareConcurrency,
  mainMaySleep: false,
  pause,
  foreign: undefined,
  tune: () => ({ revectorize: false }),
  spawn,
  variable: () => undefined,
})
