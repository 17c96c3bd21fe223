import { either as E } from "fp-ts"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { plain, type Plan, spreadOver } from "../../../models/llama/plan.ts"
import { presets } from "../../../models/llama/presets.ts"
import { stackedDigests, stackedExpectation } from "../../../tasks/recipes/forecast.ts"
import { expectation, stepDigest, type Stepping } from "../../../tasks/train/step.ts"

const it = suite("tasks/recipes/forecast")

const stepping = (layers: number, plan: Plan, packed = false): Stepping => ({
  config: { ...presets.debug, vocab: 512, model: 64, hidden: 192, head: 32, layers },
  recipe: {
    batch: 2,
    time: 64,
    steps: 3,
    warmup: 1,
    peak: 1e-3,
    end: 1e-3,
    clip: 1,
    decay: 0.1,
    beta1: 0.9,
    beta2: 0.95,
  },
  plan,
  packed,
})

const right = <A>(e: E.Either<unknown, A>): A => {
  if (E.isLeft(e)) throw new Error(JSON.stringify(e.left))
  return e.right
}

it("is what the compiler says of the whole stack", () => {
  const cut = { chunk: 16, loss: { tokens: 16, vocab: 128 }, remat: "layer" } as const
  const plans: ReadonlyArray<readonly [Plan, packed: boolean]> = [
    [{ ...plain, ...cut }, true],
    [{ ...plain, ...cut, spread: spreadOver({ data: 2, ring: 2 }) }, false],
  ]
  for (const [plan, packed] of plans) {
    const s = stepping(4, plan, packed)
    assert.equal(right(stackedExpectation(s)), right(expectation(s)))
  }
  const three = stepping(3, plain)
  assert.equal(right(stackedExpectation(three)), right(expectation(three)))
})

it("knows a stack by two layers and three", () => {
  const s = stepping(4, plain)
  const digests = right(stackedDigests(s))
  assert.is(digests.length, 2)
  assert.equal(digests, right(stackedDigests(stepping(5, plain))), "how many there are is a setting")
  assert.not.equal(digests, right(stackedDigests({ ...s, config: { ...s.config, theta: 1e6 } })))
  assert.equal(right(stackedDigests(stepping(3, plain))), [right(stepDigest(stepping(3, plain)))])
})

it("tells what does not compile", () => {
  const faults = stackedExpectation(stepping(6, { ...plain, spread: spreadOver({ ring: 3 }) }))
  assert.ok(E.isLeft(faults) && /3/.test(faults.left[0]!.message))
})

it.run()
