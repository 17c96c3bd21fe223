/**
 * Drawing the next token from logits, on the host and in float64: softmax at a temperature, of the k likeliest, of the
 * smallest set that makes up a share. What is drawn depends on the key and the place alone, by the counter-based generator.
 * @module
 */
import { hostFold, type HostKey, hostKey, hostUniform } from "../../core/random/host.ts"
import { f32 } from "../../core/tensor/spec.ts"
import type { AskFault, Sampling } from "./language.ts"

/** The likeliest token always. */
export const greedy: Sampling = { temperature: 0, seed: 0 }

/** What is wrong with how to sample, and what to say. */
const rules: ReadonlyArray<readonly [keyof Sampling, (s: Sampling) => boolean, string]> = [
  [
    "temperature",
    (s) => Number.isFinite(s.temperature) && s.temperature >= 0,
    "expected a number from 0; 0 takes the likeliest token, 1 draws as the model was trained",
  ],
  [
    "topK",
    (s) => s.topK === undefined || Number.isSafeInteger(s.topK) && s.topK >= 1,
    "expected a whole number from 1; leave it out to draw from all tokens",
  ],
  [
    "topP",
    (s) => s.topP === undefined || s.topP > 0 && s.topP <= 1,
    "expected a share above 0 and up to 1; leave it out to draw from all tokens",
  ],
  ["seed", (s) => Number.isSafeInteger(s.seed) && s.seed >= 0, "expected a whole number from 0 to 2^53 - 1"],
]

/** All that is wrong with the settings. */
export const samplingFaults = (s: Sampling): ReadonlyArray<AskFault> =>
  rules.filter(([, holds]) => !holds(s)).map(([key, , say]) => ({
    _tag: "AskFault",
    message: `sampling: ${key} is ${s[key]}; ${say}`,
  }))

/** The place of the greatest, the first of those that are the same. NaN is never the greatest. */
const first = (scores: ArrayLike<number>): number => {
  let best = 0
  for (let i = 1; i < scores.length; i++) if (scores[i]! > scores[best]! || Number.isNaN(scores[best])) best = i
  return best
}

/**
 * Leaves the `k` likeliest, and of these the smallest set that makes up the share `p`; the others become 0. Of equal
 * tokens the first stay. Weights are sorted without their places, which is faster by an order than sorting places.
 */
const prune = (weights: Float64Array, k: number, p: number): void => {
  const sorted = weights.slice().sort()
  const limit = Math.min(k, sorted.length)
  const least = sorted.length - limit
  let total = 0
  for (let i = sorted.length - 1; i >= least; i--) total += sorted[i]!
  let stay = 0
  for (let sum = 0; stay < limit && (stay === 0 || sum < p * total); stay++) sum += sorted[sorted.length - 1 - stay]!
  const edge = sorted[sorted.length - stay]!
  let equal = 0
  for (let i = sorted.length - stay; i < sorted.length && sorted[i] === edge; i++) equal++
  for (let i = 0; i < weights.length; i++) {
    if (weights[i]! < edge || weights[i] === edge && equal-- <= 0) weights[i] = 0
  }
}

/**
 * The chances of the tokens: softmax of logits / temperature, of the `topK` likeliest, and of these the smallest set that
 * makes up `topP`. At temperature 0 all of it is the likeliest one's. Of equal tokens the first come first.
 */
export const chances = (logits: ArrayLike<number>, s: Omit<Sampling, "seed">): Float64Array => {
  const shares = new Float64Array(logits.length)
  const best = first(logits)
  if (s.temperature === 0) {
    shares[best] = 1
    return shares
  }
  const top = logits[best]!
  for (let i = 0; i < shares.length; i++) {
    const weight = Math.exp((logits[i]! - top) / s.temperature)
    shares[i] = Number.isNaN(weight) ? 0 : weight
  }
  if (s.topK !== undefined || s.topP !== undefined && s.topP < 1) prune(shares, s.topK ?? Infinity, s.topP ?? 1)
  let total = 0
  for (let i = 0; i < shares.length; i++) total += shares[i]!
  for (let i = 0; i < shares.length; i++) shares[i] = shares[i]! / total
  return shares
}

/** The token whose share of 0 ... 1 holds `u`. */
export const pick = (shares: ArrayLike<number>, u: number): number => {
  let left = u
  let last = 0
  for (let token = 0; token < shares.length; token++) {
    const share = shares[token]!
    if (share > 0) last = token
    left -= share
    if (left < 0) return token
  }
  return last
}

/** The token at a place of a text that is drawn with this key. */
export const draw = (logits: ArrayLike<number>, s: Omit<Sampling, "seed">, key: HostKey, place: number): number =>
  s.temperature === 0 ? first(logits) : pick(chances(logits, s), hostUniform(hostFold(key, place), f32()).data[0]!)

/** A number of 32 bits out of tokens (FNV-1a). */
const hash = (tokens: ArrayLike<number>): number => {
  let h = 0x811c9dc5
  for (let i = 0; i < tokens.length; i++) h = Math.imul(h ^ tokens[i]!, 0x01000193)
  return h >>> 0
}

/**
 * A key for each prompt: out of the seed, the prompt, and how many of the same come before it. So what is drawn does not
 * depend on the others that are asked with it, and the same prompt asked n times gets n answers.
 */
export const promptKeys = (prompts: ReadonlyArray<ArrayLike<number>>, seed: number): ReadonlyArray<HostKey> => {
  const seen = new Map<string, number>()
  return prompts.map((prompt) => {
    const text = Array.from(prompt).join()
    const before = seen.get(text) ?? 0
    seen.set(text, before + 1)
    return hostFold(hostFold(hostKey(seed), hash(prompt)), before)
  })
}
