/** Digits: boxes of scans, scenes that keep their laws, captions that say what is there, the same bytes everywhere. */
import * as Effect from "effect/Effect"
import fc from "fast-check"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import {
  box,
  captionOf,
  captionOfSaid,
  type Drawing,
  drawingFault,
  framesOfScene,
  majority,
  placesAt,
  questionsOf,
  readCaption,
  type Said,
  saidOf,
  type Scan,
  type Scans,
  scans,
  type Scene,
  sceneOf,
  side,
  type Split,
  ways,
} from "../../../tasks/vision/digits.ts"
import { boxed } from "../../../tasks/vision/scans.ts"
import { digest } from "../../../tasks/store.ts"

const it = suite("tasks/vision/digits")

/** Read once, by the test that is first: the package is large. */
const once = (): () => Promise<Scans> => {
  let held: Promise<Scans> | undefined
  return () => held ??= Effect.runPromise(scans)
}
const real = once()

/** Scans whose ink says which they are. */
const scan = (digit: number, number: number): Scan => ({
  digit,
  number,
  ink: new Uint8Array(256).fill(digit * 20 + number + 1),
})
const small: Scans = {
  train: Array.from({ length: 10 }, (_, d) => [0, 1, 2].map((n) => scan(d, n))),
  heldOut: Array.from({ length: 10 }, (_, d) => [3, 4].map((n) => scan(d, n))),
  digest: "",
}

const drawings: fc.Arbitrary<Drawing> = fc.record({
  seed: fc.nat(),
  frames: fc.integer({ min: 1, max: 17 }),
  least: fc.integer({ min: 1, max: 3 }),
  more: fc.nat(2),
}).map(({ more, ...rest }) => ({ ...rest, most: Math.min(3, rest.least + more) }))
const splits = fc.constantFrom<Split>("train", "heldOut")
const scenes: fc.Arbitrary<Scene> = fc.tuple(drawings, splits, fc.nat(1e6)).map(([d, s, n]) => sceneOf(small, d, s, n))

it("the package has 10,000 scans; the last tenth of each digit is held out, and no scan is in both parts", async () => {
  const { train, heldOut } = await real()
  assert.is(train.flat().length + heldOut.flat().length, 10_000)
  for (const digit of train.keys()) {
    const all = [...train[digit]!, ...heldOut[digit]!]
    assert.equal(all.map(({ number }) => number), all.map((_, i) => i))
    assert.ok(all.every((s) => s.digit === digit))
    assert.is(heldOut[digit]!.length, Math.floor(all.length / 10))
  }
  const seen = new Set(train.flat().map(({ ink }) => ink.join()))
  assert.is(heldOut.flat().filter(({ ink }) => seen.has(ink.join())).length, 0)
})

it("a box is the mean over areas", () => {
  assert.equal(boxed(new Uint8Array(784).fill(255)), new Uint8Array(256).fill(255))
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 784, maxLength: 784 }), fc.nat(255), (bytes, at) => {
      const [row, col] = [Math.floor(at / 16), at % 16]
      // each pixel of the scan as 4 x 4 smaller ones, of which a pixel of the box is the mean of 7 x 7
      let sum = 0
      for (let y = 0; y < 7; y++) {
        for (let x = 0; x < 7; x++) {
          sum += bytes[Math.floor((row * 7 + y) / 4) * 28 + Math.floor((col * 7 + x) / 4)]!
        }
      }
      assert.is(boxed(bytes)[at], Math.round(sum / 49))
    }),
    { seed: 1, numRuns: 40 },
  )
})

it("boxes stay inside of the frame and apart in every frame; digits differ; scans are of the split", () => {
  fc.assert(
    fc.property(drawings, splits, fc.nat(1e6), (drawing, split, n) => {
      assert.is(drawingFault(drawing), undefined)
      const scene = sceneOf(small, drawing, split, n)
      assert.is(new Set(scene.digits.map((p) => p.scan.digit)).size, scene.digits.length)
      assert.ok(scene.digits.length >= drawing.least! && scene.digits.length <= drawing.most!)
      assert.ok(scene.digits.every((p) => small[split][p.scan.digit]!.includes(p.scan)))
      for (let frame = 0; frame < scene.frames; frame++) {
        const all = placesAt(scene, frame)
        for (const [i, a] of all.entries()) {
          assert.ok(a.row >= 0 && a.row <= side - box && a.col >= 0 && a.col <= side - box, JSON.stringify(a))
          for (const b of all.slice(i + 1)) {
            assert.ok(Math.abs(a.row - b.row) >= box || Math.abs(a.col - b.col) >= box, JSON.stringify([a, b]))
          }
        }
      }
    }),
    { seed: 2, numRuns: 400 },
  )
})

it("one digit moves by equal steps and all else stands still; its ink is in every frame, whole", () => {
  fc.assert(
    fc.property(scenes, (scene) => {
      const frames = framesOfScene(scene)
      assert.is(frames.length, scene.frames)
      assert.is(scene.moving === null, scene.frames === 1)
      const ink = scene.digits.reduce((sum, { scan }) => sum + scan.ink.reduce((a, b) => a + b, 0), 0)
      for (const [t, { pixels }] of frames.entries()) {
        assert.is(pixels.reduce((a, b) => a + b, 0), 3 * ink)
        for (const { scan, row, col } of placesAt(scene, t)) assert.is(pixels[(row * side + col) * 3], scan.ink[0])
      }
      const moved = placesAt(scene, scene.frames - 1).map((p, i) =>
        [p.row - scene.digits[i]!.row, p.col - scene.digits[i]!.col] as const
      )
      const far = scene.moving === null ? 0 : scene.moving.step * (scene.frames - 1)
      const to = { left: [0, -far], right: [0, far], up: [-far, 0], down: [far, 0] }
      assert.equal(moved, moved.map((_, i) => i === scene.moving?.which ? to[scene.moving.way] : [0, 0]))
    }),
    { seed: 3, numRuns: 100 },
  )
})

it("on a grid boxes stand at its multiples in every frame, and a grid that fits nothing is a fault", () => {
  const grids = fc.constantFrom(1, 2, 4, 8, 16)
  fc.assert(fc.property(fc.nat(), fc.integer({ min: 1, max: 3 }), grids, fc.nat(1e6), (seed, frames, grid, n) => {
    const drawing = { seed, frames, grid }
    if (drawingFault(drawing) !== undefined) return assert.ok(frames > 1 && Math.floor(16 / (frames - 1)) < grid)
    const scene = sceneOf(small, drawing, "train", n)
    for (let f = 0; f < frames; f++) {
      for (const { row, col } of placesAt(scene, f)) assert.equal([row % grid, col % grid], [0, 0])
    }
  }))
  assert.match(drawingFault({ seed: 1, frames: 1, grid: 5 })!.message, /divisor of 16/)
  assert.match(drawingFault({ seed: 1, frames: 3, grid: 4, step: 6 })!.message, /6 pixels a frame, but boxes .* of 4/)
})

it("captions say what is there, and are read back", () => {
  const said: ReadonlyArray<readonly [Said, string]> = [
    [{ digits: [7], moving: null }, "a seven"],
    [{ digits: [8], moving: null }, "an eight"],
    [{ digits: [7, 2], moving: null }, "a seven and a two"],
    [{ digits: [7, 2, 9], moving: null }, "a seven, a two and a nine"],
    [{ digits: [7], moving: { digit: 7, way: "left" } }, "a seven moving left"],
    [{ digits: [7, 2], moving: { digit: 7, way: "left" } }, "a seven and a two, the seven moving left"],
    [{ digits: [0, 2, 8], moving: { digit: 2, way: "up" } }, "a zero, a two and an eight, the two moving up"],
  ]
  for (const [meaning, text] of said) {
    assert.is(captionOfSaid(meaning), text)
    assert.equal(readCaption(text), meaning)
  }
  fc.assert(fc.property(scenes, (s) => assert.equal(readCaption(captionOf(s)), saidOf(s))), { seed: 4, numRuns: 200 })
  for (
    const text of [
      "",
      "seven",
      "a eight",
      "a seven and a ten",
      "a seven, the two moving up",
      "a seven moving",
      "a seven, a two",
    ]
  ) {
    assert.is(readCaption(text), undefined, text)
  }
})

it("questions have the answers of the scene", () => {
  const two = sceneOf(small, { seed: 1, frames: 4, least: 2, most: 2 }, "train", 5)
  const { moving } = saidOf(two)
  const name = captionOf(two).split("the ")[1]!.split(" ")[0]
  assert.equal(questionsOf(two), [
    { kind: "count", question: "How many digits are there?", answer: "two" },
    { kind: "way", question: `Which way does the ${name} move?`, answer: moving!.way },
  ])
  const one = sceneOf(small, { seed: 1, frames: 1, most: 1 }, "heldOut", 3)
  assert.equal(questionsOf(one).map(({ kind, answer }) => `${kind}: ${answer}`), [
    `which: ${captionOf(one).split(" ")[1]}`,
    "count: one",
  ])
})

it("the majority answer is as often right as it is given", () => {
  const question = "?"
  const all = ["b", "a", "b", "a", "c"].map((answer) => ({ kind: "count" as const, question, answer }))
  assert.equal(majority(all), { count: { answer: "a", share: 0.4 } })
  assert.equal(majority([]), {})
})

it("all ways, numbers of digits and digits are drawn about evenly", () => {
  const drawn = Array.from({ length: 3000 }, (_, n) => sceneOf(small, { seed: 7, frames: 4 }, "train", n))
  const share = (holds: (scene: Scene) => boolean): number => drawn.filter(holds).length / drawn.length
  for (const way of ways) assert.ok(Math.abs(share((s) => s.moving?.way === way) - 1 / 4) < 0.04, way)
  for (const n of [1, 2, 3]) assert.ok(Math.abs(share((s) => s.digits.length === n) - 1 / 3) < 0.04)
  for (let d = 0; d < 10; d++) {
    assert.ok(Math.abs(share((s) => s.digits.some((p) => p.scan.digit === d)) - 1 / 5) < 0.04)
  }
})

it("what contradicts itself is a fault that says what to try", () => {
  const faults: ReadonlyArray<readonly [Drawing, RegExp]> = [
    [{ seed: 1, frames: 0 }, /0 frames; expected a whole number from 1/],
    [{ seed: 1, frames: 18 }, /at most 17 frames/],
    [{ seed: 1, frames: 4, step: 6 }, /6 pixels a frame in 4 frames/],
    [{ seed: 1, frames: 4, step: 0 }, /stand still/],
    [{ seed: 1, frames: 1, least: 2, most: 1 }, /least <= most <= 3/],
    [{ seed: 1, frames: 1, most: 4 }, /1 to 4 digits/],
  ]
  for (const [drawing, says] of faults) assert.match(drawingFault(drawing)!.message, says)
  assert.is(drawingFault({ seed: 1, frames: 4, step: 2 }), undefined)
})

it("one seed gives the same bytes in every runtime", async () => {
  const all = await real()
  const frames = (["train", "heldOut"] as const).flatMap((split) =>
    [0, 1, 2, 3].flatMap((n) => framesOfScene(sceneOf(all, { seed: 5, frames: 4 }, split, n)))
  )
  const bytes = Uint8Array.from(frames.flatMap(({ pixels }) => Array.from(pixels)))
  assert.is(all.digest, "a3a8f9f4b1f9435e21b3903839fa51de34607c9a8ba0a03b2bb1cc07f44018b2")
  assert.is(await Effect.runPromise(digest(bytes)), "3bf05ed10d64463f301ede4afd10ebdd90e9381c2bae13f0ba6ec21bcf6b310b")
  assert.is(captionOf(sceneOf(all, { seed: 5, frames: 4 }, "train", 0)), "a three moving up")
})

it.run()
