/**
 * Frames to codes and back on a device: any number of frames, in batches of one size. The last batch is filled up with black
 * frames, or with code 0; every frame is computed alone, so what fills up changes nothing.
 *
 * ```ts
 * import * as Effect from "effect/Effect"
 * import type { Frame } from "./frame.ts"
 * import type { VqganModel } from "./model.ts"
 *
 * const seenAgain = (model: VqganModel, frames: ReadonlyArray<Frame>) =>
 *   Effect.scoped(Effect.gen(function* () {
 *     const { encode, decode } = yield* coder(model)
 *     return yield* decode(yield* encode(frames))
 *   }))
 * ```
 * @module
 */
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import { either as E } from "fp-ts"
import { type DeviceFault, deviceFault } from "../../core/device/backend.ts"
import { Device, type Runnable, type Values } from "../../core/device/device.ts"
import { type Faults, sentence } from "../../core/graph/fault.ts"
import { compile, type Compiled } from "../../core/plan/compile.ts"
import type { Axes } from "../../core/tensor/axes.ts"
import type { Host } from "../../core/tensor/host.ts"
import { f32, i32 } from "../../core/tensor/spec.ts"
import * as Vqgan from "../../models/vqgan/mod.ts"
import { orFail } from "../known.ts"
import { type VisionFault, visionFault } from "./fault.ts"
import { blank, type Frame, framesOf, tensorOf } from "./frame.ts"
import type { VqganModel } from "./model.ts"

// ---- types -------------------------------------------------------------------

/** The codes of a frame: its rows one after another. */
export type Codes = ArrayLike<number>

/** Is told how many frames are done. */
export type Heard = (frames: number) => Effect.Effect<void>

/** A model of frames that is ready. */
export interface Coder {
  readonly config: Vqgan.VqganConfig
  /** Frames that are computed at once. */
  readonly batch: number
  /** Faults: frames of another size than the model's. */
  readonly encode: (
    frames: ReadonlyArray<Frame>,
    heard?: Heard,
  ) => Effect.Effect<ReadonlyArray<Int32Array>, VisionFault | DeviceFault>
  /** Faults: another number of codes than a frame has, an id outside of the codebook. */
  readonly decode: (
    codes: ReadonlyArray<Codes>,
    heard?: Heard,
  ) => Effect.Effect<ReadonlyArray<Frame>, VisionFault | DeviceFault>
}

// ---- what is given ---------------------------------------------------------------

/** The first frame that is not of the model's size. */
export const frameFault = (
  { resolution }: Pick<Vqgan.VqganConfig, "resolution">,
  frames: ReadonlyArray<Frame>,
): VisionFault | undefined => {
  const odd = frames.findIndex(({ width, height }) => width !== resolution || height !== resolution)
  if (odd < 0) return undefined
  const { width, height } = frames[odd]!
  const message = `frame ${odd} is ${width} x ${height}, the model sees ${resolution} x ${resolution}: crop it (square)`
  return visionFault("model", `frame ${odd}`, message)
}

/** The first codes that are none of this codebook. */
export const codesFault = (c: Vqgan.VqganConfig, all: ReadonlyArray<Codes>): VisionFault | undefined => {
  const tokens = Vqgan.tokensOf(c)
  const advice = "were they made by another model? Give the one that made them"
  for (const [n, codes] of all.entries()) {
    if (codes.length !== tokens) {
      const message = `frame ${n} has ${codes.length} codes, a frame of this model ${tokens}; ${advice}`
      return visionFault("codes", `frame ${n}`, message)
    }
    for (let i = 0; i < codes.length; i++) {
      const id = codes[i]!
      if (Number.isInteger(id) && id >= 0 && id < c.codes) continue
      const message = `code ${i} of frame ${n} is ${id}; this codebook has ids from 0 to ${c.codes - 1}; ${advice}`
      return visionFault("codes", `frame ${n}`, message)
    }
  }
  return undefined
}

// ---- programs ------------------------------------------------------------------

type Heading = "encode" | "decode"
type Program = Compiled<Record<string, unknown>, { readonly out: unknown }>
type Ready = (value: unknown) => Effect.Effect<Host<"f32", Axes>, DeviceFault>

/** The program of one way. Faults: what does not compile. */
export const coderProgram = (
  c: Vqgan.VqganConfig,
  way: Heading,
  batch: number,
  maxBindings: number,
): E.Either<Faults, Program> => {
  const parameters = Vqgan.specs(c)
  const [side, grid] = [c.resolution, Vqgan.gridOf(c)]
  const value = way === "encode"
    ? f32("batch row col channel", { batch, row: side, col: side, channel: c.channels })
    : i32("batch row col", { batch, row: grid, col: grid })
  const run = (x: { readonly parameters: Vqgan.Parameters; readonly value: never }) => ({
    out: way === "encode" ? Vqgan.encode(c)(x.parameters, x.value).ids : Vqgan.decodeIds(c)(x.parameters, x.value),
  })
  return compile(run as never, { parameters, value }, { maxBindings }) as unknown as E.Either<Faults, Program>
}

/** Frames at once: a quarter of a million pixels. */
const usualBatch = ({ resolution }: Vqgan.VqganConfig): number =>
  Math.max(1, Math.min(64, Math.floor(2 ** 18 / resolution ** 2)))

// ---- the coder -------------------------------------------------------------------

/** Runs of at most `most` of a list. */
const cut = <A>(all: ReadonlyArray<A>, most: number): ReadonlyArray<ReadonlyArray<A>> =>
  Array.from({ length: Math.ceil(all.length / most) }, (_, i) => all.slice(i * most, (i + 1) * most))

/**
 * Puts a model on the device, for the life of the scope. Each way is compiled when it is first needed. Faults: no whole batch
 * of frames; a device that has not enough memory.
 */
export const coder = (
  { config: c, parameters }: VqganModel,
  batch: number = usualBatch(c),
): Effect.Effect<Coder, DeviceFault, Device | Scope.Scope> =>
  Effect.gen(function* () {
    const device = yield* Device
    const scope = yield* Effect.scope
    const placed = (yield* device.place(parameters)) as unknown as Values<Vqgan.Parameters>
    const readied = (way: Heading): Effect.Effect<Ready, DeviceFault> =>
      Effect.gen(function* () {
        const made = coderProgram(c, way, batch, device.info.maxBindings)
        if (E.isLeft(made)) return yield* Effect.fail(deviceFault("compile", made.left.map(sentence).join("\n")))
        const run = (yield* Effect.provideService(device.load(made.right), Scope.Scope, scope)) as unknown as Runnable<
          unknown,
          { readonly out: unknown }
        >
        return (value: unknown) =>
          Effect.flatMap(run({ parameters: placed, value } as never), ({ out }) => device.fetch(out)) as Effect.Effect<
            Host<"f32", Axes>,
            DeviceFault
          >
      })
    const ways = { encode: yield* Effect.cached(readied("encode")), decode: yield* Effect.cached(readied("decode")) }

    const each = <A, B>(
      way: Heading,
      all: ReadonlyArray<A>,
      given: (part: ReadonlyArray<A>) => Effect.Effect<unknown, VisionFault>,
      taken: (out: Host<"f32", Axes>, count: number) => ReadonlyArray<B>,
      heard?: Heard,
    ): Effect.Effect<ReadonlyArray<B>, VisionFault | DeviceFault> =>
      Effect.gen(function* () {
        const made: Array<B> = []
        for (const part of cut(all, batch)) {
          const run = yield* ways[way]
          const value = yield* given(part)
          made.push(...taken(yield* run(value), part.length))
          if (heard !== undefined) yield* heard(made.length)
        }
        return made
      })

    const [tokens, grid] = [Vqgan.tokensOf(c), Vqgan.gridOf(c)]
    const black = blank(c.resolution, c.resolution)
    const filled = (frames: ReadonlyArray<Frame>): ReadonlyArray<Frame> => [
      ...frames,
      ...Array.from({ length: batch - frames.length }, () => black),
    ]
    const idsOf = (part: ReadonlyArray<Codes>): Host<"i32", ["batch", "row", "col"]> => {
      const data = new Int32Array(batch * tokens)
      part.forEach((codes, n) => data.set(codes as ArrayLike<number>, n * tokens))
      return { ...i32("batch row col", { batch, row: grid, col: grid }), data }
    }
    return {
      config: c,
      batch,
      encode: (frames, heard) => {
        const fault = frameFault(c, frames)
        if (fault !== undefined) return Effect.fail(fault)
        return each("encode", frames, (part) =>
          orFail(tensorOf(filled(part))), ({ data }, count) =>
          Array.from({ length: count }, (_, n) =>
            Int32Array.from(data.subarray(n * tokens, (n + 1) * tokens))), heard)
      },
      decode: (codes, heard) => {
        const fault = codesFault(c, codes)
        if (fault !== undefined) {
          return Effect.fail(fault)
        }
        return each("decode", codes, (part) =>
          Effect.succeed(idsOf(part)), (out, count) =>
          framesOf(out).slice(0, count), heard)
      },
    }
  })
