/**
 * Texts become pictures and videos, first frames become videos: codes are drawn one after another, many wishes at once, each
 * from the end of its own prompt. What a wish becomes depends on it, the seed and how many equal ones come before it, never on
 * what is drawn beside it.
 *
 * Every id is a code of the codebook, and every frame has all of its codes: what ends a frame is set, not drawn, and no id
 * of a text ends anything.
 * @module
 */
import * as Effect from "effect/Effect"
import type { DeviceFault } from "../../core/device/backend.ts"
import type { HostKey } from "../../core/random/host.ts"
import { eofOf } from "../../models/world/layout.ts"
import type { AskFault } from "../language/language.ts"
import { type Opened, planned } from "../language/llama.ts"
import type { Group } from "../language/rows.ts"
import { draw, promptKeys } from "../language/sampling.ts"
import type { VisionFault } from "./fault.ts"
import type { OfWorld } from "./reading.ts"
import { type Drawn, type Generating, laid, type Laying, type Seer, type Wish, wishFault } from "./wish.ts"

// ---- types -------------------------------------------------------------------

/** The codes of a picture's frames. */
export type Pictured = ReadonlyArray<Int32Array>

/** Who listens. */
export interface Listening {
  /** Hears frames as soon as all their codes are drawn: of which wish, which frame, its codes. */
  readonly heard?: (wish: number, frame: number, codes: Int32Array) => Effect.Effect<void>
  /** Hears how many tokens of frames are done, of how many: their ends are counted. */
  readonly told?: (done: number, total: number) => Effect.Effect<void>
}

/** What may go wrong. */
export type GenerateFault = DeviceFault | AskFault | VisionFault

/** What generates. */
export type Generate = (
  wishes: ReadonlyArray<Wish>,
  how: Generating & Listening,
) => Effect.Effect<ReadonlyArray<Pictured>, GenerateFault>

/** A wish under way. */
interface Row {
  readonly laying: Laying
  readonly key: HostKey
  /** Frames that are to be drawn. */
  readonly wanted: number
  /** What was drawn of them, with ends of frames, in ids of the vision vocabulary. */
  readonly said: Int32Array
}

/** How far all are. */
interface Pass {
  readonly open: Opened<OfWorld>
  readonly seer: Seer
  readonly how: Drawn
  readonly heard: (row: number, frame: number, codes: Int32Array) => Effect.Effect<void>
  /** Hears of so many tokens more. */
  readonly more: (tokens: number) => Effect.Effect<void>
}

// ---- a group of rows ---------------------------------------------------------------

/** The tokens that rows read at turn `k`, and their places; rows that have nothing to do stay at their prompt's end. */
const turn = (
  { vocab }: Seer["config"],
  rows: ReadonlyArray<Row>,
  halves: ReadonlyArray<keyof Pick<Laying, "asked" | "free">>,
  wide: number,
  k: number,
): readonly [tokens: Int32Array, places: Int32Array] => {
  const tokens = new Int32Array(wide * halves.length), places = new Int32Array(wide * halves.length)
  halves.forEach((half, h) =>
    rows.forEach(({ laying, said }, r) => {
      const prompt = laying[half]
      const on = k < said.length ? k : 0
      tokens[h * wide + r] = on === 0 ? prompt[prompt.length - 1]! : vocab + said[on - 1]!
      places[h * wide + r] = prompt.length - 1 + on
    })
  )
  return [tokens, places]
}

const drawGroup = (pass: Pass, group: Group, all: ReadonlyArray<Row>): Effect.Effect<void, DeviceFault> =>
  Effect.scoped(Effect.gen(function* () {
    const { open: { reader: r }, seer: { config, layout }, how } = pass
    const rows = group.members.map((i) => all[i]!)
    const halves = how.guidance === 1 ? ["asked"] as const : ["asked", "free"] as const
    const what = how.guidance === 1 ? "codes" : "guided"
    const before = halves.flatMap((half) =>
      Array.from({ length: group.rows }, (_, i) => rows[i]?.laying[half].subarray(0, -1) ?? new Int32Array(0))
    )
    let desk = yield* r.read(yield* r.open(group.rows * halves.length, group.capacity), before, 0)
    const stride = layout.frame + 1
    const turns = Math.max(...rows.map(({ said }) => said.length))
    for (let k = 0; k < turns; k++) {
      const place = k % stride
      // what follows the last code of a row is known, and nothing is read any more
      const under = rows.filter(({ said }) => k < said.length)
      if (place < layout.frame || k + 1 < turns) {
        const out = yield* r.next(desk, ...turn(config, rows, halves, group.rows, k), what, how.guidance)
        desk = out.desk
        const size = config.vision
        for (const [i, row] of rows.entries()) {
          if (k >= row.said.length) continue
          const logits = out.logits!.subarray(i * size, i * size + layout.codes)
          row.said[k] = place === layout.frame
            ? eofOf(layout)
            : draw(logits, how, row.key, row.laying.frames.length * stride + k)
        }
      }
      yield* pass.more(under.length)
      if (place !== layout.frame - 1) continue
      for (const [i, row] of rows.entries()) {
        if (k >= row.said.length) continue
        const frame = (k + 1 - layout.frame) / stride
        yield* pass.heard(
          group.members[i]!,
          row.laying.frames.length + frame,
          row.said.slice(k + 1 - layout.frame, k + 1),
        )
      }
    }
  }))

// ---- all of them ---------------------------------------------------------------------

/** The frames of a row, those that were there first. */
const picturedOf = ({ laying, said, wanted }: Row, frame: number): Pictured => [
  ...laying.frames,
  ...Array.from({ length: wanted }, (_, n) => said.slice(n * (frame + 1), n * (frame + 1) + frame)),
]

/** Draws all wishes in one way. */
const drawAll = (
  pass: Pass,
  wishes: ReadonlyArray<Wish>,
  g: Generating,
): Effect.Effect<ReadonlyArray<Pictured>, DeviceFault | AskFault> =>
  Effect.gen(function* () {
    const { seer, open, how } = pass
    const layings = wishes.map((wish) => laid(seer, wish, g))
    const prompts = layings.map(({ asked }) => asked)
    const together = promptKeys(prompts, g.seed)
    const keys = wishes.map(({ seed }, i) => seed === undefined ? together[i] : promptKeys([prompts[i]!], seed)[0])
    const stride = seer.layout.frame + 1
    const rows = layings.map((laying, i): Row => {
      const wanted = g.frames - laying.frames.length
      return { laying, key: keys[i]!, wanted, said: new Int32Array(wanted * stride) }
    })
    const lengths = rows.map(({ laying: { asked, free }, said }) => Math.max(asked.length, free.length) + said.length)
    for (const group of yield* planned(open, lengths, how.guidance === 1 ? 1 : 2)) yield* drawGroup(pass, group, rows)
    return rows.map((row) => picturedOf(row, seer.layout.frame))
  })

/** What generates with a model that is open. */
export const generating = (open: Opened<OfWorld>, seer: Seer): Generate => (wishes, how) =>
  open.alone.withPermits(1)(Effect.gen(function* () {
    const fault = wishFault(seer, wishes, how)
    if (fault !== undefined) return yield* Effect.fail(fault)
    const stride = seer.layout.frame + 1
    const total = wishes.reduce((n, { frames = [] }) => n + (how.frames - frames.length) * stride, 0)
    let done = 0
    const more: Pass["more"] = (tokens) => how.told?.(done += tokens, total) ?? Effect.void
    const base = { open, seer, more }
    const hearing = (of: (row: number) => number): Pass["heard"] => (row, frame, codes) =>
      how.heard?.(of(row), frame, codes) ?? Effect.void
    if (how.first === undefined) {
      return yield* drawAll({ ...base, how, heard: hearing((row) => row) }, wishes, how)
    }
    const bare = wishes.flatMap(({ frames = [] }, i) => frames.length === 0 ? [i] : [])
    const pass: Pass = { ...base, how: how.first, heard: hearing((row) => bare[row]!) }
    const stills = yield* drawAll(pass, bare.map((i) => wishes[i]!), { ...how, frames: 1 })
    const begun = wishes.map((wish, i) => bare.includes(i) ? { ...wish, frames: stills[bare.indexOf(i)]! } : wish)
    if (how.frames === 1) return begun.map(({ frames }) => (frames ?? []).map((codes) => Int32Array.from(codes)))
    return yield* drawAll({ ...base, how, heard: hearing((row) => row) }, begun, how)
  }))
