/** Learned parameters read back: as a language whose bits are those of the formulas, and by other programs' names. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { either as E } from "fp-ts"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { layer } from "../../../core/device/device.ts"
import { decode } from "../../../core/files/safetensors.ts"
import { hostKey } from "../../../core/random/host.ts"
import { wasm } from "../../../core/wasm/backend.ts"
import { fromForeign } from "../../../models/llama/config.ts"
import { toHuggingFace } from "../../../models/llama/names.ts"
import { initialise } from "../../../models/llama/parameters.ts"
import type { Tokenizer } from "../../../models/tokenizers/tokenizer.ts"
import { bitsPerByte } from "../../../tasks/evaluate/perplexity.ts"
import { events } from "../../../tasks/events.ts"
import { putTensors } from "../../../tasks/objects.ts"
import { memory, Store } from "../../../tasks/store.ts"
import { learnedLanguage } from "../../../tasks/train/learned.ts"
import { parametersIn, publish, readParameters, tensorsOf } from "../../../tasks/train/parameters.ts"
import * as reference from "../../models/reference.ts"
import { config } from "./tiny.ts"

const it = suite("tasks/train/learned")

/** Small letters and a blank by their place; every token is a byte. */
const letters: Tokenizer = {
  ...{ name: "letters", digest: "0".repeat(64), vocab: 17, bos: undefined, eos: undefined, pad: undefined },
  encode: (text) => Int32Array.from(text, (c) => "abcdefghijklmnop ".indexOf(c)),
  decode: (ids) => Array.from(ids, (i) => "abcdefghijklmnop "[i]).join(""),
}

const parameters = initialise(config, hostKey(5))

const inStore = <A, X>(effect: Effect.Effect<A, X, Store>): Promise<A> =>
  Effect.runPromise(Effect.provide(effect, memory()))

it("bits per byte of a text are those of the formulas in float64, in windows that slide by half", async () => {
  const text = "a bad lamb fed on oak and mild fig"
  const context = 12
  const bits = await inStore(
    Effect.scoped(Effect.gen(function* () {
      const ref = yield* putTensors(tensorsOf(parameters))
      const language = yield* learnedLanguage({ name: "tiny", config, parameters: ref, tokenizer: letters })
      assert.is(language.digest, ref.digest)
      return (yield* bitsPerByte(language, text, { context, batch: 24 })).bits
    })).pipe(Effect.provide(Layer.merge(events, layer(wasm({ memory: 2 ** 28, threads: 1 }))))),
  )
  const tokens = Array.from(letters.encode(text))
  const nats = (scores: ReadonlyArray<number>, target: number): number =>
    Math.log(scores.reduce((s, x) => s + Math.exp(x), 0)) - scores[target]!
  let total = 0
  let next = 1
  for (const start of [0, 6, 12, 18, tokens.length - context]) {
    const rows = reference.logits(config, parameters, tokens.slice(start, start + context))
    for (; next < start + context; next++) total += nats(rows[next - 1 - start]!, tokens[next]!)
  }
  const want = total / Math.LN2 / (text.length - 1)
  assert.is(next, tokens.length)
  assert.ok(Math.abs(bits - want) < 1e-4, `${bits} is not ${want}`)
})

it("parameters are read under three names, from halves too", async () => {
  const stored = tensorsOf(parameters)
  const under = stored.map((x) => ({ ...x, name: `parameters.${x.name}` }))
  const more = { name: "optimiser.step", dtype: "i32", shape: [], data: Int32Array.of(3) } as const
  for (const tensors of [stored, [...under, more], toHuggingFace(config, parameters)]) {
    const read = await inStore(Effect.flatMap(putTensors(tensors), (ref) => readParameters(config, ref)))
    assert.equal(tensorsOf(read), stored, tensors[0]!.name)
  }
  const whole = parametersIn(config, stored.map((x) => ({ ...x, dtype: "bf16", data: new Uint16Array(x.data.length) })))
  assert.ok(E.isRight(whole) && whole.right.norm.dtype === "f32" && whole.right.norm.data[0] === 0)
})

it("a file of another model is a fault that names what is missing, or of which size it is", async () => {
  const larger = { ...config, layers: 2 }
  const read = Effect.flatMap(putTensors(tensorsOf(parameters)), (ref) => Effect.flip(readParameters(larger, ref)))
  assert.match(
    (await inStore(read)).message,
    /^the checkpoint has no tensor 'blocks\.1\.attentionNorm', f32 \[16\]: give parameters of this model, or the config/,
  )
  const foreign = parametersIn({ ...config, model: 18 }, toHuggingFace(config, parameters))
  assert.match(E.isLeft(foreign) ? foreign.left[0]!.message : "", /expected \[17, 18\], got \[17, 16\]/)
})

it("the model goes out as other programs read it, and comes in again", () =>
  inStore(Effect.gen(function* () {
    const store = yield* Store
    const { tensors, config: path } = yield* publish(config, parameters, "out")
    assert.equal(fromForeign(JSON.parse(new TextDecoder().decode(yield* store.read(path)))), E.right(config))
    const file = decode((yield* store.read(tensors))!)
    const read = E.isRight(file) ? parametersIn(config, file.right.tensors) : E.left([])
    assert.ok(E.isRight(read))
    assert.equal(E.isRight(read) ? tensorsOf(read.right) : [], tensorsOf(parameters))
  })))

it.run()
