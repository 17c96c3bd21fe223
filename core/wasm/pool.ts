/**
 * The threads of a device: the caller's own, and workers that share its memory. A run begins by control words alone; a
 * worker that has not yet got the program, or sleeps, just does not help. A thread that traps or dies makes the device
 * lost, and every run from then on a fault.
 * @module
 */
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import { type DeviceFault, deviceFault } from "../device/backend.ts"
import type { BlasLibrary } from "./blas.ts"
import type { Platform, WorkerHandle } from "./platform.ts"
import { control, controlWords } from "./walker.ts"
import type { WorkerMessage } from "./worker.ts"

/** What a module gives out: see `walker.ts`. */
export interface Entry {
  readonly start: (program: number, first: number) => void
  readonly work: (thread: number, program: number, spins: number, milliseconds: number) => number
}

/** The threads. */
export interface Pool {
  readonly threads: number
  /** Makes a program known to all threads. */
  readonly load: (program: number, module: WebAssembly.Module) => void
  readonly drop: (program: number) => void
  /** Runs a program from the record at that address, one run at a time. `bind` is done just before. */
  readonly run: (program: number, entry: Entry, first: number, bind: () => void) => Effect.Effect<void, DeviceFault>
  /** Why the device is lost, if it is. */
  readonly lost: () => string | undefined
  readonly end: Effect.Effect<void>
}

/** How long threads look before they sleep, in looks, and the main thread's longest sleep, in milliseconds. */
export interface Patience {
  readonly spins: number
  readonly idle: number
  readonly milliseconds: number
}

/** Starts threads on a memory whose control words are 0. */
export const pool = (
  memory: WebAssembly.Memory,
  threads: number,
  on: Platform,
  library: BlasLibrary | undefined,
): Pool => {
  const words = controlWords(memory)
  const maySleep = on.mainMaySleep && threads > 1
  const patience: Patience = { spins: 2000, idle: 20000, milliseconds: maySleep ? 50 : 0 }
  const mainSpins = maySleep ? patience.spins : 20 * patience.spins
  const turn = Semaphore.makeUnsafe(1)
  let lost: string | undefined
  const lose = (why: string): void => {
    lost ??= why
  }

  const ring = (): void => {
    Atomics.add(words, control.bell / 4, 1)
    if (Atomics.load(words, control.resting / 4) > 0) Atomics.notify(words, control.bell / 4)
  }
  const start = (thread: number): WorkerHandle =>
    on.spawn({
      reply: (reply) =>
        reply.tag === "trap" ? lose(`a kernel trapped in thread ${thread}: ${reply.message}`) : undefined,
      died: (why) => lose(`thread ${thread} died: ${why}`),
    })
  const workers = Array.from({ length: threads - 1 }, (_, i) => start(i + 1))
  const send = (worker: WorkerHandle, thread: number, message: WorkerMessage): void => {
    Atomics.add(words, control.mail / 4 + thread, 1)
    worker.send(message)
  }
  const tell = (message: WorkerMessage): void => {
    workers.forEach((w, i) => send(w, i + 1, message))
    ring()
  }
  workers.forEach((w, i) =>
    send(w, i + 1, {
      tag: "begin",
      memory,
      control,
      thread: i + 1,
      spins: patience.spins,
      idle: patience.idle,
      library,
    })
  )

  const fault = (): DeviceFault => deviceFault("lost", `wasm: ${lost}; make a new device`)
  /** Works as thread 0; says whether the run is over. */
  const advance = (program: number, entry: Entry): boolean => {
    try {
      return entry.work(0, program, mainSpins, patience.milliseconds) === 0
    } catch (cause) {
      lose(`a kernel trapped in thread 0: ${cause}`)
      return false
    }
  }
  /** Is a thread gone? A trap is told by its word at once; its message, if it is on the way, comes first. */
  const broken = (): boolean => lost !== undefined || Atomics.load(words, control.fault / 4) !== 0
  const settle = async (program: number, entry: Entry): Promise<boolean> => {
    while (!broken()) {
      await on.pause()
      if (!broken() && advance(program, entry)) return true
    }
    for (let i = 0; i < 100 && lost === undefined; i++) await on.pause()
    lose(`a kernel trapped in thread ${Atomics.load(words, control.fault / 4) - 1}`)
    return false
  }

  const run = (program: number, entry: Entry, first: number, bind: () => void): Effect.Effect<void, DeviceFault> =>
    Effect.suspend(() => {
      if (broken()) return Effect.fail(fault())
      bind()
      entry.start(program, first)
      if (threads > 1) ring()
      if (advance(program, entry)) return Effect.void
      return Effect.flatMap(
        Effect.promise(() => settle(program, entry)),
        (over) => over ? Effect.void : Effect.fail(fault()),
      )
    })

  return {
    threads,
    load: (program, module) => tell({ tag: "load", program, module }),
    drop: (program) => tell({ tag: "drop", program }),
    run: (program, entry, first, bind) =>
      Effect.uninterruptible(Semaphore.withPermit(turn, run(program, entry, first, bind))),
    lost: () => lost,
    end: Effect.promise(async () => {
      lose("it was closed")
      Atomics.store(words, control.quit / 4, 1)
      ring()
      await Promise.all(workers.map((w) => w.end()))
    }),
  }
}
