import { suite } from "uvu"
import * as assert from "uvu/assert"
import { needs } from "../../../skip.ts"

const it = suite("lacks")
const lucky = needs(it, true, "no luck", "look for a clover")
const unlucky = needs(it, false, "no luck", "look for a clover")
lucky("runs", () => assert.is(1, 1))
unlucky("does not run", () => assert.is(1, 2))
it.run()
