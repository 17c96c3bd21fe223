import { suite } from "uvu"
import * as assert from "uvu/assert"

assert.is(1, 1)
const it = suite("throws")
it("one", () => assert.is(1, 1))
it.run()
throw new Error("while it is imported")
