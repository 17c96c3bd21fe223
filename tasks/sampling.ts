/**
 * Drawing the next token from logits, on the host: softmax at a temperature in float64, and a uniform number of the
 * counter-based generator that depends on the key and the place alone.
 * @module
 */
import { hostFold, type HostKey, hostUniform } from "../core/random/host.ts"
import { f32 } from "../core/tensor/spec.ts"

/** The chances of the tokens: softmax of logits / temperature. At 0, all of it is the most likely one's. */
export const chances = (logits: ArrayLike<number>, temperature: number): ReadonlyArray<number> => {
  const scores = Array.from(logits)
  const top = Math.max(...scores)
  if (temperature === 0) {
    const best = scores.indexOf(top)
    return scores.map((_, i) => i === best ? 1 : 0)
  }
  const weights = scores.map((x) => Math.exp((x - top) / temperature))
  const total = weights.reduce((a, b) => a + b, 0)
  return weights.map((w) => w / total)
}

/** The token whose share of 0 ... 1 holds `u`. */
export const pick = (shares: ReadonlyArray<number>, u: number): number => {
  let left = u
  for (const [token, share] of shares.entries()) {
    left -= share
    if (left < 0) return token
  }
  return shares.findLastIndex((share) => share > 0)
}

/** The token at a place of a text that is drawn with this key. */
export const draw = (logits: ArrayLike<number>, temperature: number, key: HostKey, place: number): number =>
  pick(chances(logits, temperature), hostUniform(hostFold(key, place), f32()).data[0]!)
