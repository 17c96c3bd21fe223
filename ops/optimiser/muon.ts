/**
 * Muon: momentum whose matrices are made orthogonal before they are a step (Jordan et al., Muon: an optimizer for hidden
 * layers in neural networks, 2024). What is no hidden matrix (embedding, head, norms) takes steps of AdamW.
 *
 * ```ts
 * import { muon } from "@orrery/orrery"
 * const update = muon({ rate: 2e-2, inputs: (path) => path.startsWith("blocks.") ? 1 : 0, others: 0.05 })
 * ```
 * @module
 */
import { count, type Node } from "../../core/graph/node.ts"
import type { Axes } from "../../core/tensor/axes.ts"
import { i32, type Spec } from "../../core/tensor/spec.ts"
import type { Float, I32, Tensor } from "../../core/tensor/tensor.ts"
import { typed } from "../../core/tensor/tensor.ts"
import { type Flat, flatten } from "../../core/tensor/tree.ts"
import { type AdamW, adamWay, shrunk } from "./adamw.ts"
import { orthogonal } from "./orthogonal.ts"
import {
  add,
  before,
  beside,
  type Leading,
  mul,
  next,
  once,
  picked,
  rateOf,
  renewed,
  sidesOf,
  specsIn,
  sub,
  type Updated,
} from "./tree.ts"

/** The state of Muon: updates so far, mean of gradients, and mean of squares of what takes steps of AdamW, by path. */
export interface MuonState<M> {
  readonly step: I32
  readonly first: M
  readonly second: Flat<Tensor<"f32", Axes>>
}

/** What of Muon is data. */
export interface MuonSettings {
  /** Memory of the momentum; 0.95 if not given. */
  readonly momentum?: number
  /** Step along what the momentum will be; true if not given. */
  readonly nesterov?: boolean
  /** Times that the polynomial is applied; 5 if not given. */
  readonly times?: number
  /**
   * By what an orthogonal m x n matrix is multiplied. `match`: 0.2 sqrt(max(m, n)), so that its elements are as large as
   * those of a step of AdamW and both take the same rate (Liu et al., Muon is scalable, 2025). `norm`:
   * sqrt(max(1, outputs / inputs)), Jordan's, with rates of its own. `match` if not given.
   */
  readonly size?: "match" | "norm"
  /** The rate of AdamW's part, in rates of Muon's; 1 if not given. */
  readonly others?: number
}

/** Settings of Muon, and of AdamW for the rest. */
export interface Muon extends MuonSettings, AdamW {
  /** Which leading axes of a tensor are the inputs of a hidden matrix; 0 for what takes steps of AdamW. */
  readonly inputs: Leading
}

const isMatrix = (axes: ReadonlyArray<string>, path: string, inputs: Leading): boolean =>
  sidesOf(axes, inputs(path)) !== undefined

/** The state before the first update as specs, from those of the parameters; it begins with zeros. */
export const muonSpecs = <T>(
  params: T,
  { inputs }: Pick<Muon, "inputs">,
  dtype: Float = "f32",
): { readonly step: Spec<"i32", []>; readonly first: T; readonly second: Flat<Spec<"f32", Axes>> } => ({
  step: i32(),
  first: specsIn(params, dtype),
  second: picked(specsIn(params, "f32"), (s, path) => isMatrix(s.axes, path, inputs) ? undefined : s) as Flat<
    Spec<"f32", Axes>
  >,
})

const sizes = {
  match: (inputs: number, outputs: number) => 0.2 * Math.sqrt(Math.max(inputs, outputs)),
  norm: (inputs: number, outputs: number) => Math.sqrt(Math.max(1, outputs / inputs)),
} as const

/**
 * Muon: m = momentum m + (1 - momentum) g, with Nesterov u = (1 - momentum) g + momentum m, else u = m;
 * p = p (1 - rate decay) - rate size orthogonal(u). Others: AdamW with `others` times the rate.
 */
export const muon =
  (settings: Muon) => <P, M = P>(params: P, gradients: P, state: MuonState<M>): Updated<P, MuonState<M>> => {
    const { momentum = 0.95, nesterov = true, times = 5, size = "match", others = 1, inputs } = settings
    const { decay = 0, decays = () => true } = settings
    const done = before(state.step)
    const rate = rateOf(settings.rate, done)
    const slow = others === 1 ? rate : mul(rate, others)
    const [p, g] = [beside("params", params, params), beside("gradients", gradients, params)] as const
    const m = beside("state.first", state.first, params)
    const hidden = (path: string): boolean => isMatrix(p(path).axes, path, inputs)
    const rest = flatten(params).map(([path]) => path).filter((path) => !hidden(path))
    const v = beside("state.second", state.second, Object.fromEntries(rest.map((path) => [path, 0])))
    const adam = adamWay(settings, slow, add(done, 1), { g, m, v })
    const mean = once((path) => add(mul(m(path), momentum), mul(g(path), 1 - momentum)))
    const way = (path: string): Node => {
      const u = nesterov ? add(mul(g(path), 1 - momentum), mul(mean(path), momentum)) : mean(path)
      const leading = inputs(path)
      const factor = sizes[size](count(u.shape.slice(0, leading)), count(u.shape.slice(leading)))
      return mul(orthogonal(typed(u), leading, times), mul(rate, factor))
    }
    return {
      params: renewed(params, (path) => {
        const [step, pace] = hidden(path) ? [way(path), rate] : [adam.way(path), slow]
        return sub(shrunk(p(path), pace, decay, decays(path)), step)
      }),
      state: {
        step: typed(next(state.step)),
        first: renewed(params, (path) => hidden(path) ? mean(path) : adam.first(path), state.first),
        second: Object.fromEntries(rest.map((path) => [path, typed(adam.second(path))])),
      },
    }
  }
