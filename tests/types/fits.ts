/**
 * Axes of one argument must be within those of the other. Nothing here runs; every line below a mark must be refused.
 * @module
 */
import type { Bool, F32, I32 } from "../../core/tensor/tensor.ts"
import { add, select } from "../../ops/elementwise.ts"
import { lt } from "../../ops/logic.ts"
import { crossEntropy, meanSquaredError } from "../../ops/loss.ts"
import { concat } from "../../ops/movement.ts"
import { layerNorm, rmsNorm } from "../../ops/norm.ts"
import { takeAlong } from "../../ops/indexing.ts"
import { rope } from "../../ops/rope.ts"

declare const x: F32<"batch time">
declare const y: F32<"time head">
declare const c: Bool<"key">
declare const i: I32<"head">
declare const t: I32<"batch">

// @ts-expect-error neither has all axes
add(x, y)
// @ts-expect-error neither has all axes
lt(x, y)
// @ts-expect-error 'key' is not among [batch time]
select(c, x, 0)
// @ts-expect-error 'head' is not in x
rmsNorm(x, y, "time")
// @ts-expect-error 'head' is not in x
layerNorm(x, x, y, "time")
// @ts-expect-error 'head' is not in x
rope(x, i, "time")
// @ts-expect-error targets lack 'time'
crossEntropy(x, t, "batch")
// @ts-expect-error weights have 'head'
crossEntropy(x, t, "time", y)
// @ts-expect-error 'head' is not in x
meanSquaredError(x, y)
// @ts-expect-error an index for every element
takeAlong(x, t, "time")
// @ts-expect-error other axes
concat([x, y], "time")
// @ts-expect-error the result has no 'model'
export const z: F32<"batch model"> = add(x, 1)
