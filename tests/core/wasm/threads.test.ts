/** How many threads there are, and what is refused. */
import * as Effect from "effect/Effect"
import process from "node:process"
import { either as E } from "fp-ts"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { wasm } from "../../../core/wasm/backend.ts"
import { threadsFor } from "../../../core/wasm/threads.ts"

const it = suite("wasm threads")

const by = (variable: string | undefined, option?: number, processors: number = 6): E.Either<string, number> =>
  threadsFor({ option, variable, processors })

it("takes the option, then the variable, then what the machine runs at once", () => {
  assert.equal(by("3", 2), E.right(2))
  assert.equal(by("3"), E.right(3))
  assert.equal(by(" 3 "), E.right(3))
  assert.equal(by(undefined), E.right(6))
  assert.equal(by(""), E.right(6))
  assert.equal(by(undefined, undefined, 1000), E.right(256))
  assert.equal(by(undefined, undefined, NaN), E.right(1))
  assert.equal(by("256"), E.right(256))
})

for (const text of ["abc", "-1", "1.5", "0", "1e9", "257", "0x2", "2 threads", "Infinity", "99999999999999999999"]) {
  it(`refuses ORRERY_THREADS=${text}`, () => {
    const got = by(text)
    const want = `wasm: ORRERY_THREADS is '${text}'; expected a whole number from 1 to 256, or leave it unset for as ` +
      "many as the machine runs"
    assert.equal(got, E.left(want))
  })
}

for (const option of [0, -1, 1.5, NaN, Infinity, 257]) {
  it(`refuses threads: ${option}`, () => {
    assert.equal(
      by("2", option),
      E.left(`wasm: the option threads is ${option}; expected a whole number from 1 to 256`),
    )
  })
}

it("the device faults, with the sentence, and opens no threads", async () => {
  const before = process.env.ORRERY_THREADS
  process.env.ORRERY_THREADS = "abc"
  const said = await Effect.runPromise(Effect.scoped(Effect.match(wasm(), {
    onFailure: ({ reason, message }) => `${reason}: ${message}`,
    onSuccess: () => "it opened",
  })))
  if (before === undefined) delete process.env.ORRERY_THREADS
  else process.env.ORRERY_THREADS = before
  assert.match(said, /^input: wasm: ORRERY_THREADS is 'abc'; expected a whole number from 1 to 256/)
})

it.run()
