/** The world model against plain float64 loops: which table a token reads, which heads speak, and the Llama inside. */
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { grad } from "../../../core/grad/grad.ts"
import { digest } from "../../../core/graph/digest.ts"
import { input } from "../../../core/graph/build.ts"
import type { I32 } from "../../../core/tensor/tensor.ts"
import { type F32, typed } from "../../../core/tensor/tensor.ts"
import { forward as textForward } from "../../../models/llama/llama.ts"
import { plain } from "../../../models/llama/plan.ts"
import { embed, forward } from "../../../models/world/world.ts"
import { sum } from "../../../ops/reduction.ts"
import * as reference from "../reference.ts"
import { batchOf, computed, config as c, rowsOf, strong, traced } from "./model.ts"

const it = suite("models/world")

const ids = (name: string, time: number): I32<"batch time"> => typed(input(name, "i32", ["batch", "time"], [1, time]))

it("reads the row of the table that the mask names, and never of the other", () => {
  const tables = {
    embedding: typed<F32<"vocab model">>(input("text", "f32", ["vocab", "model"], [3, 2])),
    visionEmbedding: typed<F32<"code model">>(input("vision", "f32", ["code", "model"], [5, 2])),
  }
  const values = { text: [10, 11, 20, 21, 30, 31], vision: [-1, -2, -3, -4, -5, -6, -7, -8, -9, -10] }
  const x = embed(tables, { tokens: ids("tokens", 8), vision: ids("mask", 8) })
  // ids 3 and 4 are no words, 5 is no code: what no table has is 0, whatever the other one holds there
  const given = { ...values, tokens: [0, 0, 2, 2, 4, 1, 3, 5], mask: [0, 1, 0, 1, 1, 0, 0, 1] }
  assert.equal(computed([x], given)[0], [10, 11, -1, -2, 30, 31, -5, -6, -9, -10, 20, 21, 0, 0, 0, 0])
  // and each row of a table is owed by its own tokens alone
  const slopes = grad((p: typeof tables) => sum(embed(p, { tokens: ids("tokens", 8), vision: ids("mask", 8) })))
  const { embedding, visionEmbedding } = slopes(tables)
  assert.equal(computed([embedding, visionEmbedding], given), [[1, 1, 1, 1, 1, 1], [1, 1, 0, 0, 1, 1, 0, 0, 1, 1]])
})

it("its logits of both vocabularies are those of the formulas", () => {
  const p = strong(c, 3)
  const { nodes, values } = traced(c, p)
  const rows = rowsOf(c, 2, 9)
  const batch = batchOf({ tokens: rows.tokens, vision: rows.vision })
  const got = forward(c)(nodes, batch.nodes)
  const [text, vision] = computed([got.text, got.vision], { ...values, ...batch.values })
  const streams = rows.tokens.map((row, r) =>
    reference.stream(
      c,
      p,
      row.flatMap((id, t) =>
        reference.rowsOf(rows.vision[r]![t] === 1 ? p.visionEmbedding : p.embedding, [id], c.model)
      ),
    )
  )
  const heads = [[text, p.head, c.vocab], [vision, p.visionHead!, c.vision]] as const
  for (const [out, head, wide] of heads) {
    const wanted = streams.flatMap((xs) => reference.headed(xs, head, wide).flat())
    const scale = Math.max(...wanted.map(Math.abs))
    assert.ok(scale > 0.5)
    wanted.forEach((w, i) => assert.ok(Math.abs(out![i]! - w) <= 1e-6 * scale, `${i}: ${out![i]} is not ${w}`))
  }
})

it("asked for one vocabulary says what it says of it when asked for both", () => {
  const { nodes, values } = traced(c, strong(c, 3))
  const { tokens, vision } = rowsOf(c, 2, 9)
  const batch = batchOf({ tokens, vision })
  const all = forward(c, plain, "all")(nodes, batch.nodes)
  const [text, seen] = [forward(c, plain, "text")(nodes, batch.nodes), forward(c, plain, "vision")(nodes, batch.nodes)]
  assert.equal([Object.keys(all), Object.keys(text), Object.keys(seen)], [["text", "vision"], ["text"], ["vision"]])
  const [a, b, x, y] = computed([all.text, all.vision, text.text, seen.vision], { ...values, ...batch.values })
  assert.equal([a, b], [x, y])
})

it("of texts alone is the text model: the same graph, and the same bits where a mask says so", () => {
  const { nodes, values } = traced(c, strong(c, 5))
  const { tokens } = rowsOf(c, 1, 9)
  const words = [tokens[0]!.map((id) => id % c.vocab)]
  const batch = batchOf({ tokens: words, vision: [words[0]!.map(() => 0)] })
  const llama = textForward(c)(nodes, batch.nodes.tokens)
  const alone = forward(c, plain, "text")(nodes, { tokens: batch.nodes.tokens })
  const masked = forward(c, plain, "text")(nodes, batch.nodes)
  assert.is(digest([alone.text]), digest([llama]))
  assert.is.not(digest([masked.text]), digest([llama]))
  const [x, y] = computed([llama, masked.text], { ...values, ...batch.values })
  assert.equal(x, y)
})

it("tied, has the embedding for its head", () => {
  const tied = { ...c, tie: true }
  const p = strong(tied, 3)
  const { nodes, values } = traced(tied, p)
  const { tokens, vision } = rowsOf(c, 1, 6)
  const batch = batchOf({ tokens, vision })
  const head = { ...p.visionEmbedding, axes: ["model", "code"], shape: [c.model, c.vision] }
  const turned = head.data.map((_, i, xs) => xs[(i % c.vision) * c.model + Math.floor(i / c.vision)]!)
  const whole = traced(c, { ...p, visionHead: { ...head, data: turned } as never })
  const [got] = computed([forward(tied)(nodes, batch.nodes).vision], { ...values, ...batch.values })
  const [wanted] = computed([forward(c)(whole.nodes, batch.nodes).vision], { ...whole.values, ...batch.values })
  assert.equal(got, wanted)
})

it.run()
