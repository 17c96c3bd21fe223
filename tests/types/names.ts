/**
 * An axis must be there to be named. Nothing here runs; every line below a mark must be refused.
 * @module
 */
import type { F32, I32 } from "../../core/tensor/tensor.ts"
import { chunked } from "../../ops/chunked.ts"
import { dot } from "../../ops/contraction.ts"
import { take } from "../../ops/indexing.ts"
import { flip, pad, rename, slice, split, transpose, window } from "../../ops/movement.ts"
import { rmsNorm } from "../../ops/norm.ts"
import { argmax, mean, sum } from "../../ops/reduction.ts"
import { rope } from "../../ops/rope.ts"
import { scan } from "../../ops/scan.ts"
import { softmax } from "../../ops/softmax.ts"
import { cumsum, sort } from "../../ops/sorting.ts"

declare const x: F32<"batch time">
declare const w: F32<"time">
declare const i: I32<"time">

// @ts-expect-error no axis 'tiem'
sum(x, "tiem")
// @ts-expect-error one of two is not there
mean(x, "time tiem")
// @ts-expect-error argmax takes one axis
argmax(x, "batch time")
// @ts-expect-error no axis 'key'
softmax(x, "key")
// @ts-expect-error w has no 'batch'
dot(x, w, "batch")
// @ts-expect-error no axis 'key'
rename(x, { key: "time" })
// @ts-expect-error no axis 'key'
split(x, "key", "a b", { a: 1 })
// @ts-expect-error 'model' is none of the axes
transpose(x, "time model")
// @ts-expect-error 'time' is left out
transpose(x, "batch")
// @ts-expect-error no axis 'key'
slice(x, "key", 0)
// @ts-expect-error no axis 'key'
flip(x, "key")
// @ts-expect-error no axis 'key'
pad(x, "key", [0, 1])
// @ts-expect-error no axis 'key'
window(x, "key", "tap", 3)
// @ts-expect-error no axis 'key'
take(x, i, "key")
// @ts-expect-error no axis 'key'
sort(x, "key")
// @ts-expect-error no axis 'key'
cumsum(x, "key")
// @ts-expect-error no axis 'key'
rmsNorm(x, w, "key")
// @ts-expect-error no axis 'key'
rope(x, i, "key")
// @ts-expect-error no axis 'key' in the sequence
scan("key", x, { n: i }, ({ n }) => ({ carry: { n }, out: n }))
// @ts-expect-error no axis 'key' in one of the sequences
scan("key", { a: x, b: w }, { n: i }, ({ n }) => ({ carry: { n }, out: n }))
// @ts-expect-error no axis 'key' in what the function takes
chunked((y: F32<"batch time">) => y, "key", 2)
// @ts-expect-error one of what it gives lacks the axis
chunked((y: F32<"batch time">) => ({ y, sum: sum(y, "time") }), "time", 2)
