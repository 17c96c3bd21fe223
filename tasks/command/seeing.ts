/**
 * What the commands that generate and ask have in common: the flags that name a model and say how tokens are drawn, and the
 * model on its device.
 * @module
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { DeviceFault } from "../../core/device/backend.ts"
import type { Device } from "../../core/device/device.ts"
import type { Storage } from "../../ops/cache.ts"
import type { AskFault } from "../language/language.ts"
import { grouped, timeText } from "../numbers.ts"
import { folder } from "../store.ts"
import { type Coder, coder } from "../vision/codes.ts"
import type { VisionFault } from "../vision/fault.ts"
import { layoutOf, type WorldModel } from "../vision/model.ts"
import { chosenWorld, type StagedWorldFault } from "../vision/staged-world.ts"
import { type WorldLanguage, worldLanguage } from "../vision/world-language.ts"
import { nameable, rootOf, shared, type Surroundings } from "./around.ts"
import { passing } from "./encode.ts"
import { count, type Flag, number, oneOf, text, type Values } from "./flags.ts"

// ---- flags -----------------------------------------------------------------

/** Flags that both have. */
export type SeeingFlags = {
  readonly model: Flag<string>
  readonly stage: Flag<string>
  readonly vqgan: Flag<string>
  readonly root: Flag<string>
  readonly from: Flag<string>
  readonly temperature: Flag<number>
  readonly "top-k": Flag<number>
  readonly "top-p": Flag<number>
  readonly seed: Flag<number>
  readonly cache: Flag<"f32" | "f16" | "int8">
  readonly memory: Flag<number>
  readonly ffmpeg: Flag<string>
  readonly device: typeof shared["device"]
}

/** The same; `drawn` says what is done if no temperature is said. */
export const seeing = (drawn: string): SeeingFlags => ({
  model: text("FOLDER", "a world model: model, config.json, tokenizer.json, vqgan.safetensors, vqgan.json"),
  stage: text(
    "PIPELINE/STAGE",
    "a world model that a stage has made (world-quick: of that run); without both, the last one of world",
  ),
  vqgan: text("FOLDER", "another VQGAN of the same codebook than the model's own"),
  root: shared.root,
  from: shared.from,
  temperature: number("T", drawn),
  "top-k": count("K", "draws from the K likeliest only", 1),
  "top-p": number("P", "draws from the likeliest that make up the share P only"),
  seed: count("N", "another seed, another draw (0)"),
  cache: oneOf(["f32", "f16", "int8"], "how what was read is kept (f32)"),
  memory: count("MIB", "mebibytes that the caches may take (1024)", 1),
  ffmpeg: text("PATH", "the program that reads and writes videos (ffmpeg)"),
  device: shared.device,
})

/** What was said of them. */
export type SaidOfSeeing = Values<SeeingFlags>

/** What does not go together. */
export const clashes = ({ model, stage }: Pick<SaidOfSeeing, "model" | "stage">): string | undefined =>
  model !== undefined && stage !== undefined
    ? "--model and --stage do not go together: a model comes out of a folder or out of a stage"
    : undefined

/** How many likeliest are drawn from. */
export const cuts = ({ "top-k": k, "top-p": p }: SaidOfSeeing): { readonly topK?: number; readonly topP?: number } => ({
  ...(k === undefined ? {} : { topK: k }),
  ...(p === undefined ? {} : { topP: p }),
})

// ---- the model -----------------------------------------------------------------

/** The model that is meant. */
export const modelFor = (
  around: Surroundings,
  said: SaidOfSeeing,
): Effect.Effect<WorldModel, StagedWorldFault> =>
  Effect.gen(function* () {
    const pipelines = said.model === undefined ? yield* nameable(around, said.from) : []
    return yield* chosenWorld(said, pipelines).pipe(Effect.provide(folder(rootOf(said.root))))
  })

/** A world model and its VQGAN on the device. */
export interface Ready {
  readonly world: WorldLanguage
  readonly coder: Coder
}

/** Frames that are computed at once: those that there are, as far as a quarter of a million pixels go. */
const batchFor = (frames: number, resolution: number): number =>
  Math.max(1, Math.min(frames, 16, Math.floor(2 ** 18 / resolution ** 2)))

/** Puts both on the device, for the life of the scope; about so many frames will be coded. */
export const ready = (
  { vqgan, ...model }: WorldModel,
  { cache, memory }: { readonly cache?: Storage | undefined; readonly memory?: number | undefined },
  frames: number,
): Effect.Effect<Ready, DeviceFault | AskFault | VisionFault, Device | Scope.Scope> =>
  Effect.gen(function* () {
    const world = yield* worldLanguage({
      ...{ ...model, layout: layoutOf(vqgan.config), storage: cache ?? "f32" },
      ...(memory === undefined ? {} : { memory: memory * 2 ** 20 }),
    })
    return { world, coder: yield* coder(vqgan, batchFor(frames, vqgan.config.resolution)) }
  })

// ---- progress --------------------------------------------------------------------

/** Tells on one line how far it is, where somebody looks: so many tokens of so many, their rate, the time left. */
export const progressing = (
  around: Surroundings,
  what: (done: number, seconds: number) => string,
): Effect.Effect<(done: number, total: number) => Effect.Effect<void>> =>
  Effect.map(Clock.currentTimeMillis, (began) => (done, total) =>
    Effect.map(Clock.currentTimeMillis, (now) => {
      const seconds = Math.max(now - began, 1) / 1000
      const left = timeText((total - done) * seconds / Math.max(1, done))
      const rate = `${grouped(done / seconds)} tokens/s`
      passing(around, `${grouped(done)} of ${grouped(total)} tokens, ${rate}${what(done, seconds)}, ${left} left`)
    }))
