/** Reading on with frames among texts, guidance, and what is drawn: always a code. */
import fc from "fast-check"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { input } from "../../../core/graph/build.ts"
import type { Node } from "../../../core/graph/node.ts"
import { either as E } from "fp-ts"
import { compile } from "../../../core/plan/compile.ts"
import { hostKey } from "../../../core/random/host.ts"
import { f32, i32 } from "../../../core/tensor/spec.ts"
import { type F32, type I32, typed } from "../../../core/tensor/tensor.ts"
import { map } from "../../../core/tensor/tree.ts"
import { type Caches, cacheSpecs } from "../../../models/llama/decode.ts"
import {
  branches,
  decode,
  decodeGuided,
  guided,
  ofCodebook,
  onesLike,
  paired,
  readOn,
} from "../../../models/world/decode.ts"
import { forward, type Mixed } from "../../../models/world/world.ts"
import { specs } from "../../../models/world/parameters.ts"
import { draw } from "../../../tasks/language/sampling.ts"
import { literal } from "../../../ops/literal.ts"
import { computed, config as c, type Rows, rowsOf, strong, traced } from "./model.ts"

const it = suite("models/world: decode")

const { nodes, values } = traced(c, strong(c, 3))

const whole = (rows: Rows): I32<"batch time"> =>
  literal({ ...i32("batch time", { batch: rows.length, time: rows[0]!.length }), data: Int32Array.from(rows.flat()) })
const mixedOf = (tokens: Rows, vision: Rows): Mixed => ({ tokens: whole(tokens), vision: whole(vision) })
const placesOf = (places: ReadonlyArray<number>): I32<"batch"> =>
  literal({ ...i32("batch", { batch: places.length }), data: Int32Array.from(places) })

/** Caches that hold what nothing may see. */
const caches = (batch: number): Caches<"f32"> =>
  map(cacheSpecs(c, { batch, capacity: 24, storage: "f32" }), (s) => {
    const spec = s as unknown as { readonly shape: ReadonlyArray<number> }
    const data = Float32Array.from({ length: spec.shape.reduce((a, b) => a * b, 1) }, (_, i) => 7 + i % 3)
    return literal({ ...spec, data } as never)
  }) as unknown as Caches<"f32">

const row = (flat: ReadonlyArray<number>, i: number, wide: number): ReadonlyArray<number> =>
  flat.slice(i * wide, (i + 1) * wide)

const close = (got: ReadonlyArray<number>, wanted: ReadonlyArray<number>, what: string): void => {
  assert.is(got.length, wanted.length)
  wanted.forEach((x, i) => assert.ok(Math.abs(got[i]! - x) <= 1e-12 * Math.max(1, Math.abs(x)), `${what} ${i}`))
}

it("gives at every place what the whole gives there, of both vocabularies, each row from its own place", () => {
  const { tokens, vision } = rowsOf(c, 2, 14)
  const all = forward(c)(nodes, mixedOf(tokens, vision))
  const [text, seen] = computed([all.text, all.vision], values)
  // row 0 begins with 5 tokens and row 1 with 3, padded behind; then one by one
  const first = [5, 3]
  const padded = (rows: Rows): Rows => rows.map((r, i) => r.slice(0, 5).map((x, t) => t < first[i]! ? x : 1))
  let held = readOn(c, { split: 4 })(nodes, caches(2), mixedOf(padded(tokens), padded(vision)), placesOf([0, 0])).caches
  const out: Array<Node> = []
  for (let n = 0; n < 9; n++) {
    const at = first.map((f) => f + n)
    const one = (rows: Rows): Rows => at.map((t, i) => [rows[i]![t]!])
    const step = decode(c, "all", { split: 4 })(nodes, held, mixedOf(one(tokens), one(vision)), placesOf(at))
    held = step.caches
    out.push(step.logits.text, step.logits.vision)
  }
  computed(out, values).forEach((got, k) => {
    const [wide, from] = k % 2 === 0 ? [c.vocab, text!] : [c.vision, seen!]
    first.forEach((f, i) => close(row(got, i, wide), row(from, i * 14 + f + Math.floor(k / 2), wide), `step ${k}`))
  })
})

it("a block gives what comes after its last token, of the vocabulary that is asked for", () => {
  const { tokens, vision } = rowsOf(c, 2, 7)
  const mixed = mixedOf(tokens, vision)
  const all = forward(c)(nodes, mixed)
  const [text, seen] = [decode(c, "text"), decode(c, "vision")].map((f) => f(nodes, caches(2), mixed, placesOf([0, 0])))
  assert.equal([Object.keys(text!.logits), Object.keys(seen!.logits)], [["text"], ["vision"]])
  const [t, v, a, b] = computed(
    [(text!.logits as { text: Node }).text, (seen!.logits as { vision: Node }).vision, all.text, all.vision],
    values,
  )
  for (const i of [0, 1]) {
    close(row(t!, i, c.vocab), row(a!, i * 7 + 6, c.vocab), "text")
    close(row(v!, i, c.vision), row(b!, i * 7 + 6, c.vision), "vision")
  }
})

const vector = (name: string, n: number): F32<"code"> => typed(input(name, "f32", ["code"], [n]))

it("guidance is u + s (c - u); at 1 it is what is asked for to the bit, at 0 what nothing asks for", () => {
  const [a, b] = [vector("c", 3), vector("u", 3)]
  const scale = typed<F32>(input("s", "f32", [], []))
  const golden = { c: [2, 1, 0], u: [1, 1, 1], s: [5] }
  assert.equal(computed([guided(a, b, 5), guided(a, b, scale)], golden), [[6, 1, -4], [6, 1, -4]])
  const odd = { c: [0.1, 1e16, -3e-9], u: [0.3, 1, 2e9], s: [1] }
  assert.equal(computed([guided(a, b, 1), guided(a, b, scale), guided(a, b, 0)], odd), [odd.c, odd.c, odd.u])
})

it("whatever is drawn is a code, at any scale and temperature, of any logits", () =>
  fc.assert(
    fc.property(
      fc.record({
        logits: fc.array(fc.double({ min: -1e30, max: 1e30, noNaN: true }), {
          minLength: 2 * c.vision,
          maxLength: 2 * c.vision,
        }),
        scale: fc.double({ min: -10, max: 100, noNaN: true }),
        temperature: fc.constantFrom(0, 1e-3, 1, 100),
        topK: fc.constantFrom(undefined, 1, c.codes, c.vision, 10 * c.vision),
        place: fc.nat(1000),
      }),
      ({ logits, scale, temperature, topK, place }) => {
        const rows = typed<F32<"batch code">>(input("rows", "f32", ["batch", "code"], [2, c.vision]))
        const [a, b] = branches(rows)
        const [out] = computed([ofCodebook(c)(guided(a, b, scale))], { rows: logits })
        assert.is(out!.length, c.vision)
        const id = draw(out!, { temperature, ...(topK === undefined ? {} : { topK }) }, hostKey(1), place)
        assert.ok(id >= 0 && id < c.codes, `drew ${id}`)
      },
    ),
    { seed: 1, numRuns: 60 },
  ))

/** Frames of four codes made greedily for prompts: codes, and the guided logits of each. */
const made = (prompts: Rows, scale: number, codes: number) => {
  const nothing = [1]
  const rows = [...prompts, ...prompts.map(() => nothing)]
  const most = Math.max(...rows.map((r) => r.length)) - 1
  const before = rows.map((r) => Array.from({ length: Math.max(1, most) }, (_, t) => t < r.length - 1 ? r[t]! : 0))
  let held = readOn(c)(nodes, caches(rows.length), { tokens: whole(before) }, placesOf(rows.map(() => 0))).caches
  let next: Mixed = mixedOf(rows.map((r) => [r.at(-1)!]), rows.map(() => [0]))
  const logits: Array<ReadonlyArray<number>> = []
  const ids: Array<ReadonlyArray<number>> = []
  for (let n = 0; n < codes; n++) {
    const step = decodeGuided(c)(nodes, held, next, placesOf(rows.map((r) => r.length - 1 + n)), scale)
    held = step.caches
    const [out] = computed([step.logits], values)
    logits.push(out!)
    const drawn = prompts.map((_, i) => draw(row(out!, i, c.vision), { temperature: 0 }, hostKey(1), n))
    ids.push(drawn)
    const code = whole(drawn.map((id) => [id]))
    next = { tokens: paired(code), vision: onesLike(paired(code)) }
  }
  return { ids, logits }
}

it("guided steps of a batch of pairs are those of both texts read as wholes, whoever is asked beside", () => {
  const prompts = [[2, 3, 1, 5], [4, 6]]
  const { ids, logits } = made(prompts, 3, 4)
  prompts.forEach((prompt, i) => {
    const last = (text: ReadonlyArray<number>): Node => {
      const codes = ids.slice(0, 3).map((x) => x[i]!)
      const [tokens, vision] = [[[...text, ...codes]], [[...text.map(() => 0), ...codes.map(() => 1)]]]
      return forward(c)(nodes, mixedOf(tokens, vision)).vision
    }
    const [u, v] = computed([last(prompt), last([1])], values)
    logits.forEach((got, n) => {
      const a = row(u!, prompt.length - 1 + n, c.vision), b = row(v!, n, c.vision)
      const wanted = a.map((x, k) => k < c.codes ? b[k]! + 3 * (x - b[k]!) : -3.4028234663852886e38)
      close(row(got, i, c.vision), wanted, `step ${n}`)
    })
    // alone, it is asked the same and answers the same
    const alone = made([prompt], 3, 2)
    assert.equal(alone.ids.flat(), ids.slice(0, 2).map((x) => x[i]!))
    assert.equal(alone.logits[1], row(logits[1]!, i, c.vision))
  })
  assert.ok(ids.flat().every((id) => id >= 0 && id < c.codes))
})

it("rows that are no pairs are a fault; a step writes a few rows of the caches", () => {
  const compiled = (batch: number, capacity: number) =>
    compile(
      (x) => decodeGuided(c)(x.p, x.caches, { tokens: x.tokens, vision: onesLike(x.tokens) }, x.place, x.scale),
      {
        p: specs(c),
        caches: cacheSpecs(c, { batch, capacity, storage: "f32" }),
        tokens: i32("batch time", { batch, time: 1 }),
        place: i32("batch", { batch }),
        scale: f32(),
      },
      { donate: ["caches"] },
    )
  const odd = compiled(3, 8)
  assert.match(E.isLeft(odd) ? odd.left.map((f) => f.message).join() : "", "3 rows are no pairs; give n rows")
  const traffic = (capacity: number): number => {
    const even = compiled(2, capacity)
    return E.isRight(even) ? even.right.program.forecast.traffic : NaN
  }
  const once = c.layers * 2 * 2 * c.groups * c.head * 4
  assert.ok((traffic(4096) - traffic(2048)) / 2048 <= 1.1 * once)
})

it.run()
