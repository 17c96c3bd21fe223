/**
 * The sizes of the Llamas that LWM was made from (its `LLAMA_STANDARD_CONFIGS`): one vocabulary of 32000, as many heads of
 * keys as of queries, an untied head.
 *
 * ```ts
 * import { parameterCount } from "./config.ts"
 * const seven: number = parameterCount(presets["7b"]) // 6738415616
 * ```
 * @module
 */
import type { Config } from "./config.ts"

/** Names of the presets. */
export type Preset = "debug" | "200m" | "1b" | "3b" | "7b" | "13b" | "30b" | "65b"

const preset = (
  [model, hidden, layers, heads, context]: readonly [number, number, number, number, number],
  epsilon = 1e-6,
): Config => ({
  ...{ vocab: 32_000, model, hidden, layers, groups: heads, share: 1, head: model / heads },
  ...{ theta: 10_000, epsilon, context },
})

/** LWM's models by name. */
export const presets: { readonly [P in Preset]: Config } = {
  debug: preset([256, 256, 2, 2, 2048]),
  "200m": preset([1024, 2048, 14, 8, 2048]),
  "1b": preset([2048, 5504, 22, 16, 2048]),
  "3b": preset([3200, 8640, 26, 32, 2048]),
  "7b": preset([4096, 11_008, 32, 32, 4096]),
  "13b": preset([5120, 13_824, 40, 40, 2048]),
  "30b": preset([6656, 17_920, 60, 52, 2048]),
  "65b": preset([8192, 22_016, 80, 64, 2048], 1e-5),
}
