/**
 * Adafactor: the mean of squares of a matrix is kept as one number a row and one a column (Shazeer and Stern, 2018), so its
 * state is next to nothing beside the parameters.
 *
 * ```ts
 * import { adafactor, palm } from "@orrery/orrery"
 * const small = adafactor({ rate: 1e-2, scaled: true })
 * // as LWM's trainer calls it: not factored, with momentum
 * const large = adafactor({ rate: 1e-2, ...palm })
 * ```
 * @module
 */
import { binary, reduce, unary } from "../../core/graph/build.ts"
import { count, type Node } from "../../core/graph/node.ts"
import type { Axes } from "../../core/tensor/axes.ts"
import { type AnySpec, i32, type Spec } from "../../core/tensor/spec.ts"
import type { Float, I32, Tensor } from "../../core/tensor/tensor.ts"
import { typed } from "../../core/tensor/tensor.ts"
import { type Flat, flatten } from "../../core/tensor/tree.ts"
import { type Decays, shrunk } from "./adamw.ts"
import {
  add,
  along,
  type At,
  before,
  beside,
  div,
  type Leading,
  mul,
  next,
  once,
  picked,
  type Rate,
  rateOf,
  renewed,
  type Sides,
  sidesOf,
  specsIn,
  sub,
  type Updated,
} from "./tree.ts"

// ---- types -----------------------------------------------------------------

/** Means of squares by the paths of their parameters. */
export type Squares = Flat<Tensor<"f32", Axes>>

/** The state of Adafactor: rows and columns of matrices, `whole` of all others, and the momentum where there is one. */
export interface AdafactorState<M> {
  readonly step: I32
  readonly rows: Squares
  readonly columns: Squares
  readonly whole: Squares
  readonly first?: M
}

/** What of Adafactor is data. */
export interface AdafactorSettings {
  /** Matrices keep rows and columns; true if not given. */
  readonly factored?: boolean
  /** The memory of squares at update t is 1 - t^-exponent; 0.8 if not given. */
  readonly exponent?: number
  /** Memory of the mean of updates; 0, which needs no state, if not given. */
  readonly momentum?: number
  /** Longest root mean square of a tensor's update; 1 if not given, 0 for none. */
  readonly threshold?: number
  /** Updates are relative to the root mean square of the parameter, 1e-3 at least; false if not given. */
  readonly scaled?: boolean
  /** The rate is 1 / sqrt(t) at most; false if not given. */
  readonly relative?: boolean
  /** Added to squares of gradients; 1e-30 if not given. */
  readonly epsilon?: number
  /** The decay is multiplied by the rate to this power: 1, or 2 as in PaLM; 1 if not given. */
  readonly decayPower?: 1 | 2
}

/** Settings of Adafactor. */
export interface Adafactor extends AdafactorSettings {
  readonly rate: Rate
  readonly decay?: number
  readonly decays?: Decays
  /** Which leading axes of a tensor are the rows of a matrix; the first one if not given. */
  readonly inputs?: Leading
}

/**
 * PaLM's flavour (Chowdhery et al., 2022) as LWM's trainer has it: squares of every element, momentum, updates relative to
 * the parameter, none of them cut. With it go the rate `root` from a peak of 0.01 after 10,000 steps, and a decay of 1
 * times the squared rate.
 */
export const palm: AdafactorSettings = {
  factored: false,
  exponent: 0.99,
  momentum: 0.9,
  threshold: 0,
  scaled: true,
  decayPower: 2,
}

// ---- state -------------------------------------------------------------------

const firstAxis: Leading = () => 1

type Setting = Pick<Adafactor, "factored" | "inputs">

const sides = ({ factored = true, inputs = firstAxis }: Setting, axes: ReadonlyArray<string>, path: string) =>
  factored ? sidesOf(axes, inputs(path)) : undefined

/** The state before the first update as specs, from those of the parameters; it begins with zeros. */
export const adafactorSpecs = <T>(
  params: T,
  settings: Omit<Adafactor, "rate"> = {},
  dtype: Float = "f32",
): {
  readonly step: Spec<"i32", []>
  readonly rows: Flat<Spec<"f32", Axes>>
  readonly columns: Flat<Spec<"f32", Axes>>
  readonly whole: Flat<Spec<"f32", Axes>>
  readonly first?: T
} => {
  const squares = (of: (spec: AnySpec, matrix: Sides | undefined) => AnySpec | undefined): Flat<Spec<"f32", Axes>> =>
    picked(specsIn(params, "f32"), (s, path) => of(s, sides(settings, s.axes, path))) as Flat<Spec<"f32", Axes>>
  return {
    step: i32(),
    rows: squares((s, m) => m && along(s, m.rows)),
    columns: squares((s, m) => m && along(s, m.columns)),
    whole: squares((s, m) => m === undefined ? s : undefined),
    ...(settings.momentum ? { first: specsIn(params, dtype) } : {}),
  }
}

// ---- the update ----------------------------------------------------------------

const meanOver = (x: Node, axes: ReadonlyArray<string>): Node => {
  const places = axes.map((a) => x.shape[x.axes.indexOf(a)]!)
  return mul(reduce("sum", x, axes), 1 / Math.max(1, count(places)))
}

const rootMeanSquare = (x: Node): Node => unary("sqrt", meanOver(mul(x, x), x.axes))

/** The new squares of one tensor, as the state keeps them, and the gradient over their root. */
interface Moment {
  readonly kept: { readonly [K in Kept]?: Node }
  readonly unit: Node
}

type Kept = "rows" | "columns" | "whole"

/**
 * Adafactor, t counting from 1, b = 1 - t^-exponent, s = g^2 + epsilon. Of a matrix
 * r = b r + (1 - b) mean of s over the columns, c = b c + (1 - b) mean of s over the rows, v = r c / mean(r);
 * of others v = b v + (1 - b) s. u = g / sqrt(v), u = u / max(1, rms(u) / threshold), times the rate (and the size of the
 * parameter), with momentum averaged; p = p - u - rate^power decay p.
 */
export const adafactor =
  (settings: Adafactor) =>
  <P, M = P>(params: P, gradients: P, state: AdafactorState<M>): Updated<P, AdafactorState<M>> => {
    const { exponent = 0.8, momentum = 0, threshold = 1, epsilon = 1e-30, decayPower = 1 } = settings
    const { decay = 0, decays = () => true, scaled = false, relative = false } = settings
    const done = before(state.step)
    const t = add(done, 1)
    const given = rateOf(settings.rate, done)
    const rate = relative ? binary("min", given, unary("rsqrt", t)) : given
    const forget = unary("exp", mul(unary("log", t), -exponent))
    const [p, g] = [beside("params", params, params), beside("gradients", gradients, params)] as const
    const m = beside("state.first", state.first ?? params, params)
    const matrixAt = (path: string): Sides | undefined => sides(settings, p(path).axes, path)
    const paths = flatten(params).map(([path]) => path)
    const keptAt = (what: Kept): ReadonlyArray<string> =>
      paths.filter((path) => (what === "whole") === (matrixAt(path) === undefined))
    const known = (what: Kept): At =>
      beside(`state.${what}`, state[what], Object.fromEntries(keptAt(what).map((path) => [path, 0])))
    const old = { rows: known("rows"), columns: known("columns"), whole: known("whole") }
    const moved = (from: Node, to: Node): Node => add(from, mul(sub(to, from), forget))
    const moment = once((path): Moment => {
      const square = add(mul(g(path), g(path)), epsilon)
      const matrix = matrixAt(path)
      if (matrix === undefined) {
        const whole = moved(old.whole(path), square)
        return { kept: { whole }, unit: mul(g(path), unary("rsqrt", whole)) }
      }
      const rows = moved(old.rows(path), meanOver(square, matrix.columns))
      const columns = moved(old.columns(path), meanOver(square, matrix.rows))
      const row = unary("rsqrt", div(rows, meanOver(rows, rows.axes)))
      return { kept: { rows, columns }, unit: mul(mul(g(path), row), unary("rsqrt", columns)) }
    })
    const way = once((path: string): Node => {
      const { unit } = moment(path)
      const cut = threshold === 0 ? unit : div(unit, binary("max", mul(rootMeanSquare(unit), 1 / threshold), 1))
      const stride = scaled ? mul(binary("max", rootMeanSquare(p(path)), 1e-3), rate) : rate
      const step = mul(cut, stride)
      return momentum === 0 ? step : add(mul(m(path), momentum), mul(step, 1 - momentum))
    })
    const fall = decayPower === 2 ? mul(rate, rate) : rate
    const kept = (what: Kept): Squares =>
      Object.fromEntries(keptAt(what).map((path) => [path, typed(moment(path).kept[what]!)]))
    return {
      params: renewed(params, (path) => sub(shrunk(p(path), fall, decay, decays(path)), way(path))),
      state: {
        step: typed(next(state.step)),
        rows: kept("rows"),
        columns: kept("columns"),
        whole: kept("whole"),
        ...(state.first === undefined ? {} : { first: renewed(params, way, state.first) }),
      },
    }
  }
