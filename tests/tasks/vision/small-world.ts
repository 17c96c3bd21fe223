/**
 * A small world model with sharp attention and few codes, and what it draws and says by reading everything anew for each token:
 * slow and obviously right.
 * @module
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { either as E } from "fp-ts"
import type { DeviceFault } from "../../../core/device/backend.ts"
import { Device } from "../../../core/device/device.ts"
import { compile } from "../../../core/plan/compile.ts"
import { hostKey } from "../../../core/random/host.ts"
import type { AnyHost } from "../../../core/tensor/host.ts"
import { i32 } from "../../../core/tensor/spec.ts"
import { map } from "../../../core/tensor/tree.ts"
import type { Hosts } from "../../../models/llama/parameters.ts"
import { bytes } from "../../../models/tokenizers/bytes.ts"
import type { Tokenizer } from "../../../models/tokenizers/tokenizer.ts"
import {
  delimitersOf,
  forward,
  generationPrompt,
  initialise,
  type Laid,
  type Layout,
  type Parameters,
  specs,
  unconditionalPrompt,
  visionTokens,
  type Wording,
  type WorldConfig,
} from "../../../models/world/mod.ts"
import { worldLanguage, type WorldParts } from "../../../tasks/vision/world-language.ts"

/** More ids than codes, and a text's end that is a code's id, too. */
export const config: WorldConfig = {
  ...{ vocab: 259, model: 16, hidden: 24, layers: 2, groups: 2, share: 2, head: 4, theta: 1e4, epsilon: 1e-6 },
  ...{ context: 200, codes: 11, vision: 20 },
}

export const layout: Layout = { codes: 11, frame: 4 }

export const tokenizer: Tokenizer = { ...bytes, eos: 2 }

/** Short, so that rows are. */
export const wording: Wording = { image: "i {}", video: "v {}", question: "{}\n", answer: "A:" }

/** Larger than at the beginning of training, so that attention is sharp; ids that are no codes are by far the likeliest. */
export const parameters: Hosts<Parameters> = map(initialise(config, hostKey(7)), (leaf, path) => {
  const { data, ...spec } = leaf as unknown as AnyHost
  const larger = (i: number): number => path === "visionHead" && i % config.vision >= config.codes ? 300 : 15
  return {
    ...spec,
    data: Float32Array.from(data as Float32Array, (x, i) => spec.axes.length === 1 ? x : x * larger(i)),
  } as never
}) as unknown as Hosts<Parameters>

/** The model as a service. */
export const world = (more: Partial<WorldParts> = {}): ReturnType<typeof worldLanguage> =>
  worldLanguage({ config, layout, parameters, tokenizer, name: "small", ...more })

/** Logits of what comes after a row, by both heads. */
export type After = (
  row: Laid,
) => Effect.Effect<{ readonly text: Float64Array; readonly vision: Float64Array }, DeviceFault>

/** The forward pass over rows of up to `time` tokens. */
export const after = (time: number): Effect.Effect<After, DeviceFault, Device | Scope.Scope> =>
  Effect.gen(function* () {
    const device = yield* Device
    const row = i32("batch time", { batch: 1, time })
    const made = compile(
      (x: { readonly parameters: Parameters; readonly tokens: never; readonly vision: never }) =>
        forward(config)(x.parameters, x) as never,
      { parameters: specs(config), tokens: row, vision: row } as never,
    )
    if (E.isLeft(made)) throw new Error(JSON.stringify(made.left))
    const run = yield* device.load(made.right as never)
    const padded = (from: ArrayLike<number>): AnyHost => {
      const data = new Int32Array(time)
      data.set(from)
      return { ...row, data }
    }
    return ({ tokens, vision }) =>
      (run({ parameters, tokens: padded(tokens), vision: padded(vision) } as never) as Effect.Effect<
        never,
        DeviceFault
      >)
        .pipe(
          Effect.flatMap((out) => device.fetch(out)),
          Effect.map((out: { readonly text: AnyHost; readonly vision: AnyHost }) => {
            const last = (host: AnyHost, size: number): Float64Array =>
              Float64Array.from(host.data.slice((tokens.length - 1) * size, tokens.length * size) as ArrayLike<number>)
            return { text: last(out.text, config.vocab), vision: last(out.vision, config.vision) }
          }),
        )
  })

const both = (head: Laid, codes: ReadonlyArray<number>): Laid => ({
  tokens: Int32Array.from([...head.tokens, ...codes]),
  vision: Uint8Array.from([...head.vision, ...codes.map(() => 1)]),
})

/** The likeliest codes of a wish, everything read anew for each, guided in float64. */
export const slowly = (
  all: After,
  wish: { readonly text: string; readonly frames?: ReadonlyArray<ArrayLike<number>> },
  { frames, guidance }: { readonly frames: number; readonly guidance: number },
): Effect.Effect<ReadonlyArray<ReadonlyArray<number>>, DeviceFault> =>
  Effect.gen(function* () {
    const delimiters = delimitersOf(tokenizer)
    const asked = generationPrompt(tokenizer, delimiters, frames === 1 ? "image" : "video", wish.text, wording)
    const free = unconditionalPrompt(tokenizer, delimiters)
    const made = (wish.frames ?? []).map((codes) => Array.from(codes))
    while (made.length < frames) {
      const begun = made.flatMap((codes) => [...codes, layout.codes])
      const frame: Array<number> = []
      while (frame.length < layout.frame) {
        const c = (yield* all(both(asked, [...begun, ...frame]))).vision
        const u = (yield* all(both(free, [...begun, ...frame]))).vision
        const l = Array.from({ length: layout.codes }, (_, i) => u[i]! + guidance * (c[i]! - u[i]!))
        frame.push(l.indexOf(Math.max(...l)))
      }
      made.push(frame)
    }
    return made
  })

/** Some codes of frames, which depend on a number. */
export const framesFor = (n: number, count: number): ReadonlyArray<Int32Array> =>
  Array.from(
    { length: count },
    (_, f) => Int32Array.from({ length: layout.frame }, (_, i) => (n * 5 + f * 3 + i * i) % 11),
  )

/** A text with its block, as tokens. */
export const blockOf = (frames: ReadonlyArray<Int32Array>): Laid => {
  const { open, close } = delimitersOf(tokenizer)
  const inside = visionTokens(layout, frames)
  return {
    tokens: Int32Array.from([...open, ...inside, ...close]),
    vision: Uint8Array.from([...open.map(() => 0), ...inside.map(() => 1), ...close.map(() => 0)]),
  }
}
