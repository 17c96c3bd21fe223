/**
 * Gradient rules of folds, contractions, and gather and scatter, which are transposes of each other.
 *
 * Where the largest (or smallest) element of a `max` (`min`) stands several times, each gets an equal share. A running
 * `max` or `min` gives all to the last of equals in its direction. `prod` is exact where elements are 0: it multiplies
 * the others, it does not divide.
 * @module
 */
import {
  align,
  binary,
  cast,
  cumulate,
  dot,
  gather,
  input,
  iota,
  padAxis,
  pick,
  reduce,
  reshape,
  scan,
  scatter,
  select,
  sliceAxis,
} from "../graph/build.ts"
import type { Node } from "../graph/node.ts"
import { count, sizeOf } from "../graph/node.ts"
import type { Rule } from "./rule.ts"
import { add, div, fit, mul, zeros } from "./rule.ts"

/** Product of all elements before (or, in reverse, behind) each. */
const productBefore = (x: Node, axis: string, reverse: boolean): Node => {
  const size = sizeOf(x, axis)!
  const shifted = sliceAxis(
    padAxis(x, axis, reverse ? 0 : 1, reverse ? 1 : 0, 1),
    axis,
    reverse ? 1 : 0,
    size,
  )
  return cumulate("prod", shifted, axis, reverse)
}

/** Product of all other elements along one axis. */
const productOfOthers = (x: Node, axis: string): Node =>
  mul(productBefore(x, axis, false), productBefore(x, axis, true))

/** d prod / d x_i is the product of the others; several axes are merged into one for it. */
const prodBack = (x: Node, axes: ReadonlyArray<string>, ct: Node): Node => {
  const kept = x.axes.filter((a) => !axes.includes(a))
  const order = [...kept, ...axes]
  const front = align(x, order, order.map((a) => sizeOf(x, a)!))
  const [keptShape, size] = [kept.map((a) => sizeOf(x, a)!), count(axes.map((a) => sizeOf(x, a)!))]
  const merged = reshape(front, [...kept, axes[0]!], [...keptShape, size])
  return mul(align(reshape(productOfOthers(merged, axes[0]!), order, front.shape), x.axes, x.shape), fit(ct, x))
}

/** ct to the elements that equal the extreme, in equal shares. */
const extremeBack = (x: Node, axes: ReadonlyArray<string>, node: Node, ct: Node): Node => {
  const hit = binary("eq", x, node)
  const ties = reduce("sum", cast(hit, x.dtype), axes)
  return select(hit, div(ct, ties), 0)
}

/**
 * For y_j = x_0 ... x_j: d x_i = (x_0 ... x_{i-1}) s_i where s_i = ct_i + x_{i+1} s_{i+1}, a loop against the running
 * direction. No division: elements may be 0.
 */
const runningProdBack = (x: Node, axis: string, reverse: boolean, ct: Node): Node => {
  const size = sizeOf(x, axis)!
  const next = sliceAxis(
    padAxis(x, axis, reverse ? 1 : 0, reverse ? 0 : 1, 1),
    axis,
    reverse ? 0 : 1,
    size,
  )
  const kept = x.axes.filter((a) => a !== axis)
  const shape = kept.map((a) => sizeOf(x, a)!)
  const [s, c, f] = ["carry.0", "each.0", "each.1"].map((name) => input(name, x.dtype, kept, shape)) as [
    Node,
    Node,
    Node,
  ]
  const sum = add(c, mul(f, s))
  const loop = scan({
    body: { carry: [s], each: [c, f], constants: [], next: [sum], out: [sum] },
    inits: [zeros(s)],
    sequences: [ct, next],
    constants: [],
    axis,
    length: size,
    reverse: !reverse,
  })
  return mul(productBefore(x, axis, reverse), align(pick(loop, 1), x.axes, x.shape))
}

/** Each place's ct goes to the place of the element that was the extreme then. */
const runningExtremeBack = (x: Node, axis: string, reverse: boolean, node: Node, ct: Node): Node => {
  const size = sizeOf(x, axis)!
  const place = align(iota(axis, size), x.axes, x.shape)
  const record = select(binary("eq", x, node), place, reverse ? size - 1 : 0)
  const holder = cumulate(reverse ? "min" : "max", record, axis, reverse)
  return scatter(ct, holder, axis, size, x.axes.filter((a) => a !== axis), x.axes)
}

/** ct contracted with the other factor over the axes that only they share; then in the order of `x`. */
const dotBack = (x: Node, other: Node, ct: Node): Node => {
  const on = other.axes.filter((a) => !x.axes.includes(a))
  return on.length === 0 ? mul(fit(ct, x), fit(other, x)) : align(dot(ct, other, on), x.axes, x.shape)
}

/** Rules of folds and indexing. */
export const fold: {
  readonly reduce: Rule<"reduce">
  readonly dot: Rule<"dot">
  readonly cumulate: Rule<"cumulate">
  readonly gather: Rule<"gather">
  readonly scatter: Rule<"scatter">
} = {
  reduce: ({ fn, axes }, node, ct) => {
    const x = node.args[0]!
    switch (fn) {
      case "sum":
        return [() => fit(ct, x)]
      case "prod":
        return [() => prodBack(x, axes, ct)]
      case "max":
      case "min":
        return [() => extremeBack(x, axes, node, ct)]
      case "argmax":
      case "argmin":
        return [null]
    }
  },
  dot: (_op, node, ct) => {
    const [x, y] = node.args as readonly [Node, Node]
    return [() => dotBack(x, y, ct), () => dotBack(y, x, ct)]
  },
  cumulate: ({ fn, axis, reverse }, node, ct) => {
    const x = node.args[0]!
    switch (fn) {
      case "sum":
        return [() => cumulate("sum", ct, axis, !reverse)]
      case "prod":
        return [() => runningProdBack(x, axis, reverse, ct)]
      case "max":
      case "min":
        return [() => runningExtremeBack(x, axis, reverse, node, ct)]
    }
  },
  gather: ({ axis }, node, ct) => {
    const [x, index] = node.args as readonly [Node, Node]
    const batch = index.axes.filter((a) => a !== axis && x.axes.includes(a))
    // halves are summed in f32: small parts would be lost in large sums
    const sum = (): Node => scatter(cast(ct, "f32"), index, axis, sizeOf(x, axis)!, batch, x.axes)
    return [() => cast(sum(), x.dtype), null]
  },
  scatter: ({ axis }, node, ct) => {
    const [updates, index] = node.args as readonly [Node, Node]
    return [() => align(gather(ct, index, axis), updates.axes, updates.shape), null]
  },
}
