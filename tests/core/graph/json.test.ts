import { createHash } from "node:crypto"
import { either as E } from "fp-ts"
import * as fc from "fast-check"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import * as b from "../../../core/graph/build.ts"
import { digest } from "../../../core/graph/digest.ts"
import { fromJson, type JsonGraph, toJson } from "../../../core/graph/json.ts"
import type { Node } from "../../../core/graph/node.ts"
import { print } from "../../../core/graph/print.ts"
import { sha256 } from "../../../core/graph/sha256.ts"
import { everyOp } from "./graphs.ts"

const it = suite("graphs as data")

const right = <A>(e: E.Either<unknown, A>): A => {
  if (E.isLeft(e)) throw new Error(JSON.stringify(e.left))
  return e.right
}
const document = (roots: ReadonlyArray<Node>): JsonGraph => JSON.parse(JSON.stringify(right(toJson(roots))))

it("reads what it wrote", () => {
  const again = right(fromJson(document(everyOp())))
  assert.is(print(again), print(everyOp()))
  assert.is(digest(again), digest(everyOp()))
  assert.equal(document(again), document(everyOp()))
})

it("keeps numbers that JSON has not, and every kind of elements", () => {
  for (const value of [NaN, Infinity, -Infinity, -0, 1e-45, 0.1]) {
    const [node] = right(fromJson(document([b.constant("f32", value)])))
    assert.ok(node!.op.tag === "constant" && Object.is(node!.op.value, value))
  }
  const arrays = [
    ["f32", Float32Array.of(NaN, -0, 1e-45)],
    ["f32", Float64Array.of(0.1, Infinity, 2 ** 60)],
    ["f16", Uint16Array.of(1, 2, 65535)],
    ["i32", Int32Array.of(-1, 0, 1)],
    ["u32", Uint32Array.of(0, 1, 4294967295)],
    ["bool", Uint8Array.of(0, 1, 1)],
  ] as const
  for (const [dtype, values] of arrays) {
    const part = values.subarray(1)
    const [node] = right(fromJson(document([b.data(dtype, ["n"], [2], part)])))
    assert.ok(node!.op.tag === "data")
    assert.is(node!.op.values.constructor, values.constructor)
    assert.equal([...node!.op.values], [...part])
  }
})

it("names content, not objects", () => {
  const x = b.input("x", "f32", ["a"], [2])
  const shared = b.binary("mul", b.unary("exp", x), b.unary("exp", x))
  const e = b.unary("exp", { ...x })
  assert.is(digest([shared]), digest([b.binary("mul", e, e)]))
  const op = { axis: "a", tag: "cumulate", reverse: false, fn: "sum" } as const
  assert.is(digest([b.cumulate("sum", x, "a")]), digest([{ ...b.cumulate("sum", x, "a"), op }]))
  const others = [
    b.binary("mul", e, b.unary("log", x)),
    b.unary("exp", e),
    b.cast(x, "f16"),
    b.input("y", "f32", ["a"], [2]),
    b.input("x", "f32", ["b"], [2]),
    b.input("x", "f32", ["a"], [3]),
    b.constant("f32", 0),
    b.constant("f32", -0),
    b.data("f32", ["a"], [2], Float32Array.of(1, 2)),
    b.data("f32", ["a"], [2], Float32Array.of(1, 3)),
  ]
  assert.is(new Set([shared, x, ...others].map((n) => digest([n]))).size, others.length + 2)
  assert.is.not(digest([x, e]), digest([e, x]))
})

it("hashes as the standard says", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      assert.is(sha256(bytes), createHash("sha256").update(bytes).digest("hex"))
    }),
    { seed: 5, numRuns: 200 },
  )
  assert.is(sha256(new Uint8Array(0)), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
})

it("does not write what is wrong, nor code", () => {
  const wrong = toJson([b.unary("exp", b.iota("a", 2)), b.custom(b.iota("a", 1), [], () => [])])
  assert.equal(E.isLeft(wrong) ? wrong.left.map((f) => `${f._tag} ${f.op}: ${f.message}`) : [], [
    "DTypeFault exp: takes f32, f16, bf16, got i32[a 2]; cast it first",
    "RuleFault toJson: a custom gradient rule is code and cannot be written; take the gradient first",
  ])
})

const refusal = (json: unknown): string => {
  const got = fromJson(json)
  return E.isLeft(got) ? got.left.map((f) => f.message).join("; ") : "believed"
}

it("does not believe foreign documents", () => {
  const x = b.input("x", "f32", ["a"], [2])
  const good = document([b.unary("exp", x)])
  const [first, second] = good.nodes as [JsonGraph["nodes"][0], JsonGraph["nodes"][0]]
  const cases: ReadonlyArray<readonly [unknown, RegExp]> = [
    [null, /^the document is not what is expected, got null$/],
    [{ ...good, version: 2 }, /^the document at version is not what is expected, got 2$/],
    [{ ...good, nodes: "none" }, /^the document at nodes /],
    [{ ...good, nodes: [{ ...first, dtype: "f64" }] }, /^the document at nodes\.0\.dtype .* got "f64"$/],
    [{ ...good, nodes: [{ ...first, dtype: "__proto__" }] }, /^the document at nodes\.0\.dtype /],
    [{ ...good, roots: [2] }, /^the root 2 is no node; there are 2$/],
    [{ ...good, roots: [-1] }, /^the root -1 is no node/],
    [{ ...good, nodes: [second, first] }, /^node 0 has the argument 0; arguments are numbers of earlier nodes$/],
    [{ ...good, nodes: [{ ...first, op: { tag: "dream" } }, second] }, /^node 0 is 'dream', which is no op/],
    [
      { ...good, nodes: [{ ...first, op: { tag: "constructor" } }, second] },
      /^node 0 is 'constructor', which is no op/,
    ],
    [{ ...good, nodes: [{ ...first, op: { tag: "custom" } }, second] }, /^node 0 is 'custom', which is no op/],
    [{ ...good, nodes: [first, { ...second, op: { tag: "unary", fn: "add" } }] }, /^node 1 at fn .* got "add"$/],
    [{ ...good, nodes: [first, { ...second, shape: [3] }] }, /^breaks the rule 'same-axes': /],
    [{ ...good, nodes: [{ ...first, shape: [2 ** 60] }, second] }, /^breaks the rule 'names-and-sizes': /],
    [
      { ...good, nodes: [{ ...first, op: { tag: "data", values: { type: "Float32Array", base64: "AAA=" } } }, second] },
      /^elements of node 0 cannot be read: /,
    ],
    [
      {
        ...good,
        nodes: [{ ...first, op: { tag: "data", values: { type: "Float32Array", base64: "AAAA!" } } }, second],
      },
      /^elements of node 0 cannot be read: /,
    ],
    [
      { ...good, nodes: [{ ...first, op: { tag: "data", values: { type: "Array", base64: "" } } }, second] },
      /^node 0 at values\.type /,
    ],
  ]
  assert.is(refusal(good), "believed")
  for (const [json, message] of cases) assert.match(refusal(json), message)
  const loop = document(everyOp())
  const bodies = loop.nodes.map((n) =>
    n.op.tag === "scan" ? { ...n, op: { ...n.op, body: { ...(n.op["body"] as object), next: [99] } } } : n
  )
  assert.match(refusal({ ...loop, nodes: bodies }), /^node \d+ names node 99 of its body, which has \d+$/)
})

it.run()
