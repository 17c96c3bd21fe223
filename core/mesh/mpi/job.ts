/**
 * This process as one rank of a job: from the beginning of MPI to its end, whatever ends the process ends the job, with a
 * line on standard error that names the rank. Launchers see to most of that; what is here speaks where they are silent
 * (MPICH's names no rank, and calls an early exit with code 0 a success).
 * @module
 */
import { either as E } from "fp-ts"
import { type MeshFault, meshFault } from "../../device/engine.ts"
import type { Calls } from "./calls.ts"
import type { Host } from "./host.ts"
import type { Launch } from "./library.ts"

/** Milliseconds that a launcher is given to pass on what was said: MPICH's forgets it when a job is aborted. */
const hearing = 300

/** A job that has begun. */
export interface Job {
  readonly rank: number
  readonly size: number
  /** May all threads call MPI at once? */
  readonly threads: boolean
  /** Seconds that one may wait for others. */
  readonly patience: number
  /** One line for people: the library, the rank, the launcher. */
  readonly description: string
  /** Ends the processes of all ranks, this one too. */
  readonly abort: (code: number, why: string) => void
  /** Ends MPI in this process: all ranks must do so. */
  readonly finalise: () => void
}

/** Begins MPI. Faults: it was begun before, it does not begin, or the library does not know the launcher. */
export const begin = (
  host: Host,
  calls: Calls,
  launch: Launch,
  path: string,
  patience: number,
): E.Either<MeshFault, Job> => {
  const who = `rank ${launch.rank}${launch.size === undefined ? "" : ` of ${launch.size}`}`
  const me = `orrery: ${who} (process ${host.process} on ${host.machine})`
  const unavailable = (message: string): E.Either<MeshFault, never> =>
    E.left(meshFault("unavailable", `${who}: ${message}`))
  if (calls.initialised()) {
    return unavailable("MPI was begun in this process before, and can be only once: open one mesh, for all its work")
  }
  const late = (call: string): string =>
    `${me}: ${call} was not done after ${patience} s; another rank has not come; the job ends`
  const alive = host.lastWords(
    `${me} ended without a word of its own: it was killed (was memory short?), or failed as is said above; the job ends`,
    launch.line === undefined ? [] : [launch.line],
  )
  const inTime = host.within(patience, late("MPI_Init"))
  const { code, threads } = calls.init()
  inTime()
  if (code !== 0) {
    alive()
    return unavailable(`MPI_Init failed: ${calls.explain(code)}; is the library (${path}) the launcher's own?`)
  }
  const ended = { yet: false }
  const abort = (code: number, why: string): void => {
    if (ended.yet) return
    ended.yet = true
    host.say(`${me} ${why}; the job ends`)
    alive()
    host.pause(hearing)
    calls.abort(code)
    host.kill() // MPI should not have come back
  }
  const forget = host.onExit((code, thrown) => {
    const why = thrown === "" ? `ended with code ${code} before its mesh was closed` : `failed: ${thrown}`
    abort(code === 0 ? 1 : code, why)
  })
  const finalise = (): void => {
    const inTime = host.within(patience, late("MPI_Finalize"))
    calls.finalise()
    ended.yet = true
    inTime()
    alive()
    forget()
  }
  const size = calls.size()
  if (launch.size !== undefined && size !== launch.size) {
    finalise()
    return unavailable(
      `${launch.launcher} started ${launch.size} ranks, but the library (${path}, ${calls.version}) knows of ${size}: ` +
        `it is not the launcher's own; name that in ORRERY_MPI`,
    )
  }
  const description = `${calls.version} (${path}), ${who}, started by ${launch.launcher}`
  return E.right({ rank: calls.rank(), size, threads, patience, description, abort, finalise })
}
