/** `deno task data`: what it prints, on a terminal and into a pipe, and the codes it ends with. */
import * as Effect from "effect/Effect"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { here } from "../../../tasks/command/around.ts"
import { tools } from "../../../tasks/command/command.ts"
import { command } from "../../../tasks/command/data.ts"
import { usageOf } from "../../../tasks/command/flags.ts"
import { named } from "../../../tasks/data/named.ts"
import { inFolder, left, right } from "../data/letters.ts"

const it = suite("tasks/command/data")

interface Ended {
  readonly code: number
  readonly out: string
  readonly errors: string
}
const run = async (args: ReadonlyArray<string>, interactive = false): Promise<Ended> => {
  let [out, errors] = ["", ""]
  const terminal = { interactive, columns: 80, write: (text: string) => void (out += text) }
  const around = { ...here(), terminal, complain: (text: string) => void (errors += text) }
  const code = await Effect.runPromise(tools.data!(around, args))
  return { code, out, errors }
}

const files = {
  "a.jsonl": '{"q":"Wh\\u0000o?","a":"語"}\n{"q":"no answer"}\n{broken \u001b[31m\n{"q":"x","a":"y\\nz"}\n',
}

it(
  "into a pipe: examples with what counts, lengths and malformed lines, no colours",
  inFolder(files, async (path) => {
    const { code, out, errors } = await run([`--source=${path("a.jsonl")}`, "--fields=[q],a", "--tokens=9"])
    assert.is(errors, "")
    assert.is(code, 0)
    const [first, second, ...rest] = out.split("\n\n")
    assert.is(first, "a.jsonl:1  10 tokens, 4 of them counted\n  - <|bos|>Wh·o?\n  + 語\n  and 1 token more")
    assert.is(second, "a.jsonl:4  6 tokens, 4 of them counted\n  - <|bos|>x\n  + y⏎z<|eos|>")
    const lines = rest.join("").trimEnd().split("\n")
    assert.is(lines[0], "a.jsonl by bytes: 2 examples, 16 tokens, 8 of them counted")
    assert.is(lines[2]!.trim(), "0 to 99         2      16")
    assert.match(
      lines[3]!,
      /^2 readings cannot be used: a\.jsonl:2 \(it has no field 'a'.*\); a\.jsonl:3 \(broken JSON/,
    )
    // deno-lint-ignore no-control-regex
    assert.not(/[\x00-\x09\x0b-\x1f]/.test(out), "text of files cannot move a cursor")
  }),
)

it(
  "on a terminal: tokens in shades of green where they count, of grey where they do not",
  inFolder({ "a.jsonl": '{"q":"x","a":"yz"}\n' }, async (path) => {
    const { out } = await run([`--source=${path("a.jsonl")}`, "--fields=[q],a", "--no-bos", "--no-eos"], true)
    assert.ok(out.includes("  \x1b[90mx\x1b[92my\x1b[32mz\x1b[0m"), JSON.stringify(out))
  }),
)

it(
  "shows frames: codes by their ids, ends of frames and of videos by name, in their place among text",
  inFolder({
    "v.jsonl": '{"q":"é","vision":[0,3,2,1]}\n{"q":"x","vision":[0,4]}\n{"q":"x","vision":[0,1,2]}\n',
  }, async (path) => {
    const asked = [`--source=${path("v.jsonl")}`, "--fields=[q],vision"]
    const { code, out } = await run([...asked, "--codes=4", "--frame=2"])
    assert.is(code, 0)
    assert.match(
      out,
      "v.jsonl:1  27 tokens, 24 of them counted\n  - <|bos|>é\n  + <vision>‹0›‹3›‹eof›‹2›‹1›‹eov›</vision><|eos|>\n",
    )
    assert.match(out, "v.jsonl:2 (field 'vision': code 1 of frame 0 is 4; expected a whole number from 0 to 3)")
    assert.match(out, "v.jsonl:3 (field 'vision': 3 codes are no whole number of frames of 2")
    assert.match((await run([...asked, "--codes=4", "--frame=2", "--frames=1"])).out, "‹0›‹3›‹eov›</vision>")
    const short = await run([...asked, "--codes=4", "--frame=2", "--context=25"])
    assert.match(short.out, "beyond the context of 25; take 1 frames at most")
    const alone = await run([...asked, "--frame=2"])
    assert.equal([alone.code, alone.errors.includes("--frame is of frames; say --codes")], [2, true])
  }),
)

it(
  "says what Llama-2's tokenizer makes of it, blanks included",
  inFolder({ "a.txt": "Call me Ishmael.\nSome years" }, async (path) => {
    const { code, out } = await run([`--source=${path("a.txt")}`, "--tokenizer=llama2"])
    assert.is(code, 0)
    assert.ok(out.includes("\n  - <|bos|>\n  + Call me Ishmael.⏎Some years<|eos|>\n"), out)
    assert.match(out, /^a\.txt by llama2: 1 example, 1\d tokens/m)
  }),
)

it(
  "ends with 1 for data that cannot be used, 2 for what cannot be asked, 0 for help",
  inFolder({ ...files, "empty/x.md": "", "one.parquet": "none" }, async (path) => {
    const a = `--source=${path("a.jsonl")}`
    const cases: ReadonlyArray<readonly [ReadonlyArray<string>, number, RegExp]> = [
      [[a, "--fields=q,,a"], 2, /cannot be read at character 3/],
      [[a, "--fields=q", "--fields-from-example=f"], 2, /say fields or fieldsFromExample/],
      [[a, "--fields=q", "--limit=0"], 1, /more than 0 readings that cannot be used: a\.jsonl:3/],
      [[a, "--fields=zero"], 1, /gives no example/],
      [[a, "--tokenizer=none.json"], 1, /there is no tokenizer none\.json; name bytes, llama2, or/],
      [[`--source=${path("none.jsonl")}`], 1, /there is no such file/],
      [[`--source=${path("empty")}`], 1, /holds no \.txt file/],
      [[`--source=${path("one.parquet")}`], 1, /cannot be read as parquet/],
      [[a, "--columns=q"], 2, /columns are those of parquet files/],
      [[a, "--source=speeches"], 2, /are of two kinds|goes with no other source/],
      [["--source=speeches", a], 2, /speeches goes with no other source/],
      [[a, "--show=many"], 2, /--show is 'many'; expected a whole number of 0 or more/],
      [[a, "--wrong"], 2, /--wrong/],
      [[], 2, /--source is missing/],
    ]
    for (const [args, code, expected] of cases) {
      const ended = await run(args)
      assert.is(ended.code, code, args.join(" "))
      assert.match(ended.errors, expected)
    }
    assert.equal(await run(["--help"]), { code: 0, out: usageOf(command), errors: "" })
  }),
)

it("names of sources", () => {
  assert.is(right(named(["some/folder"])).name, "some/folder")
  assert.is(right(named(["a/x.jsonl", "b/y.jsonl"])).name, "x.jsonl and 1 more")
  assert.is(right(named(["notes.txt"])).name, "notes.txt")
  assert.match(left(named(["a.jsonl", "b.parquet"])).message, /b\.parquet and a\.jsonl are of two kinds/)
  assert.match(left(named([])).message, /no source is named/)
})

it.run()
