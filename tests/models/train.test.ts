/** A step of training against the formulas in float64: gradient, clipping, AdamW, schedule. */
import { either as E } from "fp-ts"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { input } from "../../core/graph/build.ts"
import { evaluate } from "../../core/graph/meaning.ts"
import type { Node } from "../../core/graph/node.ts"
import { compile } from "../../core/plan/compile.ts"
import { hostKey } from "../../core/random/host.ts"
import type { AnyHost } from "../../core/tensor/host.ts"
import type { AnySpec } from "../../core/tensor/spec.ts"
import { flatten, map } from "../../core/tensor/tree.ts"
import type { Config } from "../../models/llama/config.ts"
import { begin, type Examples, examples, type Recipe, schedule, type State, step } from "../../models/llama/train.ts"
import { rateAt } from "../../ops/schedule.ts"
import * as reference from "./reference.ts"

const it = suite("models/llama/train")

const c: Config = {
  vocab: 7,
  model: 4,
  hidden: 6,
  layers: 1,
  groups: 1,
  share: 2,
  head: 2,
  theta: 100,
  epsilon: 1e-5,
  context: 4,
}
const recipe: Recipe = {
  batch: 2,
  time: 4,
  steps: 20,
  warmup: 4,
  peak: 0.05,
  end: 0.005,
  clip: 0.5,
  decay: 0.1,
  beta1: 0.9,
  beta2: 0.99,
}

type Numbers = { readonly [path: string]: ReadonlyArray<number> }

const numbersOf = (tree: unknown): Numbers =>
  Object.fromEntries(flatten(tree).map(([path, leaf]) => [path, Array.from((leaf as AnyHost).data)]))

const tokens: ReadonlyArray<ReadonlyArray<number>> = [[1, 5, 2, 2], [6, 0, 3, 1]]
const targets: ReadonlyArray<ReadonlyArray<number>> = [[5, 2, 2, 4], [0, 3, 1, 1]]
const batch: Numbers = { "batch.tokens": tokens.flat(), "batch.targets": targets.flat() }

/** A state whose matrices are large enough to matter. */
const start: Numbers = Object.fromEntries(
  Object.entries(numbersOf({ state: begin(c, hostKey(1)) })).map(([path, xs]) => [
    path,
    xs.map((x) => x !== 1 && path.includes("parameters") ? x * 25 : x),
  ]),
)

/** The graph of one step with every input by its path. */
const graph = (() => {
  const specs = { state: begin(c, hostKey(1)), batch: examples(recipe) }
  const inputs = map(specs, (s, path) => {
    const { dtype, axes, shape } = s as AnySpec
    return input(path, dtype, axes, shape)
  })
  return step(c, recipe)(inputs as unknown as { readonly state: State; readonly batch: Examples })
})()

const run = (state: Numbers): Numbers => {
  const outputs = flatten(graph) as ReadonlyArray<readonly [string, Node]>
  const values = evaluate(outputs.map(([, n]) => n), { ...state, ...batch })
  if (E.isLeft(values)) throw new Error(values.left.map((f) => f.message).join("\n"))
  return Object.fromEntries(outputs.map(([path], i) => [path, Array.from(values.right[i]!.data)]))
}

const parameters = (state: Numbers) =>
  map(begin(c, hostKey(1)).parameters, (_, path) => ({ data: state[`state.parameters.${path}`]! })) as never

const lossOf = (state: Numbers): number => reference.loss(c, parameters(state), tokens, targets)

/** Central differences of the reference's loss. */
const gradientOf = (state: Numbers): Numbers =>
  Object.fromEntries(
    Object.entries(state).filter(([path]) => path.startsWith("state.parameters.")).map(([path, xs]) => {
      const at = (i: number, by: number): number => lossOf({ ...state, [path]: xs.map((x, k) => k === i ? x + by : x) })
      return [path.slice("state.parameters.".length), xs.map((_, i) => (at(i, 1e-4) - at(i, -1e-4)) / 2e-4)]
    }),
  )

it("three steps are those of the formulas", () => {
  let state = start
  let first: Numbers = {}
  let second: Numbers = {}
  for (let t = 1; t <= 3; t++) {
    const gradient = gradientOf(state)
    const norm = Math.sqrt(Object.values(gradient).flat().reduce((s, g) => s + g * g, 0))
    const out = run(state)
    assert.ok(Math.abs(out["metrics.loss"]![0]! - lossOf(state)) < 1e-6)
    assert.ok(Math.abs(out["metrics.norm"]![0]! - norm) < 1e-5 * norm, `norm ${out["metrics.norm"]} is not ${norm}`)
    assert.ok(norm > recipe.clip, "the gradient is long enough to be clipped")
    assert.is(out["state.optimiser.step"]![0], t)
    const rate = rateAt(schedule(recipe), t - 1)
    const mean = (old: Numbers, beta: number, f: (g: number) => number): Numbers =>
      Object.fromEntries(
        Object.entries(gradient).map(([path, gs]) => [
          path,
          gs.map((g, i) => beta * (old[path]?.[i] ?? 0) + (1 - beta) * f(g * recipe.clip / norm)),
        ]),
      )
    first = mean(first, recipe.beta1, (g) => g)
    second = mean(second, recipe.beta2, (g) => g * g)
    for (const path of Object.keys(gradient)) {
      const decay = path.toLowerCase().endsWith("norm") ? 0 : recipe.decay
      const got = out[`state.parameters.${path}`]!
      state[`state.parameters.${path}`]!.forEach((p, i) => {
        const m = first[path]![i]! / (1 - recipe.beta1 ** t)
        const v = second[path]![i]! / (1 - recipe.beta2 ** t)
        const want = p - rate * (m / (Math.sqrt(v) + 1e-8) + decay * p)
        // where v is next to nothing, the step is the sign of what central differences leave of it
        if (v > 1e-10) assert.ok(Math.abs(got[i]! - want) < 2e-5, `${path}[${i}] after ${t}: ${got[i]} is not ${want}`)
      })
    }
    state = out
  }
})

it("the norms do not decay, the matrices do: with no gradient only they shrink", () => {
  const still = step(c, { ...recipe, clip: 1e-30 })
  const specs = { state: begin(c, hostKey(1)), batch: examples(recipe) }
  const inputs = map(specs, (s, path) => input(path, (s as AnySpec).dtype, (s as AnySpec).axes, (s as AnySpec).shape))
  const out = still(inputs as unknown as { readonly state: State; readonly batch: Examples }).state.parameters
  const second = { ...start, "state.optimiser.step": [10] }
  const wanted = evaluate([out.norm, out.head, out.blocks[0]!.feedNorm], { ...second, ...batch })
  if (E.isLeft(wanted)) throw new Error("faults")
  const [norm, head, feedNorm] = wanted.right.map((v) => Array.from(v.data))
  assert.equal(norm, [1, 1, 1, 1])
  assert.equal(feedNorm, [1, 1, 1, 1])
  const shrink = 1 - rateAt(schedule(recipe), 10) * recipe.decay
  head!.forEach((h, i) => assert.ok(Math.abs(h - shrink * start["state.parameters.head"]![i]!) < 1e-9))
})

it("the schedule is LWM's", () => {
  const at = (s: number): number =>
    rateAt(schedule({ ...recipe, peak: 6e-4, warmup: 1000, steps: 45_000, end: 6e-5 }), s)
  const golden = [[0, 0], [500, 3e-4], [1000, 6e-4], [23_000, 3.3e-4], [45_000, 6e-5]] as const
  for (const [s, rate] of golden) assert.ok(Math.abs(at(s) - rate) < 1e-12, `rate at ${s}: ${at(s)}`)
})

it("learning one batch by heart", () => {
  let state = start
  const losses: Array<number> = []
  for (let t = 0; t < 20; t++) {
    const out = run(state)
    losses.push(out["metrics.loss"]![0]!)
    state = out
  }
  assert.ok(losses.at(-1)! < losses[0]! / 3, losses.map((l) => l.toFixed(2)).join(" "))
})

it("a step compiles to one program that works in place", () => {
  const made = compile(step(c, recipe), { state: begin(c, hostKey(1)), batch: examples(recipe) }, { donate: ["state"] })
  if (E.isLeft(made)) throw new Error(made.left.map((f) => f.message).join("\n"))
  const { program } = made.right
  const states = program.outputs.filter((o) => o.path.startsWith("state."))
  assert.ok(states.length > 0 && states.every((o) => program.inputs[o.donated!]?.path === o.path))
  assert.is(program.forecast.outputs, 12, "loss, norm and whether it was skipped are all that is new")
})

it("sizes that disagree are faults that name the axes", () => {
  const other = { ...c, model: 6 }
  const made = compile(step(c, recipe), {
    state: begin(c, hostKey(1)),
    batch: { ...examples(recipe), targets: examples({ batch: 3, time: 4 }).targets },
  })
  assert.ok(E.isLeft(made) && made.left.some((f) => f._tag === "SizeFault" && f.message.includes("batch")))
  const mixed = {
    ...begin(c, hostKey(1)),
    parameters: { ...begin(c, hostKey(1)).parameters, head: begin(other, hostKey(1)).parameters.head },
  }
  const wrong = compile(step(c, recipe), { state: mixed, batch: examples(recipe) })
  assert.ok(E.isLeft(wrong) && wrong.left.some((f) => f._tag === "SizeFault" && f.message.includes("model")))
})

it.run()
