/** Models out of folders and stores: what belongs together is found, and what does not is said. */
import * as Effect from "effect/Effect"
import { either as E } from "fp-ts"
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { hostKey } from "../../../core/random/host.ts"
import type { AnyHost } from "../../../core/tensor/host.ts"
import { flatten, mapSame } from "../../../core/tensor/tree.ts"
import { initialise } from "../../../models/llama/parameters.ts"
import { bytes } from "../../../models/tokenizers/bytes.ts"
import { learnBpe } from "../../../models/tokenizers/bpe.ts"
import { modelIn, modelOf } from "../../../tasks/language/model.ts"
import { putBytes, putTensors } from "../../../tasks/objects.ts"
import { folder, memory, utf8 } from "../../../tasks/store.ts"
import { publish, tensorsOf } from "../../../tasks/train/parameters.ts"
import { config as small, outcome } from "./small.ts"

const it = suite("tasks/language/model")

const config = { ...small, vocab: 259 }
const parameters = initialise(config, hostKey(1))
const file = learnBpe({ texts: ["call me ishmael, call me"], vocab: 1362 })
const json = E.isRight(file) ? JSON.stringify(file.right) : ""

const inFolder = async (test: (root: string) => Promise<void>): Promise<void> => {
  const root = await mkdtemp(join(tmpdir(), "orrery-"))
  try {
    await test(root)
  } finally {
    await rm(root, { recursive: true })
  }
}
const write = (root: string, c = config, p = parameters): Promise<unknown> =>
  Effect.runPromise(Effect.provide(publish(c, p, "."), folder(root)))
const faultOf = async (path: string): Promise<string> => {
  const got = await Effect.runPromise(outcome(modelIn(path)))
  return E.isLeft(got) ? got.left.message : "none"
}

it("comes out of a folder with its tokenizer, to the bit", () =>
  inFolder(async (root) => {
    await write(root)
    const model = await Effect.runPromise(modelIn(root))
    assert.equal(model.config, config)
    assert.is(model.tokenizer.name, "bytes")
    assert.equal([model.tokenizer.bos, model.tokenizer.pad], [256, 258])
    const flat = (x: unknown) =>
      (flatten(x) as ReadonlyArray<readonly [string, AnyHost]>).map(([p, h]) => [p, [...h.data]])
    assert.equal(flat(model.parameters), flat(parameters))
    const direct = await Effect.runPromise(modelIn(join(root, "model.safetensors")))
    assert.equal(flat(direct.parameters), flat(parameters))

    const wide = { ...config, vocab: 1362 }
    await write(root, wide, initialise(wide, hostKey(1)))
    await writeFile(join(root, "tokenizer.json"), json)
    const { tokenizer } = await Effect.runPromise(modelIn(root))
    assert.is(tokenizer.vocab, 1362)
    assert.is(tokenizer.decode(tokenizer.encode("call me 42 é")), "call me 42 é")
  }))

it("says what is missing, damaged or of another model", () =>
  inFolder(async (root) => {
    assert.match(await faultOf(join(root, "none")), /has no config.json: is it a model's folder/)
    await write(root)
    await writeFile(join(root, "tokenizer.json"), json)
    assert.match(await faultOf(root), /has 1362 tokens, the model a vocabulary of 259/)
    await writeFile(join(root, "tokenizer.json"), "{")
    assert.match(await faultOf(root), /tokenizer.json: not JSON/)
    await rm(join(root, "tokenizer.json"))
    const whole = await readFile(join(root, "model.safetensors"))
    await writeFile(join(root, "model.safetensors"), whole.subarray(0, 2000))
    assert.match(await faultOf(root), /model.safetensors: /)
    await write(root, { ...config, hidden: 20 }, parameters)
    assert.match(await faultOf(root), /expected \[20, 16\], got \[24, 16\].*another config/)
    const broken = mapSame(parameters, (h) => ({ ...h, data: Float32Array.from(h.data, () => NaN) }) as typeof h)
    await write(root, config, broken)
    assert.match(await faultOf(root), /'embedding' holds numbers that are not finite/)
    const other = { ...config, vocab: 300 }
    await write(root, other, initialise(other, hostKey(1)))
    assert.match(await faultOf(root), /has no tokenizer.json: copy the one here .*vocabulary is 300/)
  }))

it("comes out of a store by its files", () =>
  Effect.runPromise(Effect.provide(
    Effect.gen(function* () {
      const ref = yield* putTensors(tensorsOf(parameters))
      const model = yield* modelOf("base", { config, parameters: ref, tokenizer: "bytes" })
      assert.equal(model.tokenizer.encode("a"), bytes.encode("a"))
      const wide = { ...config, vocab: 1362 }
      const tokenizer = yield* putBytes(utf8(json))
      const wrong = yield* outcome(modelOf("base", { config: wide, parameters: ref, tokenizer }))
      assert.ok(E.isLeft(wrong) && wrong.left.message.includes("expected f32 [1362, 16], got f32 [259, 16]"))
    }),
    memory(),
  )))

it.run()
