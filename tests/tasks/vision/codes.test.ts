/** Frames to codes and back: in any number, by commands, out of folders and stages; codes of another model are refused. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import fc from "fast-check"
import * as t from "io-ts"
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { type Device, layer } from "../../../core/device/device.ts"
import { encode as fileOf } from "../../../core/files/safetensors.ts"
import { hostKey } from "../../../core/random/host.ts"
import { wasm } from "../../../core/wasm/backend.ts"
import * as Vqgan from "../../../models/vqgan/mod.ts"
import { toLwm } from "../../../models/vqgan/names.ts"
import type { Surroundings } from "../../../tasks/command/around.ts"
import { tools } from "../../../tasks/command/command.ts"
import { events } from "../../../tasks/events.ts"
import { runAll } from "../../../tasks/stage/run.ts"
import { putTensors } from "../../../tasks/objects.ts"
import { type Json, pipeline, stage } from "../../../tasks/stage/stage.ts"
import { folder } from "../../../tasks/store.ts"
import { Lesson } from "../../../tasks/train/declared.ts"
import { tensorsOf } from "../../../tasks/train/parameters.ts"
import { Trained } from "../../../tasks/train/training.ts"
import { coder } from "../../../tasks/vision/codes.ts"
import { readClip, writeClip } from "../../../tasks/vision/file.ts"
import { blank, type Frame, painted } from "../../../tasks/vision/frame.ts"
import { codebookName, frameModelIn } from "../../../tasks/vision/frame-model.ts"
import { config } from "../../models/vqgan/small.ts"
import { faultOf, inFolder, right } from "../data/letters.ts"

const it = suite("tasks/vision/codes")

const parameters = Vqgan.initialise(config, hostKey(3))
const model = { name: "small", config, parameters }
const frame = (seed: number): Frame => ({
  ...{ width: 8, height: 8 },
  pixels: Uint8Array.from({ length: 192 }, (_, i) => (i * 37 + seed * 91 + (i % 7) * seed) % 256),
})
const device = layer(wasm({ memory: 2 ** 28, threads: 1 }))
const onDevice = <A, X>(effect: Effect.Effect<A, X, Device | Scope.Scope>): Promise<A> =>
  Effect.runPromise(Effect.scoped(effect).pipe(Effect.provide(device)) as Effect.Effect<A>)

// ---- batches ---------------------------------------------------------------------

it("any number of frames has the codes that each has alone; so have codes their frames; what fills up changes nothing", () =>
  onDevice(Effect.gen(function* () {
    const [one, four] = [yield* coder(model, 1), yield* coder(model, 4)]
    const frames = Array.from({ length: 9 }, (_, i) => frame(i))
    const alone = yield* one.encode(frames)
    const again = yield* one.decode(alone)
    for (const n of [0, 1, 3, 4, 5, 9]) {
      const heard: Array<number> = []
      const together = yield* four.encode(frames.slice(0, n), (done) => Effect.sync(() => void heard.push(done)))
      assert.equal(together, alone.slice(0, n))
      assert.equal(heard, [4, 8, 9].filter((done) => done < n || done === n).concat([1, 3, 5].includes(n) ? [n] : []))
      assert.equal(yield* four.decode(together), again.slice(0, n))
    }
    assert.ok(alone.every((ids) => ids.length === 16 && ids.every((id) => id >= 0 && id < config.codes)))
    assert.ok(new Set(alone.map((ids) => ids.join())).size > 1, "frames differ in their codes")
  })))

it("frames and codes of another model are faults before anything runs", () =>
  onDevice(Effect.gen(function* () {
    const { encode, decode } = yield* coder(model)
    const large = yield* Effect.flip(encode([frame(0), blank(9, 8)]))
    assert.match((large as { message: string }).message, /frame 1 is 9 x 8, the model sees 8 x 8/)
    const codes = new Int32Array(16)
    yield* Effect.promise(() =>
      fc.assert(
        fc.asyncProperty(fc.nat(15), fc.constantFrom(-1, 8, 9000, 0.5, NaN), async (at, id) => {
          const wrong = Array.from(codes, (c, i) => i === at ? id : c)
          const fault = await faultOf(decode([codes, wrong]) as Effect.Effect<unknown, { readonly message: string }>)
          assert.match(fault.message, `code ${at} of frame 1 is ${id}; this codebook has ids from 0 to 7`)
        }),
        { seed: 1, numRuns: 20 },
      )
    )
    const short = yield* Effect.flip(decode([codes.subarray(1)]))
    assert.match((short as { message: string }).message, /15 codes, a frame of this model 16.*another model/)
  })))

// ---- a pipeline ------------------------------------------------------------------

/** What a training of a VQGAN is to those who look for models, without the training. */
const eyes = stage({
  ...{ name: "eyes", version: "1", codec: Lesson, needs: {}, output: Trained },
  settings: { learner: "vqgan", model: { config: Vqgan.VqganConfig.encode(config) as Json }, seed: 1, data: null },
  make: () =>
    Effect.map(
      putTensors(tensorsOf({ parameters })),
      (learned): Trained => ({ parameters: learned, steps: 1, tokens: 2, unit: "frames", curve: [] }),
    ),
})

const words = stage({
  ...{ name: "words", version: "1", codec: t.null, settings: null, needs: {}, output: t.string },
  make: () => Effect.succeed("words"),
})

/** A pipeline with a model of frames, and a stage that makes none. */
const sight = pipeline("sight", "sees a little", { eyes, words })

// ---- commands --------------------------------------------------------------------

interface Ended {
  readonly code: number
  readonly out: string
  readonly err: string
}

const run = async (name: string, args: ReadonlyArray<string>, recipes: ReadonlyArray<unknown> = []): Promise<Ended> => {
  let [out, err] = ["", ""]
  const around: Surroundings = {
    terminal: { interactive: false, columns: 80, write: (text) => void (out += text) },
    complain: (text) => void (err += text),
    recipes: recipes as never,
    device: () => device,
    launch: undefined,
    confirm: () => Effect.succeed(false),
  }
  const code = await Effect.runPromise(tools[name]!(around, args))
  return { code, out, err }
}

const save = async (path: string, tensors = tensorsOf(parameters)): Promise<void> => {
  await mkdir(path, { recursive: true })
  await writeFile(`${path}/model.safetensors`, right(fileOf(tensors, new Map())))
  await writeFile(`${path}/config.json`, JSON.stringify(config))
}
const video = Array.from({ length: 5 }, (_, i) => painted(blank(16, 8), blank(4, 4, [255, 255, 0]), 2, i * 3))
const write = (path: string, frames: ReadonlyArray<Frame>) =>
  Effect.runPromise(writeClip(path, { frames, rate: 4 }) as Effect.Effect<void>)

it(
  "files become lines and lines files again; what cannot be used is told and counted",
  inFolder({ "in/bad.png": "no", "in/bad.txt": "bad", "in/lonely.txt": "a cat" }, async (path) => {
    await save(path("model"))
    await write(path("in/a.png"), [frame(1)])
    await writeFile(path("in/a.txt"), "a still")
    await write(path("in/b.gif"), video)
    await writeFile(path("in/b.txt"), "a video")
    const args = [path("in"), `--model=${path("model")}`, `--out=${path("new/of/codes.jsonl")}`]
    const made = await run("encode", args)
    assert.is(made.code, 0, made.err)
    assert.match(made.out, /^2 files, 6 frames of 4 x 4 codes by .* in .*codes\.jsonl\n2 files passed over: bad\.png/)
    assert.match(made.err, /bad\.png.*no picture/)
    assert.match(made.err, /lonely\.txt: .*caption without its file/)
    assert.not((made.out + made.err).includes("\r"), "quiet where it is piped")
    const lines = (await readFile(path("new/of/codes.jsonl"), "utf8")).trim().split("\n").map((line) =>
      JSON.parse(line)
    )
    const codebook = await Effect.runPromise(codebookName(model))
    assert.equal(lines.map(({ vision, ...rest }) => ({ ...rest, codes: vision.length })), [
      { file: "a.png", caption: "a still", codebook, codes: 16 },
      { file: "b.gif", caption: "a video", rate: 4, codebook, codes: 80 },
    ])
    assert.equal(lines[0].vision, [...(await onDevice(Effect.flatMap(coder(model), (c) => c.encode([frame(1)]))))[0]!])

    const back = await run("decode", [
      path("new/of/codes.jsonl"),
      `--model=${path("model")}`,
      `--out=${path("back")}`,
      "--scale=2",
    ])
    assert.equal([back.code, back.err], [0, ""])
    assert.match(back.out, /^2 files, 6 frames by .* in .*back\n$/)
    assert.equal((await readdir(path("back"))).sort(), ["0001-a.png", "0002-b.gif"])
    const { frames, rate } = await Effect.runPromise(
      readClip(path("back/0002-b.gif")),
    )
    assert.equal([frames.length, rate, frames[0]!.width], [5, 4, 16])
  }),
)

it(
  "lines that are no codes, or codes of another model, are told; what is wrong with flags ends with 2",
  inFolder({ "in.png": "no" }, async (path) => {
    await save(path("model"), toLwm(parameters))
    const other = await Effect.runPromise(codebookName({ ...model, parameters: Vqgan.initialise(config, hostKey(4)) }))
    const lines = [
      { vision: Array(16).fill(7) },
      { vision: Array(15).fill(7) },
      { vision: [...Array(15).fill(7), 8] },
      { vision: "7" },
      { codes: [] },
      { vision: Array(16).fill(7), codebook: other },
    ]
    await writeFile(path("in.jsonl"), lines.map((line) => JSON.stringify(line)).join("\n"))
    const { code, out, err } = await run("decode", [
      path("in.jsonl"),
      `--model=${path("model")}`,
      `--out=${path("out")}`,
    ])
    assert.is(code, 0)
    assert.match(out, /^1 file, 1 frame by .*\n5 lines passed over/)
    const said = err.trim().split("\n")
    for (
      const [i, says] of [
        /whole number of frames/,
        /from 0 to 7/,
        /no list of codes/,
        /its fields are codes/,
        /of the codebook .*that made them/,
      ].entries()
    ) {
      assert.match(said[i]!, says)
      assert.match(said[i]!, `in.jsonl:${i + 2}: `)
    }
    assert.equal(await readdir(path("out")), ["0001.png"])

    await writeFile(path("old.jsonl"), "old\n")
    const none = await run("encode", [path("in.png"), `--model=${path("model")}`, `--out=${path("old.jsonl")}`])
    assert.is(none.code, 1)
    assert.match(none.err, /no picture[\s\S]*nothing could be encoded/)
    assert.is(await readFile(path("old.jsonl"), "utf8"), "old\n")
    const wrong: ReadonlyArray<readonly [string, ReadonlyArray<string>, number, RegExp]> = [
      ["encode", [], 2, /nothing is named/],
      ["decode", [], 2, /nothing is named/],
      ["encode", ["a", "--rate=0"], 2, /--rate is 0/],
      ["encode", ["a", "--model=b", "--stage=c"], 2, /do not go together/],
      ["decode", ["a", "--speed=1"], 2, /speed/],
      ["encode", ["a", `--model=${path("none")}`], 1, /has no config\.json: a model of frames is a folder/],
      ["encode", ["a", "--stage=none/eyes"], 1, /no such pipeline/],
      [
        "decode",
        [path("in.jsonl"), `--model=${path("model")}`, "--video=mp4", `--ffmpeg=${path("none")}`],
        1,
        /no program '.*none' here; install ffmpeg/,
      ],
      ["decode", [path("none.jsonl"), `--model=${path("model")}`], 1, /no such file/],
    ]
    for (const [name, args, code, says] of wrong) {
      const ended = await run(name, args)
      assert.is(ended.code, code, ended.err)
      assert.match(ended.err, says)
    }
    assert.match((await run("encode", ["--help"])).out, /deno task encode FILE/)
  }),
)

it(
  "a model comes out of a stage, too, once it is made",
  inFolder({}, async (path) => {
    await write(path("a.png"), [frame(1)])
    const args = [path("a.png"), "--stage=sight/eyes", `--root=${path("runs")}`, `--out=${path("codes.jsonl")}`]
    const before = await run("encode", args, [sight])
    assert.is(before.code, 1)
    assert.match(before.err, /not made yet, or not whole; make it with deno task run sight --stage=eyes/)
    await Effect.runPromise(
      runAll(sight.stages).pipe(
        Effect.provide(events),
        Effect.provide(folder(path("runs"))),
        Effect.provide(device),
      ) as Effect.Effect<unknown>,
    )
    const after = await run("encode", args, [sight])
    assert.equal([after.code, after.err], [0, ""])
    assert.match(after.out, /^1 file, 1 frame of 4 x 4 codes by sight\/eyes/)
    assert.is(
      (await run("encode", ["--stage=sight", ...args.filter((a) => !a.startsWith("--stage"))], [sight])).code,
      0,
    )
    const blind = await run("encode", ["--stage=sight/words", ...args.filter((a) => !a.startsWith("--stage"))], [
      sight,
    ])
    assert.match(blind.err, /makes no codes of frames/)
  }),
)

it(
  "a checkpoint under LWM's names is the same model; one of another config is a fault",
  inFolder({}, async (path) => {
    await save(path("ours"))
    await save(path("theirs"), toLwm(parameters))
    const [ours, theirs] = await Effect.runPromise(
      Effect.all([frameModelIn(path("ours")), frameModelIn(path("theirs/model.safetensors"))]) as Effect.Effect<
        [typeof model, typeof model]
      >,
    )
    assert.is(await Effect.runPromise(codebookName(ours)), await Effect.runPromise(codebookName(theirs)))
    await writeFile(path("ours/config.json"), JSON.stringify({ ...config, codes: 9 }))
    assert.match(
      (await faultOf(frameModelIn(path("ours")))).message,
      /codebook.*expected f32 \[9, 3\], got f32 \[8, 3\]/,
    )
  }),
)

it.run()
