/**
 * LWM's sizes with their second vocabulary: 8192 codes of its VQGAN and 256 ids more.
 *
 * ```ts
 * import { parameterCount } from "./config.ts"
 * const seven: number = parameterCount(presets["7b"]) // 6807621632
 * ```
 * @module
 */
import { type Preset, presets as texts } from "../llama/presets.ts"
import type { WorldConfig } from "./config.ts"

const seeing = (name: Preset): WorldConfig => ({ ...texts[name], codes: 8192, vision: 8448 })

/** LWM's models by name. */
export const presets: { readonly [P in Preset]: WorldConfig } = {
  debug: seeing("debug"),
  "200m": seeing("200m"),
  "1b": seeing("1b"),
  "3b": seeing("3b"),
  "7b": seeing("7b"),
  "13b": seeing("13b"),
  "30b": seeing("30b"),
  "65b": seeing("65b"),
}
