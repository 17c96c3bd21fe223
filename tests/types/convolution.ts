/**
 * A kernel's axes pair with those of the image. Nothing here runs; every line below a mark must be refused.
 * @module
 */
import type { F32 } from "../../core/tensor/tensor.ts"
import { convolve } from "../../ops/convolution.ts"

declare const x: F32<"batch row channel">
declare const w: F32<"tap channel out">

export const y: F32<"batch out row"> | F32<"batch row out"> = convolve(x, w, { row: "tap" }, "channel")
// @ts-expect-error the image has no 'column'
convolve(x, w, { column: "tap" }, "channel")
// @ts-expect-error the kernel has no 'drow'
convolve(x, w, { row: "drow" }, "channel")
// @ts-expect-error the image has no 'out'
convolve(x, w, { row: "tap" }, "out")
