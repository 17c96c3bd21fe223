import { suite } from "uvu"
import * as assert from "uvu/assert"
import { either as E } from "fp-ts"
import type { DType } from "../../../core/tensor/dtype.ts"
import type { Body, Node, Op } from "../../../core/graph/node.ts"
import type { Inputs } from "../../../core/graph/meaning.ts"
import { evaluate } from "../../../core/graph/meaning.ts"

const it = suite("meaning of a graph")

const node = (op: Op, args: ReadonlyArray<Node>, dtype: DType, axes: string, ...shape: number[]): Node => ({
  op,
  args,
  dtype,
  axes: axes.split(" ").filter((a) => a !== ""),
  shape,
  faults: [],
})

const data = (dtype: DType, axes: string, shape: number[], values: number[]): Node =>
  node({ tag: "data", values: Float64Array.from(values) }, [], dtype, axes, ...shape)

const vector = (dtype: DType, ...values: number[]): Node => data(dtype, "a", [values.length], values)

const input = (name: string, dtype: DType, axes: string, ...shape: number[]): Node =>
  node({ tag: "input", name }, [], dtype, axes, ...shape)

const value = (root: Node, inputs: Inputs = {}): number[] => {
  const got = evaluate([root], inputs)
  if (E.isLeft(got)) throw new Error(got.left.map((f) => f.message).join("; "))
  return [...got.right[0]!.data]
}

const matrix = data("f32", "row col", [2, 3], [1, 2, 3, 4, 5, 6])

it("reads inputs by name, halves by their bits", () => {
  assert.equal(value(input("w.x", "f32", "a", 2), { "w.x": [1, 2] }), [1, 2])
  assert.equal(value(input("h", "f16", "a", 2), { h: Uint16Array.of(0x3c00, 0xc000) }), [1, -2])
})

it("refuses inputs that lack or have another length, and nodes with faults", () => {
  const two = evaluate([input("x", "f32", "a", 2), input("y", "f32", "a", 2)], { y: [1] })
  assert.ok(E.isLeft(two))
  assert.equal(two.left.map((f) => f._tag), ["NameFault", "SizeFault"])
  const wrong: Node = { ...matrix, faults: two.left }
  assert.ok(E.isLeft(evaluate([wrong], {})))
})

it("makes constants and counts", () => {
  assert.equal(value(node({ tag: "constant", value: 2.5 }, [], "f32", "a", 3)), [2.5, 2.5, 2.5])
  assert.equal(value(node({ tag: "iota" }, [], "i32", "a", 4)), [0, 1, 2, 3])
})

it("computes functions of one and two elements", () => {
  const x = vector("f32", -1.5, 0, 2.5, Infinity, NaN)
  assert.equal(value(node({ tag: "unary", fn: "round" }, [x], "f32", "a", 5)), [-2, 0, 2, Infinity, NaN])
  assert.equal(value(node({ tag: "unary", fn: "isfinite" }, [x], "bool", "a", 5)), [1, 1, 1, 0, 0])
  assert.equal(value(node({ tag: "binary", fn: "le" }, [x, x], "bool", "a", 5)), [1, 1, 1, 1, 0])
  const c = vector("bool", 1, 0, 1, 0, 1)
  const y = vector("f32", 9, 8, 7, 6, 5)
  assert.equal(value(node({ tag: "select" }, [c, x, y], "f32", "a", 5)), [-1.5, 8, 2.5, 6, NaN])
})

it("converts values and bits", () => {
  const x = vector("f32", -1.9, 3e9, -3e9, NaN, 300.7)
  assert.equal(value(node({ tag: "cast" }, [x], "i32", "a", 5)), [-1, 2147483647, -2147483648, 0, 300])
  assert.equal(value(node({ tag: "cast" }, [x], "u8", "a", 5)), [0, 255, 0, 0, 255])
  assert.equal(value(node({ tag: "cast" }, [vector("f32", 2049, 1e6)], "f16", "a", 2)), [2048, Infinity])
  assert.equal(value(node({ tag: "bitcast" }, [vector("f32", 1, -0)], "u32", "a", 2)), [0x3f800000, 0x80000000])
  assert.equal(value(node({ tag: "bitcast" }, [vector("u32", 0x40490fdb)], "f32", "a", 1)), [Math.fround(Math.PI)])
})

it("aligns by name and reshapes in row-major order", () => {
  assert.equal(value(node({ tag: "align" }, [matrix], "f32", "col row", 3, 2)), [1, 4, 2, 5, 3, 6])
  assert.equal(
    value(node({ tag: "align" }, [vector("f32", 1, 2)], "f32", "b a c", 2, 2, 2)),
    [1, 1, 2, 2, 1, 1, 2, 2],
  )
  assert.equal(value(node({ tag: "reshape" }, [matrix], "f32", "x y", 3, 2)), [1, 2, 3, 4, 5, 6])
})

it("slices with steps of either sign", () => {
  const s = node({ tag: "slice", start: [1, 0], step: [-1, 2] }, [matrix], "f32", "row col", 2, 2)
  assert.equal(value(s), [4, 6, 1, 3])
})

it("pads before, between and after", () => {
  const p = node({ tag: "pad", low: [1], interior: [2], value: -1 }, [vector("f32", 7, 8)], "f32", "a", 6)
  assert.equal(value(p), [-1, 7, -1, -1, 8, -1])
})

it("joins along an axis", () => {
  const right = data("f32", "row col", [2, 1], [10, 20])
  assert.equal(value(node({ tag: "concat", axis: "col" }, [matrix, right], "f32", "row col", 2, 4)), [
    ...[1, 2, 3, 10],
    ...[4, 5, 6, 20],
  ])
  assert.equal(value(node({ tag: "concat", axis: "row" }, [matrix, matrix], "f32", "row col", 4, 3)), [
    ...[1, 2, 3, 4, 5, 6],
    ...[1, 2, 3, 4, 5, 6],
  ])
})

it("takes windows", () => {
  const x = vector("f32", 0, 1, 2, 3, 4, 5, 6)
  const w = node({ tag: "window", axis: "a", tap: "k", stride: 2, dilation: 3 }, [x], "f32", "a k", 2, 2)
  assert.equal(value(w), [0, 3, 2, 5])
})

it("folds over axes", () => {
  const over = (fn: "sum" | "prod" | "max" | "min", ...axes: string[]): number[] =>
    value(
      node(
        { tag: "reduce", fn, axes },
        [matrix],
        "f32",
        axes.length === 2 ? "" : "col",
        ...[[], [3], []][axes.length]!,
      ),
    )
  assert.equal(over("sum", "row"), [5, 7, 9])
  assert.equal(over("prod", "row", "col"), [720])
  assert.equal(over("max", "row"), [4, 5, 6])
  assert.equal(over("min", "col", "row"), [1])
  const wide = vector("i32", 2147483647, 1)
  assert.equal(value(node({ tag: "reduce", fn: "sum", axes: ["a"] }, [wide], "i32", "")), [-2147483648])
  const none = data("f32", "a", [0], [])
  assert.equal(value(node({ tag: "reduce", fn: "max", axes: ["a"] }, [none], "f32", "")), [-Infinity])
  assert.equal(value(node({ tag: "reduce", fn: "max", axes: ["a"] }, [vector("f32", 1, NaN)], "f32", "")), [NaN])
})

it("finds the first of the extremes, NaN before all", () => {
  const arg = (fn: "argmax" | "argmin", ...values: number[]): number[] =>
    value(node({ tag: "reduce", fn, axes: ["a"] }, [vector("f32", ...values)], "i32", ""))
  assert.equal(arg("argmax", 1, 3, 3, 2), [1])
  assert.equal(arg("argmin", 1, 0, -1, -1), [2])
  assert.equal(arg("argmax", 1, NaN, 3, NaN), [1])
  assert.equal(arg("argmin", -Infinity, NaN), [1])
  assert.equal(arg("argmax", -Infinity, -Infinity), [0])
})

it("sums products over names, side by side where both have an axis", () => {
  const other = data("f32", "col row", [3, 2], [1, 0, 0, 1, 1, 1])
  assert.equal(value(node({ tag: "dot", on: ["col"] }, [matrix, other], "f32", "row", 2)), [4, 11])
  assert.equal(value(node({ tag: "dot", on: ["row", "col"] }, [matrix, other], "f32", "")), [1 + 3 + 5 + 6])
  const bytes = vector("i32", 65537, 1)
  assert.equal(value(node({ tag: "dot", on: ["a"] }, [bytes, bytes], "i32", "")), [131074])
})

it("gathers, 0 outside", () => {
  const index = data("i32", "k", [4], [1, -1, 2, 0])
  assert.equal(value(node({ tag: "gather", axis: "col" }, [matrix, index], "f32", "row k", 2, 4)), [
    ...[2, 0, 3, 1],
    ...[5, 0, 6, 4],
  ])
  const perRow = data("i32", "row", [2], [2, 3])
  assert.equal(value(node({ tag: "gather", axis: "col" }, [matrix, perRow], "f32", "row", 2)), [3, 0])
  const order = data("i32", "row col", [2, 3], [2, 1, 0, 0, 0, 1])
  assert.equal(value(node({ tag: "gather", axis: "col" }, [matrix, order], "f32", "row col", 2, 3)), [
    ...[3, 2, 1],
    ...[4, 4, 5],
  ])
})

it("scatters, dropped outside", () => {
  const index = data("i32", "col", [3], [1, 1, 9])
  const s = node({ tag: "scatter", axis: "v", size: 2 }, [matrix, index], "f32", "row v", 2, 2)
  assert.equal(value(s), [0, 3, 0, 9])
  const perRow = data("i32", "row", [2], [0, 1])
  const t = node({ tag: "scatter", axis: "v", size: 2 }, [matrix, perRow], "f32", "v col", 2, 3)
  assert.equal(value(t), [1, 2, 3, 4, 5, 6])
  const beside = node({ tag: "scatter", axis: "v", size: 2 }, [matrix, perRow], "f32", "row v col", 2, 2, 3)
  assert.equal(value(beside), [1, 2, 3, 0, 0, 0, 0, 0, 0, 4, 5, 6])
})

it("runs along an axis", () => {
  const run = (axis: string, reverse: boolean): number[] =>
    value(node({ tag: "cumulate", fn: "sum", axis, reverse }, [matrix], "f32", "row col", 2, 3))
  assert.equal(run("col", false), [1, 3, 6, 4, 9, 15])
  assert.equal(run("col", true), [6, 5, 3, 15, 11, 6])
  assert.equal(run("row", false), [1, 2, 3, 5, 7, 9])
})

it("sorts stably, NaN last", () => {
  const x = vector("f32", 3, NaN, 1, 3, -Infinity, 1)
  const sort = (descending: boolean): number[] =>
    value(node({ tag: "argsort", axis: "a", descending }, [x], "i32", "a", 6))
  assert.equal(sort(false), [4, 2, 5, 0, 3, 1])
  assert.equal(sort(true), [0, 3, 2, 5, 4, 1])
})

it("finds the nearest code, the lowest of equals", () => {
  const near = (op: Node["op"], z: Node, e: Node): number[] => value(node(op, [z, e], "i32", "row", 2))
  const codes = data("f32", "code col", [4, 3], [9, 9, 9, 1, 2, 2, 4, 5, 6, 1, 2, 2])
  assert.equal(near({ tag: "nearest", on: "col", code: "code" }, matrix, codes), [1, 2])
  const turned = data("f32", "col code", [3, 2], [5, 1, 5, 1, 5, 1])
  assert.equal(near({ tag: "nearest", on: "col", code: "code" }, matrix, turned), [1, 0])
  const own = data("f32", "row code col", [2, 2, 3], [1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6])
  assert.equal(near({ tag: "nearest", on: "col", code: "code" }, matrix, own), [0, 1])
  const odd = data("f32", "row col", [2, 3], [NaN, 0, 0, 0, Infinity, 0])
  assert.equal(near({ tag: "nearest", on: "col", code: "code" }, odd, codes), [0, 0])
})

it("passes through stop, barrier and custom", () => {
  const x = vector("f32", 1, 2)
  assert.equal(value(node({ tag: "stop" }, [x], "f32", "a", 2)), [1, 2])
  assert.equal(value(node({ tag: "barrier", key: 0 }, [x, matrix], "f32", "a", 2)), [1, 2])
  assert.equal(value(node({ tag: "custom", vjp: () => [] }, [x, matrix], "f32", "a", 2)), [1, 2])
})

it("loops, forwards and backwards, and picks results", () => {
  const carry = input("carry.0", "f32", "", ...[])
  const each = input("each.0", "f32", "row", 2)
  const scale = input("const.0", "f32", "")
  const total = node({ tag: "reduce", fn: "sum", axes: ["row"] }, [each], "f32", "")
  const next = node(
    { tag: "binary", fn: "add" },
    [
      node({ tag: "binary", fn: "mul" }, [carry, scale], "f32", ""),
      total,
    ],
    "f32",
    "",
  )
  const out = node(
    { tag: "binary", fn: "add" },
    [
      each,
      node({ tag: "align" }, [carry], "f32", "row", 2),
    ],
    "f32",
    "row",
    2,
  )
  const body: Body = { carry: [carry], each: [each], constants: [scale], next: [next], out: [out] }
  const constant = (v: number): Node => node({ tag: "constant", value: v }, [], "f32", "")
  const scan = (reverse: boolean): Node =>
    node({ tag: "scan", body, axis: "col", length: 3, reverse }, [constant(1), matrix, constant(2)], "f32", "")
  // col sums are 5, 7, 9: 1 -> 7 -> 21 -> 51
  assert.equal(value(node({ tag: "pick", index: 0 }, [scan(false)], "f32", "")), [51])
  assert.equal(value(node({ tag: "pick", index: 1 }, [scan(false)], "f32", "col row", 3, 2)), [2, 5, 9, 12, 24, 27])
  // 1 -> 11 -> 29 -> 63
  assert.equal(value(node({ tag: "pick", index: 0 }, [scan(true)], "f32", "")), [63])
  assert.equal(value(node({ tag: "pick", index: 1 }, [scan(true)], "f32", "col row", 3, 2)), [30, 33, 13, 16, 4, 7])
})

it("keeps empty axes empty", () => {
  const empty = data("f32", "a b", [0, 3], [])
  assert.equal(value(node({ tag: "align" }, [empty], "f32", "b a", 3, 0)), [])
  assert.equal(value(node({ tag: "reduce", fn: "sum", axes: ["a"] }, [empty], "f32", "b", 3)), [0, 0, 0])
  assert.equal(value(node({ tag: "cumulate", fn: "sum", axis: "a", reverse: false }, [empty], "f32", "a b", 0, 3)), [])
})

it("walks deep graphs", () => {
  const one = node({ tag: "constant", value: 1 }, [], "f32", "")
  const deep = Array.from({ length: 20000 }).reduce<Node>(
    (x) => node({ tag: "binary", fn: "add" }, [x, one], "f32", ""),
    one,
  )
  assert.equal(value(deep), [20001])
})

it.run()
