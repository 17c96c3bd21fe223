/** The vision half: what examples are made of, how eyes open, what the first frame of a video gives away. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import fc from "fast-check"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { hostKey } from "../../../../core/random/host.ts"
import { initialise } from "../../../../models/llama/parameters.ts"
import { delimitersOf, eofOf, eovOf, type Layout } from "../../../../models/world/mod.ts"
import { seeing } from "../../../../tasks/recipes/desk/vision/begin.ts"
import { type Filming, filming, sceneIn } from "../../../../tasks/recipes/desk/vision/codes.ts"
import {
  type Gallery,
  mixedExamples,
  type Mixing,
  type Shares,
} from "../../../../tasks/recipes/desk/vision/examples.ts"
import { sights } from "../../../../tasks/recipes/desk/vision/half.ts"
import { model } from "../../../../tasks/recipes/desk/model.ts"
import { sights as marks } from "../../../../tasks/recipes/desk/phrases.ts"
import type { VisionExample } from "../../../../tasks/data/vision-example.ts"
import { type Scan, type Scans, ways } from "../../../../tasks/vision/digits.ts"
import { ground, tokenizer } from "./ground.ts"

const it = suite("tasks/recipes/desk/vision")

// ---- made up ---------------------------------------------------------------------

const scan = (digit: number, number: number): Scan => ({ digit, number, ink: new Uint8Array(256).fill(digit) })
const scans: Scans = {
  train: Array.from({ length: 10 }, (_, d) => [0, 1].map((n) => scan(d, n))),
  heldOut: Array.from({ length: 10 }, (_, d) => [scan(d, 2)]),
  digest: "made up",
}
const layout: Layout = { codes: 512, frame: 16 }
const few: Filming = {
  ...filming,
  stills: { ...filming.stills, count: 60 },
  videos: { ...filming.videos, count: 40 },
}

/** Codes that say which scene and frame they are of. */
const codesFor = (scenes: number, frames: number): Int32Array =>
  Int32Array.from({ length: scenes * frames * layout.frame }, (_, i) => Math.floor(i / layout.frame) % layout.codes)

const gallery: Gallery = {
  ...{ scans, filming: few, layout, tokenizer, ground },
  stills: codesFor(60, 1),
  videos: codesFor(40, few.videos.drawing.frames),
}

const even: Shares = { "text-image": 1, "text-video": 1, "image-chat": 1, "video-chat": 1, text: 1 }
const mixing: Mixing = { shares: even, pairing: { swap: 0.5, drop: 0.2 }, seed: 7 }

const taken = (n: number, from?: number, m: Mixing = mixing): Promise<ReadonlyArray<VisionExample>> =>
  Effect.runPromise(
    Effect.map(
      Stream.runCollect(Stream.take(mixedExamples(gallery, m, 256).from(from), n)),
      (all) => all.map(({ example }) => example),
    ),
  )

const textOf = ({ tokens, vision }: VisionExample, counted?: Uint8Array): string =>
  tokenizer.decode(Array.from(tokens).filter((_, i) => vision[i] === 0 && (counted === undefined || counted[i] === 1)))

/** Vision tokens, frame by frame. */
const framesIn = ({ tokens, vision }: VisionExample): ReadonlyArray<ReadonlyArray<number>> => {
  const seen = Array.from(tokens).filter((_, i) => vision[i] === 1)
  const size = layout.frame + 1
  return Array.from({ length: seen.length / size }, (_, f) => seen.slice(f * size, (f + 1) * size))
}

// ---- examples ------------------------------------------------------------------

it("what is said of scenes is one token each, and prompts are few", () => {
  for (const mark of marks) assert.is(tokenizer.encode(mark).length, 1, mark)
  const { open, close } = delimitersOf(tokenizer)
  assert.equal([open.length, close.length], [1, 1])
  assert.ok(tokenizer.encode("Generate a video of a seven and a two, the seven moving left").length < 14)
})

it("every kind comes by its share, frames are whole, and what counts is what is to be said", async () => {
  const all = await taken(1500)
  const seen = new Map<string, number>()
  for (const one of all) {
    seen.set(one.task!, (seen.get(one.task!) ?? 0) + 1)
    const text = textOf(one), said = textOf(one, one.counted)
    if (one.task === "text") {
      assert.not.ok(one.vision.includes(1))
      assert.is(one.tokens.length, 257)
      continue
    }
    const frames = framesIn(one)
    assert.is(frames.length, one.task!.includes("video") ? few.videos.drawing.frames : 1)
    frames.forEach((f, i) => {
      assert.ok(f.slice(0, -1).every((id) => id === f[0] && id < layout.codes))
      assert.is(f.at(-1), i < frames.length - 1 ? eofOf(layout) : eovOf(layout))
    })
    const pictured = one.counted.some((c, i) => c === 1 && one.vision[i] === 1)
    if (one.task!.endsWith("chat")) {
      assert.not.ok(pictured)
      assert.match(text, /digit|Which way/)
      assert.match(said, /^ (zero|one|two|three|four|five|six|seven|eight|nine|left|right|up|down)/)
    } else if (pictured) {
      assert.match(text, /Generate an? (image|video) of|^.{0,40}<vision><\/vision>$/)
      assert.is(said.replace(/<\/vision>/, "").replace(/<[^>]*>/g, ""), "")
    } else assert.match(said, /^ an? \w+/)
  }
  for (const [task, times] of seen) {
    assert.ok(Math.abs(times - 300) < 3 * Math.sqrt(1500 * 0.2 * 0.8), `${task} ${times}`)
  }
})

it("captions are left out as often as is said, and frames come first as often", async () => {
  const pairs: Mixing = { ...mixing, shares: { ...even, "image-chat": 0, "video-chat": 0, text: 0 } }
  const all = await taken(1200, 0, pairs)
  const first = all.filter((e) => e.counted.some((c, i) => c === 1 && e.vision[i] === 1))
  const alone = first.filter((e) => !textOf(e).includes("Generate"))
  assert.ok(Math.abs(all.length - first.length - 600) < 3 * Math.sqrt(300), `${first.length}`)
  assert.ok(Math.abs(alone.length - first.length / 5) < 3 * Math.sqrt(first.length * 0.16), `${alone.length}`)
})

it("an example hangs on its number alone: who goes on from a place sees the same", async () => {
  const all = await taken(30)
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: 29 }), async (from) => {
      assert.equal(await taken(30 - from, from), all.slice(from))
    }),
    { numRuns: 5 },
  )
})

it("rows grow from stage to stage, and text is among all of them", () => {
  const times = sights.map(({ time }) => time)
  assert.ok(times.every((t, i) => i === 0 || t >= 2 * times[i - 1]!), times.join())
  assert.ok(sights.every(({ mixing: { shares } }) => shares.text > 0))
})

// ---- videos --------------------------------------------------------------------

/** How often the way is right that most videos have whose first frames have their boxes at the same places. */
const fromFirstFrame = (most: number, least: number): number => {
  const places = new Map<string, Map<string, number>>()
  const count = 4000
  for (let n = 0; n < count; n++) {
    const { digits, moving } = sceneIn(scans, { ...few.videos, drawing: { ...few.videos.drawing, least, most } }, n)
    const mover = digits[moving!.which]!
    const key = [mover, ...digits.filter((one) => one !== mover)].map(({ row, col }) => `${row} ${col}`).join()
    const at = places.get(key) ?? new Map<string, number>()
    places.set(key, at.set(moving!.way, (at.get(moving!.way) ?? 0) + 1))
  }
  return [...places.values()].reduce((sum, at) => sum + Math.max(...at.values()), 0) / count
}

it("the first frame alone tells the way of six videos of ten of one digit, of nine of ten of two: less than motion does", () => {
  const [one, two] = [fromFirstFrame(1, 1), fromFirstFrame(2, 2)]
  assert.ok(one > 1 / ways.length && one < 0.67, `${one}`)
  // two boxes fill half of the frame, so the other one leaves the mover few ways
  assert.ok(two > 0.85 && two < 0.97, `${two}`)
})

// ---- the beginning ---------------------------------------------------------------

it("opened eyes leave the text as it is, and codes that are alike begin alike", () => {
  const config = { ...model, codes: 4, vision: 6 }
  const text = initialise(model, hostKey(3))
  const data = [1, 0, 0, 1.02, 0, 0.01, -1, 0.5, 0, 0, -1, 2]
  const { visionEmbedding, visionHead, ...rest } = seeing(config, text, { codes: 4, embed: 3, data }, 5)
  assert.equal(rest, text)
  const row = (k: number): Float32Array =>
    Float32Array.from(visionEmbedding.data.subarray(k * model.model, (k + 1) * model.model))
  const cosine = (i: number, j: number): number => {
    const [a, b] = [row(i), row(j)]
    const along = (x: Float32Array, y: Float32Array): number => x.reduce((sum, v, k) => sum + v * y[k]!, 0)
    return along(a, b) / Math.sqrt(along(a, a) * along(b, b))
  }
  assert.ok(cosine(0, 1) > 0.99 && cosine(0, 2) < 0.5 && cosine(0, 3) < 0.5, `${cosine(0, 1)} ${cosine(0, 2)}`)
  assert.ok(row(4).some((x) => x !== 0) && visionHead!.data.some((x) => x !== 0), "what ends frames is drawn, too")
})

it.run()
