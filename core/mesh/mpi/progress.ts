/**
 * Collectives under way. Messages are looked after whenever something starts or is waited for; large ones by a thread of
 * koffi's that waits in MPI, since most libraries move bytes only while somebody is inside of them. That thread waits for
 * the messages of one collective at a time, and moves all.
 *
 * What is waited for longer than `patience` ends the job: MPI itself waits for ever.
 * @module
 */
import { type Block, type MeshFault, meshFault } from "../../device/engine.ts"
import type { Collective } from "../../graph/collective.ts"
import type { Group } from "../group.ts"
import type { Calls } from "./calls.ts"
import { longest, look, missing, post, type Talk, withdraw } from "./talk.ts"
import { advance, describe, isDone, type Work, workOf } from "./work.ts"

/** What became of one collective: times in milliseconds, as `performance.now` gives them. */
export interface Observed {
  readonly collective: Collective
  /** The how manyth of this rank. */
  readonly number: number
  /** Bytes that this rank sent. */
  readonly bytes: number
  readonly started: number
  /** When its end was noticed: nobody looks while the main thread computes. */
  readonly ended: number
  /** How much of that was waited for in `finish`: what was not hidden behind other work. */
  readonly waited: number
}

/** How collectives are moved. */
export interface Setting {
  readonly calls: Calls
  readonly rank: number
  readonly size: number
  /** May a thread wait in MPI while this one calls it? */
  readonly threads: boolean
  /** Seconds that one may wait. */
  readonly patience: number
  readonly observe?: (seen: Observed) => void
  /** Ends the job, with a sentence. */
  readonly stuck: (why: string) => void
  /** Bytes of the longest message. */
  readonly longest?: number
}

/** What is told to who waits: nothing, or why it failed. */
export type Told = (fault: MeshFault | undefined) => void

/** Calls back once, when a collective is done or has failed; gives what takes that back. */
export type Waiting = (told: Told) => () => void

/** Moves collectives. */
export interface Progress {
  readonly start: (c: Collective, group: Group, from: Block, to: Block) => Waiting
  /** The same for all that are under way. */
  readonly live: () => ReadonlyArray<Waiting>
  /** Looks no more: MPI is about to end. */
  readonly stop: () => void
  /** This rank gives up: everyone is told. */
  readonly leave: (why: string) => void
  /** Why nothing works any more. */
  readonly lost: () => MeshFault | undefined
}

/** Bytes from which a thread waits: what is less arrives without help. */
const large = 1 << 16
/** Milliseconds for which a wait looks again at once, then before it sleeps between looks. */
const eager = { standing: 0.03, turning: 1 }
/** Milliseconds between looks while only a thread waits: notices and patience are left to see. */
const calm = 20
/** Milliseconds that messages which are taken back may still take. */
const ebb = 1000
const noticeTag = 1, noticeBytes = 4096

const now = (): number => performance.now()

/** Ends this turn of the event loop only. */
const soon = (f: () => void): void => {
  const { setImmediate } = globalThis as unknown as { readonly setImmediate: (f: () => void) => unknown }
  setImmediate(f)
}

/** What is known about a collective beside its work. */
interface Entry {
  readonly work: Work
  readonly started: number
  readonly told: Set<Told>
  /** Since when it is waited for, and how long it was before. */
  since: number | undefined
  waited: number
}

/** Nothing is under way. */
export const progress = (s: Setting): Progress => {
  const { calls, rank, size } = s
  const live = new Set<Entry>()
  const notices: Array<Talk> = []
  let number = 0
  let threadBusy = false
  let ticking = false
  let stopped = false
  let fresh = 0
  let lost: { readonly fault: MeshFault; readonly since: number } | undefined

  const end = (entry: Entry, fault: MeshFault | undefined): void => {
    live.delete(entry)
    const { collective, number, bytes } = entry.work
    const ended = now()
    const waited = entry.waited + (entry.since === undefined ? 0 : ended - entry.since)
    if (fault === undefined) s.observe?.({ collective, number, bytes, started: entry.started, ended, waited })
    for (const told of [...entry.told]) told(fault)
  }
  const lose = (fault: MeshFault): void => {
    if (lost !== undefined) return
    lost = { fault, since: now() }
    for (const { work } of live) if (work.talk !== undefined) withdraw(calls, work.talk)
  }
  const leave = (why: string): void => {
    if (lost !== undefined) return
    lose(meshFault("lost", `rank ${rank} of ${size} gave up: ${why}`))
    const bytes = new TextEncoder().encode(JSON.stringify({ rank, why: why.slice(0, 500) }))
    const others = Array.from({ length: size }, (_, r) => r).filter((r) => r !== rank)
    notices.push(post(calls, noticeTag, [], others.map((r) => ({ rank: r, bytes }))).talk)
  }
  const failed = (code: number, work: Work): void => leave(`${describe(work)} failed in MPI: ${calls.explain(code)}`)
  const hear = (): void => {
    const bytes = lost === undefined ? calls.take(noticeTag, noticeBytes) : undefined
    if (bytes === undefined) return
    const { rank: who, why } = JSON.parse(new TextDecoder().decode(bytes.subarray(0, bytes.indexOf(0))))
    lose(meshFault("lost", `rank ${who} of ${size} gave up: ${why}`))
  }

  /** Gives a thread large messages to wait for. */
  const hire = (): void => {
    if (!s.threads || threadBusy || lost !== undefined) return
    const entry = [...live].find(({ work: { talk } }) => talk?.state === "open" && talk.bytes >= large)
    const talk = entry?.work.talk
    if (entry === undefined || talk === undefined) return
    talk.state = "threaded"
    threadBusy = true
    calls.wait(talk.requests, (code) => {
      threadBusy = false
      fresh = now()
      talk.state = "arrived"
      if (code !== 0 && lost === undefined) failed(code, entry.work)
      move()
    })
  }
  /** Messages that were taken back are gone, or nobody waits for them any longer. */
  const ebbed = (): boolean => {
    if (lost === undefined) return false
    const talks = [...live].flatMap(({ work }) => work.talk === undefined ? [] : [work.talk])
    for (const talk of talks) look(calls, talk)
    return now() - lost.since > ebb || talks.every(({ state }) => state === "arrived")
  }
  /** Does what can be done now. */
  const move = (): void => {
    for (const entry of lost === undefined ? live : []) {
      const { at } = entry.work
      const code = advance(calls, entry.work, s.longest ?? longest)
      if (code !== 0) failed(code, entry.work)
      if (entry.work.at !== at) fresh = now()
      if (isDone(entry.work)) end(entry, undefined)
      if (lost !== undefined) break
    }
    if (lost !== undefined && ebbed()) { for (const entry of [...live]) end(entry, lost.fault) }
    hire()
  }
  const impatient = (): void => {
    const late = [...live].find((e) => e.since !== undefined && now() - e.since > s.patience * 1000)
    if (late === undefined || lost !== undefined) return
    const absent = late.work.talk === undefined ? [] : missing(calls, late.work.talk)
    const what = `${describe(late.work)} was not done after ${s.patience} s`
    s.stuck(`${what}; it waits for rank ${absent.join(" or ")}, which may be late, stand still, or run another program`)
  }
  const waiting = (): boolean => [...live].some((e) => e.since !== undefined)
  const tick = (): void => {
    ticking = false
    if (stopped) return
    hear()
    move()
    impatient()
    schedule()
  }
  const schedule = (): void => {
    if (ticking || !waiting()) return
    ticking = true
    const open = lost !== undefined || [...live].some((e) => e.work.talk?.state === "open")
    if (open && now() - fresh < eager.turning) soon(tick)
    else setTimeout(tick, open ? 1 : calm)
  }

  const wait = (entry: Entry): Waiting => (told) => {
    if (!live.has(entry)) {
      told(isDone(entry.work) ? undefined : lost?.fault)
      return () => {}
    }
    entry.told.add(told)
    entry.since ??= fresh = now()
    hear()
    move()
    const until = now() + eager.standing
    while (live.has(entry) && entry.work.talk?.state === "open" && now() < until) move()
    schedule()
    return () => {
      entry.told.delete(told)
      if (entry.told.size > 0 || entry.since === undefined) return
      entry.waited += now() - entry.since
      entry.since = undefined
    }
  }

  return {
    start: (c, group, from, to) => {
      const work = workOf(c, number++, group, from, to)
      const entry: Entry = { work, started: now(), told: new Set(), since: undefined, waited: 0 }
      if (lost === undefined) {
        live.add(entry)
        hear()
        move()
      }
      return wait(entry)
    },
    live: () => [...live].map(wait),
    stop: () => {
      stopped = true
    },
    leave,
    lost: () => lost?.fault,
  }
}
