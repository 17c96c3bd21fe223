import { suite } from "uvu"
import { same } from "../plan/same.ts"
import { cases } from "./cases.ts"

const it = suite("gradients, loops, maps and random numbers, compiled")

for (const { name, use } of cases) {
  it(name, async () => {
    await use(same)
  })
}

it.run()
