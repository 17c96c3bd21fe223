/** The judge of digits: after a few seconds of scans it knows most of those that it has not seen. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { either as E } from "fp-ts"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { layer } from "../../../core/device/device.ts"
import { wasm } from "../../../core/wasm/backend.ts"
import { digits } from "../../../models/classifier/mod.ts"
import { events } from "../../../tasks/events.ts"
import { run } from "../../../tasks/stage/run.ts"
import { memory } from "../../../tasks/store.ts"
import { centreOf, digitsIn } from "../../../tasks/vision/boxes.ts"
import { accuracyOf, classifierOf } from "../../../tasks/vision/classifier.ts"
import { blank, painted } from "../../../tasks/vision/frame.ts"
import { accuracyStage, boxOf, digitBatches, judgeStage, judging, labelledScans } from "../../../tasks/vision/judge.ts"
import { box, scans } from "../../../tasks/vision/scans.ts"
import { framesOfScene, sceneOf } from "../../../tasks/vision/scene.ts"

const it = suite("tasks/vision/judge")

const all = await Effect.runPromise(scans)

it("it learns scans, and is right on most of those held out; frames of another size are refused", async () => {
  const judge = judgeStage({ name: "judge", seed: 1, recipe: { ...judging, batch: 32, steps: 60, warmup: 5 } })
  const stage = accuracyStage({ name: "accuracy", judge })
  const around = Layer.mergeAll(events, layer(wasm({})), memory(new Map()))
  const [accuracy, said, fault] = await Effect.runPromise(Effect.provide(
    Effect.scoped(Effect.gen(function* () {
      const told = yield* run(stage)
      const says = yield* classifierOf(digits, (yield* run(judge)).parameters)
      const scene = sceneOf(all, { seed: 2, frames: 1, least: 3 }, "heldOut", 1)
      const frame = framesOfScene(scene)[0]!
      const verdicts = yield* says(digitsIn(frame).flatMap((found) => found.frame ?? []))
      return [told, verdicts, yield* Effect.flip(says([frame]))] as const
    })),
    around,
  ))
  assert.is(accuracy.of, labelledScans(all, "heldOut").length)
  assert.ok(
    accuracy.accuracy > 0.8 && accuracy.right === Math.round(accuracy.accuracy * accuracy.of),
    `${accuracy.accuracy}`,
  )
  assert.ok(said.every(({ shares }) => Math.abs(shares.reduce((a, b) => a + b, 0) - 1) < 1e-9))
  assert.match(fault.message, /looks at 16 x 16 pixels, a frame has 32 x 32/)
})

it("batches are functions of their number; labels are those of the scans", async () => {
  const drawn = { seed: 3, batch: 6, shift: 0 }
  const from = (n: number, position?: number) =>
    Effect.runPromise(Stream.runCollect(Stream.take(digitBatches(drawn).from(position), n)))
  const [three, third] = [[...await from(3)], [...await from(1, 2)]]
  assert.equal(third[0], three[2])
  assert.is.not(JSON.stringify(three[0]!.rows), JSON.stringify(three[1]!.rows))
  const { frames, labels } = three[0]!.rows
  const scan = (i: number): string =>
    Array.from({ length: 256 }, (_, k) => Math.round((frames!.data[(i * 256 + k) * 3]! + 1) * 127.5)).join()
  Array.from(labels!.data).forEach((label, i) =>
    assert.ok(all.train[label]!.some(({ ink }) => ink.join() === scan(i)), `frame ${i} is a ${label}`)
  )
})

it("accuracy is told of all and of each class", () => {
  const said = [0, 1, 1, 0].map((label) => ({ label, shares: [] }))
  assert.equal(accuracyOf([0, 1, 0, 0], said, 3), { accuracy: 0.75, right: 3, of: 4, byClass: [2 / 3, 1, 0] })
})

it("in scenes as many digits are found as there are, each in its box, to a pixel; noise, bars and spots are none", () => {
  const wrong = Array.from({ length: 300 }, (_, n) => sceneOf(all, { seed: 7, frames: 1 }, "heldOut", n)).filter(
    (scene) => {
      const found = digitsIn(framesOfScene(scene)[0]!)
      const near = scene.digits.every(({ row, col }) =>
        found.some((one) => Math.abs(one.row - row - 7.5) < 2 && Math.abs(one.col - col - 7.5) < 2)
      )
      return found.length !== scene.digits.length || !near
    },
  )
  assert.ok(wrong.length <= 3, `${wrong.length} of 300`)
  const white = (width: number, height: number) => painted(blank(32, 32), blank(width, height, [255, 255, 255]), 3, 3)
  assert.equal(digitsIn(blank(32, 32)), [])
  assert.equal(digitsIn(white(2, 2)), [], "a spot")
  assert.equal(digitsIn(white(20, 6)).map(({ frame }) => frame), [null], "longer than a box")
  assert.equal(centreOf(blank(32, 32)), undefined)
  assert.equal(centreOf(white(2, 6)), [5.5, 3.5])
})

it("a broken stroke is one digit, neighbours are two; a box at the edge is filled up with black", () => {
  const stroke = (...at: ReadonlyArray<readonly [row: number, col: number]>) =>
    at.reduce((frame, [row, col]) => painted(frame, blank(2, 5, [255, 255, 255]), row, col), blank(32, 32))
  assert.is(digitsIn(stroke([2, 4], [11, 4])).length, 1)
  assert.is(digitsIn(stroke([2, 4], [14, 4])).length, 2)
  assert.is(digitsIn(stroke([2, 4], [2, 20])).length, 2)
  const [corner] = digitsIn(stroke([0, 0], [1, 1]))
  assert.equal([corner!.frame!.width, corner!.frame!.height], [box, box])
  const scan = boxOf(all.heldOut[7]![0]!)
  const [found] = digitsIn(painted(blank(32, 32), scan, 3, 9))
  const off = centreOf(scan)!
  const [down, right] = off.map((x) => Math.round(x - 7.5))
  assert.equal(found!.frame!.pixels, painted(blank(box, box), scan, -down!, -right!).pixels)
})

it("what the judge is declared with is a key of its own", () => {
  const key = (change: object): string => {
    const stage = judgeStage({ name: "judge", seed: 1, ...change })
    const graphs = stage.graphs()
    return JSON.stringify([stage.settings, E.isRight(graphs) ? graphs.right : graphs.left])
  }
  assert.is(key({}), key({ shift: 1 }))
  assert.is.not(key({ shift: 2 }), key({}))
  assert.is.not(key({ recipe: { ...judging, smoothing: 0 } }), key({}))
})

it.run()
