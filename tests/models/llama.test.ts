/** The Llama against plain float64 loops, its beginning, its config and the names others know it by. */
import fc from "fast-check"
import { either as E } from "fp-ts"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { input } from "../../core/graph/build.ts"
import { evaluate } from "../../core/graph/meaning.ts"
import type { Node } from "../../core/graph/node.ts"
import { hostKey } from "../../core/random/host.ts"
import { i32 } from "../../core/tensor/spec.ts"
import type { I32 } from "../../core/tensor/tensor.ts"
import { typed } from "../../core/tensor/tensor.ts"
import { flatten, map } from "../../core/tensor/tree.ts"
import { type Config, config, fromForeign, parameterCount, toForeign } from "../../models/llama/config.ts"
import { forward } from "../../models/llama/llama.ts"
import { loss } from "../../models/llama/loss.ts"
import { fromHuggingFace, toHuggingFace } from "../../models/llama/names.ts"
import { deviation, type Hosts, initialise, type Parameters, specs } from "../../models/llama/parameters.ts"
import * as bytes from "../../models/tokenizers/bytes.ts"
import * as reference from "./reference.ts"

const it = suite("models/llama")

const tiny: Config = {
  vocab: 11,
  model: 8,
  hidden: 12,
  layers: 2,
  groups: 2,
  share: 2,
  head: 6,
  theta: 10_000,
  epsilon: 1e-6,
  context: 16,
}

/** Larger than the beginning, so that every part of the model matters. */
const strong = (c: Config, seed: number): Hosts<Parameters> =>
  map(initialise(c, hostKey(seed)), (leaf) => ({
    ...leaf,
    data: Float32Array.from(leaf.data, (x, i) => x === 1 ? 1 + 0.2 * Math.sin(i + seed) : x * 20),
  })) as unknown as Hosts<Parameters>

/** The parameters as inputs of a graph, and their values by name. */
const traced = (c: Config, p: Hosts<Parameters>) => ({
  nodes: map(specs(c), (s, path) => input(path, s.dtype, s.axes, s.shape)) as unknown as Parameters,
  values: Object.fromEntries(flatten(p).map(([path, leaf]) => [path, Array.from(leaf.data)])),
})

const rows = (c: Config, batch: number, time: number, seed: number): ReadonlyArray<ReadonlyArray<number>> =>
  Array.from({ length: batch }, (_, b) => Array.from({ length: time }, (_, t) => (seed + 7 * b + 3 * t * t) % c.vocab))

const tokensOf = (name: string, given: ReadonlyArray<ReadonlyArray<number>>): I32<"batch time"> => {
  const s = i32("batch time", { batch: given.length, time: given[0]!.length })
  return typed(input(name, "i32", s.axes, s.shape))
}

const valuesOf = (node: Node, inputs: { readonly [name: string]: ArrayLike<number> }): Float64Array => {
  const result = evaluate([node], inputs)
  if (E.isLeft(result)) throw new Error(result.left.map((f) => f.message).join("\n"))
  return result.right[0]!.data
}

const close = (got: ArrayLike<number>, want: ReadonlyArray<number>, bound: number): void => {
  assert.is(got.length, want.length)
  const scale = Math.max(1e-30, ...want.map(Math.abs))
  want.forEach((w, i) => assert.ok(Math.abs(got[i]! - w) <= bound * scale, `element ${i}: ${got[i]} is not ${w}`))
}

it("its logits and its loss are those of the formulas", () =>
  fc.assert(
    fc.property(
      fc.record({
        groups: fc.constantFrom(1, 2),
        share: fc.constantFrom(1, 2, 3),
        head: fc.constantFrom(2, 4, 6),
        layers: fc.constantFrom(1, 2),
        batch: fc.constantFrom(1, 3),
        time: fc.constantFrom(1, 2, 5),
        seed: fc.nat(100),
      }),
      ({ batch, time, seed, ...shape }) => {
        const c = { ...tiny, ...shape }
        const p = strong(c, seed)
        const { nodes, values } = traced(c, p)
        const [x, y] = [rows(c, batch, time, seed), rows(c, batch, time, seed + 1)]
        const [xs, ys] = [tokensOf("tokens", x), tokensOf("targets", y)]
        const inputs = { ...values, tokens: x.flat(), targets: y.flat() }
        const wanted = x.flatMap((row) => reference.logits(c, p, row).flat())
        close(valuesOf(forward(c)(nodes, xs), inputs), wanted, 1e-6)
        close(valuesOf(loss(c)(nodes, xs, ys), inputs), [reference.loss(c, p, x, y)], 1e-6)
      },
    ),
    { seed: 1, numRuns: 12 },
  ))

it("no token sees what comes after it", () => {
  const p = strong(tiny, 3)
  const { nodes, values } = traced(tiny, p)
  const x = rows(tiny, 1, 6, 0)
  const changed = [x[0]!.map((t, i) => i < 4 ? t : (t + 1) % tiny.vocab)]
  const out = [x, changed].map((r) =>
    valuesOf(forward(tiny)(nodes, tokensOf("tokens", r)), { ...values, tokens: r.flat() })
  )
  assert.equal(out[0]!.slice(0, 4 * tiny.vocab), out[1]!.slice(0, 4 * tiny.vocab))
  assert.not.equal(out[0]!.slice(4 * tiny.vocab), out[1]!.slice(4 * tiny.vocab))
})

it("it begins as LWM's does: normal matrices, norms 1, nothing else, all of the key", () => {
  const c = { ...tiny, model: 64, hidden: 96 }
  const p = initialise(c, hostKey(5))
  assert.equal(p, initialise(c, hostKey(5)))
  const all = flatten(p)
  assert.is(all.reduce((n, [, leaf]) => n + leaf.data.length, 0), parameterCount(c))
  for (const [path, leaf] of all) {
    const xs = Array.from(leaf.data)
    if (leaf.axes.length === 1) assert.ok(xs.every((x) => x === 1), path)
    else {
      const mean = xs.reduce((a, b) => a + b, 0) / xs.length
      const root = Math.sqrt(xs.reduce((a, b) => a + b * b, 0) / xs.length)
      assert.ok(Math.abs(mean) < 5 * deviation / Math.sqrt(xs.length), `${path}: mean ${mean}`)
      assert.ok(Math.abs(root / deviation - 1) < 5 / Math.sqrt(2 * xs.length), `${path}: deviation ${root}`)
    }
  }
  const first = all.filter(([, leaf]) => leaf.axes.length > 1).map(([, leaf]) => leaf.data[0])
  assert.is(new Set(first).size, first.length, "no two parameters draw the same numbers")
})

it("the sizes of LWM's presets", () => {
  const preset = (model: number, hidden: number, layers: number, heads: number): number =>
    parameterCount({ ...tiny, vocab: 32_000, model, hidden, layers, groups: heads, share: 1, head: model / heads })
  assert.is(preset(256, 256, 2, 2), 17_302_784)
  assert.is(preset(1024, 2048, 14, 8), 212_366_336)
  assert.is(preset(2048, 5504, 22, 16), 1_244_227_584)
  assert.is(preset(4096, 11008, 32, 32), 6_738_415_616)
})

it("a config that cannot be is a fault for each rule it breaks", () => {
  const faults = (c: Config): ReadonlyArray<string> => {
    const e = config(c)
    return E.isLeft(e) ? e.left.map((f) => f.where) : []
  }
  assert.equal(faults(tiny), [])
  assert.equal(faults({ ...tiny, head: 5, share: 1.5 }), ["share", "head"])
  assert.equal(faults({ ...tiny, theta: NaN, epsilon: 0, layers: 0 }), ["layers", "theta", "epsilon"])
})

it("config.json goes out and in, and a foreign one is decoded before it is believed", () => {
  assert.equal(fromForeign(JSON.parse(JSON.stringify(toForeign(tiny)))), E.right(tiny))
  const message = (json: unknown): string => {
    const e = fromForeign(json)
    return E.isLeft(e) ? e.left.map((f) => f.message).join("; ") : "believed"
  }
  assert.match(message({ ...toForeign(tiny), vocab_size: "many" }), /vocab_size: expected positive integer, got "many"/)
  assert.match(message({ ...toForeign(tiny), num_key_value_heads: 3 }), /whole multiple/)
  assert.match(message(null), /expected/)
})

it("what goes to Hugging Face's layout comes back, and is laid out as its readers expect", () => {
  const p = strong(tiny, 1)
  const out = toHuggingFace(tiny, p)
  assert.equal(fromHuggingFace(tiny, out), E.right(p))
  const named = new Map(out.map((x) => [x.name, x]))
  assert.is(named.size, 3 + 9 * tiny.layers)
  assert.equal(named.get("model.layers.1.self_attn.q_proj.weight")!.shape, [24, 8])
  assert.equal(named.get("model.layers.1.self_attn.k_proj.weight")!.shape, [12, 8])
  assert.equal(named.get("model.layers.0.self_attn.o_proj.weight")!.shape, [8, 24])
  assert.equal(named.get("model.layers.0.mlp.down_proj.weight")!.shape, [8, 12])
  // row 1 of a head of 6 there is element 2 of the head here; its column 3 is what comes from element 3 of the stream
  const q = named.get("model.layers.0.self_attn.q_proj.weight")!
  assert.is(q.data[1 * tiny.model + 3], p.blocks[0]!.query.data[3 * 24 + 2])
  assert.is(q.data[3 * tiny.model + 3], p.blocks[0]!.query.data[3 * 24 + 1])
})

it("tensors that are missing or of another shape are faults that name them", () => {
  const out = toHuggingFace(tiny, strong(tiny, 1))
  const without = fromHuggingFace(tiny, out.filter((x) => x.name !== "lm_head.weight"))
  assert.match(E.isLeft(without) ? without.left[0]!.message : "", /no tensor 'lm_head.weight'/)
  const other = fromHuggingFace({ ...tiny, hidden: 10 }, out)
  assert.is(E.isLeft(other) ? other.left.length : 0, 3 * tiny.layers)
})

it("bytes are tokens, for any text", () =>
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), (text) => {
      assert.is(bytes.decode(bytes.encode(text)), text)
      assert.ok(bytes.encode(text).every((b) => b >= 0 && b < bytes.vocab))
    }),
    { seed: 1 },
  ))

it.run()
