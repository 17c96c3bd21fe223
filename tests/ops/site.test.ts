import { suite } from "uvu"
import * as assert from "uvu/assert"
import { sentence } from "../../core/graph/fault.ts"
import { faultsOf } from "../../core/graph/validity.ts"
import { f32 } from "../../core/tensor/spec.ts"
import { dot } from "../../ops/contraction.ts"
import { add } from "../../ops/elementwise.ts"
import { zeros } from "../../ops/literal.ts"
import { crossEntropy } from "../../ops/loss.ts"
import { take } from "../../ops/indexing.ts"
import { cast } from "../../ops/elementwise.ts"

const it = suite("where faults come from")

it("gathers all faults of a program, each with the user's line", () => {
  const x = zeros(f32("batch model", { batch: 2, model: 4 }))
  const hidden = dot(x, zeros(f32("model hidden", { model: 5, hidden: 3 })), "model")
  const shifted = add(hidden, zeros(f32("hidden", { hidden: 4 })))
  const targets = cast(zeros(f32("batch", { batch: 3 })), "i32")
  const loss = crossEntropy(shifted, targets, "hidden")
  const all = faultsOf([loss, take(x, targets, "model")])
  assert.equal([...new Set(all.map((f) => f.message))], [
    "axis 'model' is 4 in f32[batch 2, model 4] and 5 in f32[model 5, hidden 3]; slice, pad or rename one",
    "axis 'hidden' is 3 in f32[batch 2, hidden 3] and 4 in f32[hidden 4]; slice, pad or rename one",
    "axis 'batch' is 3 in i32[batch 3] and 2 in i32[batch 2, hidden 3]; slice, pad or rename one",
    "axis 'batch' is 2 in f32[batch 2, model 4] and 3 in i32[batch 3]; slice, pad or rename one",
  ])
  const lines = all.map((f) => /site\.test\.[tj]s:(\d+):/.exec(sentence(f))?.[1])
  assert.ok(lines.every((l) => l !== undefined), all.map(sentence).join("\n"))
  assert.equal(new Set(lines).size, 4)
})

it.run()
