import { suite } from "uvu"
import * as assert from "uvu/assert"
import * as build from "../../../core/graph/build.ts"
import { type Node, topological } from "../../../core/graph/node.ts"
import { check } from "../../../core/graph/validity.ts"
import { rewrite } from "../../../core/rewrite/rewrite.ts"
import { rules } from "../../../core/rewrite/rules.ts"

const it = suite("rewrite")

const x = build.input("x", "f32", ["row", "column"], [4, 6])
const y = build.input("y", "f32", ["row", "column"], [4, 6])
const whole = build.input("i", "i32", ["row", "column"], [4, 6])
const thin = build.input("thin", "f32", ["row", "one"], [4, 1])
const turn = (n: Node): Node => build.align(n, ["column", "row"], [6, 4])
const flat = (n: Node): Node => build.reshape(n, ["all"], [24])
const half = (n: Node): Node => build.slice(n, [0, 0], [4, 3], [1, 2])

/** The sum of x's rows by a loop, which is given y too where `idle`. */
const summed = (idle: boolean): Node => {
  const [carry, each, other] = ["carry.0", "each.0", "each.1"].map((n) => build.input(n, "f32", ["column"], [6]))
  return build.scan({
    body: {
      carry: [carry!],
      each: idle ? [each!, other!] : [each!],
      constants: [],
      next: [build.binary("add", carry!, each!)],
      out: [],
    },
    inits: [build.constant("f32", 0, ["column"], [6])],
    sequences: idle ? [x, y] : [x],
    constants: [],
    axis: "row",
    length: 4,
    reverse: false,
  })
}

/** What each rule makes of an example of its law. */
const laws: { readonly [name: string]: readonly [before: Node, after: Node] } = {
  "align-align": [build.align(turn(x), ["row", "column"], [4, 6]), x],
  "align-order": [build.align(thin, ["one", "row"], [1, 4]), build.reshape(thin, ["one", "row"], [1, 4])],
  "reshape-reshape": [build.reshape(flat(x), ["row", "column"], [4, 6]), x],
  "slice-nothing": [build.slice(x, [0, 0], [4, 6], [1, 1]), x],
  "right-unit": [build.binary("mul", x, 1), x],
  "left-unit": [build.binary("add", build.constant("f32", 0, x.axes, x.shape), x), x],
  "add-neg": [build.binary("add", x, build.unary("neg", y)), build.binary("sub", x, y)],
  "int-zero": [build.binary("mul", whole, 0), build.constant("i32", 0, whole.axes, whole.shape)],
  "neg-neg": [build.unary("neg", build.unary("neg", x)), x],
  "select-same": [build.select(build.binary("lt", x, y), x, x), x],
  "cast-nothing": [build.cast(x, "f32"), x],
  stop: [build.stop(x), x],
  "loop-idle": [summed(true), summed(false)],
  "fold-nothing": [
    build.reduce("max", build.input("e", "f32", ["n", "m"], [2, 0]), ["m"]),
    build.constant("f32", -Infinity, ["n"], [2]),
  ],
}

const text = (n: Node): string => {
  const order = topological([n])
  return order.map((m) =>
    [
      JSON.stringify(m.op, (_, v) => typeof v === "number" ? String(v) : v),
      m.dtype,
      m.axes,
      m.shape,
      m.args.map((a) => order.indexOf(a)),
    ].join(";")
  ).join("\n")
}

for (const [name, [before, after]] of Object.entries(laws)) {
  it(`${name}: ${rules.find((r) => r.name === name)?.law}`, () => {
    assert.is(text(rewrite([before])[0]!), text(after))
  })
}

it("every rule has a name of its own and a law", () => {
  assert.is(new Set(rules.map((r) => r.name)).size, rules.length)
  assert.ok(rules.every((r) => r.law.includes("=") || r.law.includes(" is ")))
})

it("equal nodes become one", () => {
  const sum = build.binary("add", build.unary("exp", x), build.unary("exp", x))
  const [made] = rewrite([sum])
  assert.is(made!.args[0], made!.args[1])
})

it("equal literals become one, others not", () => {
  const data = (v: number): Node => build.data("f32", ["n"], [2], Float32Array.of(1, v))
  const [a, b, c] = rewrite([data(2), data(2), data(3)])
  assert.is(a, b)
  assert.is.not(a, c)
})

it("movement composes", () => {
  const [made] = rewrite([half(half(build.slice(x, [3, 5], [4, 6], [-1, -1])))])
  assert.is(topological([made!]).filter((n) => n.op.tag === "slice").length, 1)
})

it("what comes out is valid", () => {
  const roots = Object.values(laws).map(([before]) => before)
  assert.equal(check(rewrite(roots)), [])
})

it("constants keep NaN, infinity and minus zero", () => {
  const c = (v: number): Node => build.constant("f32", v, ["n"], [3])
  const made = rewrite([c(NaN), c(Infinity), c(-0), c(0)])
  assert.ok(Object.is((made[2]!.op as { value: number }).value, -0))
  assert.is.not(made[2], made[3])
  const sum = rewrite([build.binary("sub", c(Infinity), c(Infinity))])[0]!
  assert.ok(Number.isNaN((sum.op as { value: number }).value))
})

it("x * 0 stays for floats: x may be infinite", () => {
  const product = build.binary("mul", x, 0)
  assert.is(rewrite([product])[0]!.op.tag, "binary")
})

it.run()
