/** What types forbid but JavaScript can give: a fault with a sentence, never a raw error and never silence. */
import { either as E } from "fp-ts"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import type { GraphFault } from "../../core/graph/fault.ts"
import type { Node } from "../../core/graph/node.ts"
import { faultsOf } from "../../core/graph/validity.ts"
import { compile } from "../../core/plan/compile.ts"
import { exact } from "../../core/plan/policy.ts"
import { bernoulli, randomInt, randomKey, uniform } from "../../core/random/random.ts"
import { bool, f16, f32, i32, u8 } from "../../core/tensor/spec.ts"
import type { F32 } from "../../core/tensor/tensor.ts"
import { add, bitcast, cast, clamp, exp, isNaN, mul, select, square } from "../../ops/elementwise.ts"
import { constant, full, iota, ones, zeros } from "../../ops/literal.ts"
import { lt, not } from "../../ops/logic.ts"
import { concat, pad, rename, slice, stride, transpose } from "../../ops/movement.ts"
import { argmax, sum } from "../../ops/reduction.ts"
import { softmax } from "../../ops/softmax.ts"
import { dot } from "../../ops/contraction.ts"
import { oneHot, take } from "../../ops/indexing.ts"
import { crossEntropy } from "../../ops/loss.ts"
import { convolve } from "../../ops/convolution.ts"
import { psnr, ssim } from "../../ops/image.ts"
import { layerNorm, rmsNorm } from "../../ops/norm.ts"
import { codebookLoss, nearestCode, vectorQuantize } from "../../ops/quantize.ts"
import { upsample } from "../../ops/resample.ts"
import { argsort } from "../../ops/sorting.ts"
import { gelu, relu, softplus } from "../../ops/activation.ts"
import { adamW, sgd } from "../../ops/optimiser.ts"

const it = suite("wrong arguments")

/** Past the type checker, as JavaScript is. */
const any = (x: unknown): never => x as never

const x = ones(f32("a b", { a: 2, b: 3 }))
const half = ones(f16("a", { a: 2 }))
const spec = f32("a b", { a: 2, b: 3 })
const key = randomKey(1)

const wide = ones(f32("row col in", { row: 12, col: 12, in: 2 }))
const taps = ones(f32("drow dcol in out", { drow: 3, dcol: 3, in: 2, out: 1 }))
const over = (how: unknown) => (): unknown => convolve(wide, taps, { row: "drow", col: "dcol" }, "in", any(how))
const alike = (range: number, how?: unknown) => (): unknown =>
  ssim(wide, wide, { row: "row", col: "col" }, range, any(how))

type Case = readonly [name: string, make: () => unknown, tag: GraphFault["_tag"], part: string]

const cases: ReadonlyArray<Case> = [
  ["a stride of no axis", over({ stride: { rows: 2 } }), "NameFault", "its stride is said of 'rows'"],
  ["a padding of no axis", over({ padding: { in: "same" } }), "NameFault", "it goes along row, col"],
  ["a padding by another name", over({ padding: "full" }), "ValueFault", 'its padding is "full"; expected "valid"'],
  ["half a place of padding", over({ padding: { row: [0.5, 0] } }), "ValueFault", "its padding is [0.5,0]"],
  ["a range of nothing", () => psnr(wide, wide, "row col", 0), "ValueFault", "'range' is 0; expected a number above 0"],
  ["a range that is no number", alike(NaN), "ValueFault", "'range' is NaN"],
  ["half a pixel of window", alike(1, { size: 2.5 }), "ValueFault", "'size' is 2.5; expected a whole number from 1"],
  ["a window of no width", alike(1, { sigma: 0 }), "ValueFault", "'sigma' is 0"],
  ["text beside a tensor", () => add(x, any("1")), "ValueFault", 'takes a tensor, got the text "1"'],
  ["text before a tensor", () => add(any("1"), any(x)), "ValueFault", "takes a tensor"],
  ["nothing beside a tensor", () => add(x, any(undefined)), "ValueFault", "got undefined"],
  ["null beside a tensor", () => mul(x, any(null)), "ValueFault", "got null"],
  ["an array beside a tensor", () => add(x, any([1, 2])), "ValueFault", "`literal` makes a tensor"],
  ["a typed array", () => add(x, any(Float32Array.of(1))), "ValueFault", "`literal` makes a tensor"],
  ["a boolean", () => add(x, any(true)), "ValueFault", "got the boolean true"],
  ["a bigint", () => add(x, any(1n)), "ValueFault", "got the bigint 1"],
  ["a function", () => add(x, any(() => 1)), "ValueFault", "got a function"],
  ["a spec", () => add(x, any(spec)), "ValueFault", "got a spec; `zeros`"],
  ["a tree", () => add(x, any({ w: x })), "ValueFault", "give one leaf of a tree"],
  ["a comparison with text", () => lt(x, any("1")), "ValueFault", "takes a tensor"],
  ["a branch that is text", () => select(lt(x, 1), x, any("no")), "ValueFault", "takes a tensor"],
  ["a condition that is none", () => select(any(undefined), x, x), "ValueFault", "takes a tensor"],
  ["exp of a number", () => exp(any(3)), "ValueFault", "got the number 3"],
  ["square of nothing", () => square(any(undefined)), "ValueFault", "got undefined"],
  ["isNaN of text", () => isNaN(any("x")), "ValueFault", "takes a tensor"],
  ["not of null", () => not(any(null)), "ValueFault", "got null"],
  ["cast of nothing", () => cast(any(undefined), "f32"), "ValueFault", "got undefined"],
  ["cast to f64", () => cast(x, any("f64")), "DTypeFault", "'f64' is no dtype; known are f32, f16"],
  ["bitcast to nothing", () => bitcast(x, any(undefined)), "DTypeFault", "'undefined' is no dtype"],
  ["a constant of f64", () => constant(1, any("f64")), "DTypeFault", "'f64' is no dtype"],
  ["iota of f64", () => iota("a", 2, any("f64")), "DTypeFault", "'f64' is no dtype"],
  ["zeros of f64", () => zeros(any({ ...spec, dtype: "f64" })), "DTypeFault", "'f64' is no dtype"],
  ["zeros of 5", () => zeros(any(5)), "ValueFault", "takes a spec"],
  ["zeros of null", () => zeros(any(null)), "ValueFault", "takes a spec"],
  ["NaN beside a tensor", () => add(x, NaN), "ValueFault", "the number is NaN"],
  ["Infinity beside a tensor", () => add(x, Infinity), "ValueFault", "constant(Infinity)"],
  ["-Infinity before a tensor", () => mul(-Infinity, x), "ValueFault", "constant(-Infinity)"],
  ["1e39 beside f32", () => add(x, 1e39), "ValueFault", "1e+39 is beyond f32"],
  ["70000 beside f16", () => add(half, 70000), "ValueFault", "70000 is beyond f16"],
  ["two numbers, one NaN", () => add(1, NaN), "ValueFault", "the number is NaN"],
  ["a comparison with NaN", () => lt(x, NaN), "ValueFault", "the number is NaN"],
  ["a branch of NaN", () => select(lt(x, 1), x, NaN), "ValueFault", "the number is NaN"],
  ["1.5 beside i32", () => add(iota("a", 2), 1.5), "ValueFault", "1.5 is no i32"],
  ["Infinity beside i32", () => add(iota("a", 2), Infinity), "ValueFault", "Infinity is no i32"],
  ["a constant of NaN", () => constant(NaN), "ValueFault", "the number is NaN"],
  ["a constant of 1e39", () => constant(1e39), "ValueFault", "beyond f32"],
  ["a constant of text", () => constant(any("1")), "ValueFault", "is no f32"],
  ["full of 65520 in f16", () => full(f16("a", { a: 2 }), 65520), "ValueFault", "beyond f16"],
  ["full of NaN", () => full(spec, NaN), "ValueFault", "the number is NaN"],
  ["Infinity as i32", () => full(i32("a", { a: 2 }), Infinity), "ValueFault", "Infinity is no i32"],
  ["pad with NaN", () => pad(x, "b", [1, 1], NaN), "ValueFault", "the number is NaN"],
  ["pad with 1e39", () => pad(x, "b", [1, 1], 1e39), "ValueFault", "beyond f32"],
  ["a step of -1", () => stride(x, "b", -1), "ValueFault", "expected a whole number from 1"],
  ["a step of 0", () => stride(x, "b", 0), "ValueFault", "expected a whole number from 1"],
  ["a step of 1.5", () => stride(x, "b", 1.5), "ValueFault", "expected a whole number from 1"],
  ["an empty clamp", () => clamp(x, 3, 1), "ValueFault", "the range 3 to 1 is empty"],
  ["a clamp to NaN", () => clamp(x, 0, NaN), "ValueFault", "the number is NaN"],
  ["a clamp to text", () => clamp(x, 0, any("1")), "ValueFault", "takes two numbers"],
  ["a seed of 1.5", () => randomKey(1.5), "ValueFault", "the seed is 1.5"],
  ["a seed of -1", () => randomKey(-1), "ValueFault", "the seed is -1"],
  ["a seed of text", () => randomKey(any("1")), "ValueFault", "the seed is 1"],
  ["u8 up to 1000", () => randomInt(key, u8("a", { a: 4 }), 0, 1000), "ValueFault", "leaves u8, which holds 0 to 255"],
  ["u8 from -1", () => randomInt(key, u8("a", { a: 4 }), -1, 5), "ValueFault", "leaves u8"],
  ["i32 up to 2^32", () => randomInt(key, i32("a", { a: 4 }), 2 ** 31, 2 ** 31 + 9), "ValueFault", "leaves i32"],
  ["an empty range", () => randomInt(key, i32("a", { a: 4 }), 3, 3), "ValueFault", "is empty or too wide"],
  ["uniform to NaN", () => uniform(key, spec, 0, NaN), "ValueFault", "the range 0 to NaN is none"],
  ["a chance of NaN", () => bernoulli(key, bool("a", { a: 4 }), NaN), "ValueFault", "the number is NaN"],
]

for (const [name, make, tag, part] of cases) {
  it(`is a fault with a sentence: ${name}`, () => {
    const faults = faultsOf([make() as Node])
    assert.is(faults.length, 1, faults.map((f) => f.message).join("\n"))
    assert.is(faults[0]!._tag, tag)
    assert.ok(faults[0]!.message.includes(part), `${faults[0]!.message} should have: ${part}`)
    assert.match(faults[0]!.at, /wrong\.test\.[tj]s/)
  })
}

const none: never = any(undefined)

const tensorless: { readonly [name: string]: () => unknown } = {
  relu: () => relu(none),
  gelu: () => gelu(none),
  softplus: () => softplus(none),
  sum: () => sum(none),
  argmax: () => argmax(none, none),
  softmax: () => softmax(none, none),
  dot: () => dot(x, none, any("b")),
  take: () => take(x, none, "b"),
  slice: () => slice(none, none, 0),
  stride: () => stride(none, none, 2),
  pad: () => pad(none, none, [1, 1]),
  rename: () => rename(none, {} as never),
  transpose: () => transpose(none, none),
  concat: () => concat([x, none], "b"),
  rmsNorm: () => rmsNorm(x, none, "b"),
  layerNorm: () => layerNorm(none, none, none, none),
  crossEntropy: () => crossEntropy(none, none, none),
  argsort: () => argsort(none, none),
  nearestCode: () => nearestCode(none, none, none, none),
  vectorQuantize: () => vectorQuantize(x, none, none, none).ids,
  codebookLoss: () => codebookLoss(none, none, none, none),
  oneHot: () => oneHot(none, "c" as never, 3),
}

for (const [name, make] of Object.entries(tensorless)) {
  it(`${name} of nothing is a fault`, () => {
    const messages = faultsOf([make() as Node]).map((f) => f.message)
    assert.ok(messages.some((m) => m.includes("takes a tensor, got undefined")), messages.join("\n"))
  })
}

it("what the dtype can hold is no fault, infinity where a mask needs it", () => {
  const good: ReadonlyArray<Node> = [
    constant(Infinity),
    full(f16("a", { a: 2 }), -Infinity),
    full(f16("a", { a: 2 }), 65519),
    pad(x, "b", [1, 0], -Infinity),
    clamp(x, 0, Infinity),
    clamp(x, 1, 1),
    add(x, 3.4028234663852886e38),
    add(x, constant(Infinity)),
    select(lt(x, 1), x, -Infinity),
    randomInt(key, u8("a", { a: 4 }), 0, 256),
    stride(x, "b", 2, 1),
  ]
  assert.equal(faultsOf(good), [])
})

/** Faults of compile; none where it takes them. */
const refusals = (f: unknown, specs: unknown, options?: unknown): ReadonlyArray<string> => {
  const made = compile(any(f), any(specs), any(options))
  return E.isLeft(made) ? made.left.map((wrong) => wrong.message) : []
}

it("an input that is given something wrong is still the program's input", () => {
  const spec = { w: f32("row", { row: 4 }) }
  const found = refusals(({ w }: { readonly w: F32<"row"> }) => upsample(w, { row: 1.5 }), spec)
  assert.equal(found, ["the factor of 'row' is 1.5; expected a whole number from 1"])
})

const same = ({ w }: { readonly w: Node }): unknown => ({ w: add(any(w), any(1)) })

const wrongSpecs: ReadonlyArray<readonly [unknown, string]> = [
  [{ w: { ...spec, dtype: "f64" } }, "'f64' is no dtype"],
  [{ w: null }, "takes a spec such as"],
  [{ w: 5 }, "got the number 5"],
  [{ w: undefined }, "got undefined"],
  [{ w: { dtype: "f32" } }, "got an object with dtype"],
  [{ w: { dtype: "f32", axes: ["a"], shape: [NaN] } }, "axis 'a' has the size NaN"],
]

for (const [specs, part] of wrongSpecs) {
  it(`a spec that is none is a fault: ${JSON.stringify(specs)}`, () => {
    const found = refusals(same, specs)
    assert.ok(found.some((message) => message.includes(part)), found.join("\n"))
  })
}

const wrongOptions: ReadonlyArray<readonly [unknown, string]> = [
  [{ maxBindings: 0 }, "maxBindings is 0; expected a whole number from 4"],
  [{ maxBindings: NaN }, "maxBindings is NaN"],
  [{ maxBindings: "8" }, "maxBindings is 8"],
  [{ policy: { ...exact, storage: "f8" } }, 'policy.storage is "f8"; expected f32, f16, bf16'],
  [{ policy: { ...exact, compute: "f64" } }, "policy.compute"],
  [{ policy: { storage: "f32", compute: "f32" } }, "policy.accumulate is undefined"],
  [{ policy: 7 }, "policy is 7"],
  [{ donate: "w" }, "expected a list of paths"],
  [{ donate: ["v"] }, "no input lies there"],
]

for (const [options, part] of wrongOptions) {
  it(`an option that is none is a fault: ${JSON.stringify(options)} ${part}`, () => {
    const found = refusals(same, { w: spec }, options)
    assert.ok(found.some((message) => message.includes(part)), found.join("\n"))
  })
}

it("a donated path that no output has is a fault", () => {
  const found = refusals(({ w }: { readonly w: Node }) => ({ y: add(any(w), any(1)) }), { w: spec }, { donate: ["w"] })
  assert.equal(found, [
    "donate names 'w', but no output has a path of the inputs there, so nothing takes their place; the outputs are 'y'",
  ])
  assert.equal(refusals(same, { w: spec }, { donate: ["w"] }), [])
})

it("an optimiser whose trees differ says so in its result", () => {
  const w = ones(f32("a", { a: 2 }))
  const step = iota("a", 1)
  const trees = { params: { w }, gradients: { v: w }, state: { step, first: { w }, second: { w }, velocity: { w } } }
  const updates: ReadonlyArray<(params: never, gradients: never, state: never) => unknown> = [
    adamW({ rate: 1 }),
    sgd({ rate: 1 }),
  ]
  for (const update of updates) {
    const result = any(update(any(trees.params), any(trees.gradients), any(trees.state))) as {
      readonly params: { readonly w: Node }
    }
    const messages = faultsOf([result.params.w]).map((f) => f.message)
    assert.ok(messages.some((m) => m.includes("gradients lacks 'w', which the parameters have")), messages.join("\n"))
    assert.ok(messages.some((m) => m.includes("'v'")), messages.join("\n"))
  }
})

it.run()
