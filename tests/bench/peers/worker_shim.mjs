// A browser's `Worker` for Node, as far as jax-js needs it: without one it runs on a single thread there.
import { resolveObjectURL } from "node:buffer"
import { Worker as Thread } from "node:worker_threads"

const head = `const { parentPort } = require("node:worker_threads");
globalThis.self = globalThis; globalThis.postMessage = (m) => parentPort.postMessage(m);
parentPort.on("message", (data) => globalThis.onmessage({ data }));\n`

const webWorker = class {
  #thread
  #waiting = []
  onmessage = null
  onerror = null
  constructor(url) {
    resolveObjectURL(String(url)).text().then((source) => {
      this.#thread = new Thread(head + source, { eval: true })
      this.#thread.on("message", (data) => this.onmessage?.({ data }))
      this.#thread.on("error", (error) => this.onerror?.(error))
      for (const message of this.#waiting) this.#thread.postMessage(message)
    })
  }
  postMessage(message) {
    if (this.#thread === undefined) this.#waiting.push(message)
    else this.#thread.postMessage(message)
  }
  terminate() {
    this.#thread?.terminate()
  }
}

/** Before jax-js is imported: one thread without a Worker, or so many with it. */
export const threads = (n) => {
  if (n < 2) return void delete globalThis.Worker
  globalThis.Worker = webWorker
  Object.defineProperty(globalThis.navigator, "hardwareConcurrency", { value: n, configurable: true })
}
