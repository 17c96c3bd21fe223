/**
 * A graph that has every op in it.
 * @module
 */
import * as b from "../../../core/graph/build.ts"
import type { Body, Node } from "../../../core/graph/node.ts"

const body = (): Body => {
  const carry = b.input("carry.0", "f32", ["model"], [4])
  const each = b.input("each.0", "f32", ["batch", "model"], [2, 4])
  const factor = b.input("const.0", "f32", [], [])
  const next = b.binary("add", carry, b.reduce("max", b.binary("mul", each, factor), ["batch"]))
  return { carry: [carry], each: [each], constants: [factor], next: [next], out: [b.unary("tanh", each)] }
}

/** Roots that need every op but `custom`; made anew at each call. */
export const everyOp = (): ReadonlyArray<Node> => {
  const x = b.input("x", "f32", ["batch", "time", "model"], [2, 6, 4])
  const index = b.input("index", "i32", ["batch", "time"], [2, 6])
  const table = b.data("f32", ["vocab", "model"], [3, 4], Float32Array.from({ length: 12 }, (_, i) => i / 8))
  const taken = b.gather(table, index, "vocab")
  const mixed = b.select(b.binary("lt", x, taken), b.unary("neg", x), b.constant("f32", -Infinity, x.axes, x.shape))
  const padded = b.padAxis(b.sliceAxis(mixed, "time", 5, 3, -2), "time", 1, 2, NaN, 1)
  const windows = b.window(padded, "time", "tap", 2, 2, 3)
  const loop = b.scan({
    body: body(),
    inits: [b.reduce("sum", x, ["batch", "time"])],
    sequences: [x],
    constants: [b.constant("f32", -0)],
    axis: "time",
    length: 6,
    reverse: true,
  })
  const keys = b.rename(x, { time: "key" })
  const places = b.argsort(b.pick(loop, 0), "model", true)
  const bits = b.binary("xor", b.bitcast(x, "u32"), b.cast(b.broadcast(b.iota("model", 4), ["time"], [6]), "u32"))
  return [
    b.dot(b.concat([windows, windows], "tap"), b.rename(b.cumulate("prod", x, "model"), { time: "key" }), ["model"]),
    b.nearest(x, table, "model", "vocab"),
    b.scatter(b.stop(x), index, "vocab", 3, ["batch"]),
    b.barrier(places, [b.merge(bits, ["time", "model"], "n")], 3),
    b.pick(loop, 1),
    b.pick(b.attend("forward", [x, keys, keys], {}, { query: "time", key: "key", head: "model", value: "model" }), 1),
    b.exchange(
      b.write(x, b.sliceAxis(x, "time", 1, 2), b.constant("i32", 2), "time"),
      { kind: "allGather", over: ["data", "ring"], ranks: 4, axis: "rank" },
    ),
  ]
}
