/**
 * Attention on the CPU.
 * @module
 */
import type { Attend } from "../kernel/kernel.ts"
import type { KernelCode, KernelContext } from "./kernel.ts"

/** The code of an attention kernel. */
export const attendCode = (_k: Attend, _context: KernelContext): KernelCode => {
  throw new Error("attention is not lowered to WebAssembly yet")
}
