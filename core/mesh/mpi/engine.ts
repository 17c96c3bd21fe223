/**
 * Ranks as processes of MPI: `mpirun -n 4 deno run -A train.ts`. Each process runs the same program and opens the same
 * mesh; this moves its blocks.
 *
 * A job ends as a whole. A rank that fails, is killed, ends before its mesh is closed, or waits for longer than it may,
 * ends all others within seconds, with a code that is not 0 and a line on standard error that names it.
 *
 * ```ts
 * import * as Effect from "effect/Effect"
 * import { mpi } from "./engine.ts"
 *
 * const sums = Effect.scoped(Effect.gen(function* () {
 *   const engine = yield* mpi({ data: 2, ring: 2 })
 *   const [own, sum] = [Float32Array.of(engine.rank), new Float32Array(1)]
 *   const over = { kind: "allReduce", over: ["data", "ring"], ranks: 4, fn: "sum" } as const
 *   const pending = yield* engine.start(over, { dtype: "f32", data: own }, { dtype: "f32", data: sum })
 *   yield* pending.finish
 *   return sum[0] // 6 on every rank
 * }))
 * ```
 * @module
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import { either as E } from "fp-ts"
import { type Block, type Engine, type MeshFault, meshFault, shapeText } from "../../device/engine.ts"
import type { Collective } from "../../graph/collective.ts"
import { filled } from "../messages.ts"
import { type Group, memberOf } from "../group.ts"
import { ranksOf, type Shape } from "../shape.ts"
import { type Calls, callsOf, deepStacks } from "./calls.ts"
import { type Host, nodeHost } from "./host.ts"
import { begin, type Job } from "./job.ts"
import { findLibrary, launchOf, tamed } from "./library.ts"
import { type Observed, type Progress, progress, type Waiting } from "./progress.ts"

export type { Observed } from "./progress.ts"

/** How to open a mesh of processes. */
export interface MpiOptions {
  /** Seconds that one collective may be waited for, 300 if not given: after that the job ends. */
  readonly patience?: number
  /** Told of every collective that was finished. */
  readonly observe?: (seen: Observed) => void
  /** Bytes of the longest message that is sent in one piece: 2^30 if not given. */
  readonly longest?: number
}

/** This process among the ranks of an MPI job. */
export interface MpiEngine extends Engine {
  readonly size: number
  /** One line for people: the library, the launcher, who moves messages. */
  readonly description: string
  /** Waits until all ranks have come here. */
  readonly barrier: Effect.Effect<void, MeshFault>
}

/** An open engine, and what ends it. */
interface Opened {
  readonly engine: MpiEngine
  readonly close: (exit: Exit.Exit<unknown, unknown>) => Effect.Effect<void>
}

const known = <A>(either: E.Either<MeshFault, A>): Effect.Effect<A, MeshFault> =>
  E.isLeft(either) ? Effect.fail(either.left) : Effect.succeed(either.right)

const waited = (waiting: Waiting): Effect.Effect<void, MeshFault> =>
  Effect.callback((resume) => {
    const takeBack = waiting((fault) => resume(fault === undefined ? Effect.void : Effect.fail(fault)))
    return Effect.sync(takeBack)
  })

/** What is wrong with the mesh for that many ranks. */
const shapeFault = (shape: Shape, size: number, launcher: string): MeshFault | undefined => {
  const wrong = Object.entries(shape).find(([, n]) => !Number.isSafeInteger(n) || n < 1)
  if (wrong !== undefined) {
    return meshFault("shape", `mesh axis '${wrong[0]}' has ${wrong[1]} ranks; expected a whole number from 1`)
  }
  const needed = ranksOf(shape)
  if (needed === size) return undefined
  return meshFault(
    "shape",
    `${launcher} started ${size} ${size === 1 ? "rank" : "ranks"}, but the mesh ${
      shapeText(shape)
    } needs ${needed}: start ` +
      `it with -n ${needed}, or change the mesh`,
  )
}

/** The ranks of a collective. Faults: the mesh has none such, or the blocks do not fit it. */
const groupFor = (c: Collective, shape: Shape, rank: number, from: Block, to: Block): E.Either<MeshFault, Group> => {
  const wrong = (reason: "shape" | "input", what: string): E.Either<MeshFault, never> =>
    E.left(meshFault(reason, `${c.kind} over ${c.over.join(", ")}: ${what}`))
  const member = memberOf(shape, rank, c.over)
  if (E.isLeft(member)) return wrong("shape", `${member.left}; compile the program for this mesh`)
  const ranks = member.right.ranks.length
  if (ranks !== c.ranks) {
    return wrong("shape", `among ${ranks} ranks, not ${c.ranks}; compile the program for this mesh`)
  }
  const [given, room, wanted] = [from.data.length, to.data.length, filled(c, from.data.length)]
  if (room !== wanted) return wrong("input", `${given} elements make ${wanted}, but there is room for ${room}`)
  return from.dtype === to.dtype && from.data.constructor === to.data.constructor ? member : wrong(
    "input",
    `from ${from.dtype} in a ${from.data.constructor.name} to ${to.dtype} in a ${to.data.constructor.name}; give both alike`,
  )
}

const engineOf = (shape: Shape, moves: Progress, { rank, size }: Job, description: string): MpiEngine => {
  const start: Engine["start"] = (c, from, to) =>
    Effect.suspend(() => {
      const group = groupFor(c, shape, rank, from, to)
      if (E.isLeft(group)) return Effect.fail(group.left)
      const lost = moves.lost()
      return lost === undefined
        ? Effect.succeed({ finish: waited(moves.start(c, group.right, from, to)) })
        : Effect.fail(lost)
    })
  const over = Object.keys(shape)
  const word = (): Block => ({ dtype: "i32", data: new Int32Array(1) })
  const all: Collective = { kind: "allReduce", over, ranks: ranksOf(shape), fn: "max" }
  return {
    shape,
    rank,
    size,
    description,
    start,
    leave: (why) => Effect.sync(() => moves.leave(why)),
    barrier: Effect.suspend(() => Effect.flatMap(start(all, word(), word()), ({ finish }) => finish)),
  }
}

/** The engine of a job that has begun, and what ends it. */
const opened = (shape: Shape, options: MpiOptions, calls: Calls, job: Job, threads: boolean): Opened => {
  const moves = progress({
    calls,
    rank: job.rank,
    size: job.size,
    threads,
    patience: job.patience,
    stuck: (why) => job.abort(1, `waits in vain: ${why}`),
    ...(options.observe === undefined ? {} : { observe: options.observe }),
    ...(options.longest === undefined ? {} : { longest: options.longest }),
  })
  const mover = threads ? "a thread moves messages" : "messages move when they are looked at"
  const engine = engineOf(shape, moves, job, `${job.description}; ${mover}`)
  const orderly = Effect.gen(function* () {
    yield* Effect.forEach(moves.live(), waited)
    yield* engine.barrier
    moves.stop()
    job.finalise()
  })
  const close: Opened["close"] = (exit) =>
    Exit.isFailure(exit)
      ? Effect.sync(() => job.abort(1, `failed: ${Cause.pretty(exit.cause)}`))
      : Effect.catch(orderly, (fault) => Effect.sync(() => job.abort(1, `cannot go on: ${fault.message}`)))
  return { engine, close }
}

const open = (shape: Shape, options: MpiOptions, host: Host): Effect.Effect<Opened, MeshFault> =>
  Effect.gen(function* () {
    const launch = yield* known(launchOf(host.variable))
    const fault = launch.size === undefined ? undefined : shapeFault(shape, launch.size, launch.launcher)
    if (fault !== undefined) return yield* Effect.fail(fault)
    const koffi = yield* Effect.tryPromise({
      try: host.koffi,
      catch: (error) =>
        meshFault(
          "unavailable",
          `MPI is called through the package koffi, which cannot be loaded: ${error}; install it (npm install koffi), and ` +
            `let Deno load native libraries (--allow-ffi --allow-env, or -A)`,
        ),
    })
    const threaded = deepStacks(koffi)
    for (const [name, value] of Object.entries(tamed)) host.settle(name, value)
    const library = yield* known(findLibrary(koffi, launch, host.variable))
    const calls = callsOf(library)
    const job = yield* known(begin(host, calls, launch, library.path, options.patience ?? 300))
    const misfit = shapeFault(shape, job.size, launch.launcher)
    if (misfit === undefined) return opened(shape, options, calls, job, job.threads && threaded)
    job.finalise()
    return yield* Effect.fail(misfit)
  })

/**
 * Opens the mesh that this process is one rank of: MPI begins, and ends with the scope. It can be opened once in the life
 * of a process. A scope that ends with a failure ends the whole job, one that ends well waits for the others.
 *
 * Faults: this process was not started by `mpirun`, `mpiexec` or `srun`; the MPI library is missing or of another kind
 * than the launcher; MPI does not begin; the number of ranks is not that of the mesh.
 */
export const mpi = (shape: Shape, options: MpiOptions = {}): Effect.Effect<MpiEngine, MeshFault, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.suspend(() => open(shape, options, nodeHost())),
      ({ close }, exit) => close(exit),
    ),
    ({ engine }) => engine,
  )
