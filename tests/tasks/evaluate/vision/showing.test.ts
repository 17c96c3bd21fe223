/** The judge's harness: who draws what is asked is right as often as real pictures are, and who does not, is not. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { either as E } from "fp-ts"
import * as t from "io-ts"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { askedOf, type Asking, scenesLike } from "../../../../tasks/evaluate/vision/asked.ts"
import { framesIn } from "../../../../tasks/evaluate/vision/film.ts"
import { Judged, type Part } from "../../../../tasks/evaluate/vision/judged.ts"
import { look, moves, shows } from "../../../../tasks/evaluate/vision/seen.ts"
import {
  judged,
  judgedStage,
  type Painter,
  type Showing,
  showingFault,
} from "../../../../tasks/evaluate/vision/showing.ts"
import { events } from "../../../../tasks/events.ts"
import { type Journal, stage } from "../../../../tasks/stage/stage.ts"
import { memory } from "../../../../tasks/store.ts"
import {
  captionOf,
  framesOfScene,
  saidOf,
  scans,
  type Scene,
  sceneOf,
  type ways,
} from "../../../../tasks/vision/digits.ts"
import { blank } from "../../../../tasks/vision/frame.ts"
import { black, failing, nearestScan, noise, oracle, painterOf, remembering } from "./fakes.ts"

const it = suite("tasks/evaluate/vision/showing")

const all = await Effect.runPromise(scans)
const says = nearestScan(all)
const asking: Asking = {
  ...{ each: 2, pairs: 8, videos: 12, seed: 1 },
  ...{ still: { seed: 2, frames: 1, grid: 4 }, video: { seed: 3, frames: 5, grid: 4 } },
}
const showing: Showing = { asking, drawn: { guidance: 2, temperature: 1, seed: 4 }, batch: 7 }
const trust = { right: 9, of: 10 }

const runs = (painter: Painter, s: Showing = showing, journal?: Journal, shelf = new Map<string, Uint8Array>()) =>
  Effect.provide(judged(all, painter, says, trust, s, journal), Layer.mergeAll(events, memory(shelf)))
const told = (painter: Painter, s: Showing = showing): Promise<Judged> => Effect.runPromise(runs(painter, s))
const part = ({ parts }: Judged, kind: Part["kind"]): Part => parts.find((one) => one.kind === kind)!

it("all that is asked for can be told by its caption, and real scenes have the same ones", () => {
  const asked = askedOf(asking)
  assert.is(asked.length, 20 + 8 + 12)
  assert.equal(asked.slice(0, 2).map(({ caption }) => caption), ["a zero", "a one"])
  assert.ok(asked.every(({ said }) => new Set(said.digits).size === said.digits.length))
  const videos = askedOf({ ...asking, videos: 40 }).filter(({ kind }) => kind === "video")
  assert.is(new Set(videos.map(({ caption }) => caption)).size, 40, "every digit goes every way")
  const scenes = scenesLike(all, asking, asked)
  assert.ok(E.isRight(scenes))
  assert.equal(scenes.right.map(captionOf), asked.map(({ caption }) => caption))
  assert.is(new Set(scenes.right.map((scene) => JSON.stringify(framesOfScene(scene)))).size, asked.length)
  const held = new Set(all.heldOut.flat())
  assert.ok(scenes.right.every(({ digits }) => digits.every(({ scan }) => held.has(scan))))
})

it("who draws what is asked is as good as real pictures are; noise and black show nothing", async () => {
  const good = await told(oracle(all, asking))
  for (const { kind, model, real, again } of good.parts) {
    assert.is(again, null)
    assert.ok(real.shown / real.of > 0.7, `${kind}: ${real.shown} of ${real.of} real ones`)
    assert.ok(model.shown >= real.shown - 3 && model.shown <= model.of, `${kind}: ${model.shown} of ${model.of}`)
  }
  const video = part(good, "video")
  assert.equal([video.model.moved, video.real.moved], [12, 12], "what moves is seen to move, whatever digit it is")
  assert.is(video.model.both, video.model.shown)
  assert.is(part(good, "single").byDigit.reduce((n, { shown }) => n + shown, 0), part(good, "single").model.shown)
  for (const painter of [noise, black]) {
    for (const { kind, model } of (await told(painter)).parts) {
      assert.equal([model.shown, model.moved], [0, 0], `${painter.name}: ${kind}`)
    }
  }
})

it("who moves the other way, or stands still, moves wrong, and shows the digit yet", async () => {
  const right = oracle(all, asking)
  const back = {
    ...right,
    show: (asked, drawn) => Effect.map(right.show(asked, drawn), (c) => c.map((f) => f.toReversed())),
  } as Painter
  const still = {
    ...right,
    show: (asked, drawn) => Effect.map(right.show(asked, drawn), (c) => c.map((f) => f.map(() => f[0]!))),
  } as Painter
  const shown = part(await told(right), "video").model.shown
  for (const painter of [back, still]) {
    assert.equal(part(await told(painter), "video").model, { of: 12, shown, moved: 0, both: 0 })
  }
})

it("another digit is wrong, and so is one more or one less", async () => {
  const scene = (n: number, least: number): Scene =>
    sceneOf(all, { seed: 9, frames: 1, least, most: least }, "heldOut", n)
  for (const n of [0, 1, 2]) {
    const two = scene(n, 2)
    const [seen] = await Effect.runPromise(look(says, [framesOfScene(two)]))
    const [a, b] = saidOf(two).digits
    const found = seen!.found[0]!.filter((x) => x !== null)
    assert.ok(shows({ digits: found, moving: null }, seen!))
    assert.not(shows({ digits: found.slice(0, 1), moving: null }, seen!), `${a} and ${b}: one was asked for`)
    assert.not(shows({ digits: [...found, 5], moving: null }, seen!))
    assert.not(shows({ digits: [found[0]!, (found[1]! + 1) % 10], moving: null }, seen!))
  }
})

it("half of the way is enough, across is not", () => {
  const seen = (down: number, right: number) => ({ found: [], down, right })
  const said = (way: (typeof ways)[number]) => ({ digits: [7], moving: { digit: 7, way } })
  assert.ok(moves(said("left"), seen(0, -8), 16) && !moves(said("left"), seen(0, -7.9), 16))
  assert.ok(moves(said("down"), seen(16, 3), 16) && !moves(said("down"), seen(9, 10), 16))
  assert.not(moves(said("up"), seen(16, 0), 16))
  assert.not(moves({ digits: [7], moving: null }, seen(0, 16), 16))
})

it("a digit in more than half of the frames is enough", async () => {
  const scene = sceneOf(all, { seed: 3, frames: 5, most: 1 }, "heldOut", 0)
  const frames = framesOfScene(scene)
  const dark = (...which: ReadonlyArray<number>) => frames.map((f, i) => which.includes(i) ? blank(32, 32) : f)
  const [two, three] = await Effect.runPromise(look(says, [dark(1, 2), dark(1, 2, 3)]))
  const said = { ...saidOf(scene), digits: [two!.found[0]![0]!] }
  assert.ok(shows(said, two!) && !shows(said, three!))
})

it("what is judged does not depend on batches; it goes on where it was stopped; its film holds every clip", async () => {
  const whole = await told(oracle(all, asking))
  const shelf = new Map<string, Uint8Array>()
  for (const batch of [1, 64]) assert.equal(await told(oracle(all, asking), { ...showing, batch }), whole)
  const journal = remembering()
  const once = oracle(all, asking)
  const painter = {
    ...once,
    show: failing(3, (asked: Parameters<Painter["show"]>[0]) => once.show(asked, showing.drawn)),
  }
  const fault = await Effect.runPromise(Effect.flip(runs(painter, showing, journal, shelf)))
  assert.match(fault.message, /pulled the plug/)
  const rest = { ...once, show: failing(3, (asked: Parameters<Painter["show"]>[0]) => once.show(asked, showing.drawn)) }
  assert.equal(await Effect.runPromise(runs(rest, showing, journal, shelf)), whole)
  const frames = await Effect.runPromise(Effect.provide(framesIn(whole.film), memory(shelf)))
  const asked = askedOf(asking)
  const clips = await Effect.runPromise(once.show(asked, showing.drawn))
  assert.equal(frames.map(({ pixels }) => pixels), clips.flat().map(({ pixels }) => pixels))
  assert.equal(Judged.decode(JSON.parse(JSON.stringify(Judged.encode(whole)))), E.right(whole))
})

it("what eyes make of real pictures is told beside them", async () => {
  const blind: Painter = { ...oracle(all, asking), again: (frames) => Effect.succeed(frames.map(() => blank(32, 32))) }
  const clear: Painter = { ...blind, again: Effect.succeed }
  for (const { again } of (await told(blind)).parts) assert.equal([again!.shown, again!.moved], [0, 0])
  for (const { again, real } of (await told(clear)).parts) assert.equal(again, real)
})

it("settings that ask for nothing, or of a still a video, are told; so are clips of another length", async () => {
  const change = (more: Partial<Asking>) => showingFault({ ...showing, asking: { ...asking, ...more } })
  assert.is(change({}), undefined)
  assert.match(change({ each: 0, pairs: 0, videos: 0 })!, /nothing is asked for/)
  assert.match(change({ still: asking.video })!, /a still has one frame, not 5/)
  assert.match(change({ video: asking.still })!, /a video has two frames at least, not 1/)
  const short = painterOf("short", () => [])
  const fault = await Effect.runPromise(Effect.flip(runs(short)))
  assert.match(fault.message, /short was asked for 1 frames of 'a zero' and made 0/)
})

it("it is a stage: declaring opens nothing, and what it hangs on is in its settings", async () => {
  const made = <A>(name: string, output: t.Type<A, unknown>, value: A) =>
    stage({ name, version: "1", codec: t.null, settings: null, needs: {}, output, make: () => Effect.succeed(value) })
  let opened = 0
  const declared = (s: Showing) =>
    judgedStage({
      name: "generated",
      subject: {
        model: made("world", t.string, "w"),
        as: { theta: 1 },
        open: () => Effect.sync(() => (opened++, oracle(all, asking))),
      },
      judge: {
        model: made("judge", t.string, "j"),
        trust: made("trust", t.strict({ right: t.number, of: t.number }), trust),
        as: null,
        open: () => Effect.succeed(says),
      },
      showing: s,
    })
  const one = declared(showing)
  assert.is(opened, 0)
  assert.equal(one.faults, [])
  assert.equal(Object.keys(one.needs), ["model", "judge", "trust"])
  const settings = (s: Showing): string => JSON.stringify(declared(s).settings)
  const others = [showing, { ...showing, drawn: { ...showing.drawn, topK: 8 } }, {
    ...showing,
    asking: { ...asking, each: 3 },
  }]
  assert.is(new Set(others.map(settings)).size, 3)
  const result = await Effect.runPromise(Effect.provide(
    one.make({ model: "w", judge: "j", trust } as never, remembering()),
    Layer.mergeAll(events, memory(new Map())),
  ))
  assert.is(opened, 1)
  assert.equal(result, await told(oracle(all, asking)))
})

it.run()
