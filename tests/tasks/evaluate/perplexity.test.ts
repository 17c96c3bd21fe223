/** Bits per byte and nats by position: every token once, whatever the window; a language of known nats has known bits. */
import * as Effect from "effect/Effect"
import { either as E } from "fp-ts"
import fc from "fast-check"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import type { Tokenizer } from "../../../models/tokenizers/tokenizer.ts"
import {
  binned,
  BitsPerByte,
  bitsPerByte,
  ByPosition,
  logBounds,
  perplexityByPosition,
  Regression,
  regression,
  windowsOf,
} from "../../../tasks/evaluate/perplexity.ts"
import { events } from "../../../tasks/events.ts"
import type { Language } from "../../../tasks/language/language.ts"
import { byteTokenizer, piecesTokenizer, reader, story, wordTokenizer } from "./fakes.ts"

const it = suite("tasks/evaluate/perplexity")

/** Nats as a function of the place in the row and the token foretold. */
const language = (tokenizer: Tokenizer, nats: (place: number, token: number) => number): Language => ({
  ...reader(tokenizer, () => undefined),
  nats: (rows) =>
    Effect.succeed(rows.map((row) => Float32Array.from({ length: row.length - 1 }, (_, i) => nats(i, row[i + 1]!)))),
})

const run = <A, X extends { readonly message: string }>(effect: Effect.Effect<A, X, never>): Promise<A> =>
  Effect.runPromise(Effect.mapError(effect, (x) => new Error(x.message)))

it("windows foretell each token but the first once, with half a window before it", () =>
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 2, max: 40 }), (n, context) => {
      const tokens = Int32Array.from({ length: n }, (_, i) => i)
      const scored = windowsOf(tokens, context).flatMap(({ tokens: w, fresh }) => {
        assert.ok(w.length <= context)
        return Array.from({ length: w.length - 1 }, (_, i) => ({ token: w[i + 1]!, before: i + 1 })).slice(fresh)
      })
      assert.equal(scored.map((s) => s.token), Array.from({ length: n - 1 }, (_, i) => i + 1))
      for (const { token, before } of scored) assert.ok(before >= Math.min(token, Math.floor(context / 2)))
    }),
    { seed: 1 },
  ))

it("one bit for each byte is one bit per byte, and two bytes a token halve it", async () => {
  const bit = language(byteTokenizer, () => Math.LN2)
  for (const context of [2, 7, 64, 1 << 20]) {
    const found = await run(Effect.provide(bitsPerByte(bit, story, { context, batch: 200 }), events))
    assert.is(found.bytes, new TextEncoder().encode(story).length)
    assert.is(found.tokens, found.bytes)
    assert.ok(Math.abs(found.bits - 1) < 1e-6)
    assert.equal(BitsPerByte.decode(JSON.parse(JSON.stringify(found))), E.right(found))
  }
  const pairs = language(piecesTokenizer("pairs", ["ab"]), () => Math.LN2)
  const half = await run(Effect.provide(bitsPerByte(pairs, "ab".repeat(50), { context: 16, batch: 64 }), events))
  assert.equal([half.bytes, half.tokens], [100, 50])
  assert.ok(Math.abs(half.bits - 0.5) < 1e-6)
  // without bos nobody foretells the first token, so its bytes do not count
  const bare = language(piecesTokenizer("bare", ["ab"], false), () => Math.LN2)
  const rest = await run(Effect.provide(bitsPerByte(bare, "ab".repeat(50), { context: 16, batch: 64 }), events))
  assert.equal([rest.bytes, rest.tokens], [98, 49])
})

it("what is foretold later in a window is what counts", async () => {
  // costly at the beginning of a window, free after its half
  const l = language(byteTokenizer, (place) => place < 7 ? 1 : 0)
  const found = await run(Effect.provide(bitsPerByte(l, "x".repeat(200), { context: 16, batch: 64 }), events))
  assert.ok(Math.abs(found.bits * Math.LN2 * 200 - 7) < 1e-5)
})

it("bins double up to the context and hold every place once", () => {
  assert.equal(logBounds(16), [1, 2, 4, 8, 16])
  assert.equal(logBounds(20), [1, 2, 4, 8, 16, 20])
  assert.equal(logBounds(8, 2), [1, 2, 3, 4, 6, 8])
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 3000 }), fc.constantFrom(1, 2, 3), (context, per) => {
      const bounds = logBounds(context, per)
      assert.equal(bounds, [...bounds].sort((a, b) => a - b))
      const row = Float32Array.from({ length: context - 1 }, (_, i) => i + 1)
      const bins = binned(bounds, [row, row])
      assert.is(bins.reduce((n, b) => n + b.tokens, 0), 2 * (context - 1))
      for (const b of bins) assert.ok(b.from <= b.nats && b.nats < b.to)
    }),
    { seed: 2 },
  )
})

it("nats by position are those of the position", async () => {
  const l = language(wordTokenizer, (place) => 1 / (place + 1))
  const options = { context: 64, rows: 5, batch: 128 }
  const found = await run(Effect.provide(perplexityByPosition(l, [story, "short", story], options), events))
  assert.is(found.rows, 5)
  assert.equal(found.bins.map((b) => [b.from, b.to, b.tokens]), [
    ...[[1, 2, 5], [2, 4, 10], [4, 8, 20], [8, 16, 40], [16, 32, 80], [32, 64, 160]],
  ])
  assert.ok(Math.abs(found.bins[1]!.nats - (1 / 2 + 1 / 3) / 2) < 1e-6)
  assert.equal(ByPosition.decode(JSON.parse(JSON.stringify(found))), E.right(found))
  const none = run(Effect.provide(perplexityByPosition(l, ["short"], options), events))
  assert.match(String(await none.catch((x) => x)), /no held-out document has 64 tokens/)
})

it("before and after are compared as a share", () => {
  const at = (bits: number): BitsPerByte => ({ language: "l", digest: "d", context: 8, tokens: 9, bytes: 9, bits })
  const found = regression(at(2), at(2.1))
  assert.ok(Math.abs(found.change - 0.05) < 1e-12)
  assert.equal(Regression.decode(JSON.parse(JSON.stringify(found))), E.right(found))
})

it.run()
