/** Constructors of nodes: what comes out of leaves, elementwise ops, folds, contractions, indexing and loops. */
import { suite } from "uvu"
import * as assert from "uvu/assert"
import * as b from "../../../core/graph/build.ts"
import { show } from "../../../core/graph/make.ts"
import type { Body, Node } from "../../../core/graph/node.ts"
import { faultsOf } from "../../../core/graph/validity.ts"
import { bad, good, x } from "./nodes.ts"

const it = suite("constructors of nodes")

it("makes leaves", () => {
  good(b.constant("f32", NaN), "f32[]")
  good(b.constant("u8", 255, ["a"], [2]), "u8[a 2]")
  good(b.iota("n", 0), "i32[n 0]")
  good(b.data("f32", ["n"], [2], Float32Array.of(1, 2)), "f32[n 2]")
  good(b.barrier(b.stop(x("a 1")), [x("b 2")], 7), "f32[a 1]")
  good(b.custom(x("a 1"), [x("b 2")], () => []), "f32[a 1]")
  bad(
    b.constant("i32", 0.5),
    "i32[]",
    "ValueFault constant: 0.5 is no i32; round it, or cast the other argument to f32 first",
  )
  bad(
    b.constant("bool", 2),
    "bool[]",
    "ValueFault constant: 2 is no bool; round it, or cast the other argument to f32 first",
  )
  bad(b.data("f32", ["n"], [3], new Float32Array(2)), "f32[n 3]", "SizeFault data: f32[n 3] has 3 elements, got 2")
  bad(b.iota("n", 2, "bool"), "bool[n 2]", "DTypeFault iota: takes i32, u32, f32, got bool[n 2]; cast it first")
})

it("refuses names and sizes that are none", () => {
  bad(
    b.input("w", "f32", ["a", "a"], [1, 2]),
    "f32[a 1, a 2]",
    "NameFault input w: axis 'a' would stand twice in [a a]; rename one first",
  )
  bad(
    b.input("", "f32", ["a b"], [-1]),
    "f32[a b -1]",
    "NameFault input: 'a b' is no name of an axis; a name is text without spaces",
    "SizeFault input: axis 'a b' has the size -1; a size is a whole number, 0 or more",
  )
  bad(
    b.input("w", "f32", ["a"], [NaN]),
    "f32[a NaN]",
    "SizeFault input w: axis 'a' has the size NaN; a size is a whole number, 0 or more",
  )
  const two = b.input("w", "f32", ["a"], [1, 2])
  assert.equal(two.faults.map((f) => f.message), ["1 names and 2 sizes; give every axis one size"])
  const many = b.input("w", "f32", ["a", "b"], [2 ** 40, 2 ** 40])
  assert.equal(many.faults.map((f) => f._tag), ["LimitFault"])
})

it("brings the arguments of two into the order of the wider one", () => {
  const sum = b.binary("add", x("time 3"), x("batch 2 time 3"))
  good(sum, "f32[batch 2, time 3]")
  assert.equal(sum.args.map((a) => a.op.tag), ["align", "input"])
  assert.equal(sum.args.map(show), ["f32[batch 2, time 3]", "f32[batch 2, time 3]"])
  good(b.binary("lt", x("a 2 b 1"), x("b 1 a 2")), "bool[a 2, b 1]")
  const scaled = b.binary("mul", x("batch 2"), 0.5)
  good(scaled, "f32[batch 2]")
  assert.equal(scaled.args.map((a) => a.op.tag), ["input", "constant"])
  good(b.binary("sub", 1, x("n 2", "i32")), "i32[n 2]")
  good(b.binary("sub", 1, 2), "f32[]")
  good(b.select(x("n 2", "bool"), x("m 1 n 2", "f16"), -1), "f16[m 1, n 2]")
  good(b.select(x("n 2", "bool"), 1, 0), "f32[n 2]")
})

it("says what does not fit", () => {
  bad(
    b.binary("add", x("batch 2 time 3"), x("time 4")),
    "f32[batch 2, time 3]",
    "SizeFault add: axis 'time' is 3 in f32[batch 2, time 3] and 4 in f32[time 4]; slice, pad or rename one",
  )
  bad(
    b.binary("add", x("a 2"), x("b 3")),
    "f32[a 2, b 3]",
    "NameFault add: none of f32[a 2], f32[b 3] has all axes [a b]; rename what is meant to be the same, " +
      "or broadcast one to these axes",
  )
  bad(
    b.binary("add", x("a 2"), x("a 2", "i32")),
    "f32[a 2]",
    "DTypeFault add: f32[a 2] and i32[a 2] have different dtypes; cast one to the other's",
  )
  bad(
    b.binary("pow", x("a 2", "i32"), 2),
    "i32[a 2]",
    "DTypeFault pow: takes f32, f16, bf16, got i32[a 2]; cast it first",
  )
  bad(b.unary("exp", x("a 2", "i32")), "i32[a 2]", "DTypeFault exp: takes f32, f16, bf16, got i32[a 2]; cast it first")
  const half = b.binary("mul", x("a 2", "i32"), 0.5)
  assert.equal(faultsOf([half]).map((f) => `${f._tag} ${f.message}`), [
    "ValueFault 0.5 is no i32; round it, or cast the other argument to f32 first",
  ])
  bad(
    b.select(x("a 2"), x("a 2"), x("a 2", "i32")),
    "f32[a 2]",
    "DTypeFault select: the condition is f32[a 2], expected bool; compare it with a number first",
    "DTypeFault select: f32[a 2] and i32[a 2] have different dtypes; cast one to the other's",
  )
})

it("converts", () => {
  good(b.cast(x("a 2"), "bool"), "bool[a 2]")
  assert.is(b.cast(x("a 2"), "f32").op.tag, "input")
  good(b.bitcast(x("a 2"), "u32"), "u32[a 2]")
  bad(
    b.bitcast(x("a 2"), "f16"),
    "f16[a 2]",
    "DTypeFault bitcast: f32 has 4 bytes and f16 has 2; cast converts the value instead",
  )
})

it("folds", () => {
  good(b.reduce("sum", x("a 2 b 3 c 4"), ["c", "a"]), "f32[b 3]")
  good(b.reduce("max", x("a 0 b 3"), ["a"]), "f32[b 3]")
  good(b.reduce("argmin", x("a 2 b 3", "u8"), ["a"]), "i32[b 3]")
  const same = x("a 5")
  assert.is(b.reduce("sum", same, []), same)
  good(b.cumulate("sum", x("a 5"), "a", true), "f32[a 5]")
  good(b.argsort(x("a 5 b 2"), "b"), "i32[a 5, b 2]")
  bad(
    b.reduce("sum", x("a 2", "bool"), ["b", "b"]),
    "bool[a 2]",
    "NameFault sum: no axis 'b' in bool[a 2]; its axes are 'a'",
    "NameFault sum: no axis 'b' in bool[a 2]; its axes are 'a'",
    "NameFault sum: axis 'b' is given twice; name it once",
    "DTypeFault sum: takes f32, f16, bf16, i32, u32, u8, got bool[a 2]; cast it first",
  )
  bad(
    b.reduce("argmax", x("a 2 b 0"), ["a", "b"]),
    "i32[]",
    "NameFault argmax: takes one axis, got [a b]; merge them first",
  )
  bad(
    b.reduce("argmax", x("a 2 b 0"), ["b"]),
    "i32[a 2]",
    "SizeFault argmax: axis 'b' of f32[a 2, b 0] is empty and has no extreme",
  )
  bad(
    b.cumulate("sum", x("a 2"), "b"),
    "f32[a 2]",
    "NameFault cumulative sum: no axis 'b' in f32[a 2]; its axes are 'a'",
  )
  bad(b.argsort(x("a 2"), "b"), "i32[a 2]", "NameFault argsort: no axis 'b' in f32[a 2]; its axes are 'a'")
})

it("finds codes", () => {
  good(b.nearest(x("n 3 d 2 m 4"), x("c 5 d 2"), "d", "c"), "i32[n 3, m 4]")
  good(b.nearest(x("n 3 d 2", "bf16"), x("d 2 n 3 c 5"), "d", "c"), "i32[n 3]")
  bad(
    b.nearest(x("n 3 d 2"), x("c 0 d 3 m 2"), "d", "c"),
    "i32[n 3]",
    "SizeFault nearest: axis 'd' is 2 in f32[n 3, d 2] and 3 in f32[c 0, d 3, m 2]; slice, pad or rename one",
    "NameFault nearest: f32[c 0, d 3, m 2] has 'm', which f32[n 3, d 2] lacks; broadcast z",
    "SizeFault nearest: axis 'c' of f32[c 0, d 3, m 2] is empty: there is no code to be near",
  )
  bad(
    b.nearest(x("c 3 d 2"), x("c 3 d 2", "i32"), "d", "c"),
    "i32[c 3]",
    "DTypeFault nearest: takes f32, f16, bf16, got i32[c 3, d 2]; cast it first",
    "NameFault nearest: axis 'c' of the codebook is in f32[c 3, d 2] too; rename one",
  )
})

it("contracts", () => {
  good(b.dot(x("batch 2 time 3 model 4"), x("model 4 hidden 5"), ["model"]), "f32[batch 2, time 3, hidden 5]")
  good(b.dot(x("heads 2 time 3 head 4"), x("key 5 heads 2 head 4"), ["head"]), "f32[heads 2, time 3, key 5]")
  good(b.dot(x("a 2 b 3"), x("b 3 a 2"), ["a", "b"]), "f32[]")
  good(b.dot(x("a 2", "f16"), x("b 3", "f16"), []), "f16[a 2, b 3]")
  bad(
    b.dot(x("time 3 model 4"), x("model 5 time 2 hidden 5", "f16"), ["model"]),
    "f32[time 3, hidden 5]",
    "DTypeFault dot: f32[time 3, model 4] and f16[model 5, time 2, hidden 5] have different dtypes; cast one to the other's",
    "SizeFault dot: axis 'time' is 3 in f32[time 3, model 4] and 2 in f16[model 5, time 2, hidden 5]; " +
      "slice, pad or rename one",
    "SizeFault dot: axis 'model' is 4 in f32[time 3, model 4] and 5 in f16[model 5, time 2, hidden 5]; " +
      "slice, pad or rename one",
  )
  bad(
    b.dot(x("a 1"), x("b 2"), ["a"]),
    "f32[b 2]",
    "NameFault dot: no axis 'a' in f32[b 2]; its axes are 'b'",
  )
})

it("gathers and scatters", () => {
  good(b.gather(x("vocab 9 model 4"), x("batch 2 time 3", "i32"), "vocab"), "f32[batch 2, time 3, model 4]")
  good(b.gather(x("batch 2 vocab 9"), x("batch 2", "u8"), "vocab"), "f32[batch 2]")
  good(b.gather(x("a 2 time 9"), x("a 2 time 3", "u32"), "time"), "f32[a 2, time 3]")
  const updates = x("batch 2 time 3 model 4")
  const index = x("batch 2 time 3", "i32")
  good(b.scatter(updates, index, "vocab", 9), "f32[vocab 9, model 4]")
  good(b.scatter(updates, index, "vocab", 9, [], ["model", "vocab"]), "f32[model 4, vocab 9]")
  good(b.scatter(updates, index, "vocab", 9, ["batch"]), "f32[vocab 9, batch 2, model 4]")
  good(b.scatter(updates, index, "time", 9, ["batch"], ["batch", "time", "model"]), "f32[batch 2, time 9, model 4]")
  good(b.scatter(x("model 4"), index, "vocab", 9), "f32[vocab 9, model 4]")
  bad(
    b.gather(x("a 2 b 3"), x("a 4"), "c"),
    "f32[b 3]",
    "NameFault gather: no axis 'c' in f32[a 2, b 3]; its axes are 'a', 'b'",
    "DTypeFault gather: takes i32, u32, u8, got f32[a 4]; cast it first",
    "SizeFault gather: axis 'a' is 2 in f32[a 2, b 3] and 4 in f32[a 4]; slice, pad or rename one",
  )
  bad(
    b.scatter(x("a 2 n 3", "bool"), x("a 2"), "n", 1.5, ["b"]),
    "bool[n 1.5, n 1.5]",
    "DTypeFault scatter: takes f32, f16, bf16, i32, u32, u8, got bool[a 2, n 3]; cast it first",
    "DTypeFault scatter: takes i32, u32, u8, got f32[a 2]; cast it first",
    "NameFault scatter: no axis 'b' in f32[a 2]; its axes are 'a'",
    "SizeFault scatter: the size of 'n' is 1.5; expected a whole number from 0",
    "NameFault scatter: axis 'n' is in bool[a 2, n 3] and would stand twice; rename one",
    "NameFault scatter: axis 'n' would stand twice in [n n]; rename one first",
    "SizeFault scatter: axis 'n' has the size 1.5; a size is a whole number, 0 or more",
    "SizeFault scatter: axis 'n' has the size 1.5; a size is a whole number, 0 or more",
  )
  bad(
    b.scatter(x("a 2"), x("a 2", "i32"), "n", 3, [], ["n", "c"]),
    "f32[n 3, c 1]",
    "NameFault scatter: the result has the axes [n], got [n c]",
  )
  bad(
    b.scatter(x("n 2"), x("n 2", "i32"), "n", 3, ["n"]),
    "f32[n 3]",
    "NameFault scatter: axis 'n' is new in the result, so it is no batch axis; rename the index's",
  )
})

const carry = x("model 4", "f32", "carry.0")
const each = x("batch 2 model 4", "f32", "each.0")
const fixed = x("", "f32", "const.0")
const body: Body = {
  carry: [carry],
  each: [each],
  constants: [fixed],
  next: [b.binary("add", carry, b.reduce("sum", b.binary("mul", each, fixed), ["batch"]))],
  out: [each],
}
const loop = (over: Partial<b.Scan> = {}): Node =>
  b.scan({
    body,
    inits: [x("model 4")],
    sequences: [x("batch 2 time 5 model 4")],
    constants: [x()],
    axis: "time",
    length: 5,
    reverse: false,
    ...over,
  })

it("loops", () => {
  good(b.pick(loop(), 0), "f32[model 4]")
  good(b.pick(loop(), 1), "f32[time 5, batch 2, model 4]")
  bad(b.pick(loop(), 2), "f32[]", "SizeFault pick: the number of the result is 2; expected a whole number from 0 to 1")
  bad(b.pick(x("a 1"), 0), "f32[a 1]", "RuleFault pick: takes a result of a scan or an attention, got one of input")
  bad(
    loop({ inits: [x("model 3")], constants: [], sequences: [] }),
    "f32[]",
    "RuleFault scan: carries 0 is f32[model 4] in the body, got f32[model 3]; make them the same",
    "RuleFault scan: the body has 1 constants, got 0; give as many",
    "RuleFault scan: the body has 1 sequences, got 0; give as many",
  )
  bad(
    loop({ sequences: [x("batch 2 time 6 model 4")] }),
    "f32[]",
    "SizeFault scan: axis 'time' of f32[batch 2, time 6, model 4] is 6, expected 5 as in the others",
  )
  bad(
    loop({ sequences: [x("time 5 model 4")] }),
    "f32[]",
    "RuleFault scan: a slice of sequence 0 is f32[model 4], the body takes f32[batch 2, model 4]",
  )
  bad(
    loop({ sequences: [x("model 4")], length: -1 }),
    "f32[]",
    "SizeFault scan: the length of 'time' is -1; expected a whole number from 0",
    "NameFault scan: no axis 'time' in f32[model 4]; its axes are 'model'",
  )
  const broken: Body = { ...body, out: [b.unary("exp", x("a 1", "i32", "each.0"))] }
  bad(loop({ body: broken }), "f32[]", "DTypeFault exp: takes f32, f16, bf16, got i32[a 1]; cast it first")
})

it("goes on after a fault, so that one tracing finds all", () => {
  const first = b.binary("add", x("a 2"), x("a 3"))
  const second = b.dot(first, x("b 1"), ["b"])
  assert.equal(faultsOf([second]).map((f) => f.op), ["add", "dot"])
})

it("complains once of a size that is none", () => {
  const lost = b.input("w", "f32", ["a", "b"], [2, NaN])
  const uses = [
    b.binary("add", b.binary("mul", lost, 2), x("b 3")),
    b.dot(lost, x("b 3 c 4"), ["b"]),
    b.split(lost, "b", ["p", "q"], { p: 2 }),
    b.merge(lost, ["a", "b"], "n"),
    b.sliceAxis(lost, "b", 0, 2),
    b.padAxis(lost, "b", 1, 1),
    b.window(lost, "b", "tap", 2),
    b.concat([lost, x("a 2 b 3")], "a"),
    b.gather(lost, x("n 2", "i32"), "b"),
    b.reduce("argmax", lost, ["b"]),
  ]
  assert.equal(faultsOf(uses).map((f) => f.op), ["input w"])
})

it.run()
