/** Losses of both modalities: LWM's goldens, what has nothing that counts, slopes, plans and packed rows. */
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { valueAndGrad } from "../../../core/grad/grad.ts"
import { input } from "../../../core/graph/build.ts"
import { flatten } from "../../../core/tensor/tree.ts"
import { type F32, typed } from "../../../core/tensor/tensor.ts"
import { plain, type Plan } from "../../../models/llama/plan.ts"
import type { Reduction } from "../../../models/llama/recipe.ts"
import { tokenLosses as textTokenLosses } from "../../../models/llama/loss.ts"
import { halves, loss, modalLosses, type ModalShares, modalShares, ratio, score } from "../../../models/world/loss.ts"
import { forward } from "../../../models/world/world.ts"
import type { Parameters } from "../../../models/world/parameters.ts"
import * as reference from "../reference.ts"
import { type Batch, batchOf, computed, config as c, type Rows, rowsOf, strong, traced } from "./model.ts"

const it = suite("models/world: loss")

const zeros = (rows: Rows): Rows => rows.map((row) => row.map(() => 0))

/** Shares of both modalities for these weights and masks. */
const sharesOf = (reduction: Reduction, weights: Rows, visionTargets: Rows) => {
  const batch = batchOf({
    tokens: zeros(weights),
    targets: zeros(weights),
    vision: zeros(weights),
    visionTargets,
    weights,
  })
  const { vision, text } = modalShares(reduction, batch.nodes)
  return computed([vision, text], batch.values)
}
const inner = (shares: ReadonlyArray<number>, nll: Rows): number =>
  nll.flat().reduce((sum, x, i) => sum + x * shares[i]!, 0)

it("is LWM's mean of rows in each modality", () => {
  const [nll, valid] = [[[1, 2, 3, 4], [10, 10, 0, 0]], [[1, 1, 1, 1], [1, 0, 0, 0]]]
  const [vision, text] = sharesOf("rows", valid, [[1, 1, 1, 1], [1, 1, 1, 1]])
  assert.equal([inner(vision!, nll), inner(text!, nll)], [6.25, 0])
  const [none, words] = sharesOf("rows", valid, zeros(valid))
  assert.equal([inner(none!, nll), inner(words!, nll)], [0, 6.25])
  // each row by its own count of either: text 1.5 and 0, vision 3.5 and 10
  const [half, other] = sharesOf("rows", valid, [[0, 0, 1, 1], [1, 1, 1, 1]])
  assert.equal([inner(half!, nll), inner(other!, nll)], [(3.5 + 10) / 2, (1.5 + 0) / 2])
  assert.ok(
    Math.abs(inner(sharesOf("tokens", valid, [[0, 0, 1, 1], [1, 1, 1, 1]])[0]!, nll) - (3 + 4 + 10) / 3) < 1e-12,
  )
})

it("of a packed row is that of its examples, each as if alone, where weights say so", () => {
  // example a: one word, two codes; example b: three words, one code; every other target does not count
  const nll = [[8, 2, 4, 1, 1, 4, 6, 100]]
  const seen = [[0, 1, 1, 0, 0, 0, 1, 0]]
  const alone = [[1, 1 / 2, 1 / 2, 1 / 3, 1 / 3, 1 / 3, 1, 0].map((w) => w / 2)]
  const [vision, text] = sharesOf("given", alone, seen)
  const rows = [[[8, 2, 4], [0, 1, 1]], [[1, 1, 4, 6], [0, 0, 0, 1]]].map(([losses, mask]) =>
    sharesOf("rows", [losses!.map(() => 1)], [mask!]).map((share) => inner(share, [losses!]))
  )
  assert.ok(Math.abs(inner(vision!, nll) - (rows[0]![0]! + rows[1]![0]!) / 2) < 1e-12)
  assert.ok(Math.abs(inner(text!, nll) - (rows[0]![1]! + rows[1]![1]!) / 2) < 1e-12)
})

const p = strong(c, 3)
const { nodes, values } = traced(c, p)

/** The loss of each target under its own head, from the plain loops. */
const nats = (rows: Batch): Rows =>
  rows.tokens.map((row, r) => {
    const first = row.flatMap((id, t) =>
      reference.rowsOf(rows.vision[r]![t] === 1 ? p.visionEmbedding : p.embedding, [id], c.model)
    )
    const xs = reference.stream(c, p, first)
    const [text, vision] = [reference.headed(xs, p.head, c.vocab), reference.headed(xs, p.visionHead!, c.vision)]
    return rows.targets[r]!.map((id, t) => reference.nats((rows.visionTargets[r]![t] === 1 ? vision : text)[t]!, id))
  })

it("is the formulas' in each modality, and their sum by the shares", () => {
  const { segments: _, positions: __, ...rest } = rowsOf(c, 3, 9)
  const rows = rest as Batch
  const batch = batchOf(rows)
  const each = nats(rows)
  const mean = (of: 0 | 1): number =>
    each.reduce((sum, row, r) => {
      const w = row.map((_, t) => rows.visionTargets[r]![t] === of ? rows.weights[r]![t]! : 0)
      const all = w.reduce((a, b) => a + b, 0)
      return sum + (all === 0 ? 0 : row.reduce((s, x, t) => s + x * w[t]!, 0) / all)
    }, 0) / each.length
  const { vision, text } = modalLosses(c)(nodes, batch.nodes)
  const shares: ModalShares = { vision: 0.25, text: 2 }
  const [v, t, half, weighted] = computed(
    [vision, text, loss(c)(nodes, batch.nodes), loss(c, plain, "rows", shares)(nodes, batch.nodes)],
    { ...values, ...batch.values },
  ).map(([x]) => x!)
  const close = (got: number, wanted: number): void => assert.ok(Math.abs(got / wanted - 1) < 1e-6, `${got} ${wanted}`)
  close(v!, mean(1))
  close(t!, mean(0))
  close(half!, 0.5 * mean(1) + 0.5 * mean(0))
  close(weighted!, 0.25 * mean(1) + 2 * mean(0))
  assert.equal(halves, { vision: 0.5, text: 0.5 })
})

it("counts what each head would have said right", () => {
  const { segments: _, positions: __, ...rows } = rowsOf(c, 3, 9)
  const batch = batchOf(rows)
  const said = forward(c)(nodes, batch.nodes)
  const [text, vision] = computed([said.text, said.vision], { ...values, ...batch.values })
  const best = (xs: ReadonlyArray<number>, i: number, wide: number): number => {
    const own = xs.slice(i * wide, (i + 1) * wide)
    return own.indexOf(Math.max(...own))
  }
  const sums = { vision: [0, 0], text: [0, 0] }
  rows.targets.flat().forEach((id, i) => {
    const seen = rows.visionTargets.flat()[i] === 1
    const w = rows.weights.flat()[i]!
    const sum = sums[seen ? "vision" : "text"]
    sum[0]! += (seen ? best(vision!, i, c.vision) : best(text!, i, c.vocab)) === id ? w : 0
    sum[1]! += w
  })
  const tally = score(c)(nodes, batch.nodes)
  const got = computed(
    [tally.vision.hits, tally.vision.weight, tally.text.hits, tally.text.weight],
    { ...values, ...batch.values },
  ).flat()
  assert.equal(got, [...sums.vision, ...sums.text])
  assert.ok(sums.vision[0]! + sums.text[0]! > 0)
  const scalar = (name: string): F32 => typed(input(name, "f32", [], []))
  const [half, none] = computed([ratio(scalar("a"), scalar("b")), ratio(scalar("z"), scalar("z"))], {
    ...{ a: [1], b: [2], z: [0] },
  })
  assert.equal([half, none], [[0.5], [0]])
})

/** Loss and gradient. */
const slopes = (batch: ReturnType<typeof batchOf>, plan: Plan = plain, reduction: Reduction = "rows") => {
  const { value, gradient } = valueAndGrad((own: Parameters) => loss(c, plan, reduction)(own, batch.nodes))(nodes)
  return computed([value, ...flatten(gradient).map(([, g]) => g as never)], { ...values, ...batch.values })
}

it("a modality of which nothing counts is 0, its head gets nothing, and nothing is NaN", () => {
  const rows = rowsOf(c, 2, 9)
  const paths = ["value", ...flatten(nodes).map(([path]) => path)]
  const nothing = { tokens: rows.tokens, targets: rows.targets, vision: rows.vision }
  for (const reduction of ["rows", "tokens", "given"] as const) {
    const [words, codes, none] = [
      { ...nothing, visionTargets: zeros(rows.tokens) },
      { ...nothing, visionTargets: rows.tokens.map((row) => row.map(() => 1)) },
      { ...nothing, visionTargets: rows.visionTargets, weights: zeros(rows.tokens) },
    ].map((given) => slopes(batchOf(given), plain, reduction))
    for (const got of [words!, codes!, none!]) assert.ok(got.flat().every(Number.isFinite), reduction)
    const sizeAt = (got: ReadonlyArray<ReadonlyArray<number>>, path: string): number =>
      got[paths.indexOf(path)]!.reduce((s, x) => s + Math.abs(x), 0)
    assert.is(sizeAt(words!, "visionHead"), 0)
    assert.ok(sizeAt(words!, "head") > 0 && sizeAt(words!, "visionEmbedding") > 0)
    assert.is(sizeAt(codes!, "head"), 0)
    assert.ok(sizeAt(codes!, "visionHead") > 0)
    assert.equal(none!.flat().filter((x) => x !== 0), [])
  }
})

it("its gradient is the central difference in every parameter", () => {
  const rows = rowsOf(c, 2, 6)
  const batch = batchOf(rows)
  const [, ...gradient] = slopes(batch)
  const value = loss(c)(nodes, batch.nodes)
  flatten(nodes).forEach(([path], n) => {
    const xs = values[path]!
    for (const i of [0, Math.floor(xs.length / 2), xs.length - 1]) {
      const at = (h: number): number =>
        computed([value], { ...values, ...batch.values, [path]: xs.with(i, xs[i]! + h) })[0]![0]!
      const step = 1e-5
      const slope = (at(step) - at(-step)) / (2 * step)
      assert.ok(Math.abs(gradient[n]![i]! - slope) <= 1e-7 * (1 + Math.abs(slope)), `${path} ${i}: ${slope}`)
    }
  })
})

it("is the same whatever the plan cuts, in blocks larger and smaller than either vocabulary", () => {
  const batch = batchOf(rowsOf(c, 2, 9))
  const wanted = slopes(batch)
  for (const vocab of [3, 10, 100]) {
    const got = slopes(batch, { ...plain, chunk: 4, loss: { tokens: 4, vocab }, remat: "layer" })
    wanted.forEach((xs, n) =>
      xs.forEach((x, i) => assert.ok(Math.abs(got[n]![i]! - x) <= 1e-12 * Math.max(1, Math.abs(x)), `${vocab} ${n}`))
    )
  }
})

it("packed, is each example's alone", () => {
  const rows = rowsOf(c, 1, 12)
  const batch = batchOf({
    ...rows,
    segments: [rows.tokens[0]!.map((_, t) => t < 5 ? 0 : 1)],
    positions: [rows.tokens[0]!.map((_, t) => t < 5 ? t : t - 5)],
  })
  const whole = computed([loss(c, plain, "given")(nodes, batch.nodes)], { ...values, ...batch.values })[0]![0]!
  const parts = [[0, 5], [5, 12]].map(([from, to]) => {
    const { segments: _, positions: __, ...rest } = rows
    const own = Object.fromEntries(Object.entries(rest).map(([key, xs]) => [key, xs.map((row) => row.slice(from, to))]))
    const alone = batchOf(own)
    return computed([loss(c, plain, "given")(nodes, alone.nodes)], { ...values, ...alone.values })[0]![0]!
  })
  assert.ok(Math.abs(whole - parts[0]! - parts[1]!) < 1e-12 * Math.abs(whole))
})

it("of texts alone is the Llama's", () => {
  const rows = rowsOf(c, 3, 9)
  const words = [rows.tokens[2]!]
  const batch = batchOf({
    ...{ tokens: words, targets: [rows.targets[2]!], vision: zeros(words), visionTargets: zeros(words) },
  })
  const { text } = modalLosses(c, plain, "tokens")(nodes, batch.nodes)
  const llama = textTokenLosses(c)(nodes, batch.nodes.tokens, batch.nodes.targets)
  const [x, total] = computed([text, llama.total], { ...values, ...batch.values }).map(([v]) => v!)
  assert.ok(Math.abs(x! - total! / 9) < 1e-13)
})

it.run()
