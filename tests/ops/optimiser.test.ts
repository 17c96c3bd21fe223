import { suite } from "uvu"
import * as assert from "uvu/assert"
import { either as E } from "fp-ts"
import { input } from "../../core/graph/build.ts"
import { evaluate } from "../../core/graph/meaning.ts"
import { faultsOf } from "../../core/graph/validity.ts"
import type { Node } from "../../core/graph/node.ts"
import type { F32, I32 } from "../../core/tensor/tensor.ts"
import { typed } from "../../core/tensor/tensor.ts"
import { f32 } from "../../core/tensor/spec.ts"
import type { AdamState, SgdState } from "../../ops/optimiser.ts"
import { adamStart, adamW, clipByGlobalNorm, globalNorm, sgd, sgdStart } from "../../ops/optimiser.ts"
import { warmupCosine, warmupCosineAt } from "../../ops/schedule.ts"

const it = suite("optimisers")

interface Params {
  readonly w: F32<"a">
  readonly deep: readonly [F32]
}

const tree = (name: string): Params => ({
  w: typed(input(`${name}.w`, "f32", ["a"], [2])),
  deep: [typed(input(`${name}.deep.0`, "f32", [], []))],
})

const given = (name: string, w: readonly number[], b: number) => ({ [`${name}.w`]: w, [`${name}.deep.0`]: [b] })

const values = (tree: Params, inputs: { readonly [name: string]: ReadonlyArray<number> }): ReadonlyArray<number> => {
  const got = evaluate([tree.w, tree.deep[0]], inputs)
  if (E.isLeft(got)) throw new Error(got.left.map((f) => f.message).join("; "))
  return got.right.flatMap((v) => [...v.data])
}

const near = (got: ReadonlyArray<number>, wanted: ReadonlyArray<number>, tolerance = 1e-9): void =>
  got.forEach((x, i) => assert.ok(Math.abs(x - wanted[i]!) <= tolerance, `element ${i}: ${x}, expected ${wanted[i]}`))

const step: I32 = typed(input("step", "i32", [], []))

it("AdamW takes the steps of the formula, decaying where it shall", () => {
  const [b1, b2, epsilon, decay] = [0.9, 0.99, 1e-3, 0.1]
  const rate = (t: F32): F32 => warmupCosine({ peak: 0.5, warmup: 4, decay: 40, end: 0.1 })(t)
  const settings = { rate, beta1: b1, beta2: b2, epsilon, decay, decays: (path: string) => path === "w" }
  const state: AdamState<Params> = { step, first: tree("m"), second: tree("v") }
  const next = adamW(settings)(tree("p"), tree("g"), state)
  let [p, m, v] = [[0.5, -1, 2], [0, 0, 0], [0, 0, 0]]
  for (let t = 0; t < 60; t++) {
    const g = [0.3 + t * 0.01, -0.7, Math.cos(t)]
    const inputs = {
      step: [t],
      ...given("p", p.slice(0, 2), p[2]!),
      ...given("g", g.slice(0, 2), g[2]!),
      ...given("m", m.slice(0, 2), m[2]!),
      ...given("v", v.slice(0, 2), v[2]!),
    }
    const lr = warmupCosineAt({ peak: 0.5, warmup: 4, decay: 40, end: 0.1 }, t)
    m = m.map((x, i) => b1 * x + (1 - b1) * g[i]!)
    v = v.map((x, i) => b2 * x + (1 - b2) * g[i]! ** 2)
    p = p.map((x, i) => {
      const mean = m[i]! / (1 - b1 ** (t + 1))
      const square = v[i]! / (1 - b2 ** (t + 1))
      return x - lr * (mean / (Math.sqrt(square) + epsilon) + (i < 2 ? decay : 0) * x)
    })
    near(values(next.params, inputs), p, 1e-7)
    near(values(next.state.first, inputs), m)
    near(values(next.state.second, inputs), v)
    const counted = evaluate([next.state.step as Node], inputs)
    assert.ok(E.isRight(counted) && counted.right[0]!.data[0] === t + 1)
  }
})

it("the first step of AdamW is the rate, whatever the gradient's size", () => {
  const state: AdamState<Params> = { step, first: tree("m"), second: tree("v") }
  const next = adamW({ rate: 0.25 })(tree("p"), tree("g"), state)
  const inputs = {
    step: [0],
    ...given("p", [1, 1], 1),
    ...given("g", [1000, -0.001], 3),
    ...given("m", [0, 0], 0),
    ...given("v", [0, 0], 0),
  }
  near(values(next.params, inputs), [0.75, 1.25, 0.75], 1e-5)
})

it("SGD, plain, with momentum and Nesterov's", () => {
  const state: SgdState<Params> = { step, velocity: tree("v") }
  const inputs = { step: [3], ...given("p", [1, 2], 3), ...given("g", [1, -1], 2), ...given("v", [4, 0], -2) }
  const plain = sgd({ rate: 0.5 })(tree("p"), tree("g"), state)
  near(values(plain.params, inputs), [0.5, 2.5, 2])
  const heavy = sgd({ rate: 0.5, momentum: 0.5 })(tree("p"), tree("g"), state)
  near(values(heavy.state.velocity, inputs), [3, -1, 1])
  near(values(heavy.params, inputs), [-0.5, 2.5, 2.5])
  const ahead = sgd({ rate: 0.5, momentum: 0.5, nesterov: true })(tree("p"), tree("g"), state)
  near(values(ahead.params, inputs), [1 - 0.5 * 2.5, 2 + 0.5 * 1.5, 3 - 0.5 * 2.5])
})

it("clips by the norm of all leaves together", () => {
  const long = { ...given("g", [3, 0], 4) }
  const { clipped, norm } = clipByGlobalNorm(tree("g"), 1)
  near(values(clipped, long), [0.6, 0, 0.8])
  const measured = evaluate([norm as Node, globalNorm(tree("g")) as Node], long)
  assert.ok(E.isRight(measured))
  assert.equal(measured.right.map((v) => v.data[0]), [5, 5])
  near(values(clipped, given("g", [0.1, 0], 0.2)), [0.1, 0, 0.2])
  near(values(clipped, given("g", [0, 0], 0)), [0, 0, 0])
})

it("starts with zeros like the parameters", () => {
  const specs = { w: f32("a", { a: 2 }), deep: [f32()] as const }
  const adam = adamStart(specs)
  assert.equal(adam.first.w.axes, ["a"])
  assert.equal([...adam.second.w.data], [0, 0])
  assert.equal([...adam.second.deep[0].data], [0])
  assert.equal([...adam.step.data], [0])
  assert.equal([...sgdStart(specs).velocity.deep[0].data], [0])
})

it("refuses gradients of another structure by name", () => {
  const half = { w: tree("g").w } as unknown as Params
  const state: SgdState<Params> = { step, velocity: tree("v") }
  const faults = faultsOf([sgd({ rate: 1 })(tree("p"), half, state).params.deep[0]])
  assert.match(faults.map((f) => f.message).join("\n"), /gradients lacks 'deep.0'/)
})

it.run()
