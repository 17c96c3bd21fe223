import * as fc from "fast-check"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { binary, input } from "../../core/graph/build.ts"
import { sentence } from "../../core/graph/fault.ts"
import type { Node } from "../../core/graph/node.ts"
import { faultsOf } from "../../core/graph/validity.ts"
import { hostKey, hostUniform } from "../../core/random/host.ts"
import { f32 } from "../../core/tensor/spec.ts"
import type { F32, I32 } from "../../core/tensor/tensor.ts"
import { codebookLoss, commitmentLoss, nearestCode, vectorQuantize } from "../../ops/quantize.ts"
import { linearise } from "../../core/grad/linearise.ts"
import { agrees, draw, values } from "../core/grad/difference.ts"

const it = suite("vector quantisation")

const sizes = fc.record({
  batch: fc.integer({ min: 0, max: 3 }),
  row: fc.integer({ min: 1, max: 4 }),
  embed: fc.integer({ min: 1, max: 5 }),
  code: fc.integer({ min: 1, max: 9 }),
  seed: fc.nat(1000),
})

const zOf = (batch: number, row: number, embed: number): F32<"batch row embed"> =>
  input("z", "f32", ["batch", "row", "embed"], [batch, row, embed]) as F32<"batch row embed">
const bookOf = (code: number, embed: number): F32<"code embed"> =>
  input("e", "f32", ["code", "embed"], [code, embed]) as F32<"code embed">

/** The squared distances of a vector to all codes. */
const distances = (z: ReadonlyArray<number>, e: ReadonlyArray<number>, embed: number): ReadonlyArray<number> =>
  Array.from({ length: e.length / embed }, (_, c) => z.reduce((s, x, i) => s + (x - e[c * embed + i]!) ** 2, 0))

const rowsOf = (x: ReadonlyArray<number>, width: number): ReadonlyArray<ReadonlyArray<number>> =>
  Array.from({ length: x.length / width }, (_, i) => x.slice(i * width, (i + 1) * width))

it("names the nearest code, and gives it", () => {
  fc.assert(
    fc.property(sizes, (s) => {
      const [z, e] = [zOf(s.batch, s.row, s.embed), bookOf(s.code, s.embed)]
      const given = { z: draw(s.seed, s.batch * s.row * s.embed), e: draw(s.seed + 1, s.code * s.embed) }
      const { ids, quantized } = vectorQuantize(z, e, "embed", "code")
      assert.equal([ids.dtype, ids.axes, ids.shape], ["i32", ["batch", "row"], [s.batch, s.row]])
      assert.equal([quantized.dtype, quantized.axes], ["f32", ["batch", "row", "embed"]])
      const [gotIds, got] = values([ids, quantized], given) as [ReadonlyArray<number>, ReadonlyArray<number>]
      rowsOf(given.z, s.embed).forEach((row, i) => {
        const d = distances(row, given.e, s.embed)
        assert.ok(d[gotIds[i]!]! <= Math.min(...d) + 1e-9, `row ${i}: ${gotIds[i]} of ${d}`)
      })
      const codes = rowsOf(given.e, s.embed)
      assert.equal(rowsOf(got, s.embed), gotIds.map((c) => codes[c]))
    }),
    { seed: 5, numRuns: 40 },
  )
})

it("a code of the codebook is itself: what was decoded is encoded to the same number", () => {
  fc.assert(
    fc.property(sizes, (s) => {
      const e = bookOf(s.code, s.embed)
      const z = input("e", "f32", ["row", "embed"], [s.code, s.embed]) as F32<"row embed">
      const given = { e: draw(s.seed, s.code * s.embed) }
      const first = vectorQuantize(z, e, "embed", "code")
      const again = vectorQuantize(first.quantized, e, "embed", "code")
      const [ids, codes, ids2, codes2] = values(
        [first.ids, first.quantized, again.ids, again.quantized],
        given,
      )
      assert.equal(ids, Array.from({ length: s.code }, (_, i) => i))
      assert.equal([ids2, codes2], [ids, codes])
    }),
    { seed: 6, numRuns: 30 },
  )
})

it("equal codes: the lowest number; ids are of the codebook whatever the numbers are", () => {
  const z = zOf(1, 1, 2)
  const e = bookOf(5, 2)
  const ids = nearestCode(z, e, "embed", "code")
  const twice = [3, 3, 1, 1, 0, 0, 1, 1, 0, 0]
  assert.equal(values([ids], { z: [1, 1], e: twice }), [[1]])
  assert.equal(values([ids], { z: [-1, 0], e: twice }), [[2]])
  const odd = fc.constantFrom(0, 1, -2, 1e30, NaN, Infinity, -Infinity)
  fc.assert(
    fc.property(fc.array(odd, { minLength: 2, maxLength: 2 }), (x) => {
      const [[id]] = values([ids], { z: x, e: twice }) as [[number]]
      assert.ok(Number.isInteger(id) && id >= 0 && id < 5, `${id}`)
    }),
    { seed: 7, numRuns: 60 },
  )
})

it("goes straight through: z has the gradient of what was made of its codes, the codebook none", () => {
  const [z, e] = [zOf(2, 3, 4), bookOf(5, 4)]
  const given = { z: draw(1, 24), e: draw(2, 20), w: draw(3, 24) }
  const w = input("w", "f32", z.axes, z.shape)
  const { quantized } = vectorQuantize(z, e, "embed", "code")
  const made = (x: Node): Node => binary("mul", binary("mul", x, x), w)
  const [dz, de] = values(linearise([made(quantized)], [z, e]).pullback([input("w", "f32", z.axes, z.shape)]), given)
  // d (w q^2) = 2 w q, pulled by w
  const [q] = values([quantized], given)
  dz!.forEach((x, i) => assert.ok(Math.abs(x - 2 * given.w[i]! ** 2 * q![i]!) < 1e-9))
  assert.equal(de, given.e.map(() => 0))
  // halves keep their dtype, and the gradient theirs
  const half = input("h", "bf16", ["batch", "embed"], [2, 4]) as never as F32<"batch embed">
  const narrow = vectorQuantize(half, e, "embed", "code")
  assert.equal([narrow.quantized.dtype as string, faultsOf([narrow.quantized])], ["bf16", []])
})

it("losses: their values, and gradients by differences for what they are to move", () => {
  const [z, e] = [zOf(2, 3, 4), bookOf(5, 4)]
  const given = { z: draw(4, 24), e: draw(5, 20) }
  const { ids, quantized } = vectorQuantize(z, e, "embed", "code")
  const commitment = commitmentLoss(z, quantized)
  const book = codebookLoss(z, e, ids, "code")
  const [q, a, b] = values([quantized, commitment, book], given)
  const wanted = q!.reduce((s, x, i) => s + (given.z[i]! - x) ** 2, 0) / 24
  assert.ok(Math.abs(a![0]! - wanted) < 1e-12 && Math.abs(b![0]! - wanted) < 1e-12)
  const ct = [input("ct", "f32", [], [])]
  const zeros = (xs: ReadonlyArray<number>): ReadonlyArray<number> => xs.map(() => 0)
  assert.equal(values(linearise([commitment], [e]).pullback(ct), { ...given, ct: [1] })[0], zeros(given.e))
  assert.equal(values(linearise([book], [z]).pullback(ct), { ...given, ct: [1] })[0], zeros(given.z))
  // what is held still by `stop` does move where differences are taken, so each loss is asked of held codes and vectors
  const held = input("held", "f32", z.axes, z.shape) as typeof z
  const names = input("names", "i32", ["batch", "row"], [2, 3]) as I32<"batch row">
  const [id] = values([ids], given)
  agrees(([x]) => [commitmentLoss(x as typeof z, held)], [z], [given.z], 1e-6, { held: q! })
  agrees(([x]) => [codebookLoss(held, x as typeof e, names, "code")], [e], [given.e], 1e-6, {
    held: given.z,
    names: id!,
  })
})

it("other orders of axes, a codebook of its own for each place", () => {
  const z = input("z", "f32", ["embed", "row"], [3, 4]) as F32<"embed row">
  const e = input("e", "f32", ["row", "embed", "code"], [4, 3, 6]) as F32<"row embed code">
  const data = hostUniform(hostKey(1), f32("n", { n: 12 + 72 }), -1, 1).data
  const given = { z: Array.from(data.slice(0, 12)), e: Array.from(data.slice(12)) }
  const { ids, quantized } = vectorQuantize(z, e, "embed", "code")
  assert.equal([ids.axes, quantized.axes], [["row"], ["embed", "row"]])
  const [got, q] = values([ids, quantized], given)
  for (let r = 0; r < 4; r++) {
    const d = Array.from(
      { length: 6 },
      (_, c) => [0, 1, 2].reduce((s, i) => s + (given.z[i * 4 + r]! - given.e[(r * 3 + i) * 6 + c]!) ** 2, 0),
    )
    assert.is(got![r], d.indexOf(Math.min(...d)))
    for (let i = 0; i < 3; i++) assert.is(q![i * 4 + r], given.e[(r * 3 + i) * 6 + got![r]!])
  }
})

it("says what does not fit", () => {
  const z = zOf(1, 2, 3)
  const told = (node: Node): ReadonlyArray<string> => faultsOf([node]).map(sentence)
  const narrow = bookOf(4, 2)
  assert.match(told(nearestCode(z, narrow, "embed", "code")).join(), /'embed' is 3 .* and 2 /)
  assert.match(told(nearestCode(z, bookOf(0, 3), "embed", "code")).join(), /empty/)
  assert.match(told(nearestCode(z, bookOf(2, 3), "embeds" as never, "code")).join(), /no axis 'embeds'/)
})

it.run()
