/** The flags of commands, read by their table; tables for people. */
import { either as E } from "fp-ts"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { count, oneOf, parse, text, usageOf, yes } from "../../../tasks/command/flags.ts"
import { table } from "../../../tasks/command/table.ts"
import { spanText } from "../../../tasks/numbers.ts"

const it = suite("tasks/command/flags")

it("flags are read by their table", () => {
  const command = {
    ...{ call: "deno task x [name] [flags]", about: "Does x.", names: 1 },
    flags: {
      loud: yes("in capitals"),
      times: count("N", "how often (1)", 1),
      who: text("NAME", "whom"),
      how: oneOf(["a", "b"], "which"),
    },
  }
  const right = parse(command, ["world", "--times=3", "--loud"])
  assert.ok(E.isRight(right))
  assert.equal(right.right, { names: ["world"], values: { times: 3, loud: true } })
  assert.equal(parse(command, ["--help"]), E.right(undefined))
  for (const wrong of ["--times=0", "--times=1.5", "--times=x", "--times", "--loud=1", "--who=", "--how=c", "--no"]) {
    assert.ok(E.isLeft(parse(command, [wrong])), wrong)
  }
  const usage = usageOf(command)
  assert.match(usage, /^Does x\.\n\n {4}deno task x \[name\] \[flags\]\n\n {2}--loud {7}in capitals/)
})

it("tables and spans for people", () => {
  assert.is(
    table([{ head: "a" }, { head: "none" }, { head: "n", numbers: true }], [["xy", "", "1"], ["z", "", "100"]]),
    "a     n\nxy    1\nz   100",
  )
  const spans = [0.2, 1, 59, 90, 5400, 86_400 * 3, 3.2e9].map(spanText)
  assert.equal(spans, ["<1 s", "1 s", "59 s", "1.5 min", "1.5 h", "3.0 days", "101 years"])
})

it.run()
