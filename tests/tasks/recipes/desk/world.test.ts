/** The pipeline `world`: its table, what its keys hang on, what is known before it runs, and all of its stages at once. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { either as E } from "fp-ts"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { layer } from "../../../../core/device/device.ts"
import { wasm } from "../../../../core/wasm/backend.ts"
import { Result } from "../../../../tasks/evaluate/result.ts"
import { type Event, events, heardBy } from "../../../../tasks/events.ts"
import { adjustedBy } from "../../../../tasks/recipes/adjust.ts"
import { tableFaults } from "../../../../tasks/recipes/extend.ts"
import { type Scale, standard, tiny } from "../../../../tasks/recipes/desk/scale.ts"
import { desk, world } from "../../../../tasks/recipes/desk/world.ts"
import { hasOutline } from "../../../../tasks/report/outline.ts"
import { inOrder, keyOf, pipelineFaults, stageNamed } from "../../../../tasks/stage/key.ts"
import { runAll } from "../../../../tasks/stage/run.ts"
import type { AnyStage, Pipeline } from "../../../../tasks/stage/stage.ts"
import { memory } from "../../../../tasks/store.ts"
import { Trained } from "../../../../tasks/train/training.ts"

const it = suite("tasks/recipes/desk/world")

const named = (p: Pipeline, name: string): AnyStage => {
  const found = stageNamed(p, name)
  if (E.isLeft(found)) throw new Error(found.left.message)
  return found.right
}

const trainings = (p: Pipeline): ReadonlyArray<AnyStage> =>
  inOrder(p.stages).filter((s) => s.output === Trained && !["begin", "eyes-open"].includes(s.name))

/** Trainings that count frames. */
const ofFrames: ReadonlyArray<string> = ["vqgan", "judge"]

// ---- declared ----------------------------------------------------------------

it("is whole, names nothing twice, and ends with a report", () => {
  for (const p of [world, desk(tiny)]) {
    assert.equal(pipelineFaults(p), [])
    const names = inOrder(p.stages).map(({ name }) => name)
    assert.is(new Set(names).size, names.length)
    assert.ok(hasOutline(p))
  }
  const said = adjustedBy(world, { scale: "tiny" })
  assert.ok(E.isRight(said) && said.right.name === "world-tiny" && hasOutline(said.right))
  const other = adjustedBy(world, { scale: "huge" })
  assert.ok(
    E.isLeft(other) && other.left.message.includes("scale is 'huge'; expected quick or tiny"),
    JSON.stringify(other),
  )
})

it("its context grows three times at least, each time twofold or more, by a table without faults", () => {
  const { model, growing: { table } } = standard
  assert.equal(tableFaults(table, model), [])
  const contexts = [model, ...table].map(({ context }) => context)
  assert.ok(table.length >= 3 && contexts.slice(1).every((c, i) => c >= 2 * contexts[i]!), contexts.join())
  assert.ok(standard.measuring.lengths.includes(contexts.at(-1)!), "it is asked at its last context")
  for (const row of table) {
    const { config, recipe } = named(world, row.name).settings as unknown as {
      readonly config: Scale["model"]
      readonly recipe: { readonly time: number; readonly batch: number; readonly steps: number }
    }
    assert.equal(config, { ...model, context: row.context, theta: row.theta })
    assert.equal([recipe.time, recipe.batch * recipe.time, recipe.steps], [row.context, row.tokens, row.steps])
  }
  const before = ["base", ...table.map(({ name }) => name)]
  assert.equal(table.map(({ name }) => named(world, name).needs["before"]!.name), before.slice(0, -1))
})

it("the control is the base, tuned alike and asked alike; only what it looks over differs", () => {
  const numbers = (name: string) => {
    const { config, recipe, ...rest } = named(world, name).settings as { readonly [name: string]: object }
    const { context: _, theta: __, ...shape } = config as Scale["model"]
    const { time, batch, ...steps } = recipe as { readonly time: number; readonly batch: number }
    return { shape, steps, tokens: time * batch, rest }
  }
  assert.equal(numbers("tuning-control"), numbers("tuning"))
  assert.is(named(world, "tuning-control").needs["learned"]!.name, "base")
  assert.equal(named(world, "needles-control").settings, named(world, "needles").settings)
})

it("says before it runs what every training takes: tokens, steps, operations, memory", () => {
  const all = trainings(world)
  // the base, its growth, two tunings; eyes and a judge of frames; what the world model learns, and three variants of it
  const { lessons, growing: { table }, sighting: { sights } } = standard
  assert.is(all.length, lessons.length + table.length + 2 + 2 + sights.length + 3)
  for (const stage of all.filter(({ name }) => !ofFrames.includes(name))) {
    const found = stage.expects()
    if (E.isLeft(found)) throw new Error(JSON.stringify(found.left))
    const { tokens, steps, flops, memory, context } = found.right
    assert.ok(tokens! > 0 && steps! > 0 && tokens! % steps! === 0 && context! > 0, stage.name)
    // six operations for each token and each parameter but those of the embedding, and attention
    assert.ok(flops! > 6 * tokens! * 4 * standard.model.model ** 2 && flops! < 1e15, `${stage.name}: ${flops}`)
    assert.ok(memory! > 2 ** 20 && memory! < 2 ** 31, `${stage.name}: ${memory}`)
  }
})

// ---- keys --------------------------------------------------------------------

/** Keys as they would be if an output's digest were its key: what hangs on what, without running anything. */
const keysOf = async (p: Pipeline): Promise<ReadonlyMap<string, string>> => {
  const keys = new Map<string, string>()
  for (const s of inOrder(p.stages)) {
    const needs = Object.entries(s.needs).map(([name, need]) => [name, keys.get(need.name)!] as const)
    keys.set(s.name, await Effect.runPromise(keyOf(s, Object.fromEntries(needs))))
  }
  return keys
}

/** Stages of these names, and all that need them. */
const downstream = (p: Pipeline, from: ReadonlyArray<string>): ReadonlyArray<string> =>
  inOrder(p.stages).reduce<ReadonlyArray<string>>(
    (found, s) =>
      from.includes(s.name) || Object.values(s.needs).some(({ name }) => found.includes(name))
        ? [...found, s.name]
        : found,
    [],
  )

it("a number changes the keys of the stages that it is a number of, of all after them, and of no others", async () => {
  const [lesson, row] = [tiny.lessons[0]!, tiny.growing.table[0]!]
  const more = { ...tiny.growing.mixture, text: 0.31 }
  const changes: ReadonlyArray<readonly [Partial<Scale>, ReadonlyArray<string>]> = [
    [{ chapters: 9 }, ["book"]],
    [{ model: { ...tiny.model, hidden: 72 } }, ["begin", "base", "reader", "text-256", "tuning", "tuning-control"]],
    [{ lessons: [{ ...lesson, mixture: more }] }, ["base"]],
    [{ lessons: [{ ...lesson, seed: 9 }] }, ["base"]],
    [{ growing: { ...tiny.growing, mixture: more } }, ["text-256"]],
    [{ growing: { ...tiny.growing, table: [{ ...row, theta: 50_000 }] } }, ["text-256", "tuning", "chat"]],
    [{ tuning: { ...tiny.tuning, mixture: more } }, ["tuning", "tuning-control"]],
    [{ tuning: { ...tiny.tuning, dialogues: { ...tiny.tuning.dialogues, turns: 3 } } }, ["tuning", "tuning-control"]],
    [{ tuning: { ...tiny.tuning, chunk: 150 } }, ["questions"]],
    [{ measuring: { ...tiny.measuring, rounds: 2 }, name: "other" }, ["needles", "needles-control"]],
    [{ measuring: { ...tiny.measuring, harder: 2 }, about: "?" }, ["two-of-four", "key-value", "variables"]],
  ]
  const plain = await keysOf(desk(tiny))
  for (const [change, first] of changes) {
    const p = desk({ ...tiny, ...change })
    const keys = await keysOf(p)
    const changed = [...keys].filter(([name, key]) => plain.get(name) !== key).map(([name]) => name)
    assert.equal(changed, downstream(p, first), JSON.stringify(change))
  }
})

// ---- run ---------------------------------------------------------------------

it("all stages connect: run at the smallest scale, and read again from what is there", async () => {
  const files = new Map<string, Uint8Array>()
  const run = async () => {
    const heard: Array<Event> = []
    const { stages } = desk(tiny)
    const made = await Effect.runPromise(
      Effect.scoped(heardBy(runAll(stages), [(e) => Effect.sync(() => void heard.push(e))])).pipe(
        Effect.mapError((fault) => new Error(JSON.stringify(fault))),
        Effect.provide(
          Layer.mergeAll(memory(files), events, layer(wasm({ memory: 2 ** 28, threads: 1 }), "a test asked for it")),
        ),
      ) as Effect.Effect<Readonly<Record<string, unknown>>>,
    )
    const of = (tag: Event["_tag"]) => heard.filter((e) => e._tag === tag).map(({ stage }) => stage)
    return { made, heard, of, names: inOrder(stages).map(({ name }) => name) }
  }
  const first = await run()
  assert.equal([...first.of("StageFinished")].sort(), [...first.names].sort())
  for (const name of ["needles", "needles-control"]) {
    const result = Result.decode(JSON.parse(JSON.stringify(Result.encode(first.made[name] as Result))))
    assert.ok(E.isRight(result))
    assert.equal(result.right.cells.map(({ length, depth }) => [length, depth]), [[256, 0], [256, 100]])
    assert.is(result.right.total.asked, 2)
  }
  const stepped = first.heard.flatMap((e) => e._tag === "Stepped" ? [e] : [])
  assert.equal([...new Set(stepped.map(({ stage }) => stage))], trainings(desk(tiny)).map(({ name }) => name))
  const sees = (stage: string): boolean => ofFrames.includes(stage) || /^(vision|questions)-/.test(stage)
  const ofTokens = stepped.filter(({ stage }) => !sees(stage))
  assert.ok(ofTokens.every(({ loss }) => loss > 3 && loss < 9), "about as good as chance: log 1056 is 7")
  assert.ok(first.of("Progress").filter((stage) => stage === "questions").length < 20)
  const second = await run()
  assert.equal([...second.of("StageCached")].sort(), [...first.names].sort())
  assert.equal(second.of("StageStarted"), [])
  assert.equal(JSON.stringify(second.made), JSON.stringify(first.made))
})

it.run()
