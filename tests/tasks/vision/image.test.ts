/** Stills and animations: there and back, guards, sizes; a user's files with and without captions. */
import * as Effect from "effect/Effect"
import { either as E } from "fp-ts"
import fc from "fast-check"
import { readFile, writeFile } from "node:fs/promises"
import sharp from "sharp"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { kindOf, type Look, readClip, writeClip } from "../../../tasks/vision/file.ts"
import { blank, type Captioned, type Frame, grey, painted } from "../../../tasks/vision/frame.ts"
import { atRate, decodeImage, gifOf, limits, pngOf } from "../../../tasks/vision/image.ts"
import { cat, photographs } from "../../../tasks/vision/photographs.ts"
import { pictureFiles, pictureFolder, pictureLines } from "../../../tasks/vision/pictures.ts"
import { cut, enlarged, resized, square } from "../../../tasks/vision/scale.ts"
import type { Sequence } from "../../../tasks/data/source.ts"
import { faultOf, goesOn, inFolder, readAll } from "../data/letters.ts"

const it = suite("tasks/vision/image")
const run = <A>(effect: Effect.Effect<A, unknown>): Promise<A> => Effect.runPromise(effect as Effect.Effect<A>)

/** A frame in which every pixel says where it is, and which frame it is. */
const ramp = (width: number, height: number, n = 0): Frame => ({
  width,
  height,
  pixels: Uint8Array.from(
    { length: width * height * 3 },
    (_, i) => [(i / 3) % width * 8, Math.floor(i / 3 / width) * 8, n * 20][i % 3]!,
  ),
})
/** A few colours, so that a GIF holds them exactly. */
const moving = (n: number): ReadonlyArray<Frame> =>
  Array.from({ length: n }, (_, i) => painted(blank(12, 8, [20, 20, 80]), blank(3, 3, [250, 220, 0]), 2, i * 2))

// ---- files -----------------------------------------------------------------------

it("a PNG gives its pixels back", async () => {
  const frame = ramp(7, 5)
  assert.equal(await run(decodeImage(await run(pngOf(frame)), "x")), { frames: [frame], rate: null })
})

it("a GIF gives its frames and its rate back, frames that are the same among them", async () => {
  const frames = [...moving(4), moving(4)[3]!]
  const bytes = await run(gifOf({ frames, rate: 4 }))
  assert.equal(await run(decodeImage(bytes, "x")), { frames, rate: 4 })
  const two = await run(decodeImage(bytes, "x", undefined, 2))
  assert.equal(two, { frames: [frames[0], frames[2], frames[4]], rate: 2 })
  const third = await sharp(await run(gifOf({ frames: frames.slice(0, 3), rate: 3 })), { animated: true }).metadata()
  assert.equal(third.delay, [330, 340, 330])
})

it("frames at a rate are those that are seen at its turns", () => {
  assert.equal(atRate([100, 100, 200], 10), [0, 1, 2, 2])
  assert.equal(atRate([100, 100, 200], 5), [0, 2])
  assert.equal(atRate([100], 1), [0])
  assert.equal(atRate([500, 500], 3), [0, 0, 1])
})

it("grey, transparent, turned and deep pictures are frames like others", async () => {
  const one = (bytes: Uint8Array) => run(decodeImage(bytes, "x")).then(({ frames }) => frames[0]!)
  const raw = { width: 2, height: 1, channels: 1 } as const
  assert.equal(
    await one(await sharp(Uint8Array.of(0, 200), { raw }).toColourspace("b-w").png().toBuffer()),
    grey(2, 1, Uint8Array.of(0, 200)),
  )
  const clear = await sharp(Uint8Array.of(255, 0, 0, 255, 0, 0, 0, 0), { raw: { ...raw, channels: 4 } }).png()
    .toBuffer()
  assert.equal([...(await one(clear)).pixels], [255, 0, 0, 255, 255, 255])
  const turned = await sharp(ramp(6, 4).pixels, { raw: { width: 6, height: 4, channels: 3 } })
    .withMetadata({ orientation: 6 }).jpeg().toBuffer()
  const { width, height } = await one(turned)
  assert.equal([width, height], [4, 6])
  const deep = await sharp(ramp(3, 3).pixels, { raw: { width: 3, height: 3, channels: 3 } })
    .toColourspace("rgb16").png().toBuffer()
  assert.equal(await one(deep), ramp(3, 3))
})

it("what is no picture, damaged, empty or too large is a fault that says so", async () => {
  const png = await run(pngOf(ramp(40, 40)))
  const gif = await run(gifOf({ frames: moving(5), rate: 4 }))
  const svg = new TextEncoder().encode('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"></svg>')
  const small = { ...limits, pixels: 1000 }
  const cases = [
    [new Uint8Array(0), limits, "empty", /has no bytes/],
    [new Uint8Array(99).fill(3), limits, "format", /no picture/],
    [png.subarray(0, png.length - 30), limits, "format", /damaged/],
    [svg, limits, "format", /is svg/],
    [png, small, "large", /more pixels/],
    [gif, { ...limits, pixels: 400 }, "large", /12 x 8 pixels in 5 frames, 480 together; 400 at most|more pixels/],
    [gif, { ...limits, frames: 4 }, "large", /5 frames; 4 at most/],
    [png, { ...limits, bytes: 10 }, "large", /10 at most/],
  ] as const
  for (const [bytes, within, reason, says] of cases) {
    const fault = await faultOf(decodeImage(bytes, "x.png", undefined, undefined, within))
    assert.is(fault.reason, reason, fault.message)
    assert.match(fault.message, says)
    assert.is(fault.where, "x.png")
  }
})

it(
  "files are read and written as their endings say, whole or not at all",
  inFolder({ "empty.png": "", "text.doc": "no" }, async (path) => {
    await run(writeClip(path("new/a.png"), { frames: [ramp(9, 6)], rate: null }))
    await run(writeClip(path("new/a.gif"), { frames: moving(5), rate: 5 }))
    assert.equal(await run(readClip(path("new/a.png"))), { frames: [ramp(9, 6)], rate: null })
    assert.equal(await run(readClip(path("new/a.gif"))), { frames: moving(5), rate: 5 })
    const few = await run(readClip(path("new/a.gif"), { size: 4, frames: 3 }))
    assert.equal(few, { frames: [0, 2, 4].map((i) => square(moving(5)[i]!, 4)), rate: 3 })
    const faults: ReadonlyArray<readonly [Effect.Effect<unknown, { readonly message: string }>, RegExp]> = [
      [readClip(path("empty.png")), /has no bytes/],
      [readClip(path("none.png")), /no such file/],
      [readClip(path("none")), /no such file/],
      [readClip(path("text.doc")), /no ending that says what it is/],
      [writeClip(path("b.png"), { frames: moving(2), rate: 4 }), /a PNG holds one/],
      [writeClip(path("b.gif"), { frames: [], rate: 4 }), /no frames/],
      [writeClip(path("b.bmp"), { frames: moving(1), rate: 4 }), /\.png, \.gif or \.mp4/],
    ]
    for (const [effect, says] of faults) assert.match((await faultOf(effect)).message, says)
    assert.is(await readFile(path("b.png")).then(() => true, () => false), false)
    assert.equal(["a.PNG", "b.webm", "c.txt", "d"].map(kindOf), ["image", "video", undefined, undefined])
  }),
)

// ---- sizes -----------------------------------------------------------------------

it("a frame of one colour stays so at any size; a ramp stays a ramp", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 40 }), fc.nat(255), (w, h, level) => {
      assert.equal(resized(blank(17, 9, [level, 3, 255]), w, h), blank(w, h, [level, 3, 255]))
    }),
    { seed: 1, numRuns: 30 },
  )
  const line = grey(32, 1, Uint8Array.from({ length: 32 }, (_, i) => i * 8))
  const half = [...resized(line, 16, 1).pixels].filter((_, i) => i % 3 === 0)
  assert.equal(half.slice(2, -2), Array.from({ length: 12 }, (_, i) => (i + 2) * 16 + 4))
})

it("a square is the middle of the frame, its shorter side scaled", () => {
  const wide = Uint8Array.from({ length: 20 * 10 }, (_, i) => i % 20 < 5 ? 0 : i % 20 < 15 ? 100 : 200)
  assert.equal(square(grey(20, 10, wide), 10), grey(10, 10, new Uint8Array(100).fill(100)))
  const tall = square(ramp(8, 21), 8)
  // (21 - 8) / 2 = 6.5 is 6, as Python rounds it
  assert.equal(tall, cut(ramp(8, 21), 6, 0, 8, 8))
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 50 }),
      fc.integer({ min: 1, max: 50 }),
      fc.integer({ min: 1, max: 20 }),
      (w, h, s) => {
        const { width, height, pixels } = square(blank(w, h, [9, 9, 9]), s)
        assert.equal([width, height, pixels.length, pixels.every((p) => p === 9)], [s, s, s * s * 3, true])
      },
    ),
    { seed: 2, numRuns: 60 },
  )
})

it("enlarged pixels are squares of themselves", () => {
  assert.equal(enlarged(grey(2, 1, Uint8Array.of(1, 2)), 2), grey(4, 2, Uint8Array.of(1, 1, 2, 2, 1, 1, 2, 2)))
})

// ---- sources -----------------------------------------------------------------------

const told = async (sequence: Sequence<Captioned>): Promise<ReadonlyArray<string>> =>
  (await readAll(sequence)).map(({ id, value }) =>
    E.isRight(value) ? `${id}: ${value.right.clip.frames.length} ${value.right.caption}` : `${id}? ${value.left}`
  )

const pictures = async (): Promise<Record<string, Uint8Array>> => ({
  "still.png": await run(pngOf(ramp(9, 6))),
  "video.gif": await run(gifOf({ frames: moving(3), rate: 4 })),
})

it("a folder's pictures have the captions beside them; what is alone or damaged is told and stops nothing", async () => {
  const { "still.png": still, "video.gif": video } = await pictures()
  const files = {
    ...{ "b/cat.png": still!, "b/cat.txt": "\ufeffa cat\r\n", "a.gif": video!, "a.txt": "a thing moving right" },
    ...{
      "alone.jpg": still!,
      "gone.txt": "a dog",
      "bad.png": "no picture",
      "bad.txt": "bad",
      "mute.png": still!,
      "mute.txt": " ",
    },
    "notes.md": "not seen",
  }
  await inFolder(files, async (path) => {
    const look: Look = { size: 4 }
    const all = await told(pictureFolder(path("."), look))
    assert.equal(all.map((line) => line.split(/(?<=[:?]) /)[0]), [
      ...["a.gif:", "alone.jpg?", "b/cat.png:", "bad.png?", "gone.txt?", "mute.png?"],
    ])
    assert.is(all[0], "a.gif: 3 a thing moving right")
    assert.match(all[1]!, /a file without its caption: write alone.txt beside it/)
    assert.is(all[2], "b/cat.png: 1 a cat")
    assert.match(all[3]!, /no picture/)
    assert.match(all[4]!, /a caption without its file/)
    assert.match(all[5]!, /its caption is empty/)
    assert.match((await told(pictureFolder(path("."), { ...look, bare: true })))[1]!, /^alone.jpg: 1 $/)
    await goesOn(pictureFolder(path("."), look))
    const before = await run(pictureFolder(path("."), look).digest)
    assert.is(await run(pictureFolder(path("."), look).digest), before)
    assert.is.not(await run(pictureFolder(path("."), { size: 5 }).digest), before)
    await writeFile(path("a.txt"), "another thing")
    assert.is.not(await run(pictureFolder(path("."), look).digest), before)
    assert.match((await faultOf(pictureFolder(path("none")).digest)).message, /no such file/)
  })()
  await inFolder({ "a.txt": "a" }, async (path) => {
    assert.match((await faultOf(pictureFolder(path(".")).digest)).message, /holds no pictures/)
  })()
})

it("lines name files from their own folder on, and keep what else they say", async () => {
  const lines = [
    '{"file":"still.png","caption":"a ramp","question":"What?","answer":"a ramp"}',
    '{"file":"video.gif","text":"a thing"}',
    '{"file":"gone.png","caption":"gone"}',
    '{"caption":"no file"}',
    "{broken",
    '{"file":"still.png","caption":7}',
  ]
  await inFolder({ ...(await pictures()), "all.jsonl": lines.join("\n") }, async (path) => {
    const sequence = pictureLines(path("all.jsonl"), { size: 4 })
    const all = await told(sequence)
    assert.equal(all.slice(0, 2), ["all.jsonl:1: 1 a ramp", "all.jsonl:2: 2 a thing".replace(" 2 a", " 3 a")])
    for (const [i, says] of [/no such file/, /names no file/, /broken JSON/, /is no text/].entries()) {
      assert.match(all[i + 2]!, says)
    }
    const [first] = await readAll(sequence)
    assert.equal(E.isRight(first!.value) && first!.value.right.fields, { question: "What?", answer: "a ramp" })
    await goesOn(sequence)
    const before = await run(sequence.digest)
    await writeFile(path("still.png"), await run(pngOf(ramp(5, 5))))
    assert.is.not(await run(sequence.digest), before)
  })()
})

it("files alone are pictures without captions", async () => {
  await inFolder(await pictures(), async (path) => {
    const sequence = pictureFiles([path("video.gif"), path("none.png"), path("still.png")], { frames: 2 })
    const all = (await told(sequence)).map((line) => line.replace(/^.*[\\/]/, ""))
    assert.equal([all[0], all[2]], ["video.gif: 2 ", "still.png: 1 "])
    assert.match(all[1]!, /no such file/)
    await goesOn(sequence)
  })()
})

// ---- what packages ship ------------------------------------------------------------

it("eight photographs and a cat's twenty-four views", async () => {
  const all = await run(photographs((frame) => square(frame, 32)))
  assert.is(all.length, 8)
  assert.ok(all.every(({ clip, caption }) => clip.frames.length === 1 && clip.rate === null && caption.length > 5))
  assert.is(new Set(all.map(({ clip }) => clip.frames[0]!.pixels.join())).size, 8)
  const { clip } = await run(cat())
  assert.equal([clip.frames.length, clip.frames[0]!.width, clip.frames[0]!.height], [24, 162, 104])
  // paper, not the dark card between the views, at every edge; and a dark cat in the middle
  for (const frame of clip.frames) {
    const mean = (row: number, col: number, w: number, h: number) =>
      cut(frame, row, col, w, h).pixels.reduce((a, b) => a + b, 0) / (w * h * 3)
    for (const edge of [mean(0, 0, 162, 2), mean(102, 0, 162, 2), mean(0, 0, 2, 104), mean(0, 160, 2, 104)]) {
      assert.ok(edge > 90, String(edge))
    }
    assert.ok(mean(52, 55, 50, 18) < mean(0, 0, 162, 104) - 10)
  }
})

it.run()
