/**
 * Attention on a GPU.
 * @module
 */
import type { Attend } from "../kernel/kernel.ts"
import type { Build, Shader } from "./shader.ts"

/** The shader of an attention kernel. */
export const attend = (_k: Attend, _b: Build): Shader => {
  throw new Error("attention is not lowered to WGSL yet")
}
