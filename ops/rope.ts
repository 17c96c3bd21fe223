/**
 * Rotary position embedding on interleaved pairs (Su et al., 2021): elements 2i and 2i + 1 of an axis are turned by the
 * angle position * theta^(-2i / size).
 *
 * At position 1,048,575 the product of two f32 is wrong by up to 0.06 rad, so angles are never multiplied as floats. A
 * frequency, in turns per position, is a fixed-point number of 48 bits behind the point; times the position, modulo one
 * turn, it is u32 arithmetic that wraps. What is left is a part of a turn of 32 bits, which becomes an f32 between -pi
 * and pi only then. Error at positions up to 2^20: 2^-29 turns by the frequency, 2^-31 by the product, and 4e-7 rad by
 * the roundings of the f32: below 5e-7 rad in all, whatever the dtype of what is turned.
 *
 * ```ts
 * import { type F32, iota, rope } from "@orrery/orrery"
 * const turn = (q: F32<"batch time heads head">): F32<"batch time heads head"> =>
 *   rope(q, iota("time", q.shape[1]), "head", 10_000)
 * ```
 * @module
 */
import * as build from "../core/graph/build.ts"
import { type Node, sizeOf } from "../core/graph/node.ts"
import { power } from "../core/tensor/elementary.ts"
import type { Axes, Has, Sub } from "../core/tensor/axes.ts"
import { fault, type Faults } from "../core/graph/fault.ts"
import { type Float, type Tensor, typed } from "../core/tensor/tensor.ts"

/** Turns per position of each pair, as 32 bits behind the point and 16 bits behind those; the same on every engine. */
const frequencies = (pairs: number, theta: number): readonly [high: Uint32Array, low: Uint32Array] => {
  const [high, low] = [new Uint32Array(pairs), new Uint32Array(pairs)]
  for (let i = 0; i < pairs; i++) {
    const fixed = Math.round(power(theta, -i / pairs) / (2 * Math.PI) * 2 ** 48) % 2 ** 48
    high[i] = Math.floor(fixed / 2 ** 16)
    low[i] = fixed % 2 ** 16
  }
  return [high, low]
}

/** Angles in rad within -pi ... pi, with a new last axis. Positions are whole and not below 0. */
const angles = (positions: Node, axis: string, pairs: number, theta: number): Node => {
  const [high, low] = frequencies(pairs, theta)
  const table = (values: Uint32Array): Node => build.data("u32", [axis], [pairs], values)
  const wide = (x: Node): Node => build.align(x, [...positions.axes, axis], [...positions.shape, pairs])
  const p = wide(build.cast(positions, "u32"))
  const times = (x: Node, y: Node): Node => build.binary("mul", x, y)
  const upper = times(build.binary("shr", p, 16), table(low))
  const lower = build.binary("shr", times(build.binary("and", p, 0xffff), table(low)), 16)
  const part = build.binary("add", build.binary("add", times(p, table(high)), upper), lower)
  return build.binary("mul", build.cast(build.bitcast(part, "i32"), "f32"), 2 * Math.PI / 2 ** 32)
}

const faultsOf = (size: number, axis: string, theta: number): Faults => [
  ...(size % 2 === 0 ? [] : [
    fault("SizeFault", "rope", `axis '${axis}' is ${size}; it holds pairs, so its size must be even`),
  ]),
  ...(theta >= 1 && theta < Infinity ? [] : [
    fault("ValueFault", "rope", `theta is ${theta}; expected a finite number of 1 or more, for instance 10000`),
  ]),
]

/**
 * Turns the pairs of `axis` by their positions. Positions are whole, 0 or more, with axes of `x`; they need no gradient.
 * Faults: an axis of odd size, a `theta` below 1 or not finite.
 */
export const rope = <D extends Float, A extends Axes, P extends Axes, const N extends string>(
  x: Tensor<D, A>,
  positions: Tensor<"i32" | "u32", P> & Sub<A, P>,
  axis: N & Has<A, N>,
  theta: number = 10_000,
): Tensor<D, A> => {
  const size = sizeOf(x, axis) ?? 0
  const wrong = faultsOf(size, axis, theta)
  if (wrong.length > 0) return typed({ ...x, args: [x], op: { tag: "stop" }, faults: wrong })
  const [pair, two] = [`${axis}.pair`, `${axis}.two`]
  const angle = angles(positions, pair, size / 2, theta)
  const signs = build.data("f32", [two], [2], Float32Array.of(-1, 1))
  const paired = build.split(build.cast(x, "f32"), axis, [pair, two], { [two]: 2 })
  const along = build.binary("mul", paired, build.unary("cos", angle))
  const across = build.binary("mul", build.binary("mul", build.flip(paired, [two]), signs), build.unary("sin", angle))
  return typed(build.cast(build.merge(build.binary("add", along, across), [pair, two], axis), x.dtype))
}
