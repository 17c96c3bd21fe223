/**
 * dtypes do not mix. Nothing here runs; every line below a mark must be refused.
 * @module
 */
import type { Bool, F16, F32, I32, U32 } from "../../core/tensor/tensor.ts"
import { dot } from "../../ops/contraction.ts"
import { add, bitcast, exp, mul, neg, select } from "../../ops/elementwise.ts"
import { scatterAdd, take } from "../../ops/indexing.ts"
import { and, eq, shiftLeft } from "../../ops/logic.ts"
import { rmsNorm } from "../../ops/norm.ts"
import { all, mean, sum } from "../../ops/reduction.ts"
import { rope } from "../../ops/rope.ts"
import { softmax } from "../../ops/softmax.ts"

declare const x: F32<"n">
declare const h: F16<"n">
declare const i: I32<"n">
declare const u: U32<"n">
declare const b: Bool<"n">

// @ts-expect-error f16 beside f32
add(x, h)
// @ts-expect-error f16 beside f32
dot(x, h, "n")
// @ts-expect-error i32 beside u32
eq(i, u)
// @ts-expect-error bool has no product
mul(b, b)
// @ts-expect-error exp takes floats
exp(i)
// @ts-expect-error u32 has no sign
neg(u)
// @ts-expect-error bits are of ints
shiftLeft(x, 1)
// @ts-expect-error logic is of bool and ints
and(x, x)
// @ts-expect-error the condition is bool
select(x, x, 0)
// @ts-expect-error f16 or f32?
select(b, x, h)
// @ts-expect-error bool has no sum
sum(b)
// @ts-expect-error a mean is a float
mean(i)
// @ts-expect-error all takes bool
all(i)
// @ts-expect-error softmax takes floats
softmax(i, "n")
// @ts-expect-error an index is whole
take(x, x, "n")
// @ts-expect-error an index is whole
scatterAdd(x, x, "m", 3)
// @ts-expect-error the weight is of another dtype
rmsNorm(x, h, "n")
// @ts-expect-error positions are whole
rope(x, x, "n")
// @ts-expect-error no such dtype
bitcast(x, "f64")
// @ts-expect-error i32 is not f32
export const y: F32<"n"> = add(i, 1)
