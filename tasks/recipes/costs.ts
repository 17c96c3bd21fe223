/**
 * What length costs, by formula: for tables that are compared with the paper's. What a program really takes, the compiler
 * says (`forecast.ts`).
 * @module
 */
import type { Config } from "../../models/llama/config.ts"

/** Bytes of the keys and values of so many tokens, in numbers of `bytes` bytes each. */
export const cacheBytes = ({ layers, groups, head }: Config, tokens: number, bytes: number): number =>
  2 * layers * groups * head * tokens * bytes

/**
 * How many times more a token costs at the context `to` than at `from`: (6h + to) / (6h + from) (Liu et al., 2023, Ring
 * Attention). Attention is counted whole, without its mask, and the head not at all.
 */
export const costRatio = ({ model }: Config, from: number, to: number): number => (6 * model + to) / (6 * model + from)

/**
 * Floating-point operations of learning from one token: 6 for each parameter that multiplies it (the embedding does not),
 * and attention, half of it masked.
 */
export const trainingFlops = (c: Config, context: number): number => {
  const width = c.groups * c.share * c.head
  const layer = c.model * c.head * c.groups * (2 * c.share + 2) + 3 * c.model * c.hidden
  return 6 * (c.layers * layer + c.model * c.vocab) + 6 * c.layers * width * context
}
