/**
 * Gradient rules of the ops that move elements: each is the transpose of a matrix of zeros and ones.
 * @module
 */
import { flip, pad, reshape, slice, sliceAxis } from "../graph/build.ts"
import type { Node } from "../graph/node.ts"
import { sizeOf } from "../graph/node.ts"
import type { Pull, Rule } from "./rule.ts"
import { add, fit, put, zeros } from "./rule.ts"

/** One tap of all windows, put back to the places it was taken from. */
const tapBack = (
  op: { readonly axis: string; readonly tap: string; readonly stride: number; readonly dilation: number },
  x: Node,
  ct: Node,
  tap: number,
): Node => {
  const one = sliceAxis(ct, op.tap, tap, 1)
  const without = reshape(one, x.axes, x.axes.map((a) => sizeOf(ct, a)!))
  const [at, none] = [x.axes.indexOf(op.axis), x.axes.map(() => 0)]
  return pad(without, put(none, at, tap * op.dilation), put(none, at, op.stride - 1), x.shape)
}

/** Rules of the ops that move elements. */
export const movement: {
  readonly align: Rule<"align">
  readonly reshape: Rule<"reshape">
  readonly slice: Rule<"slice">
  readonly pad: Rule<"pad">
  readonly concat: Rule<"concat">
  readonly window: Rule<"window">
} = {
  align: (_op, node, ct) => [() => fit(ct, node.args[0]!)],
  reshape: (_op, node, ct) => [() => reshape(ct, node.args[0]!.axes, node.args[0]!.shape)],
  slice: ({ start, step }, node, ct) => [() => {
    const x = node.args[0]!
    if (node.shape.includes(0)) return zeros(x)
    const back = flip(ct, node.axes.filter((_, i) => step[i]! < 0))
    const low = start.map((s, i) => step[i]! < 0 ? s + (node.shape[i]! - 1) * step[i]! : s)
    return pad(back, low, step.map((s, i) => node.shape[i]! > 1 ? Math.abs(s) - 1 : 0), x.shape)
  }],
  pad: ({ low, interior }, node, ct) => [() => {
    const { shape } = node.args[0]!
    return slice(ct, low.map((l, i) => shape[i] === 0 ? 0 : l), shape, interior.map((n) => n + 1))
  }],
  concat: ({ axis }, node, ct) => {
    const sizes = node.args.map((x) => sizeOf(x, axis)!)
    return node.args.map((_, i): Pull => () =>
      sliceAxis(ct, axis, sizes.slice(0, i).reduce((a, b) => a + b, 0), sizes[i]!)
    )
  },
  window: (op, node, ct) => [() => {
    const taps = Array.from({ length: sizeOf(node, op.tap)! }, (_, tap) => tapBack(op, node.args[0]!, ct, tap))
    return taps.reduce(add)
  }],
}
