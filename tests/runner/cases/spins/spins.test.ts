import { suite } from "uvu"
import * as assert from "uvu/assert"

const it = suite("spins")
it("one", () => assert.is(1, 1))
it("never gives the thread back", () => {
  for (let i = 0; i >= 0; i = (i + 1) & 7);
})
it.run()
