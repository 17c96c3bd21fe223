import { suite } from "uvu"
import * as assert from "uvu/assert"

const it = suite("passes")
it("one", () => assert.is(1, 1))
it("two", () => assert.is(2, 2))
it.run()
