/**
 * Programs of one rank, run by all ranks of a mesh in one process: each has a device and an engine of its own. What must
 * come is the meaning of the graph of all ranks together, in which a collective is plain arithmetic.
 * @module
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { either as E } from "fp-ts"
import * as assert from "uvu/assert"
import type { Backend, DeviceFault } from "../../../core/device/backend.ts"
import { make } from "../../../core/device/device.ts"
import type { Engine, MeshFault } from "../../../core/device/engine.ts"
import { input } from "../../../core/graph/build.ts"
import { evaluate } from "../../../core/graph/meaning.ts"
import type { Node } from "../../../core/graph/node.ts"
import { lanes } from "../../../core/mesh/lanes.ts"
import { ofRanks, unroll } from "../../../core/mesh/local.ts"
import { ranksOf, type Shape } from "../../../core/mesh/shape.ts"
import { compile, type Compiled, type CompileOptions } from "../../../core/plan/compile.ts"
import type { Program } from "../../../core/plan/program.ts"
import type { AnyHost } from "../../../core/tensor/host.ts"
import { load, store } from "../../../core/tensor/host.ts"
import type { AnySpec } from "../../../core/tensor/spec.ts"
import { values } from "../plan/same.ts"

/** Opens a device for one rank. */
export type Opened = Effect.Effect<Backend, DeviceFault, Scope.Scope>

/** Tensors by path. */
export type Nodes = { readonly [path: string]: Node }

/** Numbers by path. */
export type Numbers = { readonly [path: string]: ReadonlyArray<number> }

/** A program of one rank, as the graph of its outputs. */
export interface RankProgram {
  readonly shape: Shape
  readonly specs: { readonly [path: string]: AnySpec }
  readonly body: (inputs: Nodes) => Nodes
  readonly options?: CompileOptions
  /** What is done to the program before it is loaded. */
  readonly change?: (p: Program) => Program
}

/** The program as it is compiled. */
export const compiledOf = ({ specs, body, options, change = (p) => p }: RankProgram): Compiled<unknown, unknown> => {
  const made = compile((inputs) => body(inputs as unknown as Nodes), specs, options)
  if (E.isLeft(made)) throw new Error(JSON.stringify(made.left, null, 1))
  const compiled = made.right as Compiled<unknown, unknown>
  return { ...compiled, program: change(compiled.program) }
}

/** What a rank is given: it follows from its number and the run. */
export const givenOf = ({ specs }: RankProgram, rank: number, run: number): Numbers =>
  Object.fromEntries(Object.entries(specs).map(([path, s], i) => [path, values(s, 1 + i + 17 * rank + 101 * run)]))

/** What each rank must give, of what each is given. */
export const meaningOf = (
  { shape, specs, body }: RankProgram,
  given: ReadonlyArray<Numbers>,
): ReadonlyArray<Numbers> => {
  const inputs = Object.fromEntries(
    Object.entries(specs).map(([path, s]) => [path, input(path, s.dtype, s.axes, s.shape)]),
  )
  const outputs = body(inputs)
  const own = new Map(
    Object.entries(specs).map(([path, s]) =>
      [inputs[path]!, given.map((_, r) => input(`${path}@${r}`, s.dtype, s.axes, s.shape))] as const
    ),
  )
  const all = unroll(Object.values(outputs), own, shape)
  const flat = Object.fromEntries(given.flatMap((g, r) => Object.entries(g).map(([path, v]) => [`${path}@${r}`, v])))
  const roots = all.flatMap((v) => ofRanks(v, shape))
  const got = evaluate(roots, flat)
  if (E.isLeft(got)) throw new Error(JSON.stringify(got.left))
  const n = ranksOf(shape)
  return given.map((_, r) =>
    Object.fromEntries(Object.keys(outputs).map((path, i) => [path, Array.from(got.right[i * n + r]!.data)]))
  )
}

/** Numbers as values at home. */
export const hostOf = (spec: AnySpec, numbers: ReadonlyArray<number>): AnyHost =>
  ({ ...spec, data: store(spec.dtype, numbers) }) as AnyHost

/**
 * Runs on all ranks; runs after the first take the outputs of the one before for inputs of the same path. Gives what each
 * rank has after the last, and checks that the forecast is what is allocated.
 */
export const onRanks = (
  p: RankProgram,
  backend: Opened,
  { runs = 1, engines = lanes(p.shape, { patience: 20_000 }) }: {
    readonly runs?: number
    readonly engines?: ReadonlyArray<Engine>
  } = {},
): Effect.Effect<ReadonlyArray<Numbers>, DeviceFault | MeshFault> => {
  const compiled = compiledOf(p)
  const one = (engine: Engine): Effect.Effect<Numbers, DeviceFault> =>
    Effect.scoped(Effect.gen(function* () {
      const device = yield* make(yield* backend, "it was given", engine)
      const forecast = device.forecast(compiled)
      const run = yield* device.load(compiled)
      const home = Object.fromEntries(
        Object.entries(givenOf(p, engine.rank, 0)).map(([path, v]) => [path, hostOf(p.specs[path]!, v)]),
      )
      let inputs: { readonly [path: string]: unknown } = home
      let outputs: { readonly [path: string]: unknown } = {}
      for (let i = 0; i < runs; i++) {
        outputs = (yield* run(inputs as never)) as typeof outputs
        inputs = Object.fromEntries(Object.keys(inputs).map((path) => [path, outputs[path] ?? inputs[path]]))
      }
      assert.is((yield* device.memory).peak, forecast.peak, "the forecast is what is allocated")
      const fetched = (yield* device.fetch(outputs)) as { readonly [path: string]: AnyHost }
      return Object.fromEntries(
        Object.entries(fetched).map(([path, h]) => [path, Array.from(load(h.dtype, h.data))]),
      )
    }))
  return Effect.forEach(engines, one, { concurrency: "unbounded" })
}

/** Asserts that all ranks give what the graph of all ranks means, within `bound` of the greatest number. */
export const agrees = async (p: RankProgram, backend: Opened, bound: number, runs: number = 1): Promise<void> => {
  const ranks = Array.from({ length: ranksOf(p.shape) }, (_, r) => r)
  let given: ReadonlyArray<Numbers> = ranks.map((r) => givenOf(p, r, 0))
  let want: ReadonlyArray<Numbers> = []
  for (let i = 0; i < runs; i++) {
    want = meaningOf(p, given)
    given = given.map((g, r) => Object.fromEntries(Object.keys(g).map((path) => [path, want[r]![path] ?? g[path]!])))
  }
  const got = await Effect.runPromise(onRanks(p, backend, { runs }))
  for (const r of ranks) {
    for (const [path, expected] of Object.entries(want[r]!)) {
      const scale = expected.reduce((most, x) => Math.max(most, Math.abs(x)), 1)
      expected.forEach((x, i) => {
        const y = got[r]![path]![i]!
        assert.ok(Math.abs(x - y) <= bound * scale, `rank ${r}, '${path}' ${i}: ${y} is not ${x}`)
      })
      assert.is(got[r]![path]!.length, expected.length)
    }
  }
}
