/**
 * How a training went, in at most 512 points: each is the mean of the good steps since the one before. It grows step by
 * step and is part of the saved state, so that an interrupted training draws the same curve.
 * @module
 */
import * as t from "io-ts"
import { finite, natural } from "../../core/files/codec.ts"
import { Point } from "./training.ts"

/** A curve that grows. */
export interface Curve {
  readonly points: ReadonlyArray<Point>
  /** Sums over the good steps since the last point. */
  readonly since: { readonly steps: number; readonly loss: number; readonly norm: number }
}

/** The codec of growing curves. */
export const Curve: t.Type<Curve, unknown> = t.strict({
  points: t.readonlyArray(Point),
  since: t.strict({ steps: natural, loss: finite, norm: finite }),
})

/** Points of a whole curve at most. */
export const most = 512

const none: Curve["since"] = { steps: 0, loss: 0, norm: 0 }

/** Before the first step. */
export const empty: Curve = { points: [], since: none }

/** What a step told; a step that is not good (`loss` or `norm` is not finite) does not count. */
export type Told = Point

/** One step more, of so many in all. */
export const grown = ({ points, since }: Curve, { step, loss, rate, norm }: Told, steps: number): Curve => {
  const good = Number.isFinite(loss) && Number.isFinite(norm)
  const now = good ? { steps: since.steps + 1, loss: since.loss + loss, norm: since.norm + norm } : since
  const due = step % Math.ceil(steps / most) === 0 || step === steps
  if (!due || now.steps === 0) return { points, since: now }
  const point = { step, loss: now.loss / now.steps, rate, norm: now.norm / now.steps }
  return { points: [...points, point], since: none }
}
