import { either as E } from "fp-ts"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { explainMemory } from "../../../core/plan/explain.ts"
import { compile } from "../../../core/plan/compile.ts"
import { memoryOf } from "../../../core/plan/memory.ts"
import { hostKey } from "../../../core/random/host.ts"
import { begin, examples, type Recipe, step } from "../../../models/llama/train.ts"

const it = suite("plan/memory")

const recipe: Recipe = {
  ...{ batch: 2, time: 32, steps: 10, warmup: 1, peak: 1e-3, end: 1e-4, clip: 1, decay: 0.1, beta1: 0.9, beta2: 0.95 },
}
const config = {
  vocab: 64,
  model: 32,
  hidden: 48,
  groups: 2,
  share: 1,
  head: 16,
  theta: 1e4,
  epsilon: 1e-6,
  context: 64,
}

const memory = (layers: number, time: number) => {
  const c = { ...config, layers }
  const r = { ...recipe, time }
  const compiled = compile(step(c, r), { state: begin(c, hostKey(1)), batch: examples(r) }, { donate: ["state"] })
  if (E.isLeft(compiled)) throw new Error(JSON.stringify(compiled.left))
  return { m: memoryOf(compiled.right.program), forecast: compiled.right.program.forecast }
}

it("tells inputs by what they are, and the arena by when its arrays live", () => {
  const { m, forecast } = memory(2, 32)
  assert.is(m.inputs["optimiser"], 2 * m.inputs["parameters"]! + 4)
  assert.is(Object.values(m.inputs).reduce((a, b) => a + b, 0), forecast.inputs)
  assert.is(m.exchanged, 0)
  assert.ok(m.residuals <= m.arena && m.workspace <= m.arena && m.residuals + m.workspace >= m.arena * 0.9)
  assert.is(m.arena, forecast.arena)
  // two more layers keep as much again as two; more tokens keep more
  const [four, six] = [memory(4, 32).m.residuals, memory(6, 32).m.residuals]
  assert.ok(m.residuals > 0 && four > m.residuals)
  assert.is(six - four, four - m.residuals)
  assert.ok(memory(2, 64).m.residuals > 1.9 * m.residuals)
})

it("says it in words", () => {
  const text = explainMemory(memory(2, 32).m, "one rank")
  for (const word of ["parameters", "optimiser", "residuals", "workspace", "in all, of one rank"]) {
    assert.match(text, word)
  }
})

it.run()
