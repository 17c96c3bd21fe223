/** The harness over a Llama that has learned nothing: it finds nothing, and batches do not matter. */
import * as Effect from "effect/Effect"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { hostKey } from "../../../core/random/host.ts"
import { initialise } from "../../../models/llama/parameters.ts"
import { events } from "../../../tasks/events.ts"
import { evaluate, type Evaluation, lwmEvaluation } from "../../../tasks/evaluate/grid.ts"
import { haystack } from "../../../tasks/evaluate/haystack.ts"
import { bitsPerByte } from "../../../tasks/evaluate/perplexity.ts"
import { singleNeedle } from "../../../tasks/evaluate/probe.ts"
import { depths } from "../../../tasks/evaluate/task.ts"
import { chat } from "../../../tasks/evaluate/wording.ts"
import { llamaLanguage } from "../../../tasks/language/llama.ts"
import { config as small, onCpu } from "../language/small.ts"
import { story, wordTokenizer } from "./fakes.ts"

const it = suite("tasks/evaluate/llama")

const config = { ...small, vocab: wordTokenizer.vocab }

const evaluation = (batch: number): Evaluation => ({
  ...lwmEvaluation(singleNeedle(chat)),
  grid: { lengths: [200], depths: depths(2), rounds: 2 },
  buffer: 16,
  limit: 8,
  batch,
})

it("a model without training finds nothing, one prompt at a time or several", () =>
  onCpu(
    Effect.gen(function* () {
      const parameters = initialise(config, hostKey(3))
      const language = yield* llamaLanguage({ config, parameters, tokenizer: wordTokenizer })
      const hay = haystack("story", wordTokenizer, story)
      const one = yield* evaluate(language, hay, evaluation(1))
      assert.equal([one.total.asked, one.total.right], [4, 0])
      assert.equal(yield* evaluate(language, hay, evaluation(2000)), one)
      // small weights know nothing: every token is about as likely as every other
      const found = yield* bitsPerByte(language, story.slice(0, 600), { context: 100, batch: 400 })
      const even = (Math.log2(config.vocab) * found.tokens) / found.bytes
      assert.ok(Math.abs(found.bits / even - 1) < 0.02, `${found.bits} bits, not about ${even}`)
    }).pipe(Effect.provide(events)),
  ))

it.run()
