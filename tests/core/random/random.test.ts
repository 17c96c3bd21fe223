import { suite } from "uvu"
import * as assert from "uvu/assert"
import { either as E } from "fp-ts"
import { data, input } from "../../../core/graph/build.ts"
import { evaluate } from "../../../core/graph/meaning.ts"
import type { Node } from "../../../core/graph/node.ts"
import { bool, f32, i32, u32 } from "../../../core/tensor/spec.ts"
import type { F32 } from "../../../core/tensor/tensor.ts"
import { typed } from "../../../core/tensor/tensor.ts"
import {
  hostBits,
  hostFold,
  hostInt,
  hostKey,
  hostNormal,
  hostPermutation,
  hostSplit,
  hostUniform,
} from "../../../core/random/host.ts"
import type { Key } from "../../../core/random/random.ts"
import {
  bernoulli,
  categorical,
  foldKey,
  normal,
  permutation,
  randomBits,
  randomInt,
  randomKey,
  splitKey,
  uniform,
} from "../../../core/random/random.ts"

const it = suite("random tensors")

const values = (node: Node, inputs: { readonly [name: string]: ArrayLike<number> } = {}): number[] => {
  const got = evaluate([node], inputs)
  if (E.isLeft(got)) throw new Error(got.left.map((f) => f.message).join("; "))
  return [...got.right[0]!.data]
}

const seed = 2 ** 40 + 12345
const key: Key = typed(input("key", "u32", ["key"], [2]))
const host = hostKey(seed)
const given = { key: host.data }
const box = { a: 5, b: 7 }

it("keys are the same in the graph and on the host", () => {
  assert.equal(values(randomKey(seed)), [...host.data])
  assert.equal(values(foldKey(key, 9), given), [...hostFold(host, 9).data])
  const step = data("i32", [], [], Int32Array.of(9))
  assert.equal(values(foldKey(key, typed(step)), given), [...hostFold(host, 9).data])
  assert.equal(splitKey(key, 3).map((k) => values(k, given)), hostSplit(host, 3).map((k) => [...k.data]))
})

it("integers are the same in the graph and on the host", () => {
  assert.equal(values(randomBits(key, u32("a b", box)), given), [...hostBits(host, 35)])
  assert.equal(values(randomInt(key, i32("a b", box), -3, 17), given), [...hostInt(host, i32("a b", box), -3, 17).data])
  assert.equal(values(randomInt(key, u32("a b", box), 5, 6), given), Array.from({ length: 35 }, () => 5))
  assert.equal(values(permutation(key, "a", 40), given), [...hostPermutation(host, 40)])
  assert.equal(values(uniform(key, f32("a b", box)), given), [...hostUniform(host, f32("a b", box)).data])
  assert.equal(values(randomBits(key, u32()), given), [...hostBits(host, 1)])
  assert.equal(values(randomBits(key, u32("a b", { a: 0, b: 3 })), given), [])
})

it("normal agrees with the host but for rounding", () => {
  const wanted = hostNormal(host, f32("a b", box)).data
  values(normal(key, f32("a b", box)), given).forEach((x, i) => assert.ok(Math.abs(x - wanted[i]!) < 1e-6))
})

it("an empty range is a fault", () => {
  assert.ok(E.isLeft(evaluate([randomInt(key, i32("a b", box), 3, 3)], given)))
})

it("bernoulli has its probability, by element where it is a tensor", () => {
  const n = 1500
  const drawn = values(bernoulli(randomKey(1), bool("a", { a: n }), 0.3))
  const share = drawn.reduce((a, b) => a + b, 0) / n
  assert.ok(Math.abs(share - 0.3) < 0.04, `${share}`)
  const p: F32<"b"> = typed(data("f32", ["b"], [2], Float32Array.of(0, 1)))
  assert.equal(values(bernoulli(randomKey(2), bool("a b", { a: 3, b: 2 }), p)), [0, 1, 0, 1, 0, 1])
})

it("categorical draws with the softmax of the logits", () => {
  const n = 1500
  const weights = [0.1, 0.2, 0.7]
  const logits: F32<"n k"> = typed(
    data("f32", ["n", "k"], [n, 3], Float64Array.from({ length: 3 * n }, (_, i) => Math.log(weights[i % 3]!))),
  )
  const drawn = values(categorical(randomKey(3), logits, "k"))
  weights.forEach((w, i) => {
    const share = drawn.filter((d) => d === i).length / n
    assert.ok(Math.abs(share - w) < 0.04, `${i}: ${share}`)
  })
  const sure: F32<"k"> = typed(data("f32", ["k"], [3], Float64Array.of(-Infinity, 0, -Infinity)))
  assert.equal(values(categorical(randomKey(4), sure, "k")), [1])
})

it("normal has its moments and is symmetric", () => {
  const xs = values(normal(randomKey(5), f32("a", { a: 2000 })))
  const mean = xs.reduce((a, b) => a + b, 0) / xs.length
  const variance = xs.reduce((a, b) => a + b * b, 0) / xs.length
  const within = xs.filter((x) => Math.abs(x) < 1).length / xs.length
  assert.ok(Math.abs(mean) < 0.07 && Math.abs(variance - 1) < 0.1 && Math.abs(within - 0.6827) < 0.04)
})

it.run()
