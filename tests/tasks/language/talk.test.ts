/** The dialogue in a terminal from outside: what is said, what is told beside it, exit codes. */
import * as Effect from "effect/Effect"
import { either as E } from "fp-ts"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { layer } from "../../../core/device/device.ts"
import { wasm } from "../../../core/wasm/backend.ts"
import type { Tokenizer } from "../../../models/tokenizers/tokenizer.ts"
import { parse } from "../../../tasks/command/flags.ts"
import { chatEnds, chatPrompt, chatTurn } from "../../../tasks/language/chat.ts"
import type { Console } from "../../../tasks/language/console.ts"
import { command, wantedOf } from "../../../tasks/language/flags.ts"
import { greedy } from "../../../tasks/language/sampling.ts"
import { main } from "../../../tasks/language/talk.ts"
import { config, language, onCpu, parameters, tokenizer as letters } from "./small.ts"

const it = suite("tasks/language/talk")

/** Letters, and all else as a dot. */
const tokenizer: Tokenizer = {
  ...letters,
  encode: (text) => letters.encode(text.toLowerCase().replace(/[^a-z ]/g, ".")),
}
const model = { name: "small", config: { ...config, context: 2000 }, parameters, tokenizer }

/** A terminal that types these lines, and presses Ctrl-C when this many characters of one answer were said. */
const terminal = (
  more: Partial<Console> & { readonly lines?: ReadonlyArray<string>; readonly stopAt?: number } = {},
) => {
  const [said, told] = [[] as Array<string>, [] as Array<string>]
  const lines = [...more.lines ?? []]
  const length = (): number => said.join("").length
  const console: Console = {
    typed: false,
    watched: false,
    say: (text) => void said.push(text),
    tell: (text) => void told.push(text),
    line: () => Effect.sync(() => lines.shift()),
    piped: Effect.succeed("piped in"),
    interrupted: Effect.suspend(() => {
      const began = length()
      const wait: Effect.Effect<void> = Effect.suspend(() =>
        length() - began >= (more.stopAt ?? Infinity) ? Effect.void : Effect.andThen(Effect.sleep(1), wait)
      )
      return wait
    }),
    ...more,
  }
  return { console, said: () => said.join(""), told: () => told.join("") }
}

const run = (args: ReadonlyArray<string>, console: Console): Promise<number> =>
  Effect.runPromise(main(args, {
    console,
    model: () => Effect.succeed(model),
    device: () => layer(wasm({ memory: 2 ** 28, threads: 1 })),
  }))

/** What the model answers to each of these prompts. */
const wanted = (prompts: ReadonlyArray<ArrayLike<number>>, limit: number): Promise<ReadonlyArray<string>> =>
  onCpu(Effect.gen(function* () {
    const l = yield* language({ ...model })
    const answers = yield* l.answer(prompts, { sampling: greedy, limit, ...chatEnds(tokenizer) })
    return answers.map(tokenizer.decode)
  }))

it("one question: the answer alone goes to the output", async () => {
  const asked = (question: string): Int32Array => chatPrompt(tokenizer, { question })
  const [typed, piped, plain] = await wanted([asked("Who is it?"), asked("piped in"), tokenizer.encode("call me ")], 9)
  for (
    const [flags, want] of [
      [["--prompt", " Who is it? "], typed!.trimStart()],
      [[], piped!.trimStart()],
      [["--plain", "--prompt=call me "], plain!],
    ] as const
  ) {
    const t = terminal()
    assert.is(await run([...flags, "--max-tokens=9"], t.console), 0)
    assert.equal([t.said(), t.told()], [`${want}\n`, ""])
  }
})

it("a text as context, with progress for those who look; turns go on from there", async () => {
  const folder = await mkdtemp(join(tmpdir(), "orrery-"))
  try {
    const [one, two] = [join(folder, "one.txt"), join(folder, "two.txt")]
    await writeFile(one, "it was a dark night ".repeat(50))
    await writeFile(two, "and then")
    const t = terminal({ typed: true, watched: true, lines: ["who", " ", "why"] })
    assert.is(await run([`--context=${one}`, `--context=${two}`, "--max-tokens=8"], t.console), 0)
    const first = chatPrompt(tokenizer, {
      question: "who",
      context: `${"it was a dark night ".repeat(50)}\n\nand then`,
    })
    const [answer] = await wanted([first], 8) as [string]
    const next = [...first, ...tokenizer.encode(answer), ...chatTurn(tokenizer, "why")]
    const [second] = await wanted([next], 8) as [string]
    assert.is(t.said(), `${answer.trimStart()}\n${second.trimStart()}\n\n`)
    assert.match(t.told(), /small: .* parameters, a context of 2,000 tokens/)
    assert.match(t.told(), "1,010 tokens stand before the first question")
    assert.match(t.told(), /\rread 1,024 of 1,0\d\d tokens, [\d,]+ tokens\/s, \d:\d\d left/)
    assert.match(t.told(), /\[read 1,0\d\d, .* tokens\/s; said 8, .* tokens\/s; 1,0\d\d of 2,000\]/)
    await writeFile(one, "a".repeat(2000))
    const long = terminal()
    assert.is(await run([`--context=${one}`, "--prompt=who"], long.console), 1)
    assert.match(long.told(), /are 2,0\d\d tokens, and small has a context of 2,000, answer included: \d\d too many/)
    assert.match(long.told(), /Give about the first 9\d % of the text/)
    const none = terminal()
    assert.is(await run([`--context=${join(folder, "three.txt")}`, "--prompt=who"], none.console), 1)
    assert.match(none.told(), /there is no file .*three.txt to read as --context/)
  } finally {
    await rm(folder, { recursive: true })
  }
})

it("Ctrl-C stops the answer, and the dialogue goes on; a fault does not end it either", async () => {
  const t = terminal({ typed: true, lines: ["who", "a".repeat(3000), "why"], stopAt: 5 })
  assert.is(await run(["--max-tokens=1500"], t.console), 0)
  const answers = t.said().split("\n")
  assert.ok(answers.length >= 4 && answers[0]!.length >= 5 && answers[0]!.length < 1400, t.said())
  assert.match(t.told(), /tokens so far, 30\d\d more and up to 1 of an answer are \d+ more than the context of small/)
})

it("flags that are wrong end with 2, and help with 0", async () => {
  for (
    const [flags, message] of [
      [["--bogus"], "bogus"],
      [["--model=a", "--stage=b"], "--model and --stage do not go together"],
      [["--greedy", "--temperature=1"], "--greedy and --temperature do not go together"],
      [["--temperature=warm"], "--temperature is 'warm'; expected a number"],
      [["--temperature=-1"], "temperature is -1"],
      [["--top-k=0"], "topK is 0"],
      [["--top-p=1.5"], "topP is 1.5"],
      [["--max-tokens=0"], "--max-tokens is '0'"],
      [["--memory=-1"], "--memory is '-1'"],
      [["--cache=f64"], "--cache is 'f64'; expected one of f32, f16, int8"],
      [["--device=abacus"], "--device is 'abacus'"],
      [["--prompt="], "--prompt is ''; expected a text"],
      [["--context=a", "--context="], "expected a file"],
      [["--top-k=1.5"], "topK is 1.5"],
      [["who"], "'who' is one name too many"],
    ] as const
  ) {
    const t = terminal()
    assert.is(await run(flags, t.console), 2)
    assert.match(t.told(), message)
    assert.match(t.told(), "deno task chat")
    assert.is(t.said(), "")
  }
  const t = terminal()
  assert.is(await run(["--help"], t.console), 0)
  assert.match(t.said(), /--context=FILE +a text that is read before/)
  const asked = parse(command, ["--top-k=5", "--seed=7", "--context=a", "--context", "b"])
  const read = E.isRight(asked) && asked.right !== undefined ? wantedOf(asked.right.values) : E.left("nothing")
  assert.ok(E.isRight(read))
  assert.equal(read.right.sampling, { temperature: 1, topK: 5, seed: 7 })
  assert.equal(read.right.context, ["a", "b"])
})

it.run()
