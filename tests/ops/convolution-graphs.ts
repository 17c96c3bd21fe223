/**
 * Random convolutions along one axis or two, with all that a training asks of them: the result, both gradients, and the
 * gradients of these.
 * @module
 */
import * as fc from "fast-check"
import { linearise } from "../../core/grad/linearise.ts"
import { input } from "../../core/graph/build.ts"
import { count, type Node } from "../../core/graph/node.ts"
import type { Axes } from "../../core/tensor/axes.ts"
import { type Tensor, typed } from "../../core/tensor/tensor.ts"
import { silu } from "../../ops/activation.ts"
import { tanh } from "../../ops/elementwise.ts"
import { type Convolution, convolve, type Padding } from "../../ops/convolution.ts"
import type { Given, RandomGraph } from "../core/device/graphs.ts"
import { noise } from "./updates.ts"

/** How a kernel goes along one axis. */
export interface Along {
  readonly taps: number
  readonly stride: number
  readonly dilation: number
  readonly padding: Padding
  /** Places beyond those that one window needs. */
  readonly more: number
}

/** A convolution: image [batch row (col) group in], kernel [tap (dcol) group in out]. */
export interface Drawn {
  readonly ways: ReadonlyArray<Along>
  readonly batch: number
  readonly group: number
  readonly ins: number
  readonly outs: number
  readonly seed: number
}

const along = (most: number): fc.Arbitrary<Along> =>
  fc.record({
    taps: fc.integer({ min: 1, max: 4 }),
    stride: fc.integer({ min: 1, max: 3 }),
    dilation: fc.constantFrom(1, 1, 2),
    padding: fc.oneof(
      fc.constantFrom<Padding>("valid", "same"),
      fc.tuple(fc.integer({ min: 0, max: 4 }), fc.integer({ min: 0, max: 3 })),
    ),
    more: fc.integer({ min: 0, max: most }),
  })

/** Convolutions of at most so many places and features. */
export const drawn = (places: number, features: number): fc.Arbitrary<Drawn> => {
  const few = fc.integer({ min: 1, max: features })
  return fc.record({
    ways: fc.array(along(places), { minLength: 1, maxLength: 2 }),
    batch: fc.integer({ min: 1, max: 3 }),
    group: fc.constantFrom(1, 1, 2),
    ins: few,
    outs: few,
    seed: fc.integer({ min: 1, max: 999 }),
  })
}

const names = ["row", "col"], taps = ["drow", "dcol"]

/** Image and kernel. */
export const inputsOf = ({ ways, batch, group, ins, outs }: Drawn): readonly [x: Node, w: Node] => {
  const sizes = ways.map(({ taps, dilation, more }) => (taps - 1) * dilation + 1 + more)
  const rows = ways.map((_, d) => names[d]!), cols = ways.map((_, d) => taps[d]!)
  return [
    input("x", "f32", ["batch", ...rows, "group", "in"], [batch, ...sizes, group, ins]),
    input("w", "f32", [...cols, "group", "in", "out"], [...ways.map((w) => w.taps), group, ins, outs]),
  ]
}

const each = <T>({ ways }: Drawn, of: (w: Along) => T): { readonly [axis: string]: T } =>
  Object.fromEntries(ways.map((w, d) => [names[d]!, of(w)]))

/** The convolution of these nodes. */
export const made = (d: Drawn, x: Node, w: Node): Node => {
  const how: Convolution = {
    stride: each(d, ({ stride }) => stride),
    dilation: each(d, ({ dilation }) => dilation),
    padding: each(d, ({ padding }) => padding),
  }
  const pairs = Object.fromEntries(d.ways.map((_, k) => [names[k]!, taps[k]!]))
  return convolve<"f32", Axes, Axes, Record<string, string>, string>(
    typed<Tensor<"f32", Axes>>(x),
    typed<Tensor<"f32", Axes>>(w),
    pairs,
    "in",
    how,
  )
}

const given = (node: Node, path: string, seed: number): Given => ({
  path,
  dtype: "f32",
  axes: node.axes,
  shape: node.shape,
  values: noise(count(node.shape), seed).map(Math.fround),
})

const curved = (d: Drawn, x: Node, w: Node): Node => silu(typed<Tensor<"f32", Axes>>(made(d, x, w)))

const of = (d: Drawn, build: RandomGraph["build"]): RandomGraph => {
  const [x, w] = inputsOf(d)
  const ct = given(made(d, x, w), "ct", d.seed + 2)
  return { inputs: [given(x, "x", d.seed), given(w, "w", d.seed + 1), ct], build, donate: [], maxBindings: 8 }
}

/** Result and gradients of a convolution of something computed, with something computed of it. */
export const steps = (d: Drawn): RandomGraph =>
  of(d, ([x, w, ct]) => {
    const value = curved(d, tanh(typed<Tensor<"f32", Axes>>(x!)), w!)
    const [dx, dw] = linearise([value], [x!, w!]).pullback([ct!])
    return { y: made(d, x!, w!), value, dx: dx!, dw: dw! }
  })

/** Result and gradients; a curved function behind it, so that gradients have gradients. */
export const convolutions: fc.Arbitrary<RandomGraph> = drawn(4, 5).map((d) =>
  of(d, ([x, w, ct]) => {
    const [dx, dw] = linearise([curved(d, x!, w!)], [x!, w!]).pullback([ct!])
    const again = linearise([dx!, dw!], [x!, w!, ct!]).pullback([x!, w!])
    return { y: made(d, x!, w!), dx: dx!, dw: dw!, ddx: again[0]!, ddw: again[1]!, ddct: again[2]! }
  })
)
