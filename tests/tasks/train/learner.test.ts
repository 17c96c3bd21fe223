/** A learner that is no Llama goes through the same loop: it learns, tells, is stopped and goes on, on one rank and on two. */
import { either as E } from "fp-ts"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { decode } from "../../../core/files/safetensors.ts"
import { Event } from "../../../tasks/events.ts"
import { tensorPath } from "../../../tasks/objects.ts"
import { describe, quiet } from "../../../tasks/progress.ts"
import { lessonOf } from "../../../tasks/train/declared.ts"
import { learningStage } from "../../../tasks/train/stage.ts"
import { type Learning, Point, Trained } from "../../../tasks/train/training.ts"
import { type Files, on, type Ran, stopped } from "./learned.ts"
import { counted, line, recipe } from "./line.ts"

const it = suite("tasks/train/learner")

const lesson: Learning<never, never> = {
  ...{ stage: "line", learner: line(), seed: 2, start: undefined, save: 15 },
  batches: counted(recipe),
}

const tensor = (files: Files, trained: Trained, name: string): ReadonlyArray<number> => {
  const file = decode(files.get(tensorPath(trained.parameters.digest))!)
  return E.isRight(file) ? [...file.right.tensors.find((x) => x.name === name)!.data] : []
}

const whole = await (async () => {
  const files: Files = new Map()
  return { files, ...await on(files, lesson) }
})()

it("learns, and its further numbers are in events, in points, and on the line of progress", () => {
  const { trained, told, files } = whole
  const near = (xs: ReadonlyArray<number>, ys: ReadonlyArray<number>): boolean =>
    xs.length === ys.length && xs.every((x, i) => Math.abs(x - ys[i]!) < 0.3)
  assert.ok(near(tensor(files, trained, "slope"), [3, -2]), String(tensor(files, trained, "slope")))
  assert.ok(near(tensor(files, trained, "bias"), [1]))
  assert.equal([trained.tokens, trained.unit, trained.steps], [320, "points", 40])
  const steps = told.flatMap((e) => e._tag === "Stepped" ? [e] : [])
  assert.equal(steps.map((e) => e.tokens).slice(0, 2), [8, 16])
  assert.equal(trained.curve.map((p) => p.more), steps.map((e) => e.more))
  assert.ok(trained.curve.every(({ loss, more }) => more!["off"]! > 0 && more!["off"]! ** 2 <= loss * 1.0001))
  assert.equal(Object.keys(trained.curve[0]!.more!), ["off"])
  assert.match(describe(quiet, steps[0]!), /loss \d+\.\d+ {2}off \d\.\d+ {2}rate/)
  // and they are read back
  for (const e of steps) assert.equal(Event.decode(JSON.parse(JSON.stringify(e))), E.right(e))
  assert.equal(Trained.decode(JSON.parse(JSON.stringify(Trained.encode(trained)))), E.right(trained))
})

it("stopped between two states and begun again, it gives the same bytes", async () => {
  for (const changes of [1, 2, 3]) {
    const files: Files = new Map()
    await stopped(files, lesson, changes)
    const again = await on(files, lesson)
    assert.equal(again.trained, whole.trained, `${changes} changes`)
    const from = again.told.flatMap((e) => e._tag === "Resumed" ? [e.step] : [])
    assert.equal(from, changes < 2 ? [] : [15])
  }
})

it("parts of a batch are the batch, and so are two ranks; their further numbers too", async () => {
  const last = ({ trained }: Ran): ReadonlyArray<number> => [
    trained.curve[3]!.loss,
    trained.curve[3]!.norm,
    trained.curve[3]!.more!["off"]!,
  ]
  const parts = await on(new Map(), { ...lesson, learner: line({ ...recipe, accumulate: 4 }) })
  const spread = { shape: { data: 2 }, map: { batch: "data" }, layout: "contiguous" } as const
  const ranks = await on(new Map(), { ...lesson, learner: line().on(spread) })
  for (const other of [parts, ranks]) {
    last(other).forEach((x, i) => assert.ok(Math.abs(x / last(whole)[i]! - 1) < 1e-5, `${last(other)}, ${last(whole)}`))
  }
})

it("goes on from parameters, and refuses others by name", async () => {
  const files: Files = new Map(whole.files)
  files.delete("journal.json")
  const more = await on(files, { ...lesson, start: whole.trained.parameters })
  assert.ok(more.trained.curve[0]!.loss < whole.trained.curve[0]!.loss / 10)
  const state = whole.told.flatMap((e) => e._tag === "Saved" ? [{ digest: e.digest, bytes: e.bytes }] : []).at(-1)!
  files.delete("journal.json")
  assert.equal((await on(files, { ...lesson, start: state })).trained, more.trained)
})

it("batches that lack a tensor or have another size are faults that say so", () => {
  const { given } = line()
  const said = (rows: Parameters<typeof given>[0]): string => {
    const got = given(rows)
    return "_tag" in got ? String(got.message) : "they fit"
  }
  const x = { dtype: "f32", axes: ["batch", "in"], shape: [8, 2], data: new Float32Array(16) } as const
  assert.match(said({ x }), /the rows have no y, .*give batches of x, y/)
  const y = { dtype: "f32", axes: ["batch"], shape: [4], data: new Float32Array(4) } as const
  assert.match(said({ x, y }), /the rows have y of f32 \[4\], the recipe asks for f32 \[8\] \(batch 8\)/)
  assert.is(said({ x, y: { ...y, shape: [8], data: new Float32Array(8) } }), "they fit")
})

it("as a stage it says what it takes, and what it was declared with", () => {
  const declare = (learner = line()) =>
    learningStage({
      name: "line",
      learner,
      seed: 2,
      needs: {},
      data: { settings: null, batches: () => counted(recipe) },
    })
  const stage = declare()
  const known = stage.expects()
  if (E.isLeft(known)) throw new Error("it compiles")
  const { memory: bytes, flops, ...rest } = known.right
  assert.equal(rest, { steps: 40, notes: ["3 parameters", "320 points"] })
  assert.ok(bytes! > 0 && flops! > 0)
  assert.equal(lessonOf(stage), { learner: "line", model: { in: 2 }, seed: 2, data: null })
  const digest = (s: typeof stage): unknown => JSON.stringify(s.graphs())
  assert.is(digest(declare(line({ ...recipe }))), digest(stage))
  assert.is.not(digest(declare(line({ ...recipe, clip: 1 }))), digest(stage))
  const wrong = declare(line({ ...recipe, accumulate: 3, decay: 2 })).graphs()
  assert.equal(E.isLeft(wrong) ? wrong.left.length : 0, 2)
})

it("outputs of before, without further numbers, are read as they were written", () => {
  const old = {
    ...{ parameters: { digest: "a".repeat(64), bytes: 10 }, steps: 2, tokens: 64 },
    curve: [{ step: 2, loss: 1.5, rate: 0.1, norm: 0.5 }],
  }
  const read = Trained.decode(old)
  assert.equal(read, E.right(old))
  assert.equal(E.isRight(read) ? Trained.encode(read.right) : null, old)
  assert.equal(Point.encode({ ...old.curve[0]!, stranger: 1 } as Point), old.curve[0])
  assert.ok(E.isLeft(Trained.decode({ ...old, curve: [{ step: 2, loss: 1.5, rate: 0.1 }] })))
  assert.ok(E.isLeft(Trained.decode({ ...old, curve: [{ ...old.curve[0], more: { psnr: "high" } }] })))
})

it.run()
