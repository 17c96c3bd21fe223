/**
 * `deno task generate`: texts to pictures and videos in files, all in one batch.
 * @module
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { extname } from "node:path"
import { several, tame } from "../numbers.ts"
import type { Told } from "../recipes/registry.ts"
import { readClip, usualRate, writeClip } from "../vision/file.ts"
import { enlarged } from "../vision/scale.ts"
import { writesVideos } from "../vision/video.ts"
import { type Generating, generatingFaults } from "../vision/wish.ts"
import { failure, provided, type Surroundings } from "./around.ts"
import { passing, programs } from "./encode.ts"
import { type Asked, type Command, count, type Flag, number, text } from "./flags.ts"
import { clashes, cuts, modelFor, progressing, ready, seeing, type SeeingFlags } from "./seeing.ts"

// ---- flags -----------------------------------------------------------------

type GenerateFlags = SeeingFlags & {
  readonly out: Flag<string>
  readonly frames: Flag<number>
  readonly guidance: Flag<number>
  readonly first: Flag<string>
  readonly "first-guidance": Flag<number>
  readonly rate: Flag<number>
  readonly scale: Flag<number>
}

/** Of the likelier codes: pictures of the desk model are measured so (`tasks/recipes/desk/vision/measuring.ts`). */
const usualTemperature = 0.4

/** What may be asked of it. */
export const command: Command<GenerateFlags> = {
  call: 'deno task generate "a seven and a two" ... [flags]',
  about: "Draws pictures and videos of texts by a world model, all at once, a file of each.",
  names: Infinity,
  flags: {
    out: text("FILE", "ends with .png, .gif or .mp4 (picture.png, video.gif); of several texts -1, -2, ... are added"),
    frames: count("N", "frames of each: 1 is a still (1)", 1),
    guidance: number(
      "S",
      "how closely it keeps to the text: u + S (c - u) of logits with and without it; 1 draws as it was trained (3)",
    ),
    first: text("FILE", "a picture or video whose frames it begins with: the others follow them"),
    "first-guidance": number("S", "the first frame is drawn by itself, asked for as an image, with this guidance"),
    rate: number("N", "frames a second (4)"),
    scale: count("N", "how many pixels wide each pixel becomes (1)", 1),
    ...seeing(`1 as the model was trained, less is safer, 0 always takes the likeliest (${usualTemperature})`),
  },
  more: "The same seed and text draw the same picture, whatever is drawn beside it.",
}

// ---- what is wanted ----------------------------------------------------------------

type Values = Asked<GenerateFlags>["values"]

const wantedOf = (v: Values): Generating => ({
  ...{
    frames: v.frames ?? 1,
    guidance: v.guidance ?? 3,
    temperature: v.temperature ?? usualTemperature,
    seed: v.seed ?? 0,
  },
  ...cuts(v),
  ...(v["first-guidance"] === undefined
    ? {}
    : { first: { guidance: v["first-guidance"], temperature: v.temperature ?? usualTemperature, ...cuts(v) } }),
})

const outOf = ({ out, frames = 1 }: Values): string => out ?? (frames === 1 ? "picture.png" : "video.gif")

/** The file of a text: the name itself of one, a number before its ending of several. */
const fileOf = (out: string, i: number, of: number): string => {
  const ending = extname(out)
  return of === 1 ? out : `${out.slice(0, out.length - ending.length)}-${i + 1}${ending}`
}

/** What is wrong before anything is read. */
const wrong = ({ names, values }: Asked<GenerateFlags>): string | undefined => {
  const { rate, frames = 1, first, "first-guidance": apart } = values
  const out = outOf(values)
  const ending = extname(out).toLowerCase()
  const [fault] = generatingFaults(wantedOf(values))
  return names.length === 0
    ? 'no text: say what to draw, as in deno task generate "a seven"'
    : names.some((words) => words.trim() === "")
    ? `text ${names.findIndex((words) => words.trim() === "") + 1} is empty: say what to draw`
    : fault !== undefined
    ? fault.message
    : ![".png", ".gif", ".mp4"].includes(ending)
    ? `--out is '${out}'; expected a name that ends with .png, .gif or .mp4`
    : ending === ".png" && frames > 1
    ? `--out is '${out}' and --frames is ${frames}: a PNG holds one frame; give a .gif or an .mp4`
    : rate !== undefined && !(rate > 0 && rate <= 1000)
    ? `--rate is ${rate}; expected frames a second above 0, 1000 at most`
    : first !== undefined && frames === 1
    ? "--first is given and --frames is 1: nothing is left to draw; ask for more frames"
    : first !== undefined && apart !== undefined
    ? "--first and --first-guidance do not go together: the first frame is there, or it is drawn"
    : clashes(values)
}

// ---- the work ------------------------------------------------------------------

const generated = (around: Surroundings, { names, values: v }: Asked<GenerateFlags>): Effect.Effect<number, Told> =>
  Effect.gen(function* () {
    const how = wantedOf(v)
    const out = outOf(v)
    const tools = programs(v.ffmpeg)
    if (extname(out).toLowerCase() === ".mp4") yield* writesVideos(tools.tools)
    const model = yield* modelFor(around, v)
    const work = Effect.scoped(Effect.gen(function* () {
      const { world, coder } = yield* ready(model, v, names.length * how.frames)
      const size = model.vqgan.config.resolution
      const begun = v.first === undefined
        ? undefined
        : yield* Effect.flatMap(readClip(v.first, { size, ...tools }), ({ frames }) => coder.encode(frames))
      const stride = world.layout.frame + 1
      const rate = (done: number, seconds: number) => `, ${(done / stride / seconds).toFixed(1)} frames/s`
      const told = yield* progressing(around, rate)
      const wishes = names.map((words) => ({ text: words, ...(begun === undefined ? {} : { frames: begun }) }))
      const began = yield* Clock.currentTimeMillis
      const pictures = yield* world.generate(wishes, { ...how, told })
      const seconds = ((yield* Clock.currentTimeMillis) - began) / 1000
      passing(around, "")
      for (const [i, codes] of pictures.entries()) {
        const frames = (yield* coder.decode(codes)).map((frame) => enlarged(frame, v.scale ?? 1))
        const path = fileOf(out, i, names.length)
        const clip = { frames, rate: frames.length === 1 ? null : v.rate ?? usualRate }
        yield* writeClip(path, clip, tools.tools)
        around.terminal.write(tame(`${path}: ${names[i]}`) + "\n")
      }
      if (!around.terminal.interactive) return
      const drawn = pictures.reduce((n, frames) => n + frames.length - (begun?.length ?? 0), 0)
      around.terminal.write(
        `${several(drawn, "frame")} by ${model.name}, ${
          (drawn * stride / Math.max(seconds, 1e-3)).toFixed(0)
        } tokens/s, ` +
          `guidance ${how.guidance}, seed ${how.seed}\n`,
      )
    }))
    yield* provided(work, around, { device: v.device })
    return 0
  })

/** Runs it; gives the exit code. */
export const generate = (around: Surroundings, asked: Asked<GenerateFlags>): Effect.Effect<number> => {
  const why = wrong(asked)
  if (why === undefined) return generated(around, asked).pipe(Effect.catch(failure(around)))
  around.complain(`${why}\n`)
  return Effect.succeed(2)
}
