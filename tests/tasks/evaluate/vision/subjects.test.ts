/** World models, eyes and classifiers under evaluation: what they show and say hangs on nothing that is beside it. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as t from "io-ts"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { layer } from "../../../../core/device/device.ts"
import { hostKey } from "../../../../core/random/host.ts"
import { wasm } from "../../../../core/wasm/backend.ts"
import * as Classifier from "../../../../models/classifier/mod.ts"
import * as Vqgan from "../../../../models/vqgan/mod.ts"
import { bitsStage } from "../../../../tasks/evaluate/stage.ts"
import { askedOf, type Asking } from "../../../../tasks/evaluate/vision/asked.ts"
import { answeredStage } from "../../../../tasks/evaluate/vision/asking.ts"
import type { Drawn } from "../../../../tasks/evaluate/vision/judged.ts"
import { reconstructionStage, scenes } from "../../../../tasks/evaluate/vision/reconstruction.ts"
import { judgedStage } from "../../../../tasks/evaluate/vision/showing.ts"
import {
  eyesOf,
  judgeOf,
  painterBy,
  painterOf,
  seerBy,
  seerOf,
  textOf,
} from "../../../../tasks/evaluate/vision/subjects.ts"
import { events } from "../../../../tasks/events.ts"
import { FileRef, putTensors } from "../../../../tasks/objects.ts"
import { run } from "../../../../tasks/stage/run.ts"
import { stage } from "../../../../tasks/stage/stage.ts"
import { memory } from "../../../../tasks/store.ts"
import { tensorsOf } from "../../../../tasks/train/parameters.ts"
import type { Coder } from "../../../../tasks/vision/codes.ts"
import { framesOfScene, type Scan, type Scans, sceneOf } from "../../../../tasks/vision/digits.ts"
import { type Frame, grey } from "../../../../tasks/vision/frame.ts"
import { WorldFiles } from "../../../../tasks/vision/model.ts"
import { config, layout, parameters, world } from "../../vision/small-world.ts"

const it = suite("tasks/evaluate/vision/subjects")

const around = () => Layer.mergeAll(events, layer(wasm({})), memory(new Map()))

/** Frames of 2 x 2 greys, each a code. */
const coder: Coder = {
  ...{ config: {} as never, batch: 1 },
  encode: (frames) => Effect.succeed(frames.map(({ pixels }) => Int32Array.from([0, 3, 6, 9], (i) => pixels[i]! % 11))),
  decode: (codes) => Effect.succeed(codes.map((ids) => grey(2, 2, Uint8Array.from(ids)))),
}

const asking: Asking = {
  ...{ each: 2, pairs: 1, videos: 2, seed: 1 },
  ...{ still: { seed: 2, frames: 1 }, video: { seed: 3, frames: 2 } },
}
const bytesOf = (clips: ReadonlyArray<ReadonlyArray<Frame>>) => clips.map((clip) => clip.map((f) => f.pixels.join()))

it("a clip hangs on its caption, its turn and the seed, whatever is drawn beside it", () =>
  Effect.runPromise(Effect.provide(
    Effect.scoped(Effect.gen(function* () {
      const painter = painterBy(yield* world(), coder)
      const asked = askedOf(asking).filter(({ number }) => number % 10 < 2)
      const drawn: Drawn = { guidance: 2, temperature: 5, seed: 6 }
      const all = bytesOf(yield* painter.show(asked, drawn))
      assert.equal(all.map(({ length }) => length), asked.map(({ frames }) => frames))
      const [turn0, turn1] = [0, 1].map((turn) =>
        all.filter((_, i) => asked[i]!.turn === turn && asked[i]!.number < 20)
      )
      assert.is.not(turn0!.join(), turn1!.join(), "equal captions are drawn anew")
      for (const [i, one] of asked.entries()) {
        if (i % 2 === 0) assert.equal(bytesOf(yield* painter.show([one], drawn)), [all[i]])
      }
      assert.equal(bytesOf(yield* painter.show(asked.toReversed(), drawn)).toReversed(), all)
      assert.is.not(bytesOf(yield* painter.show(asked, { ...drawn, seed: 7 })).join(), all.join())
      const first = { guidance: 1, temperature: 0 }
      const videos = asked.filter(({ frames }) => frames > 1)
      const begun = bytesOf(yield* painter.show(videos, { ...drawn, first }))
      const stills = bytesOf(yield* painter.show(videos.map((v) => ({ ...v, frames: 1 })), { ...drawn, ...first }))
      assert.equal(begun.map(([frame]) => frame), stills.map(([frame]) => frame))
    })),
    around(),
  )))

/** Scans whose ink says which they are. */
const scan = (digit: number, number: number): Scan => ({
  ...{ digit, number },
  ink: new Uint8Array(256).fill(digit * 20 + number + 1),
})
const scans: Scans = {
  train: Array.from({ length: 10 }, (_, d) => [scan(d, 0)]),
  heldOut: Array.from({ length: 10 }, (_, d) => [scan(d, 1)]),
  digest: "",
}

it("answers hang on their own question alone, and a clip is encoded once for all that is asked about it", () =>
  Effect.runPromise(Effect.provide(
    Effect.scoped(Effect.gen(function* () {
      const encoded: Array<number> = []
      const counting: Coder = { ...coder, encode: (f) => (encoded.push(f.length), coder.encode(f)) }
      const seer = seerBy(yield* world(), counting)
      const clips = [0, 1, 2].map((n) => framesOfScene(sceneOf(scans, { seed: 4, frames: 2 }, "heldOut", n)))
      const asked = clips.flatMap((frames) => ["Which?", "How many digits?"].map((question) => ({ frames, question })))
      const all = yield* seer.answer(asked)
      assert.equal(encoded, [6])
      assert.is(all.length, 6)
      for (const i of [1, 4]) assert.equal(yield* seer.answer([asked[i]!]), [all[i]])
      assert.equal((yield* seer.answer(asked.toReversed())).toReversed(), all)
    })),
    around(),
  )))

// ---- stages --------------------------------------------------------------------

/** As many codes as the small world has, sixteen a frame. */
const vqgan: Vqgan.VqganConfig = {
  ...{ resolution: 32, channels: 3, hidden: 2, multipliers: [1, 1, 1, 1], blocks: 1 },
  ...{ latent: 2, codes: layout.codes, embed: 2, groups: 1, epsilon: 1e-6 },
}

const Learned = t.strict({ parameters: FileRef })
const learned = (name: string, tree: object) =>
  stage({
    ...{ name, version: "1", codec: t.null, settings: null, needs: {}, output: Learned },
    make: () => Effect.map(putTensors(tensorsOf(tree as never)), (parameters) => ({ parameters })),
  })

it("all that is evaluated of untrained models is a stage, and is as bad as can be", async () => {
  const eyes = learned("eyes", Vqgan.initialise(vqgan, hostKey(1)))
  const weights = learned("weights", parameters)
  const judge = learned("judge", Classifier.initialise(Classifier.digits, hostKey(2)))
  const model = stage({
    ...{ name: "world", version: "1", codec: t.null, settings: null, needs: { eyes, weights }, output: WorldFiles },
    make: ({ eyes, weights }) =>
      Effect.succeed({
        ...{ config, parameters: weights.parameters, tokenizer: "bytes" as const },
        vqgan: { config: vqgan, parameters: eyes.parameters },
      }),
  })
  const Trust = t.strict({ right: t.number, of: t.number })
  const trust = stage({
    ...{ name: "trust", version: "1", codec: t.null, settings: null, needs: { judge }, output: Trust },
    make: () => Effect.succeed({ right: 1, of: 10 }),
  })
  const text = stage({
    ...{ name: "text", version: "1", codec: t.null, settings: null, needs: {}, output: t.string },
    make: () => Effect.succeed("It was the best of times, it was the worst of times."),
  })
  const kept = reconstructionStage({
    name: "reconstruction",
    subject: eyesOf(eyes, vqgan),
    sets: [scenes("stills", { seed: 1, frames: 1 }, 3)],
    samples: 2,
  })
  const generated = judgedStage({
    name: "generated",
    subject: painterOf(model),
    judge: judgeOf(judge, trust),
    showing: {
      asking: { ...asking, each: 0, pairs: 2, videos: 1 },
      drawn: { guidance: 2, temperature: 1, topK: 4, seed: 1 },
      batch: 4,
    },
  })
  const questions = answeredStage({
    name: "questions",
    subject: seerOf(model),
    questions: { stills: { drawing: asking.still, count: 2 }, videos: { drawing: asking.video, count: 1 }, batch: 4 },
  })
  const bits = bitsStage({
    name: "bits",
    subject: textOf(model),
    text: { from: text, read: Effect.succeed },
    foretelling: { context: 32, batch: 128, rows: 4, bins: 1, characters: 100 },
  })
  const [reconstruction, judged, foretold] = await Effect.runPromise(Effect.provide(
    Effect.scoped(Effect.all([run(kept), run(generated), run(bits)] as const)),
    around(),
  ))
  assert.equal(reconstruction.sets.map(({ name, frames, known }) => [name, frames, known]), [
    ["stills", 3, true],
  ])
  assert.ok(reconstruction.total.psnr < 20 && reconstruction.total.usage > 0)
  assert.equal(judged.parts.map(({ kind, model, again }) => [kind, model.of, model.shown, again!.of]), [
    ["pair", 2, 0, 2],
    ["video", 1, 0, 1],
  ])
  assert.is(judged.film.count, 2 + 2)
  assert.equal([questions.faults, Object.values(questions.needs)], [[], [model]])
  assert.ok(foretold.bits > 0 && foretold.bytes === 52)
})

it.run()
