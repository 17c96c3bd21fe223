/**
 * Pairs of a key and a number, hidden in a haystack and asked for: LWM's needles and RULER's key-value retrieval are this
 * with other settings. Several keys among which one is asked are distractors (multi-key); several values of a key are all
 * asked for (multi-value), as are all keys of a question (multi-query).
 * @module
 */
import { either as E } from "fp-ts"
import * as t from "io-ts"
import { natural, positive } from "../../core/files/codec.ts"
import { hostFold, type HostKey } from "../../core/random/host.ts"
import { cities, divideCities } from "./cities.ts"
import { below, numbers, roundKey, sample, trialKey, words } from "./draws.ts"
import { assemble, continued, freeTokens, type Hidden, type Parts, type Prompt } from "./prompt.ts"
import {
  atDrawnDepths,
  atEachDepth,
  type Posed,
  type PoseFault,
  poseFault,
  type Scene,
  scoreBy,
  type Task,
  type Trial,
} from "./task.ts"
import { fill, framed, type Pair, read, Wording } from "./wording.ts"

// ---- types -------------------------------------------------------------------

/** What is hidden and what is asked. */
export interface Pairs {
  readonly wording: Wording
  /** What keys are: cities, or invented words. */
  readonly keys: "city" | "word"
  /** Digits of a value, 2 to 9. */
  readonly digits: number
  /** Keys in all; `fill`: as many as there is room for, so that the haystack is of pairs. */
  readonly total: number | "fill"
  /** Keys that are asked for. */
  readonly asked: number
  /** Values of each key. */
  readonly values: number
  /** `grid`: the first value asked for stands at the depth of its trial; `drawn`: all depths are drawn from the grid's. */
  readonly placing: "grid" | "drawn"
  /** How many of the cities were held out from training, counted from the end of the list. */
  readonly heldOut: number
}

/** The codec of these settings. */
export const Pairs: t.Type<Pairs, unknown> = t.strict({
  wording: Wording,
  keys: t.keyof({ city: null, word: null }),
  digits: positive,
  total: t.union([positive, t.literal("fill")]),
  asked: positive,
  values: positive,
  placing: t.keyof({ grid: null, drawn: null }),
  heldOut: natural,
})

// ---- drawing -------------------------------------------------------------------

/** Streams of a trial's key. */
const purpose = { keys: 0, values: 1, depths: 2, others: 3, asked: 4 } as const

const keysOf = (p: Pairs, key: HostKey, count: number): ReadonlyArray<string> =>
  p.keys === "city" ? sample(key, cities, count) : words(key, count)

/** Keys that there are of a kind; not all invented words, or drawing the last ones would take long. */
const names = (p: Pairs): number => p.keys === "city" ? cities.length : 200_000

/** Keys that there are different values for: a third of all numbers, for the same reason. */
const valued = (p: Pairs): number => Math.floor(3 * 10 ** (p.digits - 1) / p.values)

/** What cannot be asked of any trial. */
const wrong = (p: Pairs, total: number): string | undefined => {
  if (p.digits < 2 || p.digits > 9) return `values have 2 to 9 digits, not ${p.digits}`
  if (total > names(p)) {
    return `there are not ${total} different keys of the kind "${p.keys}"; take another kind, or fewer`
  }
  if (total > valued(p)) {
    return `there are not ${total * p.values} different values of ${p.digits} digits; take more digits`
  }
  return p.asked > total ? `${p.asked} keys are asked for, but only ${total} are hidden` : undefined
}

/**
 * Depths of the asked, then of the others. As LWM draws them: from the grid's, none twice, as long as there are enough;
 * what is too much for that stands anywhere.
 */
const depthsOf = (p: Pairs, scene: Scene, trial: Trial, key: HostKey, total: number): ReadonlyArray<number> => {
  const fixed = trial.depth === null ? [] : [trial.depth]
  const free = sample(hostFold(key, purpose.depths), scene.depths.filter((d) => d !== trial.depth), scene.depths.length)
  const anywhere = hostFold(key, purpose.others)
  const fromGrid = total <= free.length + fixed.length ? total : p.asked * p.values
  return Array.from(
    { length: total },
    (_, i) =>
      i < fixed.length
        ? fixed[i]!
        : i < fromGrid && free.length > 0
        ? free[(i - fixed.length) % free.length]!
        : below(hostFold(anywhere, i), 100_001) / 1000,
  )
}

interface Drawn {
  readonly parts: Parts
  /** Those that are asked for are the first that are hidden. */
  readonly asked: ReadonlyArray<Pair>
  readonly reply: string
}

/** All that a trial with so many keys is made of. */
const draw = (p: Pairs, scene: Scene, trial: Trial, total: number): Drawn => {
  const key = trialKey(scene.seed, trial)
  const keys = keysOf(p, hostFold(key, purpose.keys), total)
  const values = numbers(hostFold(key, purpose.values), total * p.values, p.digits)
  const pairs = keys.flatMap((k, i) =>
    Array.from({ length: p.values }, (_, j) => ({ key: k, value: values[i * p.values + j]! }))
  )
  const depths = depthsOf(p, scene, trial, key, pairs.length)
  const hidden = pairs.map((pair, i): Hidden => ({ text: fill(p.wording.needle, { ...pair }), depth: depths[i]! }))
  const asked = pairs.slice(0, p.asked * p.values)
  const { head, tail, reply } = framed(p.wording, asked)
  const passage = roundKey(scene.seed, trial.round)
  return { parts: { length: trial.length, bos: p.wording.bos, head, tail, hidden, passage }, asked, reply }
}

/** Draws as many keys as there is room for: rather too many, of which those that fit are kept. */
const filled = (p: Pairs, scene: Scene, trial: Trial): Drawn => {
  const bare = (drawn: Drawn): number => freeTokens(scene, { ...drawn.parts, hidden: [] })
  const taken = ({ text }: Hidden): number => continued(scene.tokenizer, text).length
  const most = Math.min(names(p), valued(p))
  const few = draw(p, scene, trial, Math.min(most, p.asked + 8))
  const least = Math.min(...few.parts.hidden.map(taken))
  const total = Math.max(p.asked, Math.min(most, Math.ceil(1.2 * bare(few) / least / p.values)))
  const many = draw(p, scene, trial, total)
  let left = bare(many)
  const first = many.parts.hidden.findIndex((h) => (left -= taken(h)) < 0)
  const keys = first < 0 ? total : Math.max(p.asked, Math.floor(first / p.values))
  return { ...many, parts: { ...many.parts, hidden: many.parts.hidden.slice(0, keys * p.values) } }
}

// ---- the task ------------------------------------------------------------------

/** Poses one trial. */
const pose = (p: Pairs) => (scene: Scene, trial: Trial): E.Either<PoseFault, Posed> => {
  const fault = wrong(p, p.total === "fill" ? p.asked : p.total)
  if (fault !== undefined) return E.left(poseFault(fault))
  const { parts, asked, reply } = p.total === "fill" ? filled(p, scene, trial) : draw(p, scene, trial, p.total)
  const heldOut = new Set(p.keys === "city" ? divideCities(p.heldOut).heldOut : [])
  return E.map(({ tokens, at }: Prompt): Posed => ({
    tokens,
    reply,
    wanted: asked.map((pair, i) => ({
      ...pair,
      depth: parts.hidden[i]!.depth,
      at: at[i]!,
      heldOut: heldOut.has(pair.key),
    })),
  }))(assemble(scene, parts))
}

/** The test of these settings. */
export const pairsTask = (name: string, p: Pairs): Task => ({
  name,
  trials: p.placing === "grid" ? atEachDepth : atDrawnDepths,
  pose: pose(p),
  score: scoreBy(/\d+/g, p.values === 1),
  solve: read(p.wording, p.values),
})
