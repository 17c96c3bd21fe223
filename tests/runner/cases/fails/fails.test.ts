import { suite } from "uvu"
import * as assert from "uvu/assert"

const it = suite("fails")
it("one", () => assert.is(1, 1))
it("two", () => assert.is(1, 2))
it.run()
