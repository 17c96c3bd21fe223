/**
 * Random steps of every optimiser as graphs that work in place: gradients of any sizes, clipped, guarded, averaged.
 * @module
 */
import * as fc from "fast-check"
import { leaves } from "../../core/graph/leaves.ts"
import { count, type Node } from "../../core/graph/node.ts"
import { type AnySpec, f32, i32 } from "../../core/tensor/spec.ts"
import type { I32 } from "../../core/tensor/tensor.ts"
import { flatten, map } from "../../core/tensor/tree.ts"
import {
  adafactor,
  type AdafactorSettings,
  adafactorSpecs,
  adamW,
  averaged,
  chosenTree,
  clipFinite,
  muon,
  muonSpecs,
  palm,
  sgd,
} from "../../ops/optimiser.ts"
import { learningRate } from "../../ops/schedule.ts"
import type { RandomGraph } from "../core/device/graphs.ts"
import { noise } from "./updates.ts"

/** A tree of tensors whose type nobody looks at. */
type Any = never

interface Kind {
  readonly state: (params: unknown) => unknown
  readonly update: (p: Any, g: Any, s: Any) => { readonly params: unknown; readonly state: unknown }
}

const rate = learningRate({ kind: "cosine", peak: 0.1, warmup: 3, decay: 20, end: 0.01 })
const decays = (path: string): number => path === "w" ? 1 : 0
const inputs = (path: string): number => path === "w" ? 1 : path === "deep.0" ? 2 : 0

const factored = (settings: AdafactorSettings): Kind => ({
  state: (params) => adafactorSpecs(params, { ...settings, inputs }),
  update: adafactor({ ...settings, rate, inputs, decay: 0.1, decays }),
})

const kinds: { readonly [name: string]: Kind } = {
  adamw: {
    state: (params) => ({ step: i32(), first: params, second: params }),
    update: adamW({ rate, decay: 0.1, decays }),
  },
  "adamw, narrow momentum": {
    state: (params) => ({
      step: i32(),
      first: map(params, (s) => ({ ...s as AnySpec, dtype: "bf16" })),
      second: params,
    }),
    update: adamW({ rate, decay: 0.1, decays }),
  },
  adafactor: factored({ scaled: true }),
  palm: factored(palm),
  muon: {
    state: (params) => muonSpecs(params, { inputs }),
    update: muon({ rate, inputs, decay: 0.1, decays, times: 3 }),
  },
  sgd: { state: (params) => ({ step: i32(), velocity: params }), update: sgd({ rate, momentum: 0.9, nesterov: true }) },
}

/** Squares are above 0, steps are few, one number in many is not finite where the step is to be left out. */
const valuesOf = (path: string, spec: AnySpec, seed: number, sick: boolean): ReadonlyArray<number> => {
  const xs = noise(count(spec.shape), seed)
  if (spec.dtype === "i32") return [seed % 7]
  if (/second|rows|columns|whole/.test(path)) return xs.map((x) => Math.abs(x) + 0.1)
  const values = xs.map((x) => Math.fround(Math.round(x * 64) / 64 + 1 / 128))
  return sick && path === "g.w" ? values.map((x, i) => i === 0 ? Infinity : x) : values
}

/** A step of one of the optimisers. */
export const steps: fc.Arbitrary<RandomGraph> = fc.record({
  kind: fc.constantFrom(...Object.keys(kinds)),
  sizes: fc.tuple(...Array.from({ length: 4 }, () => fc.integer({ min: 1, max: 9 }))),
  seed: fc.integer({ min: 1, max: 999 }),
  sick: fc.boolean(),
  maxBindings: fc.constantFrom(8, 16),
}).map(({ kind, sizes: [a, b, c, d], seed, sick, maxBindings }): RandomGraph => {
  const { state, update } = kinds[kind]!
  const params = {
    w: f32("a b", { a: a!, b: b! }),
    deep: [f32("a c d", { a: a!, c: c!, d: d! }), f32("d", { d: d! })],
  }
  const tree = { p: params, s: state(params), average: params, g: params }
  const list = flatten(tree) as unknown as ReadonlyArray<readonly [string, AnySpec]>
  return {
    inputs: list.map(([path, s], i) => ({
      ...{ path, dtype: s.dtype, axes: s.axes, shape: s.shape },
      values: valuesOf(path, s, seed + i, sick),
    })),
    build: (nodes) => {
      let i = 0
      const given = map(tree, () => nodes[i++]!) as unknown as typeof tree
      const { clipped, norm, finite } = clipFinite(given.g as Any, 1, [])
      const made = update(given.p as Any, clipped, given.s as Any)
      const { step } = given.s as { readonly step: I32 }
      const next = { p: made.params, s: made.state, average: averaged(0.9)(given.average, made.params as Any, step) }
      const old = { p: given.p, s: given.s, average: given.average }
      const out = { ...chosenTree(finite, next, old as Any), norm, finite }
      const paths = flatten(out).map(([path]) => path)
      const roots: ReadonlyArray<Node> = leaves(out)
      return Object.fromEntries(paths.map((path, k) => [path, roots[k]!]))
    },
    donate: ["p", "s", "average"].flatMap((top) => list.map(([path]) => path).filter((p) => p.startsWith(`${top}.`))),
    maxBindings,
  }
})
