/**
 * `deno task encode`: pictures and videos in files to codes in LWM's JSON lines, one line a file.
 * @module
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { either as E } from "fp-ts"
import { stat } from "node:fs/promises"
import { gridOf, tokensOf } from "../../models/vqgan/mod.ts"
import { saying } from "../data/fault.ts"
import type { Reading, Sequence } from "../data/source.ts"
import { another, none, type Tally, tallyText } from "../data/tally.ts"
import { visionLine, writeLines } from "../data/vision-lines.ts"
import { several, tame } from "../numbers.ts"
import type { Told } from "../recipes/registry.ts"
import { type Coder, coder } from "../vision/codes.ts"
import type { Look } from "../vision/file.ts"
import { type VisionFault, visionFault } from "../vision/fault.ts"
import type { Captioned } from "../vision/frame.ts"
import { chosenFrameModel, codebookName } from "../vision/frame-model.ts"
import { pictureFiles, pictureFolder, pictureLines } from "../vision/pictures.ts"
import { folder } from "../store.ts"
import { failure, nameable, provided, rootOf, shared, type Surroundings } from "./around.ts"
import { type Asked, type Command, count, type Flag, number, text, yes } from "./flags.ts"

// ---- flags -----------------------------------------------------------------

/** Flags that name the model, and the programs that read and write videos. */
export type CodingFlags = {
  readonly model: Flag<string>
  readonly stage: Flag<string>
  readonly root: Flag<string>
  readonly from: Flag<string>
  readonly batch: Flag<number>
  readonly ffmpeg: Flag<string>
  readonly device: typeof shared["device"]
}

/** The same of both commands. */
export const coding: CodingFlags = {
  model: text("FOLDER", "with model.safetensors and config.json of a VQGAN"),
  stage: text("PIPELINE/STAGE", "a model that a stage has made; without both, the one of world"),
  root: shared.root,
  from: shared.from,
  batch: count("N", "frames that are computed at once", 1),
  ffmpeg: text("PATH", "the program that reads and writes videos (ffmpeg)"),
  device: shared.device,
}

type EncodeFlags = CodingFlags & {
  readonly out: Flag<string>
  readonly rate: Flag<number>
  readonly frames: Flag<number>
  readonly bare: Flag<true>
}

/** What may be asked of it. */
export const command: Command<EncodeFlags> = {
  call: "deno task encode FILE|FOLDER|LINES.jsonl ... [flags]",
  about: "Turns pictures and videos into codes: JSON lines as LWM reads them, one line a file.",
  names: Infinity,
  flags: {
    out: text("FILE", "where the lines go (codes.jsonl)"),
    ...coding,
    rate: number("N", "frames a second that are taken of videos (4), and of animations (all)"),
    frames: count("N", "frames of a file at most, evenly from the first to the last", 1),
    bare: yes("takes files of a folder that have no caption beside them, too"),
  },
  more: "A folder's files have captions in .txt files of the same name; JSON lines name files: " +
    '{"file":"cat.png","caption":"a cat"}.\n' +
    "The shorter side is scaled to the model's, the longer cut in the middle. What cannot be used is told and passed over.",
}

// ---- what is read ----------------------------------------------------------------

/** The programs that are meant: ffprobe lies where ffmpeg does. */
export const programs = (ffmpeg: string | undefined): Pick<Look, "tools"> =>
  ffmpeg === undefined ? {} : { tools: { ffmpeg, ffprobe: ffmpeg.replace(/ffmpeg(?=[^/\\]*$)/, "ffprobe") } }

const isFolder = (path: string): Effect.Effect<boolean, VisionFault> =>
  Effect.tryPromise({
    try: async () => (await stat(path)).isDirectory(),
    catch: (e) => visionFault("missing", path, `cannot read ${path}: ${saying(e)}; check the path`),
  })

/** A name as a sequence. A file that is not there is told when it is its turn. */
export const sequenceOf = (name: string, look: Look, bare: boolean): Effect.Effect<Sequence<Captioned>, VisionFault> =>
  Effect.map(
    Effect.orElseSucceed(isFolder(name), () => false),
    (is) =>
      is
        ? pictureFolder(name, { ...look, bare })
        : /\.(jsonl|ndjson)$/i.test(name)
        ? pictureLines(name, look)
        : pictureFiles([name], look),
  )

// ---- the work ------------------------------------------------------------------

/** What came of it so far. */
interface Count {
  readonly files: number
  readonly frames: number
  readonly passed: Tally
}

/** Lines of a few pictures, whose frames are computed together; what cannot be used is handed to `pass`. */
const linesOf = (
  { encode, config }: Coder,
  codebook: string,
  readings: ReadonlyArray<Reading<Captioned>>,
  pass: (id: string, why: string) => void,
): Effect.Effect<ReadonlyArray<readonly [line: string, frames: number]>, Told> =>
  Effect.gen(function* () {
    const good = readings.flatMap(({ id, value }) => {
      if (E.isRight(value)) return [value.right]
      pass(id, value.left)
      return []
    })
    const codes = yield* encode(good.flatMap(({ clip }) => clip.frames))
    let at = 0
    return good.flatMap(({ id, clip, caption, fields }) => {
      const frames = codes.slice(at, at += clip.frames.length)
      const said = {
        ...(fields["file"] === undefined ? { file: id } : {}),
        ...(caption === "" ? {} : { caption }),
        ...(clip.rate === null ? {} : { rate: clip.rate }),
        ...{ ...fields, codebook },
      }
      const line = visionLine({ codes: config.codes, frame: tokensOf(config) }, { frames, fields: said })
      if (E.isRight(line)) return [[line.right, frames.length] as const]
      pass(id, line.left.message)
      return []
    })
  })

/** A line that is written over on a terminal; nothing where the output goes elsewhere. */
export const passing = ({ terminal }: Surroundings, line: string): void => {
  if (terminal.interactive) terminal.write(`\r\x1b[2K${tame(line).slice(0, Math.max(1, terminal.columns - 1))}`)
}

const nothing = (bare: boolean): VisionFault => {
  const message = "nothing could be encoded, and nothing is written; the sentences before say why"
  return visionFault("empty", "files", bare ? message : `${message} (--bare takes files of folders without captions)`)
}

const encoded = (
  around: Surroundings,
  { names, values }: Asked<EncodeFlags>,
): Effect.Effect<number, Told> =>
  Effect.gen(function* () {
    const { out = "codes.jsonl", rate, frames, batch, device, bare } = values
    const pipelines = values.model === undefined ? yield* nameable(around, values.from) : []
    const model = yield* chosenFrameModel(values, pipelines).pipe(Effect.provide(folder(rootOf(values.root))))
    const codebook = yield* codebookName(model)
    const look: Look = {
      size: model.config.resolution,
      ...programs(values.ffmpeg),
      ...(rate === undefined ? {} : { rate }),
      ...(frames === undefined ? {} : { frames }),
    }
    let now: Count = { files: 0, frames: 0, passed: none }
    const pass = (id: string, why: string): void => {
      now = { ...now, passed: another(now.passed, { id, why }) }
      passing(around, "")
      around.complain(`${tame(`${id}: ${why}`)}\n`)
    }
    const work = Effect.scoped(Effect.gen(function* () {
      const ready = yield* coder(model, batch)
      const sequences = yield* Effect.forEach(names, (name) => sequenceOf(name, look, bare === true))
      const readings = Stream.flatMap(Stream.fromIterable(sequences), (s) => s.read(undefined))
      const lines = Stream.mapEffect(
        // stills are computed together; a few long videos are not held at once
        Stream.grouped(readings, Math.min(ready.batch, 16)),
        (some) => linesOf(ready, codebook, some, pass),
      ).pipe(
        Stream.flatMap((made) => Stream.fromIterable(made)),
        Stream.map(([line, n]) => {
          now = { ...now, files: now.files + 1, frames: now.frames + n }
          passing(around, `${several(now.files, "file")}, ${several(now.frames, "frame")}`)
          return line
        }),
      )
      // where nothing came of it, the file stays what it was
      const some = Stream.suspend(() => now.files > 0 ? Stream.empty : Stream.fail(nothing(bare === true)))
      yield* writeLines(out, Stream.concat(lines, some))
    }))
    yield* provided(work, around, { device })
    passing(around, "")
    const { files, passed } = now
    const grid = gridOf(model.config)
    around.terminal.write(
      `${several(files, "file")}, ${
        several(now.frames, "frame")
      } of ${grid} x ${grid} codes by ${model.name} in ${out}\n`,
    )
    if (passed.count > 0) {
      around.terminal.write(tame(`${several(passed.count, "file")} passed over: ${tallyText(passed)}`) + "\n")
    }
    return 0
  })

/** What is wrong with numbers before anything is read. */
const wrong = ({ names, values: { rate, model, stage } }: Asked<EncodeFlags>): string | undefined =>
  names.length === 0
    ? "nothing is named: name files, folders or JSON lines"
    : rate !== undefined && !(rate > 0 && rate <= 1000)
    ? `--rate is ${rate}; expected frames a second above 0, 1000 at most`
    : model !== undefined && stage !== undefined
    ? "--model and --stage do not go together: a model comes out of a folder or out of a stage"
    : undefined

/** Runs it; gives the exit code. */
export const encode = (around: Surroundings, asked: Asked<EncodeFlags>): Effect.Effect<number> => {
  const why = wrong(asked)
  if (why === undefined) return encoded(around, asked).pipe(Effect.catch(failure(around)))
  around.complain(`${why}\n`)
  return Effect.succeed(2)
}
