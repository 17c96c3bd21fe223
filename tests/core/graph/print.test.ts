import { suite } from "uvu"
import * as assert from "uvu/assert"
import * as b from "../../../core/graph/build.ts"
import { sentence } from "../../../core/graph/fault.ts"
import { topological } from "../../../core/graph/node.ts"
import { print } from "../../../core/graph/print.ts"
import { everyOp } from "./graphs.ts"

const it = suite("graphs as text")

it("lists nodes with their arguments by number", () => {
  const x = b.input("x", "f32", ["batch", "model"], [2, 3])
  const w = b.input("w", "f32", ["model", "hidden"], [3, 4])
  const y = b.unary("exp", b.dot(x, w, ["model"]))
  const lines = print([b.binary("mul", y, y), b.sliceAxis(x, "model", 1, 2)]).split("\n").map((l) =>
    l.replace(/ +/g, " ")
  )
  assert.equal(lines, [
    "%0 = input x f32[batch 2, model 3]",
    "%1 = input w f32[model 3, hidden 4]",
    "%2 = dot %0 %1 on model f32[batch 2, hidden 4]",
    "%3 = exp %2 f32[batch 2, hidden 4]",
    "%4 = mul %3 %3 f32[batch 2, hidden 4]",
    "%5 = slice %0 model from 1 f32[batch 2, model 2]",
    "-> %4 %5",
  ])
})

it("shows faults at their node", () => {
  const text = print([b.unary("exp", b.iota("n", 2))])
  assert.match(text, /%1 = exp %0 +i32\[n 2\]\n {4}fault: takes f32, f16, bf16, got i32\[n 2\]; cast it first\n/)
  const [wrong] = b.unary("exp", b.iota("n", 2)).faults
  assert.match(sentence(wrong!), /^exp: takes .* cast it first \(.*print\.test\.[tj]s:\d+:\d+\)$/)
})

it("has a line for every node of every kind, bodies indented", () => {
  const roots = everyOp()
  const lines = print(roots).split("\n")
  assert.is(lines.filter((l) => /^%\d+ = /.test(l)).length, topological(roots).length)
  assert.ok(lines.some((l) => /^ {4}%\d+ = input carry\.0/.test(l)))
  assert.ok(lines.some((l) => /cumulative prod %\d+ along model/.test(l)))
  assert.ok(lines.some((l) => /pad %\d+ time after 1 between 1, with NaN/.test(l)))
})

it.run()
