/** Decoding from a cache is the full forward pass at every place; the cache is written in place and read as it is stored. */
import { either as E } from "fp-ts"
import * as fc from "fast-check"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import type { GraphFault } from "../../core/graph/fault.ts"
import { concat, sliceAxis } from "../../core/graph/build.ts"
import { evaluate } from "../../core/graph/meaning.ts"
import type { Node } from "../../core/graph/node.ts"
import { faultsOf } from "../../core/graph/validity.ts"
import { loadsOf, written } from "../../core/kernel/expression.ts"
import { compile } from "../../core/plan/compile.ts"
import type { Program } from "../../core/plan/program.ts"
import { f32, i32 } from "../../core/tensor/spec.ts"
import { type F32, type I32, typed } from "../../core/tensor/tensor.ts"
import type { Tensors } from "../../core/tensor/tree.ts"
import { blockwiseAttention } from "../../ops/attention.ts"
import { appendToCache, type Cache, cacheFaults, cacheSpec, emptyCache, type Storage } from "../../ops/cache.ts"
import { decodeAttention } from "../../ops/decode.ts"
import { literal, ones, zeros } from "../../ops/literal.ts"
import { draw, tensor } from "../core/grad/difference.ts"
import { same } from "../core/plan/same.ts"
import { given } from "./values.ts"

const it = suite("decoding from a cache")

type Q = F32<"batch time group share head">
type K = F32<"batch time group head">
type Room = ["batch", "group", "key", "head"]
const sizes = { batch: 2, group: 2, share: 2, head: 8, time: 9, key: 12 }
const room = f32("batch group key head", sizes)
const all = {
  q: tensor("q", "batch time group share head", sizes),
  k: tensor("k", "batch time group head", sizes),
  v: tensor("v", "batch time group head", sizes),
}
const bound = { q: draw(1, 2 * 9 * 4 * 8, -1, 1), k: draw(2, 2 * 9 * 2 * 8, -1, 1), v: draw(3, 2 * 9 * 2 * 8, -1, 1) }
const valuesOf = (roots: ReadonlyArray<Node>): ReadonlyArray<ReadonlyArray<number>> => {
  const found = evaluate(roots, bound)
  if (E.isLeft(found)) throw new Error(found.left.map((f) => f.message).join("\n"))
  return found.right.map((v) => [...v.data])
}

const empty = (storage: Storage): Cache<Storage, Room> => {
  const e = emptyCache(cacheSpec(storage, room)) as unknown as { readonly [side: string]: unknown }
  const leaf = (x: unknown): unknown =>
    x !== null && typeof x === "object" && "dtype" in x
      ? literal(x as never)
      : Object.fromEntries(Object.entries(x as object).map(([key, y]) => [key, leaf(y)]))
  return leaf(e) as Cache<Storage, Room>
}

/** The result of all places, decoded in steps of these many tokens. */
const decoded = (
  storage: Storage,
  steps: ReadonlyArray<number>,
  split: number,
  window?: number,
): ReadonlyArray<Node> => {
  let cache = empty(storage)
  let place = 0
  return steps.map((n) => {
    const cut = (x: Node): Node => sliceAxis(x, "time", place, n)
    cache = appendToCache(cache, typed<K>(cut(all.k)), typed<K>(cut(all.v)), place)
    const out = decodeAttention(typed<Q>(cut(all.q)), cache, place, { split, ...(window ? { window } : {}) })
    place += n
    return out
  })
}

/** Largest distance from the full forward pass, over the largest value that it could have. */
const distance = (storage: Storage, steps: ReadonlyArray<number>, split: number, window?: number): number => {
  const full = blockwiseAttention(typed<Q>(all.q), typed<K>(all.k), typed<K>(all.v), {
    causal: true,
    ...(window ? { window } : {}),
  })
  let place = 0
  const wanted = steps.map((n) => sliceAxis(full, "time", (place += n) - n, n))
  const [got, want] = [valuesOf(decoded(storage, steps, split, window)), valuesOf(wanted)]
  return Math.max(...got.flatMap((list, i) => list.map((x, j) => Math.abs(x - want[i]![j]!))))
}

/** Bounds for values within -1 ... 1: halves are off by 2^-12 and 2^-9, bytes by 1/254, and scores by some of that. */
const bounds: { readonly [S in Storage]: number } = { f32: 1e-12, f16: 1e-3, bf16: 8e-3, int8: 1e-2 }

for (const [storage, most] of Object.entries(bounds) as ReadonlyArray<[Storage, number]>) {
  it(`is the full forward pass at every place: ${storage}`, () => {
    const one = Array.from({ length: 9 }, () => 1)
    for (const [steps, split] of [[one, 512], [one, 4], [[4, 1, 3, 1], 5], [[9], 1]] as const) {
      const off = distance(storage, steps, split)
      assert.ok(off <= most, `${storage} in splits of ${split}: off by ${off}`)
      if (storage !== "f32") assert.ok(off > 1e-9, "it is rounded")
    }
    assert.ok(distance(storage, one, 4, 3) <= most, "with a window")
  })
}

it("any split of the keys gives the same", () => {
  const steps = fc.constantFrom([9], [3, 3, 3], [1, 7, 1])
  fc.assert(
    fc.property(steps, fc.integer({ min: 1, max: 14 }), (list, split) => {
      assert.ok(distance("f32", list, split) <= 1e-12)
    }),
    { numRuns: 20, seed: 2 },
  )
})

it("padding in front of a prompt is not seen", () => {
  // the second row of the batch begins at place 2
  const ids = (axes: "batch time" | "batch key", from: number, n: number) =>
    given(axes, [2, n], Array.from({ length: 2 * n }, (_, i) => i >= n && i - n + from < 2 ? 0 : 1), "i32").x
  const place = 5
  const cut = (x: Node, from: number, n: number): Node => sliceAxis(x, "time", from, n)
  const cache = appendToCache(empty("f32"), typed<K>(cut(all.k, 0, 6)), typed<K>(cut(all.v, 0, 6)), 0)
  const out = decodeAttention(typed<Q>(cut(all.q, place, 1)), cache, place, {
    split: 5,
    segments: {
      query: ids("batch time", place, 1) as I32<"batch time">,
      key: ids("batch key", 0, 12) as I32<"batch key">,
    },
  })
  const alone = (row: number, from: number): Node => {
    const own = (x: Node, first: number, n: number): Node => sliceAxis(cut(x, first, n), "batch", row, 1)
    return blockwiseAttention(
      typed<Q>(own(all.q, place, 1)),
      typed<K>(own(all.k, from, 6 - from)),
      typed<K>(own(all.v, from, 6 - from)),
    )
  }
  const [got, first, second] = valuesOf([out, alone(0, 0), alone(1, 2)]) as [number[], number[], number[]]
  ;[...first, ...second].forEach((x, i) => assert.ok(Math.abs(x - got[i]!) <= 1e-12, `${i}: ${got[i]}, not ${x}`))
})

it("rows of their own lengths are each written at their end, and see nothing beyond it", () => {
  const cut = (x: Node, from: number, n: number): Node => sliceAxis(x, "time", from, n)
  // both rows are read to place 6, which is beyond the end of the first
  const read = appendToCache(empty("f32"), typed<K>(cut(all.k, 0, 6)), typed<K>(cut(all.v, 0, 6)), 0)
  const place = given("batch", [2], [3, 6], "i32").x as I32<"batch">
  const cache = appendToCache(read, typed<K>(cut(all.k, 6, 2)), typed<K>(cut(all.v, 6, 2)), place)
  const out = decodeAttention(typed<Q>(cut(all.q, 6, 2)), cache, place, { split: 5 })
  const alone = (row: number, from: number): Node => {
    const own = (x: Node): Node => sliceAxis(x, "batch", row, 1)
    const joined = (x: Node): Node => concat([cut(own(x), 0, from), cut(own(x), 6, 2)], "time")
    const whole = blockwiseAttention(typed<Q>(joined(all.q)), typed<K>(joined(all.k)), typed<K>(joined(all.v)), {
      causal: true,
    })
    return cut(whole, from, 2)
  }
  const [got, first, second] = valuesOf([out, alone(0, 3), alone(1, 6)]) as [number[], number[], number[]]
  ;[...first, ...second].forEach((x, i) => assert.ok(Math.abs(x - got[i]!) <= 1e-12, `${i}: ${got[i]}, not ${x}`))
})

const long = { ...sizes, time: 1, key: 1600 }
const stepSpecs = <S extends Storage>(storage: S) => ({
  cache: cacheSpec(storage, f32("batch group key head", long)),
  q: f32("batch time group share head", long),
  k: f32("batch time group head", long),
  v: f32("batch time group head", long),
  place: i32(),
})
const step = ({ cache, q, k, v, place }: Tensors<ReturnType<typeof stepSpecs<Storage>>>): unknown => {
  const now = appendToCache(cache as unknown as Cache<Storage, Room>, k as K, v as K, place)
  return { cache: now, out: decodeAttention(q as Q, now, place) }
}
const programOf = (storage: Storage): Program => {
  const made = compile(step as never, stepSpecs(storage), { donate: ["cache"], maxBindings: 8 })
  if (E.isLeft(made)) throw new Error(made.left.map((f: GraphFault) => f.message).join("\n"))
  return made.right.program
}

for (const storage of ["f32", "f16", "int8"] as const) {
  it(`writes new tokens in place and reads the rest as it is stored: ${storage}`, () => {
    const p = programOf(storage)
    const elements = 2 * 2 * 1600 * 8
    for (const s of p.steps) {
      assert.ok(s.tag === "dispatch")
      const kernel = p.kernels[s.kernel]!
      assert.ok(new Set(s.buffers).size <= 8, `${kernel.tag} binds ${s.buffers.length}`)
      const cached = (b: number): boolean =>
        p.buffers[s.buffers[b]!]!.place.tag === "input" && p.buffers[s.buffers[b]!]!.elements >= elements / 8
      for (const b of written(kernel)) {
        if (cached(b)) {
          assert.ok(kernel.tag === "loop" && kernel.dims.reduce((n, d) => n * d, 1) <= 2 * 2 * 8, "a few elements")
        }
      }
      if (kernel.tag !== "attend") {
        assert.not(loadsOf(kernel).some((l) => cached(l.buffer)), "only attention reads the cache")
      }
    }
    // three splits of 512 and a tail of 64
    assert.is(p.steps.filter((s) => s.tag === "dispatch" && p.kernels[s.kernel]!.tag === "attend").length, 2)
    assert.ok(p.forecast.arena <= 16384, `${p.forecast.arena} bytes`)
    const stored = { f32: 4, f16: 2, int8: 1 + 4 / 8 }[storage]
    assert.ok(p.forecast.traffic <= 2 * elements * stored + 32768, `${p.forecast.traffic} bytes`)
  })
}

it("the program is the graph, for every storage", async () => {
  for (const storage of ["f32", "f16", "bf16", "int8"] as const) {
    const specs = { ...stepSpecs(storage), cache: cacheSpec(storage, room) }
    await same(step as never, {
      ...specs,
      q: f32("batch time group share head", { ...sizes, time: 2 }),
      k: f32("batch time group head", { ...sizes, time: 2 }),
      v: f32("batch time group head", { ...sizes, time: 2 }),
    }, { maxBindings: 8 })
  }
})

it("what does not fit is a fault with a sentence", () => {
  const cache = empty("f32")
  const x = ones(f32("batch time group head", { ...sizes, time: 1 }))
  const q = ones(f32("batch time group share head", { ...sizes, time: 1 }))
  const any = (y: unknown): never => y as never
  const cases: ReadonlyArray<readonly [() => Node, string]> = [
    [() => appendToCache(cache, any(undefined), x, 0).keys as Node, "takes a tensor, got undefined"],
    [
      () => (appendToCache(any(undefined), any(x), any(x), 0) as Cache<"f32", Room>).keys,
      "takes a tensor, got undefined",
    ],
    [() => appendToCache(cache, x, any(zeros(f32("batch group head", sizes))), 0).values as Node, "no axis 'time'"],
    [
      () => appendToCache(cache, any(zeros(f32("batch time head", sizes))), x, 0).keys as Node,
      "does not have the axes",
    ],
    [
      () => appendToCache(cache, ones(f32("batch time group head", { ...sizes, time: 13 })), x, 0).keys as Node,
      "longer along 'key'",
    ],
    [
      () => appendToCache(cache, ones(f32("batch time group head", { ...sizes, head: 7 })), x, 0).keys as Node,
      "axis 'head' is 8",
    ],
    [() => appendToCache(cache, x, x, -1).keys as Node, "the place is -1; expected an i32, or a whole number from 0"],
    [() => appendToCache(cache, x, x, any("0")).keys as Node, "the place is 0; expected an i32"],
    [
      () => appendToCache(cache, x, x, any(given("time", [1], [0], "i32").x)).keys as Node,
      "the place is i32[time 1]; it may have the axes of rows",
    ],
    [() => appendToCache(cache, x, x, given("batch", [3], [0, 1, 2], "i32").x).keys as Node, "axis 'batch' is 2"],
    [() => decodeAttention(any(null), cache, 0), "takes a tensor, got null"],
    [() => decodeAttention(any(q), any(undefined), 0), "takes a tensor, got undefined"],
    [() => decodeAttention(q, cache, 0, { split: 0 }), "split is 0; expected a whole number from 1"],
    [() => decodeAttention(q, cache, 0, { split: 1.5 }), "split is 1.5"],
    [() => decodeAttention(q, cache, 0.5), "the place is 0.5"],
    [() => decodeAttention(q, cache, 0, { window: 0 }), "window is 0; expected a whole number from 1"],
    [() => decodeAttention(any(ones(f32("batch group head", sizes))), cache, 0), "no axis 'time'"],
  ]
  for (const [make, part] of cases) {
    const said = faultsOf([make()]).map((f) => f.message)
    assert.ok(said.some((m) => m.includes(part)), `${part}:\n${said.join("\n")}`)
  }
})

it("a full cache is told before it runs", () => {
  const spec = cacheSpec("int8", room)
  assert.equal(cacheFaults(spec, 0, 12), [])
  assert.equal(cacheFaults(spec, 11, 1), [])
  assert.equal(cacheFaults(spec, 11, 3).map((f) => `${f._tag}: ${f.message}`), [
    "LimitFault: the cache holds 12 tokens, so 3 more at place 11 do not fit; compile it with 'key' of 14 or more, or " +
    "begin again with fewer",
  ])
  for (const [place, tokens] of [[-1, 1], [0.5, 1], [0, 0]] as const) {
    assert.is(cacheFaults(spec, place, tokens)[0]!._tag, "ValueFault")
  }
})

it.run()
