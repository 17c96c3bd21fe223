/**
 * `deno task decode`: codes in LWM's JSON lines to pictures and videos, one file a line.
 * @module
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { either as E } from "fp-ts"
import { basename, join } from "node:path"
import { framesOf } from "../../models/world/layout.ts"
import { tokensOf } from "../../models/vqgan/mod.ts"
import { type Document, type Fields, type Reading, taken } from "../data/source.ts"
import { jsonLines } from "../data/jsonl.ts"
import { another, none, type Tally, tallyText } from "../data/tally.ts"
import { several, tame } from "../numbers.ts"
import type { Told } from "../recipes/registry.ts"
import { folder } from "../store.ts"
import { type Coder, coder } from "../vision/codes.ts"
import { usualRate, writeClip } from "../vision/file.ts"
import { type VisionFault, visionFault } from "../vision/fault.ts"
import { chosenFrameModel, codebookName } from "../vision/frame-model.ts"
import { enlarged } from "../vision/scale.ts"
import { writesVideos } from "../vision/video.ts"
import { failure, nameable, provided, rootOf, type Surroundings } from "./around.ts"
import { coding, type CodingFlags, passing, programs } from "./encode.ts"
import { type Asked, type Command, count, type Flag, number, oneOf, text } from "./flags.ts"

// ---- flags -----------------------------------------------------------------

type DecodeFlags = CodingFlags & {
  readonly out: Flag<string>
  readonly field: Flag<string>
  readonly video: Flag<"gif" | "mp4">
  readonly rate: Flag<number>
  readonly scale: Flag<number>
}

/** What may be asked of it. */
export const command: Command<DecodeFlags> = {
  call: "deno task decode LINES.jsonl [flags]",
  about: "Turns codes back into pictures: a PNG of each line of one frame, a GIF or MP4 of each line of more.",
  names: 1,
  flags: {
    out: text("FOLDER", "where the files go (decoded)"),
    ...coding,
    field: text("NAME", "the field with the codes (vision)"),
    video: oneOf(["gif", "mp4"], "what videos are written as (gif); mp4 needs ffmpeg"),
    rate: number("N", "frames a second (what the line says, else 4)"),
    scale: count("N", "how many pixels wide each pixel becomes (1)", 1),
  },
  more: "A line that cannot be used is told and passed over.",
}

// ---- a line --------------------------------------------------------------------

/** The codes of a line's frames. Faults: no codes, codes of another model. */
const codesOf = (
  { config }: Pick<Coder, "config">,
  codebook: string,
  { id, fields }: Document,
  field: string,
): E.Either<VisionFault, ReadonlyArray<Int32Array>> => {
  const { [field]: flat, codebook: made } = fields
  const fault = (message: string) => E.left(visionFault("codes", id, `${id}: ${message}`))
  if (!Array.isArray(flat) || !flat.every((one) => typeof one === "number")) {
    const found = Object.keys(fields).slice(0, 8).join(", ") || "none"
    return fault(`field '${field}' is no list of codes; its fields are ${found}: name another by --field`)
  }
  if (typeof made === "string" && made !== codebook) {
    return fault(`its codes are of the codebook ${made}, the model has ${codebook}; give the model that made them`)
  }
  return E.mapLeft((why: { readonly message: string }) =>
    visionFault("codes", id, `${id}: ${why.message}; this model has ${config.codes} codes, ${tokensOf(config)} a frame`)
  )(framesOf({ codes: config.codes, frame: tokensOf(config) }, flat as ReadonlyArray<number>))
}

/** The name of a line's file without its ending: its number, and the name of the file that it was made of. */
const nameOf = (n: number, fields: Fields): string => {
  const { file } = fields
  const own = typeof file === "string" ? basename(file).replace(/\.[^.]*$/, "").replace(/[^\p{L}\p{N}_-]+/gu, "-") : ""
  return [String(n).padStart(4, "0"), own.slice(0, 60)].filter((part) => part !== "").join("-")
}

// ---- the work ------------------------------------------------------------------

const decoded = (around: Surroundings, { names, values }: Asked<DecodeFlags>): Effect.Effect<number, Told> =>
  Effect.gen(function* () {
    const { out = "decoded", field = "vision", video = "gif", scale = 1, batch, device, rate } = values
    const { tools } = programs(values.ffmpeg)
    if (video === "mp4") yield* writesVideos(tools)
    const pipelines = values.model === undefined ? yield* nameable(around, values.from) : []
    const model = yield* chosenFrameModel(values, pipelines).pipe(Effect.provide(folder(rootOf(values.root))))
    const codebook = yield* codebookName(model)
    let [files, frames, passed]: [number, number, Tally] = [0, 0, none]
    const pass = (id: string, why: string): void => {
      passed = another(passed, { id, why })
      passing(around, "")
      around.complain(`${tame(why.startsWith(id) ? why : `${id}: ${why}`)}\n`)
    }
    const one = (ready: Coder, n: number, { id, value }: Reading<Document>): Effect.Effect<void, Told> =>
      Effect.gen(function* () {
        if (E.isLeft(value)) return pass(id, value.left)
        const codes = codesOf(ready, codebook, value.right, field)
        if (E.isLeft(codes)) return pass(id, codes.left.message)
        const made = yield* ready.decode(codes.right)
        const said = value.right.fields["rate"]
        const speed = rate ?? (typeof said === "number" && said > 0 ? said : usualRate)
        const path = join(out, `${nameOf(n, value.right.fields)}.${made.length === 1 ? "png" : video}`)
        yield* writeClip(
          path,
          { frames: made.map((f) => enlarged(f, scale)), rate: made.length === 1 ? null : speed },
          tools,
        )
        files += 1
        frames += made.length
        passing(around, `${several(files, "file")}, ${several(frames, "frame")}`)
      })
    const work = Effect.scoped(Effect.gen(function* () {
      const ready = yield* coder(model, batch)
      const next = yield* taken(Stream.mapError(jsonLines(names[0]!).read(undefined), (fault): Told => fault))
      let n = 0
      for (let reading = yield* next; reading !== undefined; reading = yield* next) yield* one(ready, ++n, reading)
    }))
    yield* provided(work, around, { device })
    passing(around, "")
    around.terminal.write(`${several(files, "file")}, ${several(frames, "frame")} by ${model.name} in ${out}\n`)
    if (passed.count > 0) {
      around.terminal.write(tame(`${several(passed.count, "line")} passed over: ${tallyText(passed)}`) + "\n")
    }
    return files > 0 ? 0 : 1
  })

/** What is wrong with numbers before anything is read. */
const wrong = ({ names, values: { rate, model, stage } }: Asked<DecodeFlags>): string | undefined =>
  names.length === 0
    ? "nothing is named: name a file of JSON lines"
    : rate !== undefined && !(rate > 0 && rate <= 1000)
    ? `--rate is ${rate}; expected frames a second above 0, 1000 at most`
    : model !== undefined && stage !== undefined
    ? "--model and --stage do not go together: a model comes out of a folder or out of a stage"
    : undefined

/** Runs it; gives the exit code. */
export const decode = (around: Surroundings, asked: Asked<DecodeFlags>): Effect.Effect<number> => {
  const why = wrong(asked)
  if (why === undefined) return decoded(around, asked).pipe(Effect.catch(failure(around)))
  around.complain(`${why}\n`)
  return Effect.succeed(2)
}
