/** Rows out of examples: exact arrays, the defects of LWM's loader, and what masked packing means for loss and gradient. */
import * as fc from "fast-check"
import { either as E } from "fp-ts"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { valueAndGrad } from "../../../core/grad/grad.ts"
import { input } from "../../../core/graph/build.ts"
import { evaluate } from "../../../core/graph/meaning.ts"
import type { Node } from "../../../core/graph/node.ts"
import { hostKey } from "../../../core/random/host.ts"
import type { F32, I32 } from "../../../core/tensor/tensor.ts"
import { flatten, map } from "../../../core/tensor/tree.ts"
import type { Config } from "../../../models/llama/config.ts"
import { loss } from "../../../models/llama/loss.ts"
import { initialise, type Parameters, specs } from "../../../models/llama/parameters.ts"
import { plain } from "../../../models/llama/plan.ts"
import { positionFaults, segmentFaults } from "../../../ops/sequence.ts"
import type { Example, Packed, Packing, Rows } from "../../../tasks/data/example.ts"
import { masked, pad, stream, type Tallied } from "../../../tasks/data/packing.ts"

const it = suite("tasks/data/packing")

const example = (tokens: ReadonlyArray<number>, counted: ReadonlyArray<number> = tokens.map(() => 1)): Example => ({
  tokens: Int32Array.from(tokens),
  counted: Uint8Array.from(counted),
})
/** Tokens from ..1 to ..n, so that it is seen whose they are. */
const run = (tens: number, n: number): Example => example(Array.from({ length: n }, (_, i) => 10 * tens + i + 1))

const grids = (rows: Rows) =>
  Object.fromEntries(
    Object.entries(rows).map(([name, { data, shape: [, time] }]) => [
      name,
      Array.from({ length: data.length / time! }, (_, r) => Array.from(data.slice(r * time!, (r + 1) * time!))),
    ]),
  )
const packed = <P extends Packed>(p: P | undefined): P => {
  if (p === undefined) throw new Error("the examples fill no batch")
  return p
}
/** All batches that the examples fill, one after the other. */
const all = (packing: Packing, examples: ReadonlyArray<Example>, batch: number, time: number) => {
  const found: Array<Packed> = []
  for (let [at, skip] = [0, 0];;) {
    const next = packing.pack(examples.slice(at), skip, { batch, time })
    if (next === undefined) return { found, at, skip }
    found.push(next)
    at += next.used
    skip = next.skip
  }
}

// ---- stream ----------------------------------------------------------------

it("stream cuts anywhere; targets go on over rows and examples, with their own weights", () => {
  const examples = [run(1, 3), example([21, 22, 23, 24, 25, 26], [0, 0, 0, 1, 1, 1]), run(3, 4)]
  const first = packed(stream.pack(examples, 0, { batch: 2, time: 4 }))
  assert.equal(grids(first.rows), {
    tokens: [[11, 12, 13, 21], [22, 23, 24, 25]],
    targets: [[12, 13, 21, 22], [23, 24, 25, 26]],
    weights: [[1, 1, 0, 0], [0, 1, 1, 1]],
  })
  // the token after the last is a target here and the first of the next batch
  assert.equal([first.used, first.skip], [1, 5])
  assert.is(stream.pack(examples.slice(1), 5, { batch: 2, time: 4 }), undefined)
  assert.equal(grids(packed(stream.pack(examples.slice(1), 5, { batch: 1, time: 4 })).rows), {
    ...{ tokens: [[26, 31, 32, 33]], targets: [[31, 32, 33, 34]], weights: [[1, 1, 1, 1]] },
  })
})

it("stream is complete with one token more than its rows have (LWM's wants two)", () => {
  assert.is(stream.pack([run(1, 8)], 0, { batch: 2, time: 4 }), undefined)
  const { used, skip } = packed(stream.pack([run(1, 9)], 0, { batch: 2, time: 4 }))
  assert.equal([used, skip], [0, 8])
  const over = packed(stream.pack([run(1, 8), example([]), run(2, 1)], 0, { batch: 2, time: 4 }))
  assert.equal([over.used, over.skip], [2, 0])
})

// ---- pad -------------------------------------------------------------------

it("pad gives an example a row, shifts once and fills up", () => {
  const examples = [run(1, 3), example([21, 22, 23, 24, 25], [0, 0, 1, 0, 1]), run(3, 2)]
  const { rows, used, skip, tally } = packed(pad({ pad: 9 }).pack(examples, 0, { batch: 2, time: 4 }))
  assert.equal(grids(rows), {
    tokens: [[11, 12, 9, 9], [21, 22, 23, 24]],
    targets: [[12, 13, 9, 9], [22, 23, 24, 25]],
    weights: [[1, 1, 0, 0], [0, 1, 0, 1]],
  })
  assert.equal({ used, skip, tally }, {
    used: 2,
    skip: 0,
    tally: { placed: 2, cut: 0, dropped: 0, silent: 0, fill: 6 / 8 },
  })
})

it("pad has no misaligned rows (LWM's has S + 1 tokens a row and cuts them at S)", () => {
  const examples = Array.from({ length: 6 }, (_, i) => run(i + 1, 5))
  const { tokens, targets } = grids(packed(pad({ pad: 0 }).pack(examples, 0, { batch: 6, time: 4 })).rows)
  assert.equal(tokens!.map((row) => row[0]), [11, 21, 31, 41, 51, 61])
  assert.equal(targets!.map((row) => row.at(-1)), [15, 25, 35, 45, 55, 65])
})

it("pad with one row a batch leaves no example out (LWM's drops every second)", () => {
  const examples = Array.from({ length: 6 }, (_, i) => run(i + 1, 5))
  const { found, at } = all(pad({ pad: 0 }), examples, 1, 4)
  assert.equal(found.map(({ rows }) => rows.tokens.data[0]), [11, 21, 31, 41, 51, 61])
  assert.is(at, 6)
})

it("pad shifts the weights of a long example once (LWM's twice)", () => {
  const long = example([1, 2, 3, 4, 5, 6, 7, 8], [0, 0, 1, 0, 0, 1, 1, 0])
  const { rows } = packed(pad({ pad: 0, long: "cut" }).pack([long], 0, { batch: 1, time: 5 }))
  assert.equal(grids(rows), { tokens: [[1, 2, 3, 4, 5]], targets: [[2, 3, 4, 5, 6]], weights: [[0, 1, 0, 0, 1]] })
})

it("what is too long comes in parts, or is cut, or left out; all of it is counted", () => {
  const examples = [run(1, 2), run(2, 10), run(3, 2), run(4, 3)]
  const firsts = (long: "parts" | "cut" | "drop") => {
    const { rows, used, skip, tally } = packed(pad({ pad: 0, long }).pack(examples, 0, { batch: 3, time: 4 }))
    return { starts: grids(rows).tokens!.map((r) => r[0]), used, skip, cut: tally.cut, dropped: tally.dropped }
  }
  assert.equal(firsts("parts"), { starts: [11, 21, 25], used: 1, skip: 8, cut: 1, dropped: 0 })
  assert.equal(firsts("cut"), { starts: [11, 21, 31], used: 3, skip: 0, cut: 1, dropped: 0 })
  assert.equal(firsts("drop"), { starts: [11, 31, 41], used: 4, skip: 0, cut: 0, dropped: 1 })
  const rest = packed(pad({ pad: 0 }).pack(examples.slice(1), 8, { batch: 1, time: 4 }))
  assert.equal(grids(rest.rows), { tokens: [[29, 0, 0, 0]], targets: [[30, 0, 0, 0]], weights: [[1, 0, 0, 0]] })
  assert.equal([rest.used, rest.skip, rest.tally.cut], [1, 0, 0])
})

it("examples and parts in which nothing counts are left out and counted", () => {
  const examples = [
    ...[example([]), example([1]), example([1, 2], [1, 0])],
    ...[example([1, 2, 3, 4, 5, 6, 7], [1, 1, 0, 0, 0, 1, 1]), example([8, 9])],
  ]
  const { rows, tally, used } = packed(pad({ pad: 0 }).pack(examples, 0, { batch: 3, time: 2 }))
  assert.equal(grids(rows).tokens, [[1, 2], [5, 6], [8, 0]])
  assert.equal([used, tally.silent, tally.placed], [5, 4, 3])
})

// ---- masked ----------------------------------------------------------------

it("masked puts examples side by side, each with its own segment, positions and weight", () => {
  const examples = [run(1, 4), example([21, 22, 23, 24, 25], [1, 0, 1, 0, 1]), run(3, 3), run(4, 5)]
  const { rows, used, skip, tally } = packed(masked({ pad: 9, together: 1 }).pack(examples, 0, { batch: 2, time: 6 }))
  const third = Math.fround(1 / 9)
  const half = Math.fround(1 / 6)
  assert.equal(grids(rows), {
    tokens: [[11, 12, 13, 31, 32, 9], [21, 22, 23, 24, 9, 9]],
    targets: [[12, 13, 14, 32, 33, 9], [22, 23, 24, 25, 9, 9]],
    weights: [[third, third, third, half, half, 0], [0, half, 0, half, 0, 0]],
    segments: [[0, 0, 0, 1, 1, 2], [0, 0, 0, 0, 1, 1]],
    positions: [[0, 1, 2, 0, 1, 0], [0, 1, 2, 3, 0, 1]],
  })
  assert.equal({ used, skip, tally }, {
    used: 3,
    skip: 0,
    tally: { placed: 3, cut: 0, dropped: 0, silent: 0, fill: 9 / 12 },
  })
})

it("masked puts all anew where the next has no room", () => {
  // in order: 2 and 2 in the first row, 4 in the second, and 4 nowhere; the longest first: 4 and 2, 4 and 2
  const examples = [run(1, 3), run(2, 3), run(3, 5), run(4, 5)]
  const { rows, used } = packed(masked({ pad: 0, together: 1 }).pack(examples, 0, { batch: 2, time: 6 }))
  assert.equal(grids(rows).tokens, [[11, 12, 31, 32, 33, 34], [21, 22, 41, 42, 43, 44]])
  assert.is(used, 4)
})

it("masked begins a batch in an example that was cut", () => {
  const examples = [run(1, 3), run(2, 12), run(3, 3)]
  const first = packed(masked({ pad: 0, together: 1 }).pack(examples, 0, { batch: 2, time: 5 }))
  assert.equal(grids(first.rows).tokens, [[11, 12, 0, 0, 0], [21, 22, 23, 24, 25]])
  assert.equal([first.used, first.skip, first.tally.cut], [1, 5, 1])
  const next = packed(masked({ pad: 0, together: 1 }).pack(examples.slice(1), 5, { batch: 1, time: 5 }))
  assert.equal([grids(next.rows).tokens, next.used, next.skip], [[[26, 27, 28, 29, 30]], 0, 10])
})

// ---- laws ------------------------------------------------------------------

const anyExample = fc.array(fc.tuple(fc.nat({ max: 6 }), fc.constantFrom(0, 1, 1)), { minLength: 0, maxLength: 14 })
  .map((both) => example(both.map(([t]) => t), both.map(([, c]) => c)))
const shape = fc.record({ batch: fc.constantFrom(1, 2, 3), time: fc.constantFrom(4, 7, 12) })
const long = fc.constantFrom("parts" as const, "cut" as const, "drop" as const)

it("what a batch is does not depend on how many examples are at hand", () => {
  fc.assert(fc.property(fc.array(anyExample, { maxLength: 12 }), shape, long, (examples, { batch, time }, long) => {
    for (const packing of [stream, pad({ pad: 0, long }), masked({ pad: 0, long, together: 1 })]) {
      const whole = packing.pack(examples, 0, { batch, time })
      for (let n = 0; n < examples.length; n++) {
        const part = packing.pack(examples.slice(0, n), 0, { batch, time })
        if (part !== undefined) assert.equal(part, whole)
      }
      if (whole !== undefined) {
        const needed = whole.used + (whole.skip > 0 || packing.name !== "pad" ? 1 : 0)
        assert.equal(packing.pack(examples.slice(0, needed), 0, { batch, time }) ?? whole, whole)
      }
    }
  }))
})

it("every target that counts is in a row once, in parts too, and none crosses to another example", () => {
  const marked = fc.array(fc.nat({ max: 14 }), { minLength: 1, maxLength: 30 })
    .map((lengths) => lengths.map((n, e) => example(Array.from({ length: n }, (_, i) => 100 * (e + 1) + i))))
  fc.assert(fc.property(marked, shape, (examples, { batch, time }) => {
    const three = masked({ pad: 0, together: 3 })
    for (const packing of [pad({ pad: 0 }), masked({ pad: 0, together: 1 }), three]) {
      const { found, at, skip } = all(packing, examples, batch, time)
      const seen = found.flatMap(({ rows: { tokens, targets, weights } }) =>
        Array.from(targets.data).filter((target, i) => {
          if (weights.data[i]! > 0) assert.is(tokens.data[i], target - 1)
          return weights.data[i]! > 0
        })
      )
      const wanted = examples.slice(0, at + 1).flatMap((e, i) =>
        Array.from(e.tokens.slice(1, i < at ? undefined : skip / (packing === three ? 3 : 1) + 1))
      )
      assert.equal(seen.sort((a, b) => a - b), wanted)
    }
  }))
})

it("masked rows are what attention asks for, and weigh 1 in all", () => {
  fc.assert(fc.property(fc.array(anyExample, { maxLength: 40 }), shape, long, (examples, { batch, time }, long) => {
    for (const { rows } of all(masked({ pad: 0, long, together: 2 }), examples, batch, time).found) {
      assert.equal([segmentFaults(rows.segments!), positionFaults(rows.positions!)], [[], []])
      assert.ok(Math.abs(Array.from(rows.weights.data).reduce((a, b) => a + b, 0) - 1) < 1e-6)
    }
  }))
})

it("masked fills the rows of several batches at once, and comes back to where it was", () => {
  const examples = [run(1, 3), run(2, 8), run(3, 5), run(4, 3), run(5, 4), run(6, 9)]
  const packing = masked({ pad: 0, together: 3 })
  const { found, at, skip } = all(packing, examples, 1, 6)
  assert.equal(found.map(({ rows }) => grids(rows).tokens), [
    ...[[[11, 12, 31, 32, 33, 34]], [[21, 22, 23, 24, 25, 26]], [[27, 41, 42, 51, 52, 53]]],
  ])
  assert.equal(found.map(({ used, skip }) => [used, skip]), [[0, 1], [0, 2], [5, 0]])
  assert.equal(found.map((p) => (p as Tallied).tally.cut), [0, 0, 1])
  assert.equal([at, skip], [5, 0])
  // 6 places of 8 begin the next three: they are 6 times 3
  const more = all(packing, [run(1, 13), run(2, 9), run(3, 20)], 1, 6)
  assert.equal(more.found.map(({ used, skip }) => [used, skip]), [[0, 1], [0, 2], [1, 18], [0, 19], [0, 20], [1, 36]])
})

it("masked wastes little", () => {
  let seed = 1
  const length = (): number => 3 + (seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0) % 121
  const examples = Array.from({ length: 500 }, () => run(1, length() + 1))
  const fill = (batch: number, together?: number): number => {
    const { found } = all(masked({ pad: 0, ...(together === undefined ? {} : { together }) }), examples, batch, 256)
    return found.reduce((sum, p) => sum + (p as Tallied).tally.fill, 0) / found.length
  }
  assert.ok(fill(16) > 0.97, `${fill(16)} of 16 rows`)
  assert.ok(fill(1) > 0.97, `${fill(1)} of one row`)
  assert.ok(fill(1, 1) < 0.9, `${fill(1, 1)} of one row by itself`)
})

// ---- the law of masked packing ----------------------------------------------

const c: Config = {
  ...{ vocab: 7, model: 4, hidden: 6, layers: 2, groups: 1, share: 2, head: 2, theta: 100, epsilon: 1e-5, context: 16 },
}
const parameters: { readonly [path: string]: ReadonlyArray<number> } = Object.fromEntries(
  flatten(initialise(c, hostKey(5))).map(([path, leaf]) => [
    path,
    Array.from((leaf as { readonly data: ArrayLike<number> }).data, (x) => x === 1 ? x : x * 25),
  ]),
)

/** Loss and gradient of rows in float64, and of weights that are not rounded to f32. */
const lossOf = (rows: Rows, weights: ReadonlyArray<number>, reduction: "rows" | "given"): ReadonlyArray<number> => {
  const nodes = map(specs(c), (s, path) => input(path, s.dtype, s.axes, s.shape)) as unknown as Parameters
  const given = Object.fromEntries(
    Object.entries(rows).map(([name, { dtype, axes, shape }]) => [name, input(name, dtype, axes, shape)]),
  )
  const { tokens, targets, ...wanted } = given as { tokens: Node; targets: Node }
  const { value, gradient } = valueAndGrad((p: Parameters) =>
    loss(c, plain, reduction)(p, tokens as I32<"batch time">, targets as I32<"batch time">, wanted)
  )(nodes)
  const inputs = Object.entries(rows).map(([name, { data }]) => [name, Array.from(data)] as const)
  const out = evaluate([value as F32, ...flatten(gradient).map(([, g]) => g as Node)], {
    ...parameters,
    ...Object.fromEntries(inputs),
    weights,
  })
  if (E.isLeft(out)) throw new Error(out.left.map((f) => f.message).join("\n"))
  return out.right.flatMap((v) => Array.from(v.data))
}

/** The weights of masked rows before they are rounded: each is 1 / (targets that count in its example, times examples). */
const exact = ({ weights, segments, tokens }: Rows): ReadonlyArray<number> => {
  const time = tokens.shape[1]!
  const whose = Array.from(weights.data, (_, i) => `${Math.floor(i / time)} ${segments!.data[i]}`)
  const counts = new Map<string, number>()
  weights.data.forEach((w, i) => w > 0 && counts.set(whose[i]!, (counts.get(whose[i]!) ?? 0) + 1))
  return Array.from(weights.data, (w, i) => {
    const share = w > 0 ? 1 / (counts.get(whose[i]!)! * counts.size) : 0
    assert.is(w, Math.fround(share))
    return share
  })
}

it("masked: loss and gradient are the mean over examples of each alone and padded", () => {
  let seen = 0
  fc.assert(
    fc.property(fc.array(anyExample, { minLength: 6, maxLength: 14 }), shape, (examples, { batch, time }) => {
      const together = masked({ pad: 3, together: 1 }).pack(examples, 0, { batch, time })
      if (together === undefined) return
      seen++
      const got = lossOf(together.rows, exact(together.rows), "given")
      const alone = Array.from({ length: together.tally.placed }).reduce<
        { sum: Array<number>; at: number; skip: number }
      >(
        ({ sum, at, skip }) => {
          const one = packed(pad({ pad: 0 }).pack(examples.slice(at), skip, { batch: 1, time }))
          const each = lossOf(one.rows, Array.from(one.rows.weights.data), "rows")
          return { sum: each.map((x, i) => x + (sum[i] ?? 0)), at: at + one.used, skip: one.skip }
        },
        { sum: [], at: 0, skip: 0 },
      ).sum.map((x) => x / together.tally.placed)
      assert.is(got.length, alone.length)
      got.forEach((x, i) => assert.ok(Math.abs(x - alone[i]!) <= 1e-12 * Math.max(1, Math.abs(x)), `${x}, ${alone[i]}`))
    }),
    { numRuns: 30, seed: 1 },
  )
  assert.ok(seen >= 8, `${seen} batches were full`)
})

it.run()
