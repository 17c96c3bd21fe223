/**
 * The code of each kind of kernel.
 * @module
 */
import type { Kernel } from "../kernel/kernel.ts"
import { attendCode } from "./attend.ts"
import { lowerContract } from "./contract.ts"
import { cumulateCode } from "./cumulate.ts"
import type { KernelCode, KernelContext } from "./kernel.ts"
import { loopCode } from "./loop.ts"
import { scatterCode } from "./scatter.ts"
import { nearestCode } from "./nearest.ts"
import { sortCode } from "./sort.ts"

/** Lowers a kernel. */
export const lower = (k: Kernel, context: KernelContext): KernelCode => {
  switch (k.tag) {
    case "contract":
      return lowerContract(k, context, loopCode)
    case "loop":
      return loopCode(k, context)
    case "scatter":
      return scatterCode(k, context)
    case "cumulate":
      return cumulateCode(k, context)
    case "sort":
      return sortCode(k, context)
    case "nearest":
      return nearestCode(k, context, loopCode)
    case "attend":
      return attendCode(k, context, loopCode)
  }
}
