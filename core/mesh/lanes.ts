/**
 * Ranks as fibers of one process: each has an engine, and they meet at promises. It is what engines are measured by: data
 * is copied, sums are taken in the order of ranks, in the arithmetic of the graph's meaning, and rounded once.
 *
 * ```ts
 * import * as Effect from "effect/Effect"
 * import { together } from "./lanes.ts"
 *
 * const sums = together({ ring: 3 }, (engine) => Effect.gen(function* () {
 *   const all = { kind: "allReduce", over: ["ring"], ranks: 3, fn: "sum" } as const
 *   const [from, to] = [Float32Array.of(engine.rank), new Float32Array(1)]
 *   const pending = yield* engine.start(all, { dtype: "f32", data: from }, { dtype: "f32", data: to })
 *   yield* pending.finish
 *   return to[0]
 * })) // => 3, 3, 3
 * ```
 * @module
 */
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { either as E } from "fp-ts"
import { type Block, type Engine, type MeshFault, meshFault, shapeText } from "../device/engine.ts"
import type { Collective } from "../graph/collective.ts"
import { fold } from "../graph/fold.ts"
import type { DType, HostArray } from "../tensor/dtype.ts"
import { load, store } from "../tensor/host.ts"
import { before, type Group, memberOf } from "./group.ts"
import { ranksOf, type Shape } from "./shape.ts"

// -----------------------------------------------------------------------------
// types
// -----------------------------------------------------------------------------

/** What may be chosen. */
export interface LanesOptions {
  /** Milliseconds that a rank waits for others before it is a fault; without it, for ever. */
  readonly patience?: number
}

/** Where the ranks of a group bring what they have for one collective. */
interface Meeting {
  readonly key: string
  readonly collective: Collective
  readonly group: ReadonlyArray<number>
  /** What each rank of the group has brought, by its place. */
  readonly brought: Array<HostArray | undefined>
  readonly done: Deferred.Deferred<void, MeshFault>
  /** Ranks that have what they came for. */
  left: number
}

/** A rank that is gone, and why; one that has done all its work ends without harm to what it has brought. */
interface Gone {
  readonly rank: number
  readonly why: string
  readonly failed: boolean
  readonly cause?: Cause.Cause<unknown>
}

/** What all ranks of a mesh share. */
interface Room {
  readonly shape: Shape
  readonly meetings: Map<string, Meeting>
  readonly gone: Array<Gone>
}

// -----------------------------------------------------------------------------
// what collectives give
// -----------------------------------------------------------------------------

/** Folds what all have brought, in the order of ranks; from element `at` on, `elements` of them. */
const folded = (
  fn: "sum" | "max",
  dtype: DType,
  all: ReadonlyArray<HostArray>,
  at: number,
  elements: number,
): ArrayLike<number> => {
  const [first, ...rest] = all.map((data) => load(dtype, data.subarray(at, at + elements)))
  const { step } = fold(fn, dtype)
  const out = Float64Array.from(first!)
  for (const x of rest) for (let i = 0; i < elements; i++) out[i] = step(out[i]!, x[i]!)
  return out
}

/** Puts numbers into an array in its stored form. */
const put = ({ dtype, data }: Block, numbers: ArrayLike<number>): void =>
  data.set(data instanceof Float64Array ? numbers : store(dtype, numbers))

/** Fills `to` with what the collective gives the rank at `place`. */
const fill = (c: Collective, all: ReadonlyArray<HostArray>, group: Group, to: Block): void => {
  const own = all[group.place]!
  switch (c.kind) {
    case "permute":
      return to.data.set(all[group.ranks.indexOf(before(group, c.shift))]!)
    case "allReduce":
      return put(to, folded(c.fn, to.dtype, all, 0, own.length))
    case "allGather":
      return all.forEach((data, i) => to.data.set(data, i * own.length))
    case "reduceScatter":
      return put(to, folded("sum", to.dtype, all, group.place * to.data.length, to.data.length))
    case "broadcast":
      return to.data.set(all[c.root]!)
  }
}

/** Elements that a collective gives of so many. */
const given = (c: Collective, elements: number): number =>
  c.kind === "allGather" ? elements * c.ranks : c.kind === "reduceScatter" ? elements / c.ranks : elements

// -----------------------------------------------------------------------------
// one rank
// -----------------------------------------------------------------------------

const named = (c: Collective): string => `${c.kind} over ${c.over.map((a) => `'${a}'`).join(", ")}`

const told = ({ rank, why }: Gone, c: Collective): MeshFault =>
  meshFault("lost", `rank ${rank} left the mesh, so ${named(c)} cannot be done; ${why}`)

/** What is wrong with a start, by itself. */
const misfit = (shape: Shape, c: Collective, group: Group, from: Block, to: Block): MeshFault | undefined => {
  const what = `${named(c)} in the mesh ${shapeText(shape)}`
  if (group.ranks.length !== c.ranks) {
    const message = `${what} is among ${group.ranks.length} ranks, not ${c.ranks}; compile the program for this mesh`
    return meshFault("shape", message)
  }
  const wanted = given(c, from.data.length)
  const alike = from.dtype === to.dtype && from.data.constructor === to.data.constructor
  if (alike && wanted === to.data.length) return undefined
  const of = ({ dtype, data }: Block): string => `${data.length} ${dtype} in a ${data.constructor.name}`
  return meshFault("input", `${what} of ${of(from)} gives ${wanted} like them, but is to fill ${of(to)}`)
}

/** Is the rank awaited by a meeting? */
const awaited = (m: Meeting, rank: number): boolean => {
  const place = m.group.indexOf(rank)
  return place >= 0 && m.brought[place] === undefined
}

const laneOf = (room: Room, rank: number, { patience }: LanesOptions): Engine => {
  const { shape, meetings, gone } = room
  const count = { started: 0 }

  /** The meeting of this rank's next collective: all ranks number theirs alike. */
  const meet = (c: Collective, group: Group): Meeting => {
    const key = `${count.started++} of ${group.ranks.join()}`
    const known = meetings.get(key)
    if (known !== undefined) return known
    const made: Meeting = {
      key,
      collective: c,
      group: group.ranks,
      brought: group.ranks.map(() => undefined),
      done: Deferred.makeUnsafe(),
      left: 0,
    }
    meetings.set(key, made)
    return made
  }

  const late = (m: Meeting): MeshFault => {
    const who = m.group.filter((r) => awaited(m, r)).join(", ")
    const message = `rank ${rank} waited ${patience} ms for rank ${who} in its ${named(m.collective)}; is it stuck?`
    return meshFault("lost", message)
  }

  const start: Engine["start"] = (c, from, to) =>
    Effect.suspend(() => {
      const found = memberOf(shape, rank, c.over)
      if (E.isLeft(found)) return Effect.fail(meshFault("shape", `${named(c)}: ${found.left}; compile for this mesh`))
      const group = found.right
      const wrong = misfit(shape, c, group, from, to)
      if (wrong !== undefined) return Effect.fail(wrong)
      const failed = gone.find((g) => g.failed)
      if (failed !== undefined) return Effect.fail(told(failed, c))
      const m = meet(c, group)
      if (JSON.stringify(m.collective) !== JSON.stringify(c)) {
        const message = `rank ${rank} starts ${named(c)} where others start ${named(m.collective)}: ` +
          `all ranks must run the same program`
        return Effect.fail(meshFault("shape", message))
      }
      m.brought[group.place] = from.data.slice()
      if (!m.brought.includes(undefined)) Deferred.doneUnsafe(m.done, Effect.void)
      const absent = gone.find((g) => awaited(m, g.rank))
      if (absent !== undefined) return Effect.fail(told(absent, c))
      const met = patience === undefined
        ? Deferred.await(m.done)
        : Effect.timeoutOrElse(Deferred.await(m.done), { duration: patience, orElse: () => Effect.fail(late(m)) })
      const state = { filled: false }
      const taken = Effect.sync(() => {
        if (state.filled) return
        state.filled = true
        fill(c, m.brought as ReadonlyArray<HostArray>, group, to)
        if (++m.left === group.ranks.length) meetings.delete(m.key)
      })
      return Effect.succeed({ finish: Effect.andThen(met, taken) })
    })

  return { shape, rank, start, leave: (why) => Effect.sync(() => go(room, { rank, why, failed: true })) }
}

/** A rank goes: what cannot be done without it ends. */
const go = ({ meetings, gone }: Room, who: Gone): void => {
  if (gone.some((g) => g.rank === who.rank)) return
  gone.push(who)
  for (const m of meetings.values()) {
    if (who.failed || awaited(m, who.rank)) Deferred.doneUnsafe(m.done, Effect.fail(told(who, m.collective)))
  }
}

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

const roomOf = (shape: Shape): Room => ({ shape, meetings: new Map(), gone: [] })

/** Engines for all ranks of a mesh, in their order. What one starts, others of its group must start in the same order. */
export const lanes = (shape: Shape, options: LanesOptions = {}): ReadonlyArray<Engine> => {
  const room = roomOf(shape)
  return Array.from({ length: ranksOf(shape) }, (_, rank) => laneOf(room, rank, options))
}

const reasonOf = (exit: Exit.Exit<unknown, unknown>): string => {
  if (Exit.isSuccess(exit)) return "it had ended"
  const error = Cause.squash(exit.cause)
  const message = typeof error === "object" && error !== null && "message" in error ? String(error.message) : ""
  return message === "" ? Cause.pretty(exit.cause) : message
}

/** Runs a body on all ranks at once. A rank that fails takes all others with it; what it gives is in the ranks' order. */
export const together = <A, F, R>(
  shape: Shape,
  body: (engine: Engine) => Effect.Effect<A, F, R>,
  options: LanesOptions = {},
): Effect.Effect<ReadonlyArray<A>, F, R> => {
  const room = roomOf(shape)
  const ranks = Array.from({ length: ranksOf(shape) }, (_, rank) => rank)
  const ended = (rank: number) => (exit: Exit.Exit<A, F>): Effect.Effect<void> =>
    Effect.sync(() => {
      const failure = Exit.isFailure(exit) ? { failed: true, cause: exit.cause } : { failed: false }
      go(room, { rank, why: reasonOf(exit), ...failure })
    })
  const all = Effect.forEach(
    ranks,
    (rank) => Effect.onExit(body(laneOf(room, rank, options)), ended(rank)),
    { concurrency: "unbounded" },
  )
  // the others' faults say no more than that one has left
  return Effect.catchCause(all, (cause) => {
    const first = room.gone.find((g) => g.failed)?.cause as Cause.Cause<F> | undefined
    return Effect.failCause(first ?? cause)
  })
}
