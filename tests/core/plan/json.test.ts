/** Programs as documents: the same back, the same name, the same results; what is no program says where. */
import * as Effect from "effect/Effect"
import { either as E } from "fp-ts"
import * as fc from "fast-check"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { make } from "../../../core/device/device.ts"
import { oracle } from "../../../core/device/oracle.ts"
import { compile } from "../../../core/plan/compile.ts"
import { decode, digest, encode, plain } from "../../../core/plan/json.ts"
import type { Program } from "../../../core/plan/program.ts"
import { broken } from "../../../core/plan/validity.ts"
import { f32, i32 } from "../../../core/tensor/spec.ts"
import { dot } from "../../../ops/contraction.ts"
import { add, mul, sub } from "../../../ops/elementwise.ts"
import { take } from "../../../ops/indexing.ts"
import { sum } from "../../../ops/reduction.ts"
import { softmax } from "../../../ops/softmax.ts"
import { compiled } from "../device/compiled.ts"
import { graphs } from "../device/graphs.ts"
import { chains, everything, kernelOf } from "../kernel/arbitrary.ts"
import { allKinds } from "../kernel/conformance.ts"
import { onDevice } from "../kernel/run.ts"

const right = <A>(e: E.Either<unknown, A>): A => {
  if (E.isRight(e)) return e.right
  throw new Error(JSON.stringify(e.left))
}

const it = suite("program documents")

/** A step of learning with a table, a product, a softmax and a donated weight. */
const learning = (): Program =>
  right(compile(({ w, table, ids }) => {
    const x = take(table, ids, "token")
    const p = softmax(dot(x, w, "model"), "out")
    return { w: sub(w, mul(dot(x, p, "time"), 0.5)), loss: sum(mul(p, p), "time out"), p: add(p, 1) }
  }, {
    w: f32("model out", { model: 4, out: 3 }),
    table: f32("token model", { token: 5, model: 4 }),
    ids: i32("time", { time: 6 }),
  }, { donate: ["w"] })).program

const sentences = (text: string): string => {
  const got = decode(text)
  return E.isLeft(got) ? got.left.map((f) => `${f.where} | ${f.message}`).join("\n") : "it was taken"
}

it("a program comes back as it was, with the same name", () => {
  const p = learning()
  const back = right(decode(encode(p)))
  assert.equal(back, p)
  assert.is(digest(back), digest(p))
  assert.is(encode(back), encode(p))
  assert.match(digest(p), /^[0-9a-f]{64}$/)
})

it("equal programs have one name, other programs others", () => {
  assert.is(digest(learning()), digest(learning()))
  const p = learning()
  assert.is.not(digest({ ...p, steps: p.steps.slice(1) }), digest(p))
})

it("random compiled programs are valid and come back", () => {
  fc.assert(
    fc.property(graphs(true), (g) => {
      const { program } = compiled(g)
      assert.equal(broken(program), [])
      assert.equal(right(decode(encode(program))), program)
    }),
    { numRuns: 150, seed: 4 },
  )
})

for (const kind of [...allKinds, "chains"] as const) {
  it(`random kernels come back and compute the same: ${kind}`, async () => {
    const device = await Effect.runPromise(oracle)
    const cases = kind === "chains" ? chains(everything) : kernelOf(kind, everything)
    for (const c of fc.sample(cases, { numRuns: 15, seed: 6 })) {
      const program = right(decode(encode(c.program)))
      const [want, got] = await Effect.runPromise(
        Effect.all([onDevice(device, c), onDevice(device, { ...c, program })]),
      )
      assert.equal(got.map((o) => Array.from(o)), want.map((o) => Array.from(o)))
      assert.is(digest(program), digest(c.program))
    }
  })
}

it("a decoded program runs on a device by the paths of its slots", async () => {
  const specs = { x: { a: f32("n", { n: 3 }) }, y: f32("n", { n: 3 }) }
  const made = right(compile(({ x, y }) => ({ deep: { z: add(x.a, y) } }), specs))
  const program = right(decode(encode(made.program)))
  const values = (list: ReadonlyArray<number>) => ({ ...specs.y, data: Float32Array.from(list) })
  const out = await Effect.runPromise(Effect.scoped(Effect.gen(function* () {
    const device = yield* make(yield* oracle)
    const run = yield* device.load(plain(program))
    return yield* run({ "x.a": values([1, 2, 3]), y: values([10, 20, 30]) } as never)
  }))) as unknown as Readonly<Record<string, { readonly data: Float64Array }>>
  assert.equal(Array.from(out["deep.z"]!.data), [11, 22, 33])
})

type Json = Record<string, unknown>

/** The document with one change. */
const changed = (change: (p: Json) => void): string => {
  const p = JSON.parse(encode(learning())) as Json
  change(p)
  return JSON.stringify(p)
}

const at = (p: unknown, ...keys: ReadonlyArray<string | number>): Json =>
  keys.reduce((x, k) => (x as Record<string | number, unknown>)[k], p) as Json

/** What is wrong with a document, and what is said of it. */
const wrongs: ReadonlyArray<readonly [string, (p: Json) => void, RegExp]> = [
  ["another version", (p) => void (p["version"] = 3), /^version \| version: expected 2, got 3/],
  ["no steps", (p) => void delete p["steps"], /^steps \| .*got nothing/],
  [
    "a dtype that is none",
    (p) => void (at(p, "inputs", 0)["dtype"] = "f8"),
    /inputs\.0\.(0\.)?dtype \| .*expected dtype, got "f8"/,
  ],
  [
    "a size below 0",
    (p) => void (at(p, "buffers", 0)["elements"] = -1),
    /buffers\.0\.elements \| .*natural number, got -1/,
  ],
  ["a size that is a fraction", (p) => void (p["arena"] = 0.5), /^arena \|/],
  ["a kernel of no kind", (p) => void (at(p, "kernels", 0, "kernel")["tag"] = "magic"), /kernels\.0\.kernel \|/],
  ["a function that is none", (p) => {
    for (const k of p["kernels"] as unknown as ReadonlyArray<{ exprs: ReadonlyArray<Json> }>) {
      for (const e of k.exprs) if (e["tag"] === "binary") e["fn"] = "constructor"
    }
  }, /exprs\.\d+\.fn \| .*expected function of two elements, got "constructor"/],
  ["an expression before itself", (p) => {
    for (const k of p["kernels"] as unknown as ReadonlyArray<{ exprs: ReadonlyArray<Json> }>) {
      for (const e of k.exprs) if (e["tag"] === "binary") e["x"] = { expr: 999 }
    }
  }, /exprs\.\d+ \| .*number of an earlier expression, got 999/],
  ["a kernel that is not there", (p) => void (at(p, "steps", 0)["kernel"] = 99), /^steps\.0 \| steps: names kernel 99/],
  [
    "a buffer that is not there",
    (p) => void (at(p, "steps", 0)["buffers"] = [99]),
    /^steps\.0 \| steps: binds buffer 99/,
  ],
  ["a slot of another size", (p) => void (at(p, "inputs", 0)["shape"] = [4, 4]), /^inputs\.0 \| slots: is 16 elements/],
  [
    "two inputs of one path",
    (p) => void (at(p, "inputs", 1)["path"] = "w"),
    /^inputs\.1 \| slots: the path 'w' is there twice/,
  ],
  [
    "an output that takes over nothing",
    (p) => void (at(p, "outputs", 0)["donated"] = 7),
    /^outputs\.0 \| slots: takes over input 7/,
  ],
  ["an arena too small", (p) => void (p["arena"] = 0), /places: ends at byte \d+ of an arena of 0/],
  [
    "too few bound",
    (p) =>
      void (at(p, "steps", 0)["buffers"] = (at(p, "steps", 0)["buffers"] as unknown as ReadonlyArray<number>).slice(1)),
    /steps\.0 \| steps: .* uses its buffer/,
  ],
  ["a peak that is not", (p) => void (at(p, "forecast")["peak"] = 1), /^forecast.peak \| forecast: is not the sum/],
]

for (const [name, change, message] of wrongs) {
  it(`refuses ${name}`, () => assert.match(sentences(changed(change)), message))
}

it("refuses what is no document", () => {
  for (const text of ["", "null", "[]", "{", "5", '{"version":1}', '{"version":1,"version":1}', "\u0000"]) {
    assert.ok(E.isLeft(decode(text)), text)
  }
})

it("a load beyond its buffer is found", () => {
  const text = changed((p) => {
    for (const k of p["kernels"] as unknown as ReadonlyArray<{ exprs: ReadonlyArray<Json> }>) {
      for (const e of k.exprs) if (e["tag"] === "load") at(e, "at")["base"] = 100000
    }
  })
  assert.match(sentences(text), /ranges: kernel \d+ loads 1000\d\d to 1000\d\d of buffer \d+, which has/)
})

/** Every place of a document. */
const paths = (x: unknown, here: ReadonlyArray<string>): ReadonlyArray<ReadonlyArray<string>> =>
  typeof x !== "object" || x === null
    ? [here]
    : [here, ...Object.entries(x).flatMap(([k, v]) => paths(v, [...here, k]))]

it("no change to a document crashes the decoder", () => {
  const text = encode(learning())
  const all = paths(JSON.parse(text), []).slice(1)
  const junk: ReadonlyArray<unknown> = [null, -1, 1e300, "x", [], {}, true, 7, "__proto__", "constructor", {
    tag: "load",
  }]
  fc.assert(
    fc.property(fc.constantFrom(...all), fc.constantFrom(...junk), fc.boolean(), (path, value, remove) => {
      const p = JSON.parse(text) as Json
      const [last, ...front] = [...path].reverse()
      const parent = front.reverse().reduce((x, k) => x[k] as Json, p)
      if (remove) delete parent[last!]
      else parent[last!] = value
      const got = decode(JSON.stringify(p))
      if (E.isLeft(got)) assert.ok(got.left.length > 0 && got.left.every((f) => f.message.length > 0))
      else assert.equal(broken(got.right), [])
    }),
    { numRuns: 600, seed: 8 },
  )
})

it.run()
