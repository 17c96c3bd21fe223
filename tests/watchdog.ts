/**
 * A second thread that watches the tests: where one file takes longer than it may, even in a loop that never gives the
 * event loop back, it names the file, writes the last line and ends the process.
 * @module
 */
import process from "node:process"
import { Worker } from "node:worker_threads"

/** Tests so far. */
export interface Counts {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

/** The watching thread, as the runner sees it. */
export interface Watchdog {
  /** The clock starts again for this file. */
  readonly enter: (file: string) => void
  /** The file the clock runs for. */
  readonly file: () => string
  readonly count: (kind: keyof Counts, by: number) => void
  readonly counts: () => Counts
  readonly stop: () => Promise<void>
}

const capacity = 1024

/** Runs in the thread, without imports of ours, so that it starts in any state of the house. */
const guard = `
const { workerData } = require("node:worker_threads")
const { writeSync } = require("node:fs")
const { cells, name, seconds, pid } = workerData
let entered = Atomics.load(cells, 0), since = Date.now()
const look = () => {
  const now = Atomics.load(cells, 0)
  if (now !== entered) { entered = now; since = Date.now(); return }
  if (Date.now() - since < seconds * 1000) return
  const length = Atomics.load(cells, 4), file = new TextDecoder().decode(name.slice(0, length))
  const [passed, failed, skipped] = [1, 2, 3].map((i) => Atomics.load(cells, i))
  writeSync(1, "\\n  FAIL  " + file + ": still running after " + seconds + " s\\n")
  writeSync(1, passed + " passed, " + (failed + 1) + " failed, " + skipped + " skipped\\n")
  process.kill(pid, "SIGKILL")
}
setInterval(look, Math.min(1000, seconds * 250))
`

/** Starts watching: a file may take so many seconds. */
export const watch = (seconds: number): Watchdog => {
  const cells = new Int32Array(new SharedArrayBuffer(5 * 4))
  const name = new Uint8Array(new SharedArrayBuffer(capacity))
  const worker = new Worker(guard, { eval: true, workerData: { cells, name, seconds, pid: process.pid } })
  worker.unref()
  let current = "before the first file"
  const index = { passed: 1, failed: 2, skipped: 3 }
  return {
    enter: (file) => {
      current = file
      const bytes = new TextEncoder().encode(file).slice(0, capacity)
      name.set(bytes)
      Atomics.store(cells, 4, bytes.length)
      Atomics.add(cells, 0, 1)
    },
    file: () => current,
    count: (kind, by) => void Atomics.add(cells, index[kind], by),
    counts: () => ({ passed: cells[1]!, failed: cells[2]!, skipped: cells[3]! }),
    stop: async () => void await worker.terminate(),
  }
}
