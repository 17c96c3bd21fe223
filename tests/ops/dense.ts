/**
 * Attention as it is written down: all scores at once, softmax, mean of values. What folds is held to this.
 * @module
 */
import * as fc from "fast-check"
import {
  align,
  binary,
  cast,
  constant,
  dot,
  iota,
  reduce,
  rename,
  select,
  stop,
  unary,
} from "../../core/graph/build.ts"
import { stopGradient } from "../../core/grad/custom.ts"
import { type Node, sizeOf } from "../../core/graph/node.ts"
import type { Axes } from "../../core/tensor/axes.ts"
import type { Spec } from "../../core/tensor/spec.ts"
import type { Float, Tensor } from "../../core/tensor/tensor.ts"
import { typed } from "../../core/tensor/tensor.ts"
import { attentionWithLogSumExp, type Finished } from "../../ops/attention.ts"

/** What is drawn: sizes and masks of an attention of `batch group share time head` over `batch group time|key head`. */
export interface Case {
  readonly batch: number
  readonly group: number
  readonly share: number
  readonly time: number
  readonly key: number
  readonly head: number
  readonly value: number
  /** Keys lie along the axis of the queries. */
  readonly self: boolean
  readonly causal: number
  readonly window: number
  readonly cap: number
  readonly scale: number
  readonly queryBlock: number
  readonly keyBlock: number
  readonly positions: boolean
  readonly segments: boolean
  readonly bias: boolean
}

const size = (most: number): fc.Arbitrary<number> => fc.integer({ min: 1, max: most })

/** Random sizes, masks, heads and blocks that need not divide. */
export const cases: fc.Arbitrary<Case> = fc.record({
  batch: size(2),
  group: size(2),
  share: size(3),
  time: size(9),
  key: size(9),
  head: size(4),
  value: size(4),
  self: fc.boolean(),
  causal: fc.constantFrom(0, 1, 1, 2, 3),
  window: fc.constantFrom(0, 0, 1, 4),
  cap: fc.constantFrom(0, 0, 1.5),
  scale: fc.constantFrom(0, 1, 0.5),
  queryBlock: size(10),
  keyBlock: size(10),
  positions: fc.boolean(),
  segments: fc.boolean(),
  bias: fc.boolean(),
}).map((c) => c.self ? { ...c, key: c.time } : c)

/** Inputs of a case, by name. */
export interface Given {
  readonly q: Node
  readonly k: Node
  readonly v: Node
  readonly queryPosition: Node
  readonly keyPosition: Node
  readonly querySegment: Node
  readonly keySegment: Node
  readonly bias: Node
}

const spec = (dtype: "f32" | "i32", axes: ReadonlyArray<string>, sizes: object): Spec<"f32" | "i32", Axes> => ({
  dtype,
  axes,
  shape: axes.map((a) => (sizes as { readonly [axis: string]: number })[a]!),
})

/** The specs of a case's inputs. */
export const specsOf = (c: Case): { readonly [K in keyof Given]: Spec<"f32" | "i32", Axes> } => {
  const key = c.self ? "time" : "key"
  return {
    q: spec("f32", ["batch", "time", "group", "share", "head"], c),
    k: spec("f32", ["batch", key, "group", "head"], c),
    v: spec("f32", ["batch", "group", key, "value"], c),
    queryPosition: spec("i32", ["batch", "time"], c),
    keyPosition: spec("i32", [key], c),
    querySegment: spec("i32", ["time"], c),
    keySegment: spec("i32", ["batch", key], c),
    bias: spec("f32", ["group", "share", "time", "key"], c),
  }
}

/** The same attention, folded. */
export const folded = (c: Case, g: Given): Finished<Float, Axes, Axes> => {
  const of = <T>(n: Node): T => n as T
  type Any = Tensor<Float, Axes>
  return attentionWithLogSumExp<Float, Axes, Axes, Axes, string, string, string, string>(
    of<Any>(g.q),
    of(g.k),
    of(g.v),
    {
      value: "value",
      ...(c.causal > 0 ? { causalBlockSize: c.causal } : {}),
      ...(c.window > 0 ? { window: c.window } : {}),
      ...(c.cap > 0 ? { cap: c.cap } : {}),
      ...(c.scale > 0 ? { scale: c.scale } : {}),
      ...(c.positions ? { positions: { query: of(g.queryPosition), key: of(g.keyPosition) } } : {}),
      ...(c.segments ? { segments: { query: of(g.querySegment), key: of(g.keySegment) } } : {}),
      ...(c.bias ? { bias: stopGradient(typed<Any>(g.bias)) } : {}),
      blocks: { query: c.queryBlock, key: c.keyBlock },
    },
  )
}

/** Attention of a case, dense: result and log-sum-exp, with 0 and the lowest f32 where nothing is seen. */
export const dense = (c: Case, given: Given): Finished<"f32", Axes, Axes> => {
  const keyed = (n: Node): Node => c.self ? rename(n, { time: "key" }) : n
  const [k, v] = [keyed(given.k), keyed(given.v)]
  const raw = binary("mul", dot(given.q, k, ["head"]), c.scale > 0 ? c.scale : 1 / Math.sqrt(c.head))
  const soft = c.cap > 0 ? binary("mul", unary("tanh", binary("mul", raw, 1 / c.cap)), c.cap) : raw
  const scores = c.bias ? binary("add", soft, stop(given.bias)) : soft
  const wide = (n: Node): Node => align(n, scores.axes, scores.shape)
  const place = (n: Node, axis: string): Node => wide(cast(c.positions ? n : iota(axis, sizeOf(scores, axis)!), "f32"))
  const [i, j] = [place(given.queryPosition, "time"), place(keyed(given.keyPosition), "key")]
  const block = (n: Node): Node => unary("floor", binary("div", n, Math.max(1, c.causal)))
  const all = wide(cast(constant("f32", 1), "bool"))
  const laws = [
    c.causal > 0 ? binary("ge", block(i), block(j)) : all,
    c.window > 0 ? binary("lt", unary("abs", binary("sub", i, j)), c.window) : all,
    c.segments ? binary("eq", wide(given.querySegment), wide(keyed(given.keySegment))) : all,
  ]
  const seen = cast(laws.reduce((x, y) => binary("and", x, y)), "f32")
  const open = cast(seen, "bool")
  const top = stop(reduce("max", select(open, scores, -1e30), ["key"]))
  const e = binary(
    "mul",
    unary("exp", binary("sub", select(open, scores, 0), select(open, align(top, scores.axes, scores.shape), 0))),
    seen,
  )
  const total = reduce("sum", e, ["key"])
  const any = binary("gt", total, 0)
  const safe = select(any, total, 1)
  const out = dot(binary("div", e, align(safe, e.axes, e.shape)), v, ["key"])
  const lse = select(any, binary("add", unary("log", safe), top), -3.4028234663852886e38)
  const rows = given.q.axes.filter((a) => a !== "head")
  const order = [...rows, "value"]
  const put = (n: Node, axes: ReadonlyArray<string>): Node => align(n, axes, axes.map((a) => sizeOf(n, a)!))
  return { out: typed(put(out, order)), logSumExp: typed(put(lse, rows)) }
}
