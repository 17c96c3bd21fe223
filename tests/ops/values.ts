/**
 * Values of graphs as functions of points, so that a test can say of an op what it is for every point.
 * @module
 */
import { either as E } from "fp-ts"
import * as fc from "fast-check"
import * as assert from "uvu/assert"
import { data } from "../../core/graph/build.ts"
import { sentence } from "../../core/graph/fault.ts"
import { evaluate } from "../../core/graph/meaning.ts"
import { count, type Node } from "../../core/graph/node.ts"
import { check } from "../../core/graph/validity.ts"
import type { DType } from "../../core/tensor/dtype.ts"
import { store } from "../../core/tensor/host.ts"
import { typed } from "../../core/tensor/tensor.ts"
import type { Tensor } from "../../core/tensor/tensor.ts"
import type { Words } from "../../core/tensor/axes.ts"

/** A place, by the names of the axes. */
export type Point = { readonly [axis: string]: number }

/** Names, sizes, elements. */
export interface Values {
  readonly axes: ReadonlyArray<string>
  readonly shape: ReadonlyArray<number>
  readonly data: ArrayLike<number>
}

/** All points of a box, the last axis fastest. */
export const points = ({ axes, shape }: Omit<Values, "data">): ReadonlyArray<Point> =>
  axes.reduce<ReadonlyArray<Point>>(
    (all, axis, i) => all.flatMap((p) => Array.from({ length: shape[i]! }, (_, n) => ({ ...p, [axis]: n }))),
    [{}],
  )

/** The element at a point; the point may have other axes besides. */
export const at = (v: Values, point: Point): number => {
  const place = v.axes.reduce((n, a, i) => n * v.shape[i]! + point[a]!, 0)
  const inside = v.axes.every((a, i) => Number.isInteger(point[a]) && point[a]! >= 0 && point[a]! < v.shape[i]!)
  if (!inside) throw new Error(`no point ${JSON.stringify(point)} in ${v.axes} ${v.shape}`)
  return v.data[place]!
}

/** The value of a node, which is valid. */
export const run = (node: Node): Values => {
  assert.equal(check([node]).map(sentence), [])
  const got = evaluate([node], {})
  if (E.isLeft(got)) throw new Error(got.left.map(sentence).join("\n"))
  const value = got.right[0]!
  assert.is(value.data.length, count(node.shape))
  return { axes: node.axes, shape: node.shape, data: value.data }
}

/** The node has these axes, and at each point about this element. */
export const expect = (node: Node, axes: string, of: (p: Point) => number, tolerance: number = 1e-9): void => {
  const value = run(node)
  assert.is(value.axes.join(" "), axes)
  for (const p of points(value)) {
    const [got, want] = [at(value, p), of(p)]
    const same = Object.is(got, want) || got === want ||
      Math.abs(got - want) <= tolerance * Math.max(1, Math.abs(want))
    assert.ok(same, `at ${JSON.stringify(p)}: expected ${want}, got ${got}`)
  }
}

/** A literal tensor and its values. */
export interface Given<D extends DType, S extends string> {
  readonly x: Tensor<D, Words<S>>
  readonly v: Values
}

/** A literal tensor of these elements. */
export const given = <const S extends string, const D extends DType = "f32">(
  axes: S,
  shape: ReadonlyArray<number>,
  elements: ArrayLike<number>,
  dtype?: D,
): Given<D, S> => {
  const names = axes.split(" ").filter((a) => a !== "")
  const d: DType = dtype ?? "f32"
  const exact = d === "f32" ? Float64Array.from(elements) : store(d, elements)
  return {
    x: typed<Tensor<D, Words<S>>>(data(d, names, shape, exact)),
    v: { axes: names, shape, data: Array.from(elements) },
  }
}

/** Sizes with ones, odd ones and, where `least` is 0, empty ones. */
export const size = (least: number = 0): fc.Arbitrary<number> => fc.integer({ min: least, max: 5 })

/** Plain numbers. */
export const plain: fc.Arbitrary<number> = fc.double({ min: -4, max: 4, noNaN: true })

/** A tensor with random elements; sizes by name, any where not given. */
export const tensor = <const S extends string, const D extends DType = "f32">(
  axes: S,
  sizes: { readonly [axis: string]: number } = {},
  element: fc.Arbitrary<number> = plain,
  dtype?: D,
): fc.Arbitrary<Given<D, S>> => {
  const names = axes.split(" ").filter((a) => a !== "")
  return fc.tuple(...names.map((n) => sizes[n] === undefined ? size() : fc.constant(sizes[n]))).chain((shape) =>
    fc.array(element, { minLength: count(shape), maxLength: count(shape) }).map((elements) =>
      given<S, D>(axes, shape, elements, dtype)
    )
  )
}

/** Whole numbers from `low` up to `high`, with both. */
export const whole = (low: number, high: number): fc.Arbitrary<number> => fc.integer({ min: low, max: high })

/** Runs a property with a fixed seed. */
export const holds = <T>(arbitrary: fc.Arbitrary<T>, test: (value: T) => void, numRuns: number = 40): void =>
  fc.assert(fc.property(arbitrary, test), { seed: 20, numRuns })

/** Sum over a range. */
export const sumOver = (n: number, of: (i: number) => number): number => {
  let total = 0
  for (let i = 0; i < n; i++) total += of(i)
  return total
}
