import { either as E } from "fp-ts"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { tableFaults } from "../../../tasks/recipes/extend.ts"
import { card, hours, studio, studioReach, studioStages } from "../../../tasks/recipes/studio.ts"
import { inOrder, pipelineFaults } from "../../../tasks/stage/key.ts"

const it = suite("tasks/recipes/studio")

it("is whole, and each stage looks twice as far as the one before it at least", () => {
  assert.equal(pipelineFaults(studio), [])
  assert.equal(tableFaults(studioStages, studioReach), [])
  const contexts = [studioReach, ...studioStages].map(({ context }) => context)
  assert.equal(contexts, [4096, 16_384, 65_536, 131_072])
  assert.ok(contexts.slice(1).every((context, i) => context >= 2 * contexts[i]!))
})

it("fits into 80 GB with room for the device's own, and takes less than a day at 40 % of an H100 in f32", () => {
  const trainings = inOrder(studio.stages).flatMap((stage) => {
    const found = stage.expects()
    if (E.isLeft(found)) throw new Error(JSON.stringify(found.left))
    return found.right.flops === undefined ? [] : [found.right]
  })
  assert.is(trainings.length, 5)
  assert.ok(trainings.every(({ memory }) => memory! > 4 * 4 * 212_366_336 && memory! < 60e9))
  const all = trainings.reduce((sum, { flops }) => sum + flops!, 0)
  assert.ok(hours(all, card.f32) < 24 && hours(all, card.f32) > 6, `${hours(all, card.f32)} h`)
  assert.ok(hours(all, card.bf16) < 3)
  assert.is(hours(3600 * card.f32 * card.share, card.f32), 1)
})

it.run()
