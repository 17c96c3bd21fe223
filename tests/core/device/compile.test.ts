/** The compiler's law: a compiled program on the oracle is the meaning of its graph, and allocates what it forecast. */
import * as Effect from "effect/Effect"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { make } from "../../../core/device/device.ts"
import { oracle } from "../../../core/device/oracle.ts"
import * as b from "../../../core/graph/build.ts"
import type { Node } from "../../../core/graph/node.ts"
import { agree, differs, nearly } from "./compiled.ts"
import { graphs, type RandomGraph } from "./graphs.ts"

const it = suite("compiled graphs")

const device = () => Effect.runPromise(Effect.flatMap(oracle, (b) => make(b)))

it("random graphs mean the same compiled", async () => {
  await agree(await device(), graphs(false), 300, 1)
})

it("random graphs with NaN, infinities and extreme ints mean the same compiled", async () => {
  await agree(await device(), graphs(true), 150, 2)
})

it("folds and products of bytes wrap at 256 where their result is used at once", async () => {
  const bytes: RandomGraph = {
    inputs: [{
      path: "x",
      dtype: "u8",
      axes: ["n", "m"],
      shape: [6, 3],
      values: Array.from({ length: 18 }, (_, i) => i * 13),
    }],
    build: ([x]) => {
      const wide = (y: Node): Node => b.cast(y, "f32")
      const none = b.sliceAxis(x!, "n", 0, 0)
      return {
        sum: wide(b.reduce("sum", x!, ["n"])),
        prod: wide(b.reduce("prod", b.binary("max", x!, 3), ["n"])),
        dot: wide(b.dot(x!, b.rename(x!, { m: "p" }), ["n"])),
        least: wide(b.reduce("min", none, ["n"])),
        most: wide(b.reduce("max", none, ["n"])),
      }
    },
    donate: [],
    maxBindings: 8,
  }
  assert.is(await differs(await device(), bytes, nearly), undefined)
})

it.run()
