import { suite } from "uvu"
import * as assert from "uvu/assert"

const it = suite("unrun")
it("one", () => assert.is(1, 2))
