/** The book, its rows and windows, and the compressors' marks. */
import * as Effect from "effect/Effect"
import fc from "fast-check"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { hostKey } from "../../core/random/host.ts"
import { baselines, measured } from "../../tasks/baselines.ts"
import { batches, divide, mobyDick, rowsOf, windows } from "../../tasks/data.ts"
import { digest } from "../../tasks/store.ts"

const it = suite("tasks/data")

/** A text in which each byte tells its place, as far as a byte can. */
const counting = (n: number): Uint8Array => Uint8Array.from({ length: n }, (_, i) => (i * 7 + (i >> 8)) & 255)

it("the book is the one that the marks were measured on", async () => {
  const book = await Effect.runPromise(mobyDick)
  assert.is(book.heldOut.length, measured[0]!.bytes)
  assert.is(book.train.length, 1_220_986 - 122_098)
  const marks = baselines(await Effect.runPromise(digest(book.heldOut)))
  assert.equal(marks.map((m) => [m.tool, m.bits.toFixed(3)]), [["xz -9e", "2.953"], ["bzip2 -9", "2.652"]])
  const text = new TextDecoder().decode(book.train)
  assert.ok(text.includes("CHAPTER 1. Loomings.\n\nCall me Ishmael. Some years ago"))
  assert.ok(new TextDecoder().decode(book.heldOut).endsWith("only found another orphan.\n"))
})

it("no marks for a text that was not measured", () => assert.equal(baselines("0".repeat(64)), []))

it("the last tenth is held out, and nothing is lost", () =>
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      const { train, heldOut } = divide("any", bytes)
      assert.is(heldOut.length, Math.floor(bytes.length / 10))
      assert.equal(Uint8Array.of(...train, ...heldOut), bytes)
    }),
    { seed: 1 },
  ))

it("targets are tokens one place later, and rows are rows of the text", () =>
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 9 }), fc.nat(50), (batch, time, step) => {
      const bytes = counting(300)
      const { tokens, targets } = batches(bytes, batch, time, hostKey(3))(step)
      assert.equal(tokens.shape, [batch, time])
      for (let row = 0; row < batch; row++) {
        const x = Array.from(tokens.data.slice(row * time, (row + 1) * time))
        const y = Array.from(targets.data.slice(row * time, (row + 1) * time))
        assert.equal(x.slice(1), y.slice(0, -1))
        const both = [...x, y.at(-1)!].join()
        const places = Array.from({ length: bytes.length - time }, (_, i) => bytes.slice(i, i + time + 1).join())
        assert.ok(places.includes(both))
      }
    }),
    { seed: 2, numRuns: 50 },
  ))

it("a batch depends on the seed and the step alone, so a run that goes on reads what it would have read", () => {
  const bytes = counting(2000)
  const forwards = batches(bytes, 4, 16, hostKey(5))
  const all = Array.from({ length: 80 }, (_, step) => forwards(step))
  for (const step of [79, 0, 31, 40, 3]) assert.equal(batches(bytes, 4, 16, hostKey(5))(step), all[step])
  assert.not.equal(batches(bytes, 4, 16, hostKey(6))(0), all[0])
})

it("in each turn through the text every row comes once", () => {
  const bytes = Uint8Array.from({ length: 203 }, (_, i) => i)
  const time = 10
  const rows = rowsOf(bytes, time)
  const read = batches(bytes, 1, time, hostKey(1))
  for (const turn of [0, 1, 2]) {
    const firsts = Array.from({ length: rows }, (_, i) => read(turn * rows + i).tokens.data[0]!).sort((a, b) => a - b)
    assert.equal(firsts.map((f) => f - firsts[0]!), Array.from({ length: rows }, (_, i) => i * time))
    assert.ok(firsts[0]! < time, "the phase is within a row")
  }
})

it("windows score every byte but the first, once, with half a window of context at least", () =>
  fc.assert(
    fc.property(
      fc.integer({ min: 2, max: 200 }),
      fc.integer({ min: 1, max: 12 }),
      fc.integer({ min: 1, max: 4 }),
      (length, time, batch) => {
        fc.pre(length > time)
        // 16 bits of place in two texts: each byte is found by its place
        const place = (i: number): number => (i * 31 + (i >> 3)) & 255
        const bytes = Uint8Array.from({ length }, (_, i) => place(i))
        const scored: Array<number> = []
        for (const w of windows(bytes, batch, time)) {
          assert.equal(w.counted.shape, [batch, time])
          for (let row = 0; row < batch; row++) {
            for (let t = 0; t < time; t++) {
              if (w.counted.data[row * time + t] === 0) continue
              scored.push(w.targets.data[row * time + t]!)
              const atStart = w.tokens.data[row * time] === bytes[0]
              assert.ok(atStart || t + 1 > Math.floor(time / 2), "context")
            }
          }
        }
        assert.equal(scored, Array.from(bytes.slice(1)))
      },
    ),
    { seed: 3, numRuns: 100 },
  ))

it.run()
