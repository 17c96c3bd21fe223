/**
 * Cutting what is whole into the parts of ranks, and joining parts again: of graphs and of values at home. By names,
 * so that everything that has an axis is cut the same way.
 * @module
 */
import { align, concat, merge, reshape, slice, stack } from "../graph/build.ts"
import type { Node } from "../graph/node.ts"
import { count } from "../graph/node.ts"
import type { AnyHost } from "../tensor/host.ts"
import { coordinatesOf, layoutOf, localKind, placesOf, ranksAlong, runsOf, type Spread, spreadAxes } from "./shape.ts"

/** The part of an axis that belongs to a place among its ranks. */
const cutAxis = (x: Node, axis: string, spread: Spread, place: number): Node => {
  const at = x.axes.indexOf(axis)
  const ranks = ranksAlong(spread.shape, [spread.map[axis]!])
  const pieces = runsOf(layoutOf(spread, axis), x.shape[at]!, ranks, place).map(({ start, step, count }) =>
    slice(
      x,
      x.axes.map((_, i) => i === at ? start : 0),
      x.shape.map((n, i) => i === at ? count : n),
      x.axes.map((_, i) => i === at ? step : 1),
    )
  )
  return pieces.length === 1 ? pieces[0]! : concat(pieces, axis)
}

/** The part of a tensor that a rank has. */
export const cutNode = (x: Node, spread: Spread, rank: number): Node => {
  const own = coordinatesOf(spread.shape, rank)
  return spreadAxes(spread, x.axes).reduce((part, a) => cutAxis(part, a, spread, own[spread.map[a]!]!), x)
}

/** One place along a leading axis, without the axis. */
export const placeOf = (x: Node, place: number): Node =>
  reshape(
    slice(x, x.axes.map((_, i) => i === 0 ? place : 0), x.shape.map((n, i) => i === 0 ? 1 : n)),
    x.axes.slice(1),
    x.shape.slice(1),
  )

/** The whole axis from the parts of its ranks, in order. */
const joinAxis = (parts: ReadonlyArray<Node>, axis: string, spread: Spread): Node => {
  const layout = layoutOf(spread, axis)
  const [first] = parts as readonly [Node]
  if (layout === "contiguous") return concat(parts, axis)
  if (layout === "striped") {
    const among = `${axis}.ranks`
    const at = first.axes.indexOf(axis)
    const stacked = stack(parts, among)
    const axes = [...first.axes.slice(0, at + 1), among, ...first.axes.slice(at + 1)]
    const turned = align(stacked, axes, axes.map((a) => stacked.shape[stacked.axes.indexOf(a)]!))
    return merge(turned, [axis, among], axis)
  }
  const at = first.axes.indexOf(axis)
  const half = first.shape[at]! / 2
  const halfOf = (x: Node, second: boolean): Node =>
    slice(x, x.axes.map((_, i) => i === at && second ? half : 0), x.shape.map((n, i) => i === at ? half : n))
  return concat([...parts.map((p) => halfOf(p, false)), ...[...parts].reverse().map((p) => halfOf(p, true))], axis)
}

/** The whole tensor from the parts of all ranks, in the order of the ranks. */
export const joinNodes = (parts: ReadonlyArray<Node>, spread: Spread): Node => {
  const join = (
    list: ReadonlyArray<Node>,
    axes: ReadonlyArray<string>,
    fixed: { readonly [a: string]: number },
  ): Node => {
    const [mesh, ...rest] = axes
    if (mesh === undefined) {
      const at = list.findIndex((_, r) => {
        const own = coordinatesOf(spread.shape, r)
        return Object.entries(fixed).every(([a, i]) => own[a] === i)
      })
      return list[at]!
    }
    const [first] = list as readonly [Node]
    const axis = spreadAxes(spread, first.axes).find((a) => spread.map[a] === mesh)
    if (axis === undefined) return join(list, rest, { ...fixed, [mesh]: 0 })
    const ranks = ranksAlong(spread.shape, [mesh])
    return joinAxis(
      Array.from({ length: ranks }, (_, i) => join(list, rest, { ...fixed, [mesh]: i })),
      axis,
      spread,
    )
  }
  return join(parts, Object.keys(spread.shape), {})
}

/** The part of values at home that a rank has; what is not spread is given as it is. */
export const cutHost = <H extends AnyHost>(value: H, spread: Spread, rank: number): H => {
  const axes = spreadAxes(spread, value.axes)
  if (axes.length === 0) return value
  const own = coordinatesOf(spread.shape, rank)
  const local = localKind(spread, { axes: value.axes, shape: value.shape })
  const places = value.axes.map((a, i): ReadonlyArray<number> => {
    if (!axes.includes(a)) return Array.from({ length: value.shape[i]! }, (_, k) => k)
    const mesh = spread.map[a]!
    return placesOf(layoutOf(spread, a), value.shape[i]!, ranksAlong(spread.shape, [mesh]), own[mesh]!)
  })
  const from = value.data
  const data = new (from.constructor as new (n: number) => typeof from)(count(local.shape))
  const strides = value.shape.map((_, i) => count(value.shape.slice(i + 1)))
  let next = 0
  const fill = (axis: number, base: number): void => {
    if (axis === places.length) data[next++] = from[base]!
    else for (const p of places[axis]!) fill(axis + 1, base + p * strides[axis]!)
  }
  fill(0, 0)
  return { ...value, shape: local.shape, data }
}
