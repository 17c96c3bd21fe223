import * as Effect from "effect/Effect"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { oracle } from "../../../core/device/oracle.ts"
import { explain } from "../../../core/plan/explain.ts"
import { foundOn, givenOf, known, type Search, searchFault, searchProgram } from "./nearests.ts"

const it = suite("kernel/nearest")

const small: Search = { ...known[0]!, batch: 2, rows: 7, codes: 12, features: 5, seed: 3 }

it("the judge finds a wrong code, the last of equals, and what is no code", async () => {
  const backend = await Effect.runPromise(oracle)
  for (const ties of [false, true]) {
    const s = { ...small, ties }
    const given = givenOf(s)
    const found = [...await foundOn(backend, given)]
    assert.is(searchFault(s, given, found), undefined)
    const wrong = (change: (id: number, i: number) => number): string => searchFault(s, given, found.map(change)) ?? ""
    assert.match(wrong((id, i) => i === 9 ? (id + 1) % 12 : id), /vector 1,2 .* expected/)
    assert.match(wrong((id, i) => i === 0 ? 12 : id), /12 is no code of 12/)
    assert.match(searchFault(s, given, found.slice(1)) ?? "", /13 codes for 14 vectors/)
    // the last three codes are the first three again
    if (ties) assert.match(wrong((id) => id < 3 ? id + 9 : id), /expected/)
  }
})

it("one kernel, and nothing of the size of vectors times codes", () => {
  const { program } = searchProgram(givenOf({ ...small, rows: 300, codes: 500, own: true }))
  assert.equal(program.kernels.map((k) => k.tag), ["nearest"])
  assert.is(program.arena, 0)
  assert.is(program.forecast.peak, program.forecast.inputs + program.forecast.outputs)
  // 2 x 300 x 500 pairs of 5 products and a comparison, and the norms of 2 x 500 codes
  assert.is(program.forecast.flops, 2 * 500 * (300 * 13 + 10))
  assert.match(explain(program), /nearest batch \[2\] rows \[300\] codes 500 depth \[5\]/)
})

it.run()
