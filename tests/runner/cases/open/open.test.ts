import { suite } from "uvu"
import * as assert from "uvu/assert"

const it = suite("open")
it("leaves a timer", () => void setInterval(() => assert.is(1, 1), 1000))
it.run()
