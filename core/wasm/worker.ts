/**
 * What a worker thread does. `workerMain` is sent to the thread as its source text, so it must use nothing but its
 * arguments and what every engine has: that makes one program of it for Node, Deno, browsers and bundles alike.
 * @module
 */
import type { BlasLibrary, Sgemm } from "./blas.ts"
import type { Control } from "./walker.ts"

/** What the main thread tells a worker. Each message is counted in the worker's `mail` word before it is sent. */
export type WorkerMessage =
  | {
    readonly tag: "begin"
    readonly memory: WebAssembly.Memory
    readonly control: Control
    readonly thread: number
    /** Looks at the control words before it sleeps: within a run, and between runs. */
    readonly spins: number
    readonly idle: number
    /** The system BLAS that programs import as `m.sgemm`. */
    readonly library: BlasLibrary | undefined
  }
  | { readonly tag: "load"; readonly program: number; readonly module: WebAssembly.Module }
  | { readonly tag: "drop"; readonly program: number }

/** How a worker is reached from inside. */
export interface WorkerPort {
  readonly receive: (handler: (message: WorkerMessage) => void) => void
  readonly send: (message: WorkerReply) => void
  /** Where the engine can load libraries. */
  readonly bindSgemm?: (library: BlasLibrary, memory: WebAssembly.Memory) => Sgemm
}

/** What a worker tells the main thread: that it is ready, or that a kernel trapped. */
export type WorkerReply = { readonly tag: "ready" } | { readonly tag: "trap"; readonly message: string }

/** The body of a worker. Self-contained: see above. */
export const workerMain = (port: WorkerPort): void => {
  type Begin = Extract<WorkerMessage, { readonly tag: "begin" }>
  type Work = (thread: number, program: number, spins: number, milliseconds: number) => number
  const instances = new Map<number, Work>()
  let begun: { readonly the: Begin; readonly words: Int32Array; readonly sgemm: Sgemm | undefined } | undefined
  let received = 0

  /** Sleeps until the bell rings. */
  const rest = ({ the, words }: NonNullable<typeof begun>, bell: number): void => {
    const at = the.control.bell / 4
    for (let i = 0; i < the.idle; i++) if (Atomics.load(words, at) !== bell) return
    Atomics.add(words, the.control.resting / 4, 1)
    Atomics.wait(words, at, bell)
    Atomics.sub(words, the.control.resting / 4, 1)
  }

  /** Works and rests until there is mail, which only the event loop can bring, or an end. */
  const serve = (state: NonNullable<typeof begun>): void => {
    const { the: { control, thread, spins }, words } = state
    for (;;) {
      const bell = Atomics.load(words, control.bell / 4)
      if (Atomics.load(words, control.quit / 4) !== 0) return
      if (Atomics.load(words, control.mail / 4 + thread) !== received) return
      const program = Atomics.load(words, control.program / 4)
      const run = instances.get(program)
      if (run === undefined) rest(state, bell)
      else {
        try {
          run(thread, program, spins, 1000)
        } catch (cause) {
          Atomics.store(words, control.fault / 4, thread + 1)
          return port.send({ tag: "trap", message: String(cause) })
        }
        if (Atomics.load(words, control.program / 4) !== program) rest(state, bell)
      }
    }
  }

  port.receive((message) => {
    received += 1
    if (message.tag === "begin") {
      const { memory, control, library } = message
      const sgemm = library === undefined ? undefined : port.bindSgemm?.(library, memory)
      begun = { the: message, words: new Int32Array(memory.buffer, 0, control.end / 4), sgemm }
      port.send({ tag: "ready" })
    } else if (message.tag === "drop") instances.delete(message.program)
    else if (begun !== undefined) {
      const { the: { memory }, sgemm } = begun
      const instance = new WebAssembly.Instance(message.module, { m: sgemm ? { memory, sgemm } : { memory } })
      instances.set(message.program, instance.exports.work as Work)
    }
    if (begun !== undefined) serve(begun)
  })
}
