/**
 * The code of each kind of kernel.
 * @module
 */
import type { Kernel, Loop } from "../kernel/kernel.ts"
import { lowerContract } from "./contract.ts"
import type { KernelCode, KernelContext } from "./kernel.ts"

const lowerLoop = (k: Loop, _: KernelContext): KernelCode => {
  throw new Error(`no code for ${k.tag}`)
}

/** Lowers a kernel. */
export const lower = (k: Kernel, context: KernelContext): KernelCode => {
  switch (k.tag) {
    case "contract":
      return lowerContract(k, context, lowerLoop)
    default:
      throw new Error(`no code for ${k.tag}`)
  }
}
