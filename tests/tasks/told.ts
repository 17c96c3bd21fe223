/**
 * One event of each kind, for tests of those who hear them.
 * @module
 */
import type { Event, Happening } from "../../tasks/events.ts"

const key = "ab".repeat(32)

/** A step of forty, a tenth of a second and a thousand tokens each. */
export const stepped = (step: number, loss: number = 5 / step): Happening => ({
  ...{ _tag: "Stepped", step, steps: 40, loss, rate: 1e-3, norm: 1, tokens: step * 1000, memory: 50_000_000 },
})

/** All that can happen. */
export const happenings: ReadonlyArray<Happening> = [
  { _tag: "StageCached", key },
  { _tag: "StageStarted", key },
  { _tag: "StageWaiting", key, pid: 12, host: "here", since: 3 },
  { _tag: "StageFinished", key, digest: key },
  { _tag: "StageFailed", key, why: "no disk" },
  { _tag: "Progress", what: "documents", done: 3, total: 10, unit: "files" },
  { _tag: "Scored", task: "needle", length: 512, asked: 9, right: 8, strict: 7 },
  { _tag: "Evaluated", bits: 2.345, bytes: 122_098 },
  { _tag: "Note", text: "it was torn" },
  { _tag: "Skipped", path: "a.jsonl:3", why: "broken JSON" },
  { _tag: "Resumed", step: 2, digest: key },
  { _tag: "Saved", step: 3, digest: key, bytes: 5_537_288 },
  { _tag: "Spiked", step: 4, loss: 9, usual: 3 },
  { _tag: "Spiked", step: 4, loss: null, usual: 3 },
  stepped(4),
]

/** As it is heard of a stage. */
export const of = (stage: string, what: Happening, at = 0): Event => ({ ...what, at, stage })
