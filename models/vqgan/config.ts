/**
 * What a VQGAN is made of, in numbers (Esser, Rombach and Ommer, 2021, as LWM has it): how wide each level is, how often
 * frames are halved, how many codes there are. A config is data; its codec refuses numbers that do not fit each other.
 *
 * ```ts
 * const grid: number = gridOf(presets.lwm) // 16: a frame of 256 pixels is 16 rows of 16 codes
 * const tokens: number = tokensOf(presets.lwm) // 256
 * ```
 * @module
 */
import { either as E } from "fp-ts"
import * as t from "io-ts"
import { decodeValue, type FileFault, fileFault, finite, positive } from "../../core/files/codec.ts"

/** The numbers of one model. */
export interface VqganConfig {
  /** Rows and columns of a frame, in pixels. */
  readonly resolution: number
  /** Colours of a pixel. */
  readonly channels: number
  /** Features of the first level. */
  readonly hidden: number
  /** Features of each level, in multiples of `hidden`; every level but the last halves rows and columns. */
  readonly multipliers: ReadonlyArray<number>
  /** Residual blocks of a level of the encoder; those of the decoder have one more. */
  readonly blocks: number
  /** Features that the encoder gives and the decoder takes. */
  readonly latent: number
  /** Codes there are. */
  readonly codes: number
  /** Size of a code. */
  readonly embed: number
  /** Groups that features are normalised in: 32 in LWM; fewer where levels are narrow. */
  readonly groups: number
  /** Added to the variance before its root. */
  readonly epsilon: number
}

// ---- sizes -----------------------------------------------------------------

/** Features of each level, the first first. */
export const widths = ({ hidden, multipliers }: VqganConfig): ReadonlyArray<number> =>
  multipliers.map((m) => m * hidden)

/** Pixels of a side that one code stands for. */
export const patchOf = ({ multipliers }: VqganConfig): number => 2 ** Math.max(0, multipliers.length - 1)

/** Rows, and columns, of the codes of a frame. */
export const gridOf = (c: VqganConfig): number => c.resolution / patchOf(c)

/** Codes of a frame. */
export const tokensOf = (c: VqganConfig): number => gridOf(c) ** 2

// ---- rules -----------------------------------------------------------------

/** What must hold between the numbers, and what to say when it does not. */
const rules: ReadonlyArray<
  readonly [keyof VqganConfig, (c: VqganConfig) => boolean, string | ((c: VqganConfig) => string)]
> = [
  ["resolution", (c) => positive.is(c.resolution), "expected a positive whole number"],
  ["channels", (c) => positive.is(c.channels), "expected a positive whole number, 3 as a rule"],
  ["hidden", (c) => positive.is(c.hidden), "expected a positive whole number"],
  [
    "multipliers",
    (c) => c.multipliers.length > 0 && c.multipliers.every((m) => positive.is(m)),
    "expected one positive whole number a level, such as [1, 2, 4]",
  ],
  ["blocks", (c) => positive.is(c.blocks), "expected a positive whole number"],
  ["latent", (c) => positive.is(c.latent), "expected a positive whole number"],
  ["codes", (c) => positive.is(c.codes), "expected a positive whole number"],
  ["embed", (c) => positive.is(c.embed), "expected a positive whole number"],
  ["groups", (c) => positive.is(c.groups), "expected a positive whole number"],
  ["epsilon", (c) => Number.isFinite(c.epsilon) && c.epsilon > 0, "expected a number above 0, 1e-6 as a rule"],
  [
    "resolution",
    (c) => !positive.is(c.resolution) || Number.isInteger(gridOf(c)),
    (c) =>
      `${c.multipliers.length} levels halve it ${c.multipliers.length - 1} times; give a multiple of ${patchOf(c)}`,
  ],
  [
    "groups",
    (c) => !positive.is(c.groups) || [c.hidden, ...widths(c)].every((w) => w % c.groups === 0),
    (c) => `features are ${c.hidden}, then ${widths(c).join(", ")}; give a divisor of all of them`,
  ],
]

/** All rules that a config breaks. */
export const configFaults = (c: VqganConfig): ReadonlyArray<FileFault> =>
  rules.filter(([, holds]) => !holds(c)).map(([key, , say]) =>
    fileFault("value", key, `config: ${key} is ${c[key]}; ${typeof say === "string" ? say : say(c)}`)
  )

/** The config itself where it keeps all rules. */
export const config = (c: VqganConfig): E.Either<ReadonlyArray<FileFault>, VqganConfig> => {
  const faults = configFaults(c)
  return faults.length > 0 ? E.left(faults) : E.right(c)
}

// ---- codec -----------------------------------------------------------------

/** The codec of configs; what their numbers must not say together, `configFaults` finds. */
export const VqganConfig: t.Type<VqganConfig, unknown> = t.exact(t.type({
  ...{ resolution: positive, channels: positive, hidden: positive, multipliers: t.readonlyArray(positive) },
  ...{ blocks: positive, latent: positive, codes: positive, embed: positive, groups: positive, epsilon: finite },
})) as unknown as t.Type<VqganConfig, unknown>

/** A config out of a value that was read, where it keeps all rules. */
export const decodeConfig = (value: unknown): E.Either<ReadonlyArray<FileFault>, VqganConfig> =>
  E.flatMap(config)(decodeValue(VqganConfig, value))

// ---- presets ---------------------------------------------------------------

/** Names of the presets. */
export type Preset = "lwm" | "tiny64" | "tiny32"

/**
 * `lwm`: 146,244,675 parameters, frames of 256 become 16 x 16 of 8192 codes. `tiny64`, `tiny32`: frames of 64 and 32
 * become 8 x 8 codes; small enough for two cores (`costOf` counts what a frame takes).
 */
export const presets: { readonly [P in Preset]: VqganConfig } = {
  lwm: {
    ...{ resolution: 256, channels: 3, hidden: 128, multipliers: [1, 2, 2, 4, 6], blocks: 2, latent: 64 },
    ...{ codes: 8192, embed: 64, groups: 32, epsilon: 1e-6 },
  },
  tiny64: {
    ...{ resolution: 64, channels: 3, hidden: 8, multipliers: [1, 2, 2, 4], blocks: 1, latent: 16 },
    ...{ codes: 512, embed: 8, groups: 4, epsilon: 1e-6 },
  },
  tiny32: {
    ...{ resolution: 32, channels: 3, hidden: 8, multipliers: [1, 2, 4], blocks: 1, latent: 16 },
    ...{ codes: 256, embed: 8, groups: 4, epsilon: 1e-6 },
  },
}
