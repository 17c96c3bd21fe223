import { suite } from "uvu"
import * as assert from "uvu/assert"
import * as b from "../../../core/graph/build.ts"
import type { DType } from "../../../core/tensor/dtype.ts"
import type { Body, Node, Op } from "../../../core/graph/node.ts"
import { check, rules } from "../../../core/graph/validity.ts"
import { everyOp } from "./graphs.ts"

const it = suite("validity of graphs")

const x = (text: string, dtype: DType = "f32"): Node => {
  const words = text.split(" ").filter((w) => w !== "")
  const axes = words.filter((_, i) => i % 2 === 0)
  return b.input(`${dtype} ${text}`, dtype, axes, words.filter((_, i) => i % 2 === 1).map(Number))
}

const index = x("n 3", "i32")
const carry = b.input("carry.0", "f32", ["a"], [2])
const body: Body = { carry: [carry], each: [], constants: [], next: [b.unary("exp", carry)], out: [] }
const loop = b.scan({ body, inits: [x("a 2")], sequences: [], constants: [], axis: "t", length: 3, reverse: false })

const attended = b.attend("forward", [x("time 2 head 3"), x("key 4 head 3"), x("key 4 value 2")], {}, {
  query: "time",
  key: "key",
  head: "head",
  value: "value",
})
const written = b.write(x("a 5"), x("a 2"), x("", "i32"), "a")
const gathered = b.exchange(x("a 2"), { kind: "allGather", over: ["ring"], ranks: 3, axis: "rank" })
const shift = { kind: "permute", over: ["ring"], ranks: 3, shift: 1 } as const

/** Valid nodes with something changed, by the rule that this breaks. */
const cases: { readonly [rule: string]: ReadonlyArray<readonly [Node, object]> } = {
  "no-faults": [[b.binary("add", x("a 2"), x("a 3")), {}]],
  arity: [[b.unary("exp", x("a 2")), { args: [] }], [b.stop(x("a 2")), { args: [x("a 2"), x("a 2")] }]],
  "names-and-sizes": [
    [x("a 2"), { axes: ["a", "a"], shape: [2, 2] }],
    [x("a 2"), { shape: [0.5] }],
    [x("a 2"), { shape: [] }],
    [x("a 2"), { axes: [""] }],
  ],
  "same-axes": [
    [b.unary("exp", x("a 2")), { axes: ["b"] }],
    [b.binary("add", x("a 2"), x("a 2 ")), { shape: [3] }],
    [b.binary("add", x("a 2 b 2"), x("a 2 b 2 ")), { args: [x("a 2 b 2"), x("b 2 a 2")] }],
  ],
  dtypes: [
    [b.unary("exp", x("a 2")), { dtype: "f16" }],
    [b.unary("exp", x("a 2")), { args: [x("a 2", "i32")], dtype: "i32" }],
    [b.binary("lt", x("a 2"), x("a 2 ")), { dtype: "f32" }],
    [b.binary("add", x("a 2"), x("a 2 ")), { args: [x("a 2"), x("a 2", "f16")] }],
    [b.reduce("argmax", x("a 2"), ["a"]), { dtype: "f32" }],
    [b.select(x("a 2", "bool"), x("a 2"), 0), { args: [x("a 2"), x("a 2"), x("a 2 ")] }],
    [b.gather(x("v 9"), index, "v"), { args: [x("v 9"), x("n 3")] }],
    [b.scatter(x("n 3"), index, "v", 9), { args: [x("n 3"), x("n 3 ")] }],
    [b.bitcast(x("a 2"), "i32"), { dtype: "f16" }],
    [b.bitcast(x("a 2", "u8"), "u8"), { op: { tag: "bitcast" }, args: [x("a 2", "u8")], dtype: "bool" }],
    [b.iota("a", 2), { dtype: "f16" }],
    [b.align(x("a 2"), ["b", "a"], [1, 2]), { dtype: "i32" }],
    [b.argsort(x("a 2"), "a"), { dtype: "u32" }],
    [b.nearest(x("n 3 d 2"), x("c 4 d 2"), "d", "c"), { dtype: "f32" }],
    [b.nearest(x("n 3 d 2"), x("c 4 d 2"), "d", "c"), { args: [x("n 3 d 2"), x("c 4 d 2", "i32")] }],
    [b.cumulate("sum", x("a 2"), "a"), { dtype: "f16" }],
    [b.dot(x("a 2"), x("a 2 "), ["a"]), { dtype: "f16" }],
    [b.concat([x("a 2"), x("a 3")], "a"), { args: [x("a 2"), x("a 3", "f16")] }],
  ],
  "constant-fits": [[b.constant("i32", 1), { op: { tag: "constant", value: 0.5 } }]],
  "data-count": [[b.data("f32", ["a"], [2], new Float32Array(2)), { shape: [3] }]],
  "iota-axis": [[b.iota("a", 2), { axes: ["a", "b"], shape: [2, 1] }]],
  "align-within": [
    [b.align(x("a 2"), ["b", "a"], [1, 2]), { axes: ["b", "c"] }],
    [b.align(x("a 2"), ["b", "a"], [1, 2]), { shape: [1, 3] }],
  ],
  "reshape-count": [[b.reshape(x("a 6"), ["b", "c"], [2, 3]), { shape: [2, 4] }]],
  "slice-inside": [
    [b.slice(x("a 6"), [1], [2]), { shape: [6] }],
    [b.slice(x("a 6"), [1], [2]), { axes: ["b"] }],
    [b.slice(x("a 6"), [1], [2]), { op: { tag: "slice", start: [1], step: [0] } }],
    [b.slice(x("a 6"), [1], [2]), { op: { tag: "slice", start: [], step: [] } }],
  ],
  "pad-fits": [
    [b.padAxis(x("a 6"), "a", 1, 1), { shape: [6] }],
    [b.padAxis(x("a 6"), "a", 1, 1), { axes: ["b"] }],
    [b.padAxis(x("a 6"), "a", 1, 1), { op: { tag: "pad", low: [-1], interior: [0], value: 0 } }],
    [b.padAxis(x("a 6"), "a", 1, 1), { op: { tag: "pad", low: [1], interior: [], value: 0 } }],
    [b.padAxis(x("a 6", "i32"), "a", 1, 1), { op: { tag: "pad", low: [1], interior: [0], value: NaN } }],
  ],
  "concat-sum": [
    [b.concat([x("a 2"), x("a 3")], "a"), { shape: [6] }],
    [b.concat([x("a 2"), x("a 3")], "a"), { axes: ["b"] }],
    [b.concat([x("a 2 b 1"), x("a 3 b 1")], "a"), { shape: [5, 2] }],
  ],
  "window-inside": [
    [b.window(x("a 6"), "a", "t", 3), { shape: [5, 3] }],
    [b.window(x("a 6"), "a", "t", 3), { axes: ["t", "a"] }],
    [b.window(x("a 6 b 1"), "a", "t", 3), { shape: [4, 3, 2] }],
    [b.window(x("a 6"), "a", "t", 3), { op: { tag: "window", axis: "a", tap: "t", stride: 0, dilation: 1 } }],
  ],
  "reduce-keeps": [
    [b.reduce("sum", x("a 2 b 3"), ["a"]), { axes: ["a"] }],
    [b.reduce("sum", x("a 2 b 3"), ["a"]), { shape: [2] }],
    [b.reduce("sum", x("a 2 b 3"), ["a"]), { op: { tag: "reduce", fn: "sum", axes: ["c"] } }],
    [b.reduce("argmax", x("a 2 b 3"), ["a"]), { args: [x("a 0 b 3")] }],
  ],
  "dot-axes": [
    [b.dot(x("a 2 b 3"), x("b 3 c 4"), ["b"]), { axes: ["c", "a"], shape: [4, 2] }],
    [b.dot(x("a 2 b 3"), x("b 3 c 4"), ["b"]), { shape: [2, 5] }],
    [b.dot(x("a 2 b 3"), x("b 3 c 4"), ["b"]), { args: [x("a 2 b 3"), x("b 2 c 4")] }],
    [b.dot(x("a 2 b 3"), x("b 3 c 4"), ["b"]), { op: { tag: "dot", on: ["a"] } }],
  ],
  "gather-axes": [
    [b.gather(x("v 9 a 2"), index, "v"), { axes: ["a", "n"], shape: [2, 3] }],
    [b.gather(x("v 9 a 2"), index, "v"), { shape: [4, 2] }],
    [b.gather(x("v 9 a 2"), index, "v"), { op: { tag: "gather", axis: "w" } }],
  ],
  "scatter-axes": [
    [b.scatter(x("n 3 a 2"), index, "v", 9), { axes: ["v", "b"] }],
    [b.scatter(x("n 3 a 2"), index, "v", 9), { shape: [8, 2] }],
    [b.scatter(x("n 3 a 2"), index, "v", 9), { args: [x("a 2"), index] }],
  ],
  "cumulate-axis": [
    [b.cumulate("sum", x("a 2"), "a"), { op: { tag: "cumulate", fn: "sum", axis: "b", reverse: false } }],
  ],
  "argsort-axis": [[b.argsort(x("a 2"), "a"), { op: { tag: "argsort", axis: "b", descending: false } }]],
  "nearest-axes": [
    [b.nearest(x("n 3 d 2"), x("c 4 d 2"), "d", "c"), { axes: ["d"], shape: [2] }],
    [b.nearest(x("n 3 d 2"), x("c 4 d 2"), "d", "c"), { shape: [4] }],
    [b.nearest(x("n 3 d 2"), x("c 4 d 2"), "d", "c"), { op: { tag: "nearest", on: "n", code: "c" } }],
    [b.nearest(x("n 3 d 2"), x("c 4 d 2"), "d", "c"), { args: [x("n 3 d 2"), x("c 4 d 3")] }],
    [b.nearest(x("n 3 d 2"), x("c 4 d 2"), "d", "c"), { args: [x("n 3 d 2"), x("c 0 d 2")] }],
    [b.nearest(x("n 3 d 2"), x("c 4 d 2"), "d", "c"), { args: [x("n 3 d 2"), x("c 4 d 2 m 2")] }],
  ],
  "scan-body": [
    [loop, { args: [] }],
    [loop, { args: [x("a 3")] }],
    [loop, { op: { ...loop.op, length: 0.5 } }],
    [loop, { op: { ...loop.op, body: { ...body, next: [b.exchange(body.next[0]!, shift)] } } }],
    [loop, { op: { ...loop.op, body: { ...body, next: [] } } }],
    [loop, { op: { ...loop.op, body: { ...body, next: [x("a 2")] } } }],
    [loop, { op: { ...loop.op, body: { ...body, each: [carry] } }, args: [x("a 2"), x("a 2")] }],
    [loop, { op: { ...loop.op, body: { ...body, constants: [carry] } }, args: [x("a 2"), x("a 3")] }],
  ],
  "attend-fits": [
    [attended, { args: [...attended.args, x("a 1")] }],
    [attended, { args: [x("time 2 head 3"), x("key 4 head 2"), x("key 4 head 2")] }],
    [attended, { op: { ...attended.op, causal: -1 } as Op }],
    [attended, { op: { ...attended.op, head: "none" } as Op }],
  ],
  "write-fits": [
    [written, { args: [x("a 5"), x("b 2"), x("", "i32")] }],
    [written, { args: [x("a 5"), x("a 6"), x("", "i32")] }],
    [written, { args: [x("a 5"), x("a 2"), x("a 1", "i32")] }],
    [written, { shape: [4] }],
  ],
  "exchange-fits": [
    [gathered, { shape: [2, 2] }],
    [gathered, { op: { tag: "exchange", collective: { kind: "permute", over: ["ring"], ranks: 3, shift: 0.5 } } }],
    [gathered, { args: [x("rank 3 a 2")] }],
  ],
  "pick-result": [
    [b.pick(loop, 0), { op: { tag: "pick", index: 1 } }],
    [b.pick(loop, 0), { shape: [3] }],
    [b.pick(loop, 0), { dtype: "f16" }],
    [b.pick(loop, 0), { args: [x("a 2")] }],
  ],
}

it("has a broken example for every rule", () => {
  assert.equal(Object.keys(cases).sort(), rules.map((r) => r.name).sort())
})

it("tells a broken rule by its name", () => {
  for (const [name, examples] of Object.entries(cases)) {
    for (const [node, change] of examples) {
      if (Object.keys(change).length > 0) assert.equal(check([node]), [], `${name}: the example is valid at first`)
      const faults = check([{ ...node, ...change }])
      assert.is(faults.length, 1, `${name} by ${JSON.stringify(change)}: ${JSON.stringify(faults)}`)
      assert.is(faults[0]!._tag, "RuleFault")
      assert.ok(faults[0]!.message.startsWith(`breaks the rule '${name}': `), `${name}: ${faults[0]!.message}`)
    }
  }
})

it("looks into the bodies of loops", () => {
  const odd: Node = { ...b.unary("exp", carry), dtype: "f16" }
  const inner = { ...body, next: [b.cast(odd, "f32")] }
  const faults = check([{ ...loop, op: { ...loop.op, body: inner } } as Node])
  assert.equal(faults.map((f) => f.message), ["breaks the rule 'dtypes': gives f32, is f16"])
})

it("knows one input by one name", () => {
  const roots = [b.input("x", "f32", ["a"], [2]), b.input("x", "f32", ["a"], [3])]
  assert.equal(check(roots).map((f) => f.message), [
    "breaks the rule 'one-input-a-name': 'x' is f32[a 2] and f32[a 3]",
  ])
  assert.equal(check([roots[0]!, b.input("x", "f32", ["a"], [2])]), [])
})

it("finds nothing in what the constructors make", () => {
  assert.equal(check(everyOp()), [])
})

it.run()
