/**
 * A learner as small as can be: a straight line through points, which tells how far it is off beside its loss.
 * @module
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { hostFold, hostKey, hostNormal } from "../../../core/random/host.ts"
import { f32 } from "../../../core/tensor/spec.ts"
import type { F32 } from "../../../core/tensor/tensor.ts"
import { type Objective, type Recipe, stepOf, type Traits } from "../../../models/learn/mod.ts"
import { dot } from "../../../ops/contraction.ts"
import { abs, add, mul, sub } from "../../../ops/elementwise.ts"
import { mean } from "../../../ops/reduction.ts"
import type { Batches } from "../../../tasks/data/example.ts"
import { type Learner, learnerOf } from "../../../tasks/train/learner.ts"
import type { Given } from "../../../tasks/train/rows.ts"

export type Line = { readonly slope: F32<"in">; readonly bias: F32 }
export type Points = { readonly x: F32<"batch in">; readonly y: F32<"batch"> }

export const recipe: Recipe = {
  ...{ batch: 8, steps: 40, warmup: 2, peak: 0.4, end: 0.002, clip: 10, decay: 0, beta1: 0.9, beta2: 0.95 },
}

export const traits: Traits = { inputs: () => 0, decays: { bias: 0 } }

export const objective: Objective<Line, Points, "off"> = {
  over: "mean",
  more: ["off"],
  judge: ({ slope, bias }, { x, y }) => {
    const far = sub(add(dot(x, slope, "in"), bias), y)
    return { loss: mean(mul(far, far), "batch"), more: { off: mean(abs(far), "batch") } }
  },
}

/** How the points lie: y = 3 x0 - 2 x1 + 1. */
export const rowsAt = (n: number, { batch }: Pick<Recipe, "batch">): Given => {
  const x = hostNormal(hostFold(hostKey(5), n), f32("batch in", { batch, in: 2 }))
  const y = Float32Array.from({ length: batch }, (_, i) => 3 * x.data[2 * i]! - 2 * x.data[2 * i + 1]! + 1)
  return { x, y: { ...f32("batch", { batch }), data: y } }
}

export const counted = (r: Pick<Recipe, "batch">, rows: (n: number) => Given = (n) => rowsAt(n, r)): Batches<
  never,
  never,
  Given
> => ({
  from: (position) =>
    Stream.unfold((position ?? 0) as number, (n) => Effect.succeed([{ rows: rows(n), after: n + 1 }, n + 1] as const)),
})

export const line = (r: Recipe = recipe): Learner =>
  learnerOf<Line, Points>({
    ...{ name: "line", settings: { in: 2 }, recipe: r, traits },
    parameters: { slope: f32("in", { in: 2 }), bias: f32() },
    batch: { x: f32("batch in", { ...r, in: 2 }), y: f32("batch", r) },
    initialise: (key) => ({
      slope: hostNormal(key, f32("in", { in: 2 })),
      bias: { ...f32(), data: new Float32Array(1) },
    }),
    step: (spread) => stepOf(r, traits, { ...objective, spread }),
    counted: { unit: "points", each: r.batch },
  })
