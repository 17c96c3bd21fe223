/**
 * AdamW: Adam with decoupled weight decay.
 * @module
 */
import { unary } from "../../core/graph/build.ts"
import type { Node } from "../../core/graph/node.ts"
import type { Host } from "../../core/tensor/host.ts"
import type { I32 } from "../../core/tensor/tensor.ts"
import { typed } from "../../core/tensor/tensor.ts"
import {
  add,
  before,
  beside,
  div,
  mul,
  next,
  once,
  type Rate,
  rateOf,
  renewed,
  start,
  sub,
  unbias,
  type Updated,
  type Zeros,
  zerosLike,
} from "./tree.ts"

/** The state of AdamW: updates so far, mean of gradients, mean of their squares. The means may be stored narrow. */
export interface AdamState<P, M = P> {
  readonly step: I32
  readonly first: M
  readonly second: P
}

/** How much of the decay a parameter gets: a part of it, or all (true) or nothing (false). */
export type Decays = (path: string) => boolean | number

/** Settings of AdamW. */
export interface AdamW {
  readonly rate: Rate
  /** Memory of the mean of gradients; 0.9 if not given. */
  readonly beta1?: number
  /** Memory of the mean of squares; 0.95 if not given. */
  readonly beta2?: number
  /** 1e-8 if not given. */
  readonly epsilon?: number
  /** Decoupled weight decay; 0 if not given. */
  readonly decay?: number
  /** Which parameters decay, or by which part of it; all if not given. */
  readonly decays?: Decays
}

/**
 * The state before the first update, on the host, from the specs or hosts of the parameters. Its leaves are specs too,
 * so `compile` takes it as it is.
 */
export const adamStart = <T>(
  params: T,
): { readonly step: Host<"i32", []>; readonly first: Zeros<T>; readonly second: Zeros<T> } => ({
  step: start,
  first: zerosLike(params),
  second: zerosLike(params),
})

/** p (1 - rate decay part), and p itself where nothing of it decays. */
export const shrunk = (p: Node, rate: Node, decay: number, part: boolean | number): Node =>
  decay * Number(part) === 0 ? p : mul(p, sub(1, mul(rate, decay * Number(part))))

/**
 * AdamW (Loshchilov and Hutter, 2019), t counting from 1:
 * m = b1 m + (1 - b1) g, v = b2 v + (1 - b2) g^2,
 * p = p - rate (m / (1 - b1^t) / (sqrt(v / (1 - b2^t)) + epsilon) + decay p).
 */
export const adamW =
  (settings: AdamW) => <P, M = P>(params: P, gradients: P, state: AdamState<P, M>): Updated<P, AdamState<P, M>> => {
    const { decay = 0, decays = () => true } = settings
    const done = before(state.step)
    const rate = rateOf(settings.rate, done)
    const [p, g, m, v] = [
      beside("params", params, params),
      beside("gradients", gradients, params),
      beside("state.first", state.first, params),
      beside("state.second", state.second, params),
    ] as const
    const { first, second, way } = adamWay(settings, rate, add(done, 1), { g, m, v })
    return {
      params: renewed(params, (path) => sub(shrunk(p(path), rate, decay, decays(path)), way(path))),
      state: {
        step: typed(next(state.step)),
        first: renewed(params, first, state.first),
        second: renewed(params, second, state.second),
      },
    }
  }

/** Nodes by path: of the gradient, and of the means before. */
interface Means {
  readonly g: (path: string) => Node
  readonly m: (path: string) => Node
  readonly v: (path: string) => Node
}

/** The new means, and the step that they give, times the rate, without decay. */
export const adamWay = (
  { beta1 = 0.9, beta2 = 0.95, epsilon = 1e-8 }: Omit<AdamW, "rate">,
  rate: Node,
  t: Node,
  { g, m, v }: Means,
): { readonly [K in "first" | "second" | "way"]: (path: string) => Node } => {
  const stride = div(rate, unbias(beta1, t))
  const widen = div(1, unbias(beta2, t))
  const first = once((path) => add(mul(m(path), beta1), mul(g(path), 1 - beta1)))
  const second = once((path) => add(mul(v(path), beta2), mul(mul(g(path), g(path)), 1 - beta2)))
  const root = (path: string): Node => add(unary("sqrt", mul(second(path), widen)), epsilon)
  return { first, second, way: (path) => div(mul(first(path), stride), root(path)) }
}
