import { either as E } from "fp-ts"
import * as fc from "fast-check"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { f32 } from "../../../core/tensor/spec.ts"
import {
  differences,
  flatten,
  map,
  mapSame,
  partition,
  toFlat,
  type Tree,
  unflatten,
  zip,
} from "../../../core/tensor/tree.ts"

const it = suite("trees")

const weights = { embed: 1, layers: [{ query: 2, key: 3 }, { query: 4, key: 5 }], norm: { out: 6 } }
const trees: fc.Arbitrary<Tree<number>> = fc.letrec<{ tree: Tree<number>; leaf: number }>((tie) => ({
  leaf: fc.integer(),
  tree: fc.oneof(
    { maxDepth: 3 },
    tie("leaf"),
    fc.array(tie("tree"), { maxLength: 3 }),
    fc.dictionary(fc.string({ minLength: 1, maxLength: 2 }).filter((k) => k !== "__proto__"), tie("tree"), {
      maxKeys: 3,
      noNullPrototype: true,
    }),
  ),
})).tree

it("names leaves by their path, in order", () => {
  assert.equal(flatten(weights).map(([path]) => path), [
    "embed",
    "layers.0.query",
    "layers.0.key",
    "layers.1.query",
    "layers.1.key",
    "norm.out",
  ])
  assert.equal(flatten(7), [["", 7]])
})

it("takes what has a dtype for a leaf, and a record with such a key for a record", () => {
  const spec = f32("a", { a: 1 })
  assert.equal(flatten({ x: spec, y: [spec] }).map(([p]) => p), ["x", "y.0"])
  assert.equal(flatten({ dtype: spec }).map(([p]) => p), ["dtype"])
  assert.equal(flatten({ bytes: new Uint8Array(2) }).map(([p]) => p), ["bytes"])
})

it("maps: identity is identity, two maps are one", () => {
  fc.assert(
    fc.property(trees, (tree) => {
      assert.equal(map(tree, (x) => x), tree)
      assert.equal(mapSame(tree, (x) => x), tree)
      const [f, g] = [(x: number) => x + 1, (x: number) => x * 2]
      assert.equal(map(map(tree, f), g as (x: unknown) => number), map(tree, (x) => g(f(x))))
    }),
    { seed: 3 },
  )
})

it("zips leaves of the same path", () => {
  const twice = map(weights, (x) => x * 2)
  const both = zip(weights, twice, (a, b, path) => `${path}:${a + b}`)
  assert.is(both.layers[1]!.key, "layers.1.key:15")
  assert.throws(
    () => zip(weights, { embed: 1, layers: [], norm: { out: 1, in: 2 } } as never, (a) => a),
    /zip: the second tree lacks 'layers.0.query', .* and 1 more; .*; it has 'norm.in', which nothing asks for/,
  )
})

it("takes flat records apart and together", () => {
  const flat = toFlat(weights)
  assert.equal(unflatten(weights, flat), E.right(weights))
  const { embed: _, ...less } = flat
  const wrong = unflatten(weights, { ...less, other: 1 })
  assert.equal(E.isLeft(wrong) ? wrong.left.map((f) => `${f._tag} ${f.op}: ${f.message}`) : [], [
    "NameFault unflatten: lacks 'embed'; add what stands there",
    "NameFault unflatten: has 'other', which nothing asks for; leave it out",
  ])
  assert.equal(differences("x", weights, flat), [])
})

it("divides, and joins what it divided", () => {
  fc.assert(
    fc.property(trees, fc.integer(), (tree, limit) => {
      const { yes, no, join } = partition(tree, (leaf) => Number(leaf) < limit)
      assert.equal(join(yes, no), tree)
      assert.is(Object.keys(yes).length + Object.keys(no).length, new Set(flatten(tree).map(([p]) => p)).size)
    }),
    { seed: 4 },
  )
  const { yes, no, join } = partition(weights, (_, path) => path.startsWith("layers.1"))
  assert.equal(Object.keys(yes), ["layers.1.query", "layers.1.key"])
  assert.is(join(map(yes, (x) => x * 10), no).layers[1]!.query, 40)
  assert.is(join(map(yes, (x) => x * 10), no).embed, 1)
})

it.run()
