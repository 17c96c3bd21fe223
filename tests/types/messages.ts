/**
 * What the compiler says: the sentences themselves. Nothing here runs; every line below a mark must be refused.
 * @module
 */
import type { Beside, Fits, Has, Lacks, Same as SameAxes, ShapeError, Sub, Words } from "../../core/tensor/axes.ts"
import type { Paired } from "../../core/tensor/operand.ts"
import type { F16, F32 } from "../../core/tensor/tensor.ts"
import type { Throughout } from "../../ops/chunked.ts"

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true : false
const is = <_ extends true>(): void => undefined

type X = Words<"batch time model">

is<Same<Has<X, "tiem">, ShapeError<"no axis 'tiem' in [batch time model]">>>()
is<Same<Has<X, "time" | "batch">, unknown>>()
is<Same<Has<[], "time">, ShapeError<"no axis 'time' in []">>>()
is<Same<Lacks<X, "time">, ShapeError<"axis 'time' is already in [batch time model]">>>()
is<Same<Lacks<X, "key">, unknown>>()
is<
  Same<Fits<X, ["time", "head"]>, ShapeError<"neither of [batch time model] and [time head] has all axes of the other">>
>()
is<Same<Fits<["time"], X>, unknown>>()
is<Same<Sub<X, ["head"]>, ShapeError<"axis 'head' of [head] is not in [batch time model]">>>()
is<Same<SameAxes<X, ["time"]>, ShapeError<"[batch time model] and [time] do not have the same axes">>>()
is<Same<Beside<X, ["batch", "model"]>, ShapeError<"[batch model] does not stand side by side in [batch time model]">>>()
is<Same<Beside<X, ["time", "model"]>, unknown>>()
is<Same<Paired<F32<"a">, F16<"a">>, ShapeError<"dtype f16 beside f32: cast one to the other's">>>()
is<Same<Words<"  batch  time ">, ["batch", "time"]>>()
is<Same<Words<"">, []>>()
is<Same<Words<string>, ReadonlyArray<string>>>()
is<Same<Has<ReadonlyArray<string>, "time">, unknown>>()
is<Same<Throughout<{ a: F32<"batch time">; b: readonly [F32<"time">] }, "time">, unknown>>()
is<
  Same<Throughout<{ a: F32<"batch time">; b: F32<"head model"> }, "time">, ShapeError<"no axis 'time' in [head model]">>
>()
