import { either as E } from "fp-ts"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { memoryOf } from "../../core/plan/memory.ts"
import { standard } from "../../tasks/settings.ts"
import { type Flags, meshOf, wishedStep, wishOf } from "../../tasks/wish.ts"

const it = suite("tasks/wish")

const said = (e: E.Either<string, unknown>): string => E.isLeft(e) ? e.left : "nothing"

it("reads a mesh", () => {
  const spread = meshOf("ring=4,data=2,striped")
  assert.ok(E.isRight(spread))
  if (E.isRight(spread)) {
    assert.equal(spread.right.shape, { data: 2, ring: 4 })
    assert.is(spread.right.layout, "striped")
  }
  for (const bad of ["", "ring", "rows=2", "ring=0", "ring=2,spiral"]) {
    assert.match(said(meshOf(bad)), "expected sizes of ring and data, and a layout: ring=4,data=2,zigzag")
  }
})

it("says what a flag may be", () => {
  assert.match(said(wishOf({ preset: "9b" }, standard)), "--preset is '9b'; expected one of debug, 200m")
  assert.match(said(wishOf({ time: "0" }, standard)), "--time is '0'; expected a whole number from 1")
  assert.match(said(wishOf({ remat: "some" }, standard)), "--remat is 'some'; expected none, layer or all")
  assert.match(said(wishOf({ where: "here" }, standard)), "--where is 'here'; expected local or processes")
  const none = wishOf({}, standard)
  assert.ok(E.isRight(none) && none.right === undefined)
})

it("forecasts a model of any size without a value of it: one rank of a ring has a part of the residuals", () => {
  const memory = (flags: Flags) => {
    const wish = wishOf({ chunk: "1024", remat: "layer", ...flags }, standard)
    if (E.isLeft(wish) || wish.right === undefined) throw new Error(said(wish))
    const step = wishedStep(wish.right, 256)
    if (E.isLeft(step)) throw new Error(JSON.stringify(step.left))
    return memoryOf(step.right.program)
  }
  assert.is(memory({ preset: "200m", time: "1024" }).inputs["parameters"], 4 * 212_366_336)
  const of = (mesh: string): number => memory({ time: "16384", batch: "1", mesh }).residuals
  const ratio = of("ring=1") / of("ring=4")
  assert.ok(ratio > 3.5 && ratio < 4.2, `${ratio}`)
})

it.run()
