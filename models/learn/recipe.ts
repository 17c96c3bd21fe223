/**
 * How a model is trained, as data: a plain record that files hold, its codec, and what its numbers must not say together.
 * A model that needs more says more: Llama's recipe has the length of its rows beside these.
 *
 * ```ts
 * // constant after a warm-up, and an average of the parameters
 * const steady: Partial<Recipe> = { rate: { kind: "constant", peak: 1e-3, warmup: 100 }, ema: 0.999 }
 * ```
 * @module
 */
import * as t from "io-ts"
import { type FileFault, fileFault, finite, natural, positive } from "../../core/files/codec.ts"
import type { AdafactorSettings, LossScale, MuonSettings } from "../../ops/optimiser.ts"
import type { Schedule } from "../../ops/schedule.ts"

// ---- types -----------------------------------------------------------------

/** Which optimiser makes the steps. */
export type OptimiserName = "adamw" | "adafactor" | "muon"

/** How it is trained. What is optional and left out is as a step was before it could be said. */
export interface Recipe {
  /** Rows (sequences, frames) in a step. */
  readonly batch: number
  /** Steps in all, warm-up included. */
  readonly steps: number
  /** Steps in which the rate rises from 0 to its peak. */
  readonly warmup: number
  /** The peak of the learning rate, and where the cosine ends. */
  readonly peak: number
  readonly end: number
  /** Longest global norm of a gradient. */
  readonly clip: number
  /** Weight decay, of matrices only unless `decays` says otherwise. */
  readonly decay: number
  readonly beta1: number
  readonly beta2: number
  /** `adamw` if not given; with it go beta1, beta2 and epsilon, also for what Muon leaves to AdamW. */
  readonly optimiser?: OptimiserName
  readonly epsilon?: number
  readonly adafactor?: AdafactorSettings
  readonly muon?: MuonSettings
  /** The rate by step, in the place of warmup, peak and end. */
  readonly rate?: Schedule
  /** Parts that a batch is cut into, one after the other, so that activations are of one part; gradients are summed. */
  readonly accumulate?: number
  /**
   * What forward and backward passes keep: a copy of the parameters, activations, gradients. Sums, norms, weights of
   * attention and the loss are f32 within them, and so is all that the optimiser has. `f32` if not given.
   */
  readonly storage?: "f32" | "bf16" | "f16"
  /** The loss scale that goes with f16. */
  readonly scale?: LossScale
  /** What the mean of gradients is stored in; `f32` if not given. */
  readonly momentum?: "f32" | "bf16"
  /**
   * Parts of the decay by endings of paths, the longest that fits: `{ Norm: 0, norm: 0, embedding: 0.5 }`. What fits none
   * decays wholly. Norms do not decay if not given.
   */
  readonly decays?: Decaying
  /** Memory of an average of the parameters, which the state then has: 0.999 looks back a thousand steps. */
  readonly ema?: number
}

/** Norms are scales, not directions: they do not decay. */
export const undecayed: Decaying = { Norm: 0, norm: 0 }

// ---- meaning ---------------------------------------------------------------

/** What of a recipe says the learning rate. */
export type Rated = Pick<Recipe, "rate" | "peak" | "warmup" | "steps" | "end">

/** The learning rate by step; as in LWM's trainer where it is not given: from 0 in a line to the peak, then a cosine. */
export const schedule = ({ rate, peak, warmup, steps, end }: Rated): Schedule =>
  rate ?? { kind: "cosine", peak, warmup, decay: steps, end }

/** Parts of the decay by endings of paths. */
export interface Decaying {
  readonly [ending: string]: number
}

/** The part of the decay that the parameter at a path gets; by the model's own endings where the recipe has none. */
export const decayAt = (r: Pick<Recipe, "decays">, own: Decaying = undecayed) => (path: string): number => {
  const { decays = own } = r
  const fitting = Object.keys(decays).filter((ending) => path.endsWith(ending))
  const longest = fitting.sort((a, b) => b.length - a.length)[0]
  return longest === undefined ? 1 : decays[longest]!
}

// ---- codec -----------------------------------------------------------------

const rising = { peak: finite, warmup: natural }
const falling = { ...rising, decay: natural, end: finite }
const from = t.partial({ start: finite })

const ScheduleCodec: t.Type<Schedule, unknown> = t.union([
  t.exact(t.intersection([t.type({ kind: t.keyof({ cosine: null, linear: null }), ...falling }), from])),
  t.exact(t.intersection([t.type({ kind: t.keyof({ constant: null, root: null }), ...rising }), from])),
]) as unknown as t.Type<Schedule, unknown>

const AdafactorCodec = t.exact(t.partial({
  factored: t.boolean,
  exponent: finite,
  momentum: finite,
  threshold: finite,
  scaled: t.boolean,
  relative: t.boolean,
  epsilon: finite,
  decayPower: t.union([t.literal(1), t.literal(2)]),
}))

const MuonCodec = t.exact(t.partial({
  momentum: finite,
  nesterov: t.boolean,
  times: positive,
  size: t.keyof({ match: null, norm: null }),
  others: finite,
}))

const ScaleCodec = t.exact(t.partial({ first: finite, patience: positive, least: finite, most: finite }))

/** What every recipe says; models add to it. */
export const always: t.Props = {
  ...{ batch: positive, steps: positive, warmup: natural, peak: finite, end: finite },
  ...{ clip: finite, decay: finite, beta1: finite, beta2: finite },
}

/** What a recipe may say. */
export const asked: t.Props = {
  optimiser: t.keyof({ adamw: null, adafactor: null, muon: null }),
  epsilon: finite,
  adafactor: AdafactorCodec,
  muon: MuonCodec,
  rate: ScheduleCodec,
  accumulate: positive,
  storage: t.keyof({ f32: null, bf16: null, f16: null }),
  scale: ScaleCodec,
  momentum: t.keyof({ f32: null, bf16: null }),
  decays: t.record(t.string, finite),
  ema: finite,
}

/** The codec of recipes that say more; what their numbers must not say together, `recipeFaults` finds. */
export const recipeCodec = <R extends Recipe>(needed: t.Props = {}, optional: t.Props = {}): t.Type<R, unknown> =>
  t.exact(
    t.intersection([t.type({ ...always, ...needed }), t.partial({ ...asked, ...optional })]),
  ) as unknown as t.Type<
    R,
    unknown
  >

/** The codec of recipes. */
export const Recipe: t.Type<Recipe, unknown> = recipeCodec<Recipe>()

// ---- rules -----------------------------------------------------------------

/** A number that must lie in a range; undefined is as well. */
export type Range<R> = readonly [name: string, of: (r: R) => number | undefined, low: number, high: number]

const below1 = 0.9999999
const tiny = Number.MIN_VALUE
const huge = Number.MAX_VALUE

const ranges: ReadonlyArray<Range<Recipe>> = [
  ["warmup", (r) => r.warmup, 0, huge],
  ["peak", (r) => r.peak, 0, 1],
  ["end", (r) => r.end, 0, huge],
  ["clip", (r) => r.clip, tiny, huge],
  ["decay", (r) => r.decay, 0, 1],
  ["beta1", (r) => r.beta1, 0, below1],
  ["beta2", (r) => r.beta2, 0, below1],
  ["epsilon", (r) => r.epsilon, 0, 1],
  ["ema", (r) => r.ema, 0, below1],
  ["rate.peak", (r) => r.rate?.peak, 0, 1],
  ["rate.start", (r) => r.rate?.start, 0, 1],
  ["adafactor.exponent", (r) => r.adafactor?.exponent, tiny, 1],
  ["adafactor.momentum", (r) => r.adafactor?.momentum, 0, below1],
  ["adafactor.threshold", (r) => r.adafactor?.threshold, 0, huge],
  ["adafactor.epsilon", (r) => r.adafactor?.epsilon, 0, 1],
  ["muon.momentum", (r) => r.muon?.momentum, 0, below1],
  ["muon.others", (r) => r.muon?.others, 0, huge],
  ["scale.first", (r) => r.scale?.first, tiny, 2 ** 126],
  ["scale.least", (r) => r.scale?.least, tiny, 2 ** 126],
  ["scale.most", (r) => r.scale?.most, tiny, 2 ** 126],
]

/** What must hold between numbers, and what to say when it does not. */
const rules: ReadonlyArray<readonly [name: string, holds: (r: Recipe) => boolean, say: (r: Recipe) => string]> = [
  [
    "warmup",
    (r) => r.warmup <= r.steps,
    (r) => `${r.warmup} steps of warm-up do not fit into ${r.steps}; give 0 to ${r.steps}`,
  ],
  ["end", (r) => r.end <= r.peak, (r) => `${r.end} is above the peak of ${r.peak}; give 0 to ${r.peak}`],
  [
    "rate.decay",
    ({ rate }) => rate === undefined || !("decay" in rate) || rate.decay >= rate.warmup,
    ({ rate }) =>
      `it falls until step ${rate && "decay" in rate ? rate.decay : 0}, before the warm-up of ` +
      `${rate?.warmup} steps ends; the decay counts the warm-up in`,
  ],
  [
    "rate.end",
    ({ rate }) => rate === undefined || !("end" in rate) || (rate.end >= 0 && rate.end <= rate.peak),
    ({ rate }) => `${rate && "end" in rate ? rate.end : 0} is not between 0 and the peak of ${rate?.peak}`,
  ],
  [
    "accumulate",
    (r) => r.batch % (r.accumulate ?? 1) === 0,
    (r) => `${r.batch} rows are not ${r.accumulate} parts of whole rows; give a divisor of ${r.batch}`,
  ],
  [
    "adafactor",
    (r) => r.adafactor === undefined || r.optimiser === "adafactor",
    (r) => `settings of Adafactor, but the optimiser is ${r.optimiser ?? "adamw"}; name it, or leave them out`,
  ],
  [
    "muon",
    (r) => r.muon === undefined || r.optimiser === "muon",
    (r) => `settings of Muon, but the optimiser is ${r.optimiser ?? "adamw"}; name it, or leave them out`,
  ],
  [
    "scale",
    (r) => r.scale === undefined || r.storage === "f16",
    (r) => `a loss scale goes with storage f16, which is ${r.storage ?? "f32"}; leave it out`,
  ],
  [
    "decays",
    (r) => Object.values(r.decays ?? {}).every((part) => part >= 0 && part <= 1),
    () => "a part of the decay is a number from 0 to 1",
  ],
]

const outside = <R>(r: R) => ([name, of, low, high]: Range<R>): ReadonlyArray<string> => {
  const value = of(r)
  if (value === undefined || (value >= low && value <= high)) return []
  const above = low === tiny ? "above 0" : `from ${low}`
  return [
    `${name} is ${value}; expected a number ${above}${
      high === huge ? "" : ` to ${high === below1 ? "below 1" : high}`
    }`,
  ]
}

/** Numbers that lie outside of their ranges, in sentences that begin with `where`. */
export const rangeFaults = <R>(r: R, all: ReadonlyArray<Range<R>>, where: string): ReadonlyArray<FileFault> =>
  all.flatMap((range) =>
    outside(r)(range).map((text) => fileFault("value", `${where}.${range[0]}`, `${where}.${text}`))
  )

/** All rules that a recipe breaks, in sentences that begin with `where`, its place in a file. */
export const recipeFaults = (r: Recipe, where: string = "recipe"): ReadonlyArray<FileFault> => [
  ...rangeFaults(r, ranges, where),
  ...rules.filter(([, holds]) => !holds(r)).map(([name, , say]) =>
    fileFault("value", `${where}.${name}`, `${where}.${name}: ${say(r)}`)
  ),
]
