/** `deno task explain`: which program is asked about, what it will take without a value of it, and its picture. */
import * as Effect from "effect/Effect"
import { either as E } from "fp-ts"
import { mkdtemp, readFile, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { memoryOf } from "../../../core/plan/memory.ts"
import { plain, spreadOver } from "../../../models/llama/plan.ts"
import { here } from "../../../tasks/command/around.ts"
import { tools } from "../../../tasks/command/command.ts"
import { mesh } from "../../../tasks/command/mesh.ts"
import { type Other, other, stepProgram } from "../../../tasks/explain/asked.ts"
import { columns, lives } from "../../../tasks/explain/picture.ts"
import { config, recipe } from "../train/tiny.ts"

const it = suite("tasks/command/explain")

const training = { config, recipe, plan: plain, packed: false }

it("a mesh is sizes of its axes, and a layout", () => {
  const spread = mesh("").read("ring=4,data=2,striped")
  assert.equal(spread, E.right(spreadOver({ data: 2, ring: 4 }, "striped")))
  for (const bad of ["", "ring", "rows=2", "ring=0", "ring=2,spiral", "ring=2,ring=2"]) {
    assert.equal(mesh("").read(bad), E.left("sizes of ring and data, and a layout: ring=4,data=2,zigzag"))
  }
})

it("forecasts a model of any size without a value of it: one rank of a ring has a part of the residuals", () => {
  const memory = (asked: Other) => {
    const step = stepProgram(other(training, { chunk: 1024, remat: "layer", ...asked }), "processes", 256)
    if (E.isLeft(step)) throw new Error(JSON.stringify(step.left))
    return memoryOf(step.right)
  }
  assert.is(memory({ preset: "200m", time: 1024 }).inputs["parameters"], 4 * 212_366_336)
  const of = (ring: number): number =>
    memory({ preset: "debug", time: 16_384, batch: 1, mesh: spreadOver({ ring }) }).residuals
  const ratio = of(1) / of(4)
  assert.ok(ratio > 3.5 && ratio < 4.2, `${ratio}`)
})

it("a program as a picture: every kernel a column, every buffer of the arena a box in its place", () => {
  const made = stepProgram(training, "local", 256)
  if (E.isLeft(made)) throw new Error(made.left.map((f) => f.message).join("\n"))
  const program = made.right
  const all = columns(program)
  assert.is(all.reduce((n, c) => n + c.turns, 0), program.forecast.dispatches)
  const boxes = lives(program, all)
  assert.is(boxes.length, program.buffers.filter((b) => b.place.tag === "arena").length)
  for (const box of boxes) assert.ok(box.offset + box.bytes <= program.arena && box.first <= box.last)
  // no two boxes overlap in time and place
  for (const [i, a] of boxes.entries()) {
    for (const b of boxes.slice(i + 1)) {
      const meet = a.first <= b.last && b.first <= a.last && a.offset < b.offset + b.bytes &&
        b.offset < a.offset + a.bytes
      assert.ok(!meet, `buffers ${a.buffer} and ${b.buffer} lie on each other`)
    }
  }
})

/** Calls it; the page goes into a folder that is gone afterwards. */
const called = async (
  ...flags: ReadonlyArray<string>
): Promise<{ readonly code: number; readonly out: string; readonly err: string; readonly page: string }> => {
  const root = await mkdtemp(join(tmpdir(), "orrery-explain-"))
  let [out, err] = ["", ""]
  const around = {
    ...here(),
    terminal: { interactive: false, columns: 80, write: (text: string) => void (out += text) },
    complain: (text: string) => void (err += text),
  }
  try {
    const path = join(root, "pages/explain.html")
    const code = await Effect.runPromise(tools.explain!(around, [...flags, `--out=${path}`]))
    return { code, out, err, page: await readFile(path, "utf8").catch(() => "") }
  } finally {
    await rm(root, { recursive: true, force: true })
  }
}

it("without flags it draws the step of the main job's base and its decoding", async () => {
  const { code, out, err, page } = await called()
  assert.is(err, "")
  assert.is(code, 0)
  assert.match(out, /^The step of a training\n/)
  assert.match(out, /residuals: kept for the backward pass/)
  assert.match(out, /in all, of this program\n\nThe next token\n/)
  assert.match(out, /drawn in .*pages.explain\.html\n$/)
  assert.is(page.match(/<svg/g)!.length, 2)
  assert.match(page, /state\.parameters\.embedding/)
  assert.match(page, /caches\.0/)
})

it("what is asked wrongly is a sentence", async () => {
  const cases: ReadonlyArray<readonly [string, number, RegExp]> = [
    ["--preset=9b", 2, /--preset is '9b'; expected one of debug, 200m/],
    ["--time=0", 2, /--time is '0'; expected a whole number of 1 or more/],
    ["--remat=some", 2, /--remat is 'some'; expected one of none, layer, all/],
    ["--stage=world/book", 1, /it is no training; name one/],
    ["--stage=world/none", 1, /the pipeline world has no such stage/],
    ["--mesh=ring=3", 1, /3/],
  ]
  for (const [flag, code, says] of cases) {
    const ended = await called(flag)
    assert.is(ended.code, code, flag)
    assert.match(ended.err, says)
    assert.is(ended.page, "")
  }
})

it.run()
