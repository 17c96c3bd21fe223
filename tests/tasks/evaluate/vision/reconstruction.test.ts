/** What eyes keep: a perfect pair of eyes keeps all, coarse ones as much as can be computed by hand; codes are counted. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { either as E } from "fp-ts"
import * as t from "io-ts"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { layer } from "../../../../core/device/device.ts"
import { wasm } from "../../../../core/wasm/backend.ts"
import { dataFault } from "../../../../tasks/data/fault.ts"
import { framesIn } from "../../../../tasks/evaluate/vision/film.ts"
import { countsOf, usageOf } from "../../../../tasks/evaluate/vision/likeness.ts"
import {
  type Eyes,
  type FrameSet,
  photographed,
  Reconstruction,
  reconstruction,
  reconstructionStage,
  scenes,
} from "../../../../tasks/evaluate/vision/reconstruction.ts"
import { events } from "../../../../tasks/events.ts"
import { type AnyStage, type Journal, stage } from "../../../../tasks/stage/stage.ts"
import { memory } from "../../../../tasks/store.ts"
import { type Frame, grey } from "../../../../tasks/vision/frame.ts"

const it = suite("tasks/evaluate/vision/reconstruction")

/** Frames of 16 x 16 in two greys, as stripes of `wide` columns; frame n begins at n. */
const stripes = (name: string, count: number, wide: number, known = true): FrameSet => ({
  ...{ name, known, settings: { count, wide } },
  frames: Effect.succeed(
    Array.from({ length: count }, (_, n) =>
      grey(
        16,
        16,
        Uint8Array.from({ length: 256 }, (_, i) => Math.floor((i + n) % 16 / wide) % 2 === 0 ? 40 : 200),
      )),
  ),
})

/** Codes are grey values; what is decoded is brighter by `off`. */
const eyes = (off: number): Eyes => ({
  ...{ digest: "e".repeat(64), codes: 256 },
  encode: (frames) => Effect.succeed(frames.map(({ pixels }) => pixels.filter((_, i) => i % 3 === 0))),
  decode: (codes) => Effect.succeed(codes.map((ids) => grey(16, 16, Uint8Array.from(ids, (id) => id + off)))),
})

const around = (shelf = new Map<string, Uint8Array>()) => Layer.mergeAll(events, layer(wasm({})), memory(shelf))
const told = (e: Eyes, sets: ReadonlyArray<FrameSet>, shelf?: Map<string, Uint8Array>): Promise<Reconstruction> =>
  Effect.runPromise(Effect.provide(reconstruction(e, sets, 3), around(shelf)))
const close = (found: number, expected: number, by: number) =>
  assert.ok(Math.abs(found - expected) < by, `${found}, expected ${expected}`)

it("equal frames have 100 dB and an SSIM of 1; a shift of 5 has 20 log10(255 / 5); the codes of a set are counted", async () => {
  const sets = [stripes("thin", 40, 1), stripes("thick", 3, 4), stripes("foreign", 2, 2, false)]
  const same = await told(eyes(0), sets)
  assert.equal(same.sets.map(({ name, frames }) => [name, frames]), [["thin", 40], ["thick", 3], ["foreign", 2]])
  for (const { psnr, ssim, usage, perplexity } of [...same.sets, same.total]) {
    assert.is(psnr, 100)
    close(ssim, 1, 1e-4)
    assert.is(usage, 2 / 256)
    close(perplexity, 2, 1e-9)
  }
  assert.is(same.total.frames, 43, "the foreign ones are told apart")
  const off = await told(eyes(5), sets)
  close(off.total.psnr, 20 * Math.log10(255 / 5), 1e-3)
  assert.ok(off.total.ssim < 0.9999 && off.total.ssim > 0.9, `${off.total.ssim}`)
  assert.equal(Reconstruction.decode(JSON.parse(JSON.stringify(Reconstruction.encode(off)))), E.right(off))
})

it("samples are frames, each before what became of it, evenly from the set", async () => {
  const shelf = new Map<string, Uint8Array>()
  const { sets: [only] } = await told(eyes(5), [stripes("thin", 7, 1)], shelf)
  const frames = await Effect.runPromise(Effect.provide(framesIn(only!.samples), memory(shelf)))
  const all = await Effect.runPromise(stripes("thin", 7, 1).frames as Effect.Effect<ReadonlyArray<Frame>>)
  assert.is(frames.length, 6)
  assert.equal([0, 2, 4].map((i) => frames[i]!.pixels), [0, 2, 4].map((i) => all[i]!.pixels))
  assert.equal(frames[1]!.pixels, frames[0]!.pixels.map((x) => x + 5))
})

it("how a codebook is used: none of it, one code, all codes evenly", () => {
  assert.equal(usageOf(countsOf([], 4)), { usage: 0, perplexity: 0 })
  assert.equal(usageOf(countsOf([[2, 2], [2, 2]], 4)), { usage: 1 / 4, perplexity: 1 })
  const even = usageOf(countsOf([[0, 1], [2, 3]], 4))
  assert.is(even.usage, 1)
  close(even.perplexity, 4, 1e-9)
})

it("foreign pictures that this machine lacks are left out and told; a known set that lacks is a fault", async () => {
  const lacking = (known: boolean): FrameSet => ({
    ...{ name: "photographs", known, settings: null },
    frames: Effect.fail(dataFault("missing", "a-package", "the package a-package cannot be loaded")),
  })
  const found = await told(eyes(0), [stripes("thin", 1, 1), lacking(false)])
  assert.equal(found.absent, [{ name: "photographs", why: "the package a-package cannot be loaded" }])
  assert.is(found.sets.length, 1)
  const fault = await Effect.runPromise(
    Effect.flip(Effect.provide(reconstruction(eyes(0), [lacking(true)], 1), around())),
  )
  assert.match(fault.message, /a-package/)
})

it("scenes are held out; photographs and the cat come in squares; it is a stage with its sets in its settings", async () => {
  const drawing = { seed: 3, frames: 2 }
  const sets = [scenes("videos", drawing, 3), ...photographed(32)]
  const frames = await Promise.all(
    sets.map((set) => Effect.runPromise(set.frames as Effect.Effect<ReadonlyArray<Frame>>)),
  )
  assert.equal(frames.map(({ length }) => length), [6, 8, 24])
  assert.ok(frames.flat().every(({ width, height }) => width === 32 && height === 32))
  const model = stage({
    ...{ name: "vqgan", version: "1", codec: t.null, settings: null, needs: {}, output: t.string },
    make: () => Effect.succeed("v"),
  })
  const declared = (own: ReadonlyArray<FrameSet>) =>
    reconstructionStage({
      name: "reconstruction",
      subject: { model, as: null, open: () => Effect.succeed(eyes(5)) },
      sets: own,
      made: { by: model, sets: (made) => [{ ...stripes(`of ${made}`, 1, 2), known: false }] },
      samples: 3,
    })
  const one = declared([stripes("thin", 2, 1)])
  assert.equal([one.faults, Object.keys(one.needs)], [[], ["model", "made"]])
  assert.is.not(JSON.stringify(one.settings), JSON.stringify(declared([stripes("thin", 3, 1)]).settings))
  const nothing: Journal = { last: () => Effect.succeed(undefined), save: () => Effect.void }
  const made = (one as AnyStage).make({ model: "v", made: "v" } as never, nothing) as Effect.Effect<Reconstruction>
  assert.equal(
    await Effect.runPromise(Effect.provide(made, around()) as Effect.Effect<Reconstruction>),
    await told(eyes(5), [stripes("thin", 2, 1), { ...stripes("of v", 1, 2), known: false }]),
  )
})

it.run()
