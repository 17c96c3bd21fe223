/** `deno task generate` and `deno task ask`: files in and out, models out of folders and stages, faults and exit codes. */
import * as Effect from "effect/Effect"
import * as t from "io-ts"
import { mkdir, readdir, writeFile } from "node:fs/promises"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { layer } from "../../../core/device/device.ts"
import { encode as fileOf } from "../../../core/files/safetensors.ts"
import { hostKey } from "../../../core/random/host.ts"
import { wasm } from "../../../core/wasm/backend.ts"
import * as Vqgan from "../../../models/vqgan/mod.ts"
import * as World from "../../../models/world/mod.ts"
import type { Surroundings } from "../../../tasks/command/around.ts"
import { tools } from "../../../tasks/command/command.ts"
import { events } from "../../../tasks/events.ts"
import { modelOfStage } from "../../../tasks/language/staged.ts"
import { putTensors } from "../../../tasks/objects.ts"
import { runAll } from "../../../tasks/stage/run.ts"
import { pipeline, stage } from "../../../tasks/stage/stage.ts"
import { folder } from "../../../tasks/store.ts"
import { tensorsOf } from "../../../tasks/train/parameters.ts"
import { readClip, writeClip } from "../../../tasks/vision/file.ts"
import { blank, painted } from "../../../tasks/vision/frame.ts"
import { WorldFiles } from "../../../tasks/vision/model.ts"
import { config as eyesConfig } from "../../models/vqgan/small.ts"
import { inFolder, right } from "../data/letters.ts"
import { config, parameters } from "./small-world.ts"

const it = suite("tasks/vision/speaking")

const eyes: Vqgan.VqganConfig = { ...eyesConfig, multipliers: [1, 1, 2], codes: config.codes }
const seeing = Vqgan.initialise(eyes, hostKey(3))
const device = layer(wasm({ memory: 2 ** 28, threads: 1 }))

// ---- the model, in a folder and by a stage -----------------------------------------

const save = async (path: string, vqgan: Vqgan.VqganConfig = eyes): Promise<void> => {
  await mkdir(path, { recursive: true })
  const own = Vqgan.initialise(vqgan, hostKey(3))
  await writeFile(`${path}/model.safetensors`, right(fileOf(World.toHuggingFace(config, parameters), new Map())))
  await writeFile(`${path}/config.json`, JSON.stringify(World.toForeign(config)))
  await writeFile(`${path}/vqgan.safetensors`, right(fileOf(tensorsOf(own), new Map())))
  await writeFile(`${path}/vqgan.json`, JSON.stringify(vqgan))
}

const worldStage = (name: string) =>
  stage({
    ...{ name, version: "1", codec: t.null, settings: null, needs: {}, output: WorldFiles },
    make: () =>
      Effect.gen(function* () {
        const [world, vqgan] = [yield* putTensors(tensorsOf(parameters)), yield* putTensors(tensorsOf(seeing))]
        return { config, parameters: world, tokenizer: "bytes", vqgan: { config: eyes, parameters: vqgan } } as const
      }),
  })

const words = stage({
  ...{ name: "words", version: "1", codec: t.null, settings: null, needs: {}, output: t.string },
  make: () => Effect.succeed("words"),
})

/** A model that is tried out, as those of an ablation: its own name says nothing of it. */
const tried = worldStage("sees-unweighted")
const ablation = stage({
  ...{ name: "ablation", version: "1", codec: t.null, settings: null, needs: { tried }, output: t.string },
  make: () => Effect.succeed("no difference"),
})

const sight = pipeline("sight", "sees a little", {
  vision: worldStage("vision"),
  control: worldStage("vision-control"),
  words,
  tried,
  ablation,
})

// ---- commands --------------------------------------------------------------------

const run = async (name: string, args: ReadonlyArray<string>, interactive = false) => {
  let [out, err] = ["", ""]
  const around: Surroundings = {
    terminal: { interactive, columns: 80, write: (text) => void (out += text) },
    complain: (text) => void (err += text),
    recipes: [sight] as never,
    device: () => device,
    launch: undefined,
    confirm: () => Effect.succeed(false),
  }
  return { code: await Effect.runPromise(tools[name]!(around, args)), out, err }
}

const clipOf = (path: string) => Effect.runPromise(readClip(path))
const still = painted(blank(16, 8), blank(4, 4, [255, 255, 0]), 2, 3)
const write = (path: string, frames: number) => {
  const clip = { frames: Array.from({ length: frames }, () => still), rate: 4 }
  return Effect.runPromise(writeClip(path, clip) as Effect.Effect<void>)
}

it(
  "texts become files: a still, videos of several texts, one that goes on from a picture",
  inFolder({}, async (path) => {
    await save(path("model"))
    const model = `--model=${path("model")}`
    const one = await run("generate", ["a cat", model, `--out=${path("a.png")}`, "--seed=3", "--scale=2"])
    assert.equal([one.code, one.err], [0, ""])
    assert.is(one.out, `${path("a.png")}: a cat\n`)
    assert.is((await clipOf(path("a.png"))).frames[0]!.width, 16)

    const many = ["a cat", "a dog", model, `--out=${path("v.gif")}`, "--frames=3", "--guidance=2.5", "--seed=3"]
    const two = await run("generate", many, true)
    assert.equal([two.code, two.err], [0, ""])
    // deno-lint-ignore no-control-regex
    assert.match(two.out, /\r\x1b\[2K30 of 30 tokens, [\d,]+ tokens\/s, [\d.]+ frames\/s, 0:00 left/)
    assert.match(two.out, /v-1\.gif: a cat\n.*v-2\.gif: a dog\n6 frames by .*guidance 2.5, seed 3/)
    const on = ["a cat", model, `--out=${path("on.gif")}`, "--frames=2", `--first=${path("a.png")}`]
    assert.is((await run("generate", on)).code, 0)
    assert.is((await clipOf(path("on.gif"))).frames.length, 2)
  }),
)

it(
  "questions are answered: one alone streams, of many there are lines; a bad file is told and passed over",
  inFolder({ "in/bad.png": "no" }, async (path) => {
    await save(path("model"))
    const model = `--model=${path("model")}`
    await write(path("in/a.png"), 1)
    await write(path("in/b.gif"), 9)
    const one = await run("ask", ["Which?", model, `--file=${path("in/a.png")}`, "--max-tokens=5"])
    assert.equal([one.code, one.err], [0, ""])
    assert.ok(one.out.endsWith("\n") && one.out.length > 1)
    const all = await run("ask", ["Which?", "How many?", model, `--file=${path("in")}`, "--max-tokens=5", "--frames=4"])
    assert.is(all.code, 0)
    const lines = all.out.trimEnd().split("\n").map((line) => line.split("\t"))
    assert.equal(lines.map((parts) => parts.slice(0, 2)), [
      ["a.png", "Which?"],
      ["a.png", "How many?"],
      ["b.gif", "Which?"],
      ["b.gif", "How many?"],
    ])
    assert.is(lines[0]![2], one.out.trim(), "the same answer beside others")
    assert.match(all.err, /bad\.png.*\n1 file passed over: bad\.png/)
    const none = await run("ask", ["Which?", model, `--file=${path("in/bad.png")}`])
    assert.is(none.code, 1)
    assert.match(none.err, /nothing is asked/)
  }),
)

it(
  "models come out of stages; what is missing or does not fit is a sentence with exit 1, wrong flags are exit 2",
  inFolder({}, async (path) => {
    await save(path("model"))
    await save(path("other"), { ...eyes, codes: 8 })
    const out = `--out=${path("a.png")}`
    const staged = ["x", out, `--root=${path("runs")}`]
    assert.match(
      (await run("generate", ["--stage=sight", ...staged])).err,
      /has made no world model.*deno task run sight/,
    )
    await Effect.runPromise(
      runAll(sight.stages).pipe(
        Effect.provide(events),
        Effect.provide(folder(path("runs"))),
        Effect.provide(device),
      ) as Effect.Effect<unknown>,
    )
    const made = await run("generate", ["--stage=sight", ...staged], true)
    assert.match(made.out, /by sight\/vision,/)
    await write(path("one.png"), 1)
    const coded = ["--stage=sight", path("one.png"), `--out=${path("c.jsonl")}`, `--root=${path("runs")}`]
    assert.match((await run("encode", coded)).out, /by sight\/vision in/)
    const model = `--model=${path("model")}`
    const chats = await Effect.runPromise(modelOfStage(sight, "vision").pipe(Effect.provide(folder(path("runs")))))
    assert.equal(chats.parameters.head, parameters.head, "chat reads the text model that it also is")
    await write(path("b.gif"), 3)
    const cases: ReadonlyArray<readonly [string, ReadonlyArray<string>, number, RegExp]> = [
      ["generate", [], 2, /no text: say what to draw/],
      ["generate", ["x", " "], 2, /text 2 is empty/],
      ["generate", ["x", "--frames=0"], 2, /--frames is '0'/],
      [
        "generate",
        ["x", "--frames=2", "--out=a.mp4", "--ffmpeg=./none"],
        1,
        /no program '.*none' here; install ffmpeg/,
      ],
      ["generate", ["x", "--guidance=-1"], 2, /guidance is -1/],
      ["generate", ["x", "--frames=2", out], 2, /a PNG holds one frame/],
      ["generate", ["x", "--out=a.txt"], 2, /expected a name that ends with/],
      ["generate", ["x", "--model=a", "--stage=b"], 2, /do not go together/],
      ["generate", ["x", "--first=a.png"], 2, /nothing is left to draw/],
      ["ask", ["x"], 2, /no file: name a picture/],
      ["ask", ["", "--file=a.png"], 2, /question 1 is empty/],
      ["ask", ["--file=a.png"], 2, /no question: say what to ask/],
      ["ask", ["x", "--file=a.png", "--top-p=2"], 2, /topP is 2/],
      [
        "generate",
        ["x", model, `--out=${path("a.gif")}`, "--frames=99"],
        1,
        /a context of|the context of .* ask for \d+ frames/,
      ],
      [
        "generate",
        ["x", model, `--out=${path("a.gif")}`, "--frames=3", `--first=${path("b.gif")}`],
        1,
        /begins with 3 frames/,
      ],
      ["generate", ["x", out, `--model=${path("other")}`], 1, /a codebook of 11 codes, and the VQGAN has 8/],
      ["generate", ["x", out, `--model=${path("none")}`], 1, /has no config\.json/],
      ["generate", [...staged, "--stage=sight/words"], 1, /makes no world model/],
      ["generate", [...staged, "--stage=sight/more"], 1, /more/],
      ["generate", ["x", out, "--stage=none/vision"], 1, /no such pipeline; there are sight/],
    ]
    for (const [name, args, code, says] of cases) {
      const ended = await run(name, args)
      assert.is(ended.code, code, `${name} ${args.join(" ")}: ${ended.err}`)
      assert.match(ended.err, says)
    }
    assert.ok(!(await readdir(path("."))).includes("a.gif"))
    for (const name of ["generate", "ask"]) {
      assert.match((await run(name, ["--help"])).out, new RegExp(`deno task ${name}`))
    }
  }),
)

it.run()
