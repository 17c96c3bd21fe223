/** The beginning of the desk model: what its heads look at before anything is learned, by the oracle. */
import { either as E } from "fp-ts"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { data, input } from "../../../../core/graph/build.ts"
import { evaluate } from "../../../../core/graph/meaning.ts"
import type { Node } from "../../../../core/graph/node.ts"
import { sha256 } from "../../../../core/graph/sha256.ts"
import { hostInt, hostKey } from "../../../../core/random/host.ts"
import { i32 } from "../../../../core/tensor/spec.ts"
import { type I32, typed } from "../../../../core/tensor/tensor.ts"
import { flatten, map } from "../../../../core/tensor/tree.ts"
import type { Config } from "../../../../models/llama/config.ts"
import { heads, layer } from "../../../../models/llama/llama.ts"
import { type Hosts, initialise, type Parameters, specs } from "../../../../models/llama/parameters.ts"
import { iota } from "../../../../ops/literal.ts"
import { take } from "../../../../ops/indexing.ts"
import { begun } from "../../../../tasks/recipes/desk/begin.ts"
import { model } from "../../../../tasks/recipes/desk/model.ts"

const it = suite("tasks/recipes/desk/begin")

/** The desk model with fewer names and a narrow feed-forward part: attention is all that is looked at. */
const small: Config = { ...model, vocab: 96, hidden: 8, layers: 2 }

const digestOf = (p: Hosts<Parameters>): string =>
  sha256(new Uint8Array(flatten(p).flatMap(([, { data }]) => [...new Uint8Array(data.slice().buffer)])))

/** Weights by head, query and key. */
type Weights = ReadonlyArray<ReadonlyArray<ReadonlyArray<number>>>

/** Weights of attention in the first two layers, before anything is learned. */
const attention = (c: Config, p: Hosts<Parameters>, tokens: Int32Array): ReadonlyArray<Weights> => {
  const nodes = map(specs(c), (s, path) => input(path, s.dtype, s.axes, s.shape)) as unknown as Parameters
  const values = Object.fromEntries(flatten(p).map(([path, leaf]) => [path, Array.from(leaf.data)]))
  const time = tokens.length
  const ids = typed(data("i32", ["batch", "time"], [1, time], tokens)) as I32<"batch time">
  const positions = iota("time", time) as unknown as I32<"batch time">
  const first = take(nodes.embedding, ids, "vocab")
  const seen = [first, layer(c, nodes.blocks[0]!, first)].flatMap((x, i) => {
    const { q, k } = heads(c, nodes.blocks[i]!)({ x, positions })
    return [q, k] as ReadonlyArray<Node>
  })
  const made = evaluate(seen, values)
  if (E.isLeft(made)) throw new Error(JSON.stringify(made.left))
  const at = (data: Float64Array, t: number, head: number): Float64Array => {
    const from = (t * c.groups + head) * c.head
    return data.subarray(from, from + c.head)
  }
  return [0, 1].map((l) => {
    const [q, k] = [made.right[2 * l]!.data, made.right[2 * l + 1]!.data] as [Float64Array, Float64Array]
    return Array.from({ length: c.groups }, (_, head) =>
      Array.from({ length: time }, (_, i) => {
        const scores = Array.from({ length: i + 1 }, (_, j) => {
          const [a, b] = [at(q, i, head), at(k, j, head)]
          return Math.exp(a.reduce((sum, x, n) => sum + x * b[n]!, 0) / Math.sqrt(c.head))
        })
        const total = scores.reduce((a, b) => a + b, 0)
        return scores.map((s) => s / total)
      }))
  })
}

const mean = (xs: ReadonlyArray<number>): number => xs.reduce((a, b) => a + b, 0) / xs.length

const random = (seed: number, length: number): Int32Array =>
  hostInt(hostKey(seed), i32("time", { time: length }), 0, small.vocab).data as Int32Array

// random tokens, of which 24 come again
const [before, between] = [7, 5]
const segment = random(3, 24)
const tokens = Int32Array.from([...random(5, before), ...segment, ...random(6, between), ...segment])
const [first, second] = attention(small, begun(small, 1), tokens) as [Weights, Weights]
const looking = [0, 1, 2] as const

it("the first layer's heads look one, two and three tokens back", () => {
  for (const head of looking) {
    const back = first[head]!.flatMap((weights, i) => i > 3 ? [weights[i - head - 1]!] : [])
    assert.ok(mean(back) > 0.95, `head ${head}: ${mean(back)}`)
  }
})

it("the second layer's look at what followed the last time: they compare what stood before with what stood before that", () => {
  const lag = segment.length + between
  for (const head of looking) {
    // beyond the first three tokens of the repetition, whose slots hold others
    const again = second[head]!.map((weights, i) => ({ weights, i })).slice(before + lag + 3)
    const [followed, itself, later] = [1, 0, 2].map((by) => mean(again.map(({ weights, i }) => weights[i - lag + by]!)))
    const even = mean(again.map(({ weights }) => 1 / weights.length))
    assert.ok(followed! > 0.4 && followed! > 20 * even, `head ${head}: ${followed}, where an even look is ${even}`)
    assert.ok(followed! > 5 * itself! && followed! > 5 * later!, `head ${head}: ${followed}, ${itself}, ${later}`)
  }
})

it("the last head of both layers is left to chance", () => {
  for (const layer of [first, second]) {
    for (const weights of layer[3]!.slice(3)) assert.ok(Math.max(...weights) < 3 / weights.length)
  }
})

it("has the shapes of its config, and the same bits for a seed on every engine", () => {
  for (const c of [small, { ...small, model: 36, head: 8 }, { ...small, model: 64, head: 6, groups: 8, layers: 3 }]) {
    const shapes = (p: unknown) =>
      flatten(p as Hosts<Parameters>).map(([path, { axes, shape }]) => ({ path, axes, shape }))
    assert.equal(shapes(begun(c, 1)), shapes(specs(c)))
    for (const [path, { data, shape }] of flatten(begun(c, 1))) {
      assert.is(data.length, shape.reduce((a, b) => a * b, 1), path)
      assert.ok(data.every(Number.isFinite), path)
    }
  }
  assert.is(digestOf(begun(small, 1)), "89e11c20faf8ffbd7a57774f6d509663ef343d4878e8e83d379d8663e8f19ba4")
  assert.is.not(digestOf(begun(small, 2)), digestOf(begun(small, 1)))
})

it("a slot is never wider than the head that writes it", () => {
  const narrow: Config = { ...small, model: 48, groups: 8, head: 6 }
  // were it wider, what one head writes would be in the next one's columns
  const { query, key, value } = begun(narrow, 1).blocks[0]!
  const drawn = initialise(narrow, hostKey(1)).blocks[0]!
  for (const [of, was] of [[query, drawn.query], [key, drawn.key], [value, drawn.value]] as const) {
    for (let r = 0; r < narrow.model; r++) {
      const own = (t: typeof of) =>
        t.data.slice((r * narrow.groups + 3) * narrow.head, (r + 1) * narrow.groups * narrow.head)
      assert.equal(own(of), own(was as typeof of))
    }
  }
})

it("falls back to random where there are not layers or heads for it", () => {
  for (const c of [{ ...small, layers: 1 }, { ...small, groups: 3 }, { ...small, groups: 4, share: 2 }]) {
    assert.is(digestOf(begun(c, 1)), digestOf(initialise(c, hostKey(1))))
  }
  const two = begun({ ...small, layers: 3 }, 1).blocks[2]!
  assert.equal(two, initialise({ ...small, layers: 3 }, hostKey(1)).blocks[2]!)
})

it.run()
