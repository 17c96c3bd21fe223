/**
 * What a log tells of one stage under one key: how long it was worked on, how fast it learned, what it held, and what went
 * otherwise than it should. A stage that was stopped and taken up again was worked on more than once; a log may tell of
 * other keys, too.
 * @module
 */
import type { Event } from "../events.ts"
import { grouped } from "../numbers.ts"

/** What is known of a stage. */
export interface Spent {
  /** Was its output there already when it was asked for last? */
  readonly cached: boolean
  readonly seconds: number | null
  readonly tokensPerSecond: number | null
  /** The most bytes that the device held after a step. */
  readonly measured: number | null
  readonly notes: ReadonlyArray<string>
  readonly remarks: ReadonlyArray<string>
}

type Of<T extends Event["_tag"]> = Extract<Event, { readonly _tag: T }>

const pick = <T extends Event["_tag"]>(events: ReadonlyArray<Event>, tag: T): ReadonlyArray<Of<T>> =>
  events.filter((e): e is Of<T> => e._tag === tag)

/** One stage's events from each beginning on, under this key. */
const attempts = (log: ReadonlyArray<Event>, key: string): ReadonlyArray<ReadonlyArray<Event>> => {
  const starts = log.flatMap((e, i) => e._tag === "StageStarted" ? [i] : [])
  return starts.flatMap((start, n) => {
    const events = log.slice(start, starts[n + 1])
    const first = events[0]!
    if (first._tag !== "StageStarted" || first.key !== key) return []
    const end = events.findIndex((e) => e._tag === "StageFinished" || e._tag === "StageFailed")
    return [end < 0 ? events.filter((e) => e._tag !== "StageCached") : events.slice(0, end + 1)]
  })
}

/** Those that its output came of: made anew, what was made before is another's affair. */
const last = (all: ReadonlyArray<ReadonlyArray<Event>>): ReadonlyArray<ReadonlyArray<Event>> => {
  const before = all.slice(0, -1).findLastIndex((events) => events.at(-1)!._tag === "StageFinished")
  return all.slice(before + 1)
}

const secondsOf = (events: ReadonlyArray<Event>): number => (events.at(-1)!.at - events[0]!.at) / 1000

/** Tokens a second over all neighbouring steps. */
const speedOf = (all: ReadonlyArray<ReadonlyArray<Event>>): number | null => {
  const pairs = all.flatMap((events) => {
    const steps = pick(events, "Stepped")
    return steps.slice(1).map((s, i) => ({ tokens: s.tokens - steps[i]!.tokens, ms: s.at - steps[i]!.at }))
  })
  const ms = pairs.reduce((sum, p) => sum + p.ms, 0)
  return ms > 0 ? 1000 * pairs.reduce((sum, p) => sum + p.tokens, 0) / ms : null
}

const notesOf = (stage: string, all: ReadonlyArray<ReadonlyArray<Event>>): ReadonlyArray<string> => {
  const events = all.flat()
  const resumed = pick(events, "Resumed")
  const spikes = new Set(pick(events, "Spiked").map((e) => e.step))
  return [
    ...(resumed.length === 0
      ? []
      : [`${stage} was interrupted and taken up again at step ${resumed.map((e) => grouped(e.step)).join(", ")}.`]),
    ...(spikes.size === 0 ? [] : [
      `${stage}: the loss was far from the usual at step ${[...spikes].slice(0, 8).map(grouped).join(", ")}${
        spikes.size > 8 ? ` and ${spikes.size - 8} more` : ""
      }.`,
    ]),
  ]
}

const remarksOf = (stage: string, all: ReadonlyArray<ReadonlyArray<Event>>): ReadonlyArray<string> => [
  ...new Set(pick(all.flat(), "Note").map((e) => `${stage}: ${e.text}`)),
]

/** What the log tells of a stage. */
export const spent = (log: ReadonlyArray<Event>, stage: string, key: string): Spent => {
  const own = log.filter((e) => e.stage === stage)
  const all = last(attempts(own, key))
  const ends = own.filter((e) => (e._tag === "StageCached" || e._tag === "StageFinished") && e.key === key)
  const held = all.flatMap((events) => pick(events, "Stepped").map((e) => e.memory))
  return {
    cached: ends.at(-1)?._tag !== "StageFinished",
    seconds: all.length === 0 ? null : all.reduce((sum, events) => sum + secondsOf(events), 0),
    tokensPerSecond: speedOf(all),
    measured: held.length === 0 ? null : held.reduce((a, b) => Math.max(a, b)),
    notes: notesOf(stage, all),
    remarks: remarksOf(stage, all),
  }
}
