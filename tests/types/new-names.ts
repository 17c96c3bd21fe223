/**
 * A new axis must have a new name; merged axes must stand side by side. Nothing here runs; every line below a mark must be refused.
 * @module
 */
import type { F32, I32 } from "../../core/tensor/tensor.ts"
import { oneHot } from "../../ops/indexing.ts"
import { broadcast, merge, rename, split, stack, window } from "../../ops/movement.ts"

declare const x: F32<"batch time model">
declare const i: I32<"batch">

// @ts-expect-error 'time' is there already
rename(x, { batch: "time" })
// @ts-expect-error 'time' is there already
split(x, "model", "time head", { head: 2 })
// @ts-expect-error 'head' has no part of that name
split(x, "model", "heads width", { head: 2 })
// @ts-expect-error 'time' stands between
merge(x, "batch model", "row")
// @ts-expect-error the other order
merge(x, "time batch", "row")
// @ts-expect-error 'model' is there already
merge(x, "batch time", "model")
// @ts-expect-error 'time' is there already
broadcast(x, "time", { time: 2 })
// @ts-expect-error no size is given
broadcast(x, "copy", {})
// @ts-expect-error 'time' is there already
stack([x, x], "time")
// @ts-expect-error 'model' is there already
window(x, "time", "model", 2)
// @ts-expect-error 'batch' is there already
oneHot(i, "batch", 3)
