/**
 * What a classifier of frames is made of, in numbers: levels of one convolution each, which halve rows and columns, then
 * two dense layers. It is small on purpose: it judges pictures of one thing.
 * @module
 */
import * as t from "io-ts"
import { type FileFault, fileFault, finite, positive } from "../../core/files/codec.ts"

/** The numbers of one classifier. */
export interface ClassifierConfig {
  /** Rows of a frame, and its columns. */
  readonly resolution: number
  /** Colours of a pixel. */
  readonly channels: number
  /** Kinds of frames. */
  readonly classes: number
  /** Features of each level; each has half the rows and columns of the one before. */
  readonly widths: ReadonlyArray<number>
  /** Features of the dense layer before the last. */
  readonly hidden: number
  /** Groups of the norms, which divide every width. */
  readonly groups: number
  /** Added to variances. */
  readonly epsilon: number
}

/** For digits in boxes of 16 x 16: 38,666 values. */
export const digits: ClassifierConfig = {
  ...{ resolution: 16, channels: 3, classes: 10, widths: [16, 32], hidden: 64, groups: 4, epsilon: 1e-5 },
}

/** The codec of configs; what their numbers must not say together, `configFaults` finds. */
export const ClassifierConfig: t.Type<ClassifierConfig, unknown> = t.exact(t.type({
  ...{ resolution: positive, channels: positive, classes: positive, widths: t.readonlyArray(positive) },
  ...{ hidden: positive, groups: positive, epsilon: finite },
}))

/** Rows and columns after the last level. */
export const sideOf = ({ resolution, widths }: ClassifierConfig): number => resolution / 2 ** widths.length

/** What must hold between the numbers, and what to say when it does not. */
const rules: ReadonlyArray<
  readonly [keyof ClassifierConfig, (c: ClassifierConfig) => boolean, (c: ClassifierConfig) => string]
> = [
  ["channels", (c) => positive.is(c.channels), () => "expected a positive whole number, 3 as a rule"],
  ["classes", (c) => positive.is(c.classes) && c.classes >= 2, () => "expected two or more"],
  ["widths", (c) => c.widths.length > 0 && c.widths.every(positive.is), () => "expected one positive number a level"],
  ["hidden", (c) => positive.is(c.hidden), () => "expected a positive whole number"],
  ["epsilon", (c) => Number.isFinite(c.epsilon) && c.epsilon > 0, () => "expected a number above 0, 1e-5 as a rule"],
  [
    "resolution",
    (c) => positive.is(c.resolution) && Number.isInteger(sideOf(c)),
    (c) => `${c.widths.length} levels halve it as often; give a multiple of ${2 ** c.widths.length}`,
  ],
  [
    "groups",
    (c) => positive.is(c.groups) && c.widths.every((w) => w % c.groups === 0),
    (c) => `give a divisor of ${c.widths.join(", ")}`,
  ],
]

/** All rules that a config breaks. */
export const configFaults = (c: ClassifierConfig): ReadonlyArray<FileFault> =>
  rules.filter(([, holds]) => !holds(c)).map(([key, , say]) =>
    fileFault("value", `config.${key}`, `config.${key} is ${c[key]}: ${say(c)}`)
  )
