/**
 * Gradients against central differences, both in the float64 interpreter.
 * @module
 */
import { either as E } from "fp-ts"
import fc from "fast-check"
import * as assert from "uvu/assert"
import { input } from "../../../core/graph/build.ts"
import type { Inputs } from "../../../core/graph/meaning.ts"
import { evaluate } from "../../../core/graph/meaning.ts"
import type { Node } from "../../../core/graph/node.ts"
import { count } from "../../../core/graph/node.ts"
import { linearise } from "../../../core/grad/linearise.ts"

/** The elements of each root; throws what is wrong. */
export const values = (roots: ReadonlyArray<Node>, inputs: Inputs = {}): ReadonlyArray<ReadonlyArray<number>> => {
  const got = evaluate(roots, inputs)
  if (E.isLeft(got)) throw new Error(got.left.map((f) => `${f.op}: ${f.message}`).join("; "))
  return got.right.map((v) => [...v.data])
}

/** A reproducible stream of numbers in 0..1. */
export const stream = (seed: number): () => number => {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}

/** Numbers between low and high. */
export const draw = (seed: number, n: number, low = -2, high = 2): ReadonlyArray<number> => {
  const next = stream(seed)
  return Array.from({ length: n }, () => low + (high - low) * next())
}

/** Names of axes with sizes, as `{ a: 2, b: 3 }`. */
export type Sizes = { readonly [axis: string]: number }

/** An f32 input of these axes. */
export const tensor = (name: string, axes: string, sizes: Sizes): Node => {
  const names = axes.split(" ").filter((a) => a !== "")
  return input(name, "f32", names, names.map((a) => sizes[a]!))
}

const dot = (xs: ReadonlyArray<number>, ys: ReadonlyArray<number>): number =>
  xs.reduce((sum, x, i) => sum + x * ys[i]!, 0)

/** Asserts that gradient = (f(x + h) - f(x - h)) / 2h for every element of every input, for random cotangents; `fixed` inputs stay. */
export const agrees = (
  f: (xs: ReadonlyArray<Node>) => ReadonlyArray<Node>,
  inputs: ReadonlyArray<Node>,
  given: ReadonlyArray<ReadonlyArray<number>>,
  tolerance = 1e-6,
  fixed: Inputs = {},
): void => {
  const outputs = f(inputs)
  const weights = outputs.map((o, i) => draw(77 + i, count(o.shape)))
  const cts = outputs.map((o, i) => input(`ct.${i}`, "f32", o.axes, o.shape))
  const names = inputs.map((x) => x.op.tag === "input" ? x.op.name : "")
  const bind = (xs: ReadonlyArray<ReadonlyArray<number>>): Inputs =>
    Object.fromEntries([
      ...Object.entries(fixed),
      ...xs.map((x, i) => [names[i], x]),
      ...weights.map((w, i) => [`ct.${i}`, w]),
    ])
  const linear = linearise(outputs, inputs)
  const gradients = values(linear.pullback(cts), bind(given))
  const total = (xs: ReadonlyArray<ReadonlyArray<number>>): number =>
    values(linear.outputs, bind(xs)).reduce((sum, y, i) => sum + dot(y, weights[i]!), 0)
  const h = 1e-5
  given.forEach((x, i) =>
    x.forEach((_, k) => {
      const moved = (by: number) => given.map((y, j) => j === i ? y.map((v, m) => m === k ? v + by : v) : y)
      const wanted = (total(moved(h)) - total(moved(-h))) / (2 * h)
      const got = gradients[i]![k]!
      const scale = Math.max(1, Math.abs(wanted))
      assert.ok(Math.abs(got - wanted) <= tolerance * scale, `d ${names[i]}[${k}]: ${got}, by differences ${wanted}`)
    })
  )
}

/** Random sizes for the axes, 1 to 4, and a seed for values. */
export const shapes = (axes: string): fc.Arbitrary<readonly [Sizes, number]> =>
  fc.tuple(
    fc.record(Object.fromEntries(axes.split(" ").map((a) => [a, fc.integer({ min: 1, max: 4 })]))),
    fc.integer({ min: 1, max: 1e9 }),
  )

/** Runs a property a few times with a fixed seed. */
export const always = <T>(arbitrary: fc.Arbitrary<T>, property: (value: T) => void, numRuns = 12): void =>
  fc.assert(fc.property(arbitrary, property), { seed: 42, numRuns })
