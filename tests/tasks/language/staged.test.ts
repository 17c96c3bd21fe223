/** Models out of what stages have made: the one to talk to, a named one, and why there is none. */
import * as Effect from "effect/Effect"
import { either as E } from "fp-ts"
import * as t from "io-ts"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { hostKey } from "../../../core/random/host.ts"
import { initialise } from "../../../models/llama/parameters.ts"
import { learnBpe } from "../../../models/tokenizers/bpe.ts"
import { events } from "../../../tasks/events.ts"
import { ModelFiles } from "../../../tasks/language/model.ts"
import { chosenModel } from "../../../tasks/language/choice.ts"
import { modelOfStage } from "../../../tasks/language/staged.ts"
import { FileRef, putBytes, putTensors } from "../../../tasks/objects.ts"
import { runAll } from "../../../tasks/stage/run.ts"
import { type Pipeline, pipeline, stage } from "../../../tasks/stage/stage.ts"
import { folder, memory, utf8 } from "../../../tasks/store.ts"
import { publish, tensorsOf } from "../../../tasks/train/parameters.ts"
import { ConfigCodec } from "../../../tasks/train/settings.ts"
import { config as small, outcome } from "./small.ts"

const it = suite("tasks/language/staged")

const bpe = learnBpe({ texts: ["call me ishmael, call me"], vocab: 1362 })
const config = { ...small, vocab: 1362 }

const File = t.strict({ file: FileRef })
const tokenizer = stage({
  ...{ name: "tokenizer", version: "1", codec: t.null, settings: null, needs: {}, output: File },
  make: () => Effect.map(putBytes(utf8(E.isRight(bpe) ? JSON.stringify(bpe.right) : "")), (file) => ({ file })),
})
const Learned = t.strict({ parameters: FileRef })
/** A training that learns nothing. */
const training = (name: string, seed: number, c = config) =>
  stage({
    ...{ name, version: "1", needs: { tokenizer }, output: Learned },
    ...{ codec: t.strict({ config: ConfigCodec, seed: t.number }), settings: { config: c, seed } },
    make: () => Effect.map(putTensors(tensorsOf(initialise(c, hostKey(seed)))), (parameters) => ({ parameters })),
  })
const alone = stage({
  ...{ name: "alone", version: "1", needs: {}, output: Learned },
  codec: t.strict({ config: ConfigCodec, data: t.strict({ material: t.strict({ tokenizer: t.string }) }) }),
  settings: { config: { ...config, vocab: 259 }, data: { material: { tokenizer: "bytes" } } },
  make: (_, s) => Effect.map(putTensors(tensorsOf(initialise(s.config, hostKey(9)))), (parameters) => ({ parameters })),
})
const [base, chat, control] = [training("base", 1), training("world-chat", 2), training("control", 3)]
const whole = stage({
  ...{ name: "whole", version: "1", codec: t.null, settings: null, needs: { chat, tokenizer }, output: ModelFiles },
  make: ({ chat, tokenizer }) => Effect.succeed({ config, parameters: chat.parameters, tokenizer: tokenizer.file }),
})
const world = pipeline("world", "for tests", { base, chat, control, alone, whole, tokenizer })

const inStore = <A, X>(run: Effect.Effect<A, X, never>): Promise<A> => Effect.runPromise(run)
const first = (x: { readonly parameters: { readonly embedding: { readonly data: ArrayLike<number> } } }): number =>
  x.parameters.embedding.data[0]!
const drawn = (seed: number, c = config): number => initialise(c, hostKey(seed)).embedding.data[0]! as number

it("finds the model to talk to, or a named one, with its tokenizer", () =>
  inStore(
    Effect.gen(function* () {
      yield* runAll({ base, control })
      const before = yield* modelOfStage(world)
      assert.equal([before.name, first(before)], ["world/base", drawn(1)], "no chat yet, and no control")
      yield* runAll({ chat })
      const talk = yield* modelOfStage(world)
      assert.equal([talk.name, first(talk)], ["world/world-chat", drawn(2)])
      assert.is(talk.tokenizer.vocab, 1362)
      assert.is(talk.tokenizer.decode(talk.tokenizer.encode("call me 42")), "call me 42")
      assert.is(first(yield* modelOfStage(world, "control")), drawn(3))

      yield* runAll({ alone, whole })
      const own = yield* modelOfStage(world, "alone")
      assert.equal([own.tokenizer.name, own.tokenizer.vocab], ["bytes", 259])
      assert.is(first(yield* modelOfStage(world, "whole")), drawn(2))
      const other = yield* modelOfStage(world, "base", "bytes")
      assert.is(other.tokenizer.name, "bytes")
    }).pipe(Effect.provide(events), Effect.provide(memory())) as Effect.Effect<void>,
  ))

it("says why there is none", () =>
  inStore(
    Effect.gen(function* () {
      const saying = (name?: string) =>
        Effect.map(outcome(modelOfStage(world, name)), (e) => E.isLeft(e) ? e.left.message : "none")
      assert.match(yield* saying(), /world: it has made no model yet; deno task run world makes one/)
      assert.match(yield* saying("nothing"), /has no such stage; it has/)
      assert.match(yield* saying("base"), /not made yet, or not whole; make it with deno task run world --stage=base/)
      yield* runAll({ tokenizer })
      assert.match(yield* saying("tokenizer"), /makes no model; name a training/)
      yield* runAll({ lost: training("lost", 4, { ...config, vocab: 300 }) })
      const lost = pipeline("lost", "for tests", { lost: training("lost", 4, { ...config, vocab: 300 }) })
      const got = yield* outcome(modelOfStage(lost))
      assert.match(E.isLeft(got) ? got.left.message : "", /has 1362 tokens, the model a vocabulary of 300/)
    }).pipe(Effect.provide(events), Effect.provide(memory())) as Effect.Effect<void>,
  ))

it("a folder or a stage is taken as it is named; else the main pipeline's, else what is shipped", async () => {
  const root = await mkdtemp(join(tmpdir(), "orrery-"))
  try {
    const bare = { ...config, vocab: 259 }
    await Effect.runPromise(Effect.provide(publish(bare, initialise(bare, hostKey(7)), "."), folder(root)))
    const offer = { pipelines: [world], main: "world", shipped: root }
    const none = { model: undefined, stage: undefined, tokenizer: undefined }
    await inStore(
      Effect.gen(function* () {
        assert.is(first(yield* chosenModel({ ...none, model: root }, offer)), drawn(7, bare))
        assert.is(first(yield* chosenModel(none, offer)), drawn(7, bare), "nothing is made yet")
        yield* runAll({ base })
        assert.is(first(yield* chosenModel(none, offer)), drawn(1))
        assert.is(first(yield* chosenModel({ ...none, stage: "world/base" }, { ...offer, main: "other" })), drawn(1))
        const saying = (stage: string | undefined, pipelines: ReadonlyArray<Pipeline>) =>
          Effect.map(
            outcome(chosenModel({ ...none, stage }, { ...offer, pipelines, shipped: undefined })),
            (e) => E.isLeft(e) ? e.left.message : "none",
          )
        assert.match(yield* saying("moon/base", [world]), /moon: there is no such pipeline; there are world/)
        assert.match(yield* saying(undefined, []), /world: there is no such pipeline; there are none: give --stage/)
        const empty = pipeline("world", "for tests", { chat: training("chat", 5) })
        assert.match(yield* saying(undefined, [empty]), /no model yet; deno task run world makes one; or give --model/)
      }).pipe(Effect.provide(events), Effect.provide(memory())) as Effect.Effect<void>,
    )
  } finally {
    await rm(root, { recursive: true })
  }
})

it.run()
