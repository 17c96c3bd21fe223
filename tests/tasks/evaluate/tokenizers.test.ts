/** Prompts by the tokenizers that there are: bytes, Llama-2's, and a vocabulary that was learned with phrases as tokens. */
import { either as E } from "fp-ts"
import llama from "llama-tokenizer-js"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { learnBpe, specials, superwords } from "../../../models/tokenizers/bpe.ts"
import { bytes } from "../../../models/tokenizers/bytes.ts"
import { fromFile } from "../../../models/tokenizers/huggingface.ts"
import { llama2 } from "../../../models/tokenizers/llama2.ts"
import { cities } from "../../../tasks/evaluate/cities.ts"
import { haystack } from "../../../tasks/evaluate/haystack.ts"
import {
  multiKey,
  multiNeedle,
  type Probe,
  singleNeedle,
  taskOf,
  trackVariables,
} from "../../../tasks/evaluate/probe.ts"
import { continued } from "../../../tasks/evaluate/prompt.ts"
import { depths, type Scene } from "../../../tasks/evaluate/task.ts"
import { chat, desk } from "../../../tasks/evaluate/wording.ts"
import { right } from "../../models/tokenizers/texts.ts"
import { story } from "./fakes.ts"

const it = suite("tasks/evaluate/tokenizers")

const phrase = "\nThe special magic Oslo number is: 1234567\n What is the special magic Oslo number? ASSISTANT: "
const learned = right(
  E.chain((file: unknown) => fromFile(file, { name: "learned" }))(learnBpe({
    texts: [story, ...Array.from({ length: 8 }, () => phrase)],
    vocab: 1700,
    pattern: superwords,
    digits: true,
    added: [...cities.slice(0, 20), " USER:", " ASSISTANT: "],
    special: specials,
  })),
)
const llamas = right(llama2(llama))

const probes: ReadonlyArray<Probe> = [
  ...[singleNeedle(desk), singleNeedle(chat), multiNeedle(4, 2), multiKey("fill"), trackVariables()],
]

for (const tokenizer of [bytes, llamas, learned]) {
  it(`${tokenizer.name}: exactly as long as asked, and whole`, () => {
    const hay = haystack("story", tokenizer, story)
    const scene: Scene = { tokenizer, haystack: hay, seed: 3, depths: depths(5), buffer: 20, reach: 2 ** 31 }
    for (const probe of probes) {
      const task = taskOf(probe)
      for (const trial of task.trials({ lengths: [901], depths: [0, 50, 100], rounds: 1 })) {
        const posed = task.pose(scene, trial)
        assert.ok(E.isRight(posed), probe.name)
        assert.is(posed.right.tokens.length, trial.length - 20)
        const text = tokenizer.decode(posed.right.tokens)
        const scores = task.score(posed.right.wanted, task.solve(text) ?? "")
        assert.ok(scores.every((s) => s.right && s.strict), `${probe.name}: ${text}`)
      }
    }
  })
}

it("a needle has the tokens that it has inside of a text", () => {
  const needle = "\nThe special magic Paris number is: 1234567\n"
  for (const tokenizer of [bytes, llamas, learned]) {
    const [before, whole] = [tokenizer.encode("It ends."), tokenizer.encode(`It ends.${needle}`)]
    assert.equal([...before, ...continued(tokenizer, needle)], [...whole])
  }
  assert.equal(llamas.encode("\n")[0], 29871, "by itself it would begin with a space")
})

it.run()
