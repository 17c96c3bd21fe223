/**
 * Short ways to make nodes for tests, and to say what is right and wrong with one.
 * @module
 */
import * as assert from "uvu/assert"
import * as b from "../../../core/graph/build.ts"
import type { DType } from "../../../core/tensor/dtype.ts"
import { show } from "../../../core/graph/make.ts"
import type { Node } from "../../../core/graph/node.ts"
import { check, faultsOf } from "../../../core/graph/validity.ts"

/** An input: `x("batch 2 time 3")`. */
export const x = (text: string = "", dtype: DType = "f32", name: string = text): Node => {
  const words = text.split(" ").filter((w) => w !== "")
  const axes = words.filter((_, i) => i % 2 === 0)
  return b.input(name, dtype, axes, words.filter((_, i) => i % 2 === 1).map(Number))
}

export const good = (node: Node, kind: string): void => {
  assert.equal(faultsOf([node]), [])
  assert.equal(check([node]), [])
  assert.is(show(node), kind)
}

/** The node's own faults, and its best guess. */
export const bad = (node: Node, guess: string, ...messages: ReadonlyArray<string>): void => {
  assert.equal(node.faults.map((f) => `${f._tag} ${f.op}: ${f.message}`), messages)
  assert.is(show(node), guess)
  assert.ok(node.faults.every((f) => /build[\w-]*\.test\.[tj]s:\d+:\d+$/.test(f.at)), node.faults[0]?.at)
}
