/**
 * Programs of the machine that read and write bytes through pipes.
 * @module
 */
import { spawn } from "node:child_process"
import { saying } from "../data/fault.ts"

/** How a program ended. */
export interface Ended {
  /** Its exit code; null where it was stopped, or could not be started. */
  readonly code: number | null
  /** Is there no such program? */
  readonly absent: boolean
  /** The end of what it complained of. */
  readonly said: string
}

/** What is kept of complaints. */
const most = 4000

/**
 * Runs a program, gives it `input`, and hears its output piece by piece; a listener that answers `false` has heard enough, and
 * the program is stopped.
 */
export const piped = async (
  command: string,
  args: ReadonlyArray<string>,
  hear: (piece: Uint8Array) => boolean,
  signal: AbortSignal,
  input: Iterable<Uint8Array> = [],
): Promise<Ended> => {
  const child = spawn(command, [...args], { stdio: ["pipe", "pipe", "pipe"], windowsHide: true })
  const stop = (): void => void child.kill("SIGKILL")
  signal.addEventListener("abort", stop, { once: true })
  let said = ""
  let thrown: unknown
  child.stderr.on("data", (piece: Uint8Array) => said = (said + new TextDecoder().decode(piece)).slice(-most))
  child.stdin.on("error", () => undefined) // it ended before it heard all; its exit code tells why
  const ended = new Promise<Pick<Ended, "code" | "absent">>((done) => {
    child.on("error", (e) => {
      said = `${said}${saying(e)}`
      done({ code: null, absent: child.pid === undefined })
    })
    child.on("close", (code) => done({ code, absent: false }))
  })
  child.stdout.on("data", (piece: Uint8Array) => {
    if (thrown !== undefined) return
    try {
      if (!hear(piece)) stop()
    } catch (e) {
      thrown = e
      stop()
    }
  })
  const feed = async (): Promise<void> => {
    for (const piece of input) {
      if (child.stdin.destroyed || child.exitCode !== null) return
      if (!child.stdin.write(piece)) {
        await Promise.race([new Promise((next) => child.stdin.once("drain", next)), ended])
      }
    }
    child.stdin.end()
  }
  try {
    const [end] = await Promise.all([ended, feed()])
    if (thrown !== undefined) throw thrown
    return { ...end, said }
  } finally {
    signal.removeEventListener("abort", stop)
  }
}
