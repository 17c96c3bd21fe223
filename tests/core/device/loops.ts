/**
 * Loops for random graphs: over an axis, and over chunks of an axis, with carries that are summed, swapped, kept,
 * stacked and not asked for, products that are stored where the turn says, and loops inside of loops.
 * @module
 */
import * as b from "../../../core/graph/build.ts"
import { count, type Node, sizeOf } from "../../../core/graph/node.ts"
import type { Tape } from "../kernel/tape.ts"
import { axisOf, fresh, type Grow, some, value } from "./grow.ts"

const like = (name: string, axes: ReadonlyArray<string>, x: Node): Node =>
  b.input(name, "f32", axes, axes.map((a) => sizeOf(x, a)!))

/** A loop over one axis: the carry decays, takes in one slice, and is stacked. */
const decaying: Grow = (d) => {
  const x = some(d, (v) => v.node.dtype === "f32" && v.node.axes.length > 0)
  const axis = x && axisOf(d, x.node)
  if (x === undefined || axis === undefined) return undefined
  const rest = x.node.axes.filter((a) => a !== axis)
  const [carry, each, held] = [
    like("carry.0", rest, x.node),
    like("each.0", rest, x.node),
    like("const.0", rest, x.node),
  ]
  const next = b.binary("add", b.binary("mul", carry, 0.5), b.binary("mul", each, b.unary("tanh", held)))
  const loop = b.scan({
    body: { carry: [carry], each: [each], constants: [held], next: [next], out: [b.unary("sin", next)] },
    inits: [b.reduce("sum", x.node, [axis])],
    sequences: [x.node],
    constants: [b.reduce("max", b.binary("min", x.node, 4), [axis])],
    axis,
    length: sizeOf(x.node, axis)!,
    reverse: d.tape.once(2),
  })
  d.values.push(value(b.pick(loop, 0), false))
  return value(b.pick(loop, 1), false)
}

/** Each element plus those before it along `axis`, by a loop. */
const running = (x: Node, axis: string): Node => {
  const rest = x.axes.filter((a) => a !== axis)
  const [carry, each] = [like("carry.0", rest, x), like("each.0", rest, x)]
  const next = b.binary("add", carry, each)
  const loop = b.scan({
    body: { carry: [carry], each: [each], constants: [], next: [next], out: [next] },
    inits: [b.constant("f32", 0, rest, carry.shape)],
    sequences: [x],
    constants: [],
    axis,
    length: sizeOf(x, axis)!,
    reverse: false,
  })
  return b.align(b.pick(loop, 1), x.axes, x.shape)
}

/** Every slice of x along `axis` changed by itself, in a loop, and put where it was. */
const bySlices = (x: Node, by: Node, axis: string, turns: number): Node => {
  const slices = `${axis}/slices`
  const cut = b.split(x, axis, [slices, axis], { [slices]: turns })
  const rest = cut.axes.filter((a) => a !== slices)
  const [each, held] = [like("each.0", rest, cut), like("const.0", by.axes, by)]
  const loop = b.scan({
    body: {
      carry: [],
      each: [each],
      constants: [held],
      next: [],
      out: [b.binary("add", b.binary("mul", each, 0.5), b.reduce("sum", held, held.axes))],
    },
    inits: [],
    sequences: [cut],
    constants: [by],
    axis: slices,
    length: turns,
    reverse: false,
  })
  return b.merge(b.align(b.pick(loop, 0), cut.axes, cut.shape), [slices, axis], axis)
}

/** A number that divides n. */
const divisor = (tape: Tape, n: number): number =>
  tape.of(Array.from({ length: n }, (_, i) => i + 1).filter((k) => n % k === 0))

/** A loop over chunks of an axis, which need not be the first. */
const chunks: Grow = (d) => {
  const x = some(d, ({ node }) =>
    node.dtype === "f32" && node.axes.length > 1 && node.axes.length < 5 &&
    count(node.shape) > 0 && count(node.shape) < 300)
  const axis = x && axisOf(d, x.node)
  if (x === undefined || axis === undefined) return undefined
  const bounded = b.unary("tanh", x.node)
  const turns = divisor(d.tape, sizeOf(bounded, axis)!)
  const [chunk, other] = [fresh(d), fresh(d)]
  const cut = b.split(d.tape.once(2) ? bounded : x.node, axis, [chunk, axis], { [chunk]: turns })
  const feature = d.tape.of(bounded.axes.filter((a) => a !== axis))
  const turned = b.rename(bounded, { [feature]: other })
  const square = b.dot(bounded, turned, bounded.axes.filter((a) => a !== feature))
  const slice = cut.axes.filter((a) => a !== chunk)
  const each = like("each.0", slice, cut)
  const [sum, old, kept, unasked] = [0, 1, 2, 3].map((i) => like(`carry.${i}`, square.axes, square)) as [
    Node,
    Node,
    Node,
    Node,
  ]
  const held = like("const.0", square.axes, square)
  // written to where the turn says, and read before or after
  const [cache, from] = [like("carry.4", bounded.axes, bounded), b.input("each.1", "i32", [], [])]
  const written = b.write(cache, b.unary("sin", each), from, axis)
  const inner = b.unary("tanh", d.tape.once(2) ? running(each, feature) : each)
  const product = b.dot(inner, b.rename(each, { [feature]: other }), slice.filter((a) => a !== feature))
  const summed = b.binary("add", sum, product)
  const changing = like("carry.5", bounded.axes, bounded)
  const changed = bySlices(changing, b.unary("tanh", each), axis, turns)
  const swapped = d.tape.of([sum, b.binary("mul", sum, 0.5), b.binary("add", b.binary("mul", old, 0.5), sum)])
  const kinds = [
    b.dot(each, held, [feature]),
    b.binary("add", b.dot(each, kept, [feature]), 1),
    summed,
    b.binary("sub", swapped, sum),
    b.reduce("max", inner, [axis]),
    b.reduce("sum", d.tape.of([cache, written]), [axis]),
  ]
  const out = d.tape.shuffled(kinds).slice(0, 1 + d.tape.below(3))
  const loop = b.scan({
    body: {
      carry: [sum, old, kept, unasked, cache, changing],
      each: [each, from],
      constants: [held],
      next: [summed, swapped, kept, b.binary("add", unasked, summed), written, changed],
      out,
    },
    inits: [b.constant("f32", 0, square.axes, square.shape), b.unary("tanh", square), square, square, bounded, bounded],
    sequences: [cut, b.binary("mul", b.iota(chunk, turns), sizeOf(each, axis)!)],
    constants: [b.unary("sigmoid", square)],
    axis: chunk,
    length: turns,
    reverse: d.tape.once(2),
  })
  for (const i of [0, 1, 2, 4, 5]) if (d.tape.once(2)) d.values.push(value(b.pick(loop, i), false))
  if (d.tape.once(3)) d.values.push(value(bySlices(bounded, square, axis, turns), false))
  return value(b.pick(loop, 6 + d.tape.below(out.length)), false)
}

/** All of them. */
export const looping: ReadonlyArray<Grow> = [decaying, chunks]
