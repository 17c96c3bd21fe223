/**
 * How a training went, in at most 512 points: each is the mean of the good steps since the one before. It grows step by
 * step and is part of the saved state, so that an interrupted training draws the same curve.
 * @module
 */
import * as t from "io-ts"
import { finite, natural } from "../../core/files/codec.ts"
import { Point } from "./training.ts"

/** A sum of so many numbers. */
interface Sum {
  readonly sum: number
  readonly of: number
}

/** Sums of further numbers, by name. */
interface Sums {
  readonly [name: string]: Sum
}

/** A curve that grows. */
export interface Curve {
  readonly points: ReadonlyArray<Point>
  /** Sums over the good steps since the last point. */
  readonly since: { readonly steps: number; readonly loss: number; readonly norm: number; readonly more?: Sums }
}

const Sums: t.Type<Sums, unknown> = t.record(t.string, t.strict({ sum: finite, of: natural }))

/** The codec of growing curves. */
export const Curve: t.Type<Curve, unknown> = t.strict({
  points: t.readonlyArray(Point),
  since: t.exact(
    t.intersection([t.type({ steps: natural, loss: finite, norm: finite }), t.partial({ more: Sums })]),
  ),
})

/** Points of a whole curve at most. */
export const most = 512

const none: Curve["since"] = { steps: 0, loss: 0, norm: 0 }

/** Before the first step. */
export const empty: Curve = { points: [], since: none }

/** What a step told; a step that is not good (`loss` or `norm` is not finite) does not count. */
export type Told = Point

/** Sums after one more step; a number that is not finite (the ratio to an error of 0) does not count. */
const added = (sums: Sums = {}, more: Point["more"] = {}): Sums =>
  Object.entries(more).filter(([, x]) => Number.isFinite(x)).reduce(
    (all, [name, x]) => ({ ...all, [name]: { sum: (all[name]?.sum ?? 0) + x, of: (all[name]?.of ?? 0) + 1 } }),
    sums,
  )

const means = (sums: Sums): Point["more"] =>
  Object.fromEntries(Object.entries(sums).map(([name, { sum, of }]) => [name, sum / of]))

/** One step more, of so many in all. */
export const grown = ({ points, since }: Curve, { step, loss, rate, norm, more }: Told, steps: number): Curve => {
  const good = Number.isFinite(loss) && Number.isFinite(norm)
  const sums = more === undefined ? since.more : added(since.more, more)
  const now = good
    ? {
      ...{ steps: since.steps + 1, loss: since.loss + loss, norm: since.norm + norm },
      ...(sums === undefined ? {} : { more: sums }),
    }
    : since
  const due = step % Math.ceil(steps / most) === 0 || step === steps
  if (!due || now.steps === 0) return { points, since: now }
  const point = {
    ...{ step, loss: now.loss / now.steps, rate, norm: now.norm / now.steps },
    ...(now.more === undefined ? {} : { more: means(now.more)! }),
  }
  return { points: [...points, point], since: none }
}
