/**
 * Stochastic gradient descent.
 * @module
 */
import type { Node } from "../../core/graph/node.ts"
import type { Host } from "../../core/tensor/host.ts"
import type { I32 } from "../../core/tensor/tensor.ts"
import { typed } from "../../core/tensor/tensor.ts"
import {
  add,
  before,
  beside,
  mul,
  next,
  once,
  type Rate,
  rateOf,
  renewed,
  start,
  sub,
  type Updated,
  type Zeros,
  zerosLike,
} from "./tree.ts"

/** The state of SGD: updates so far, and the velocity. */
export interface SgdState<P> {
  readonly step: I32
  readonly velocity: P
}

/** Settings of stochastic gradient descent. */
export interface Sgd {
  readonly rate: Rate
  /** Memory of the velocity; 0 if not given. */
  readonly momentum?: number
  /** Step along what the velocity will be (Nesterov); false if not given. */
  readonly nesterov?: boolean
}

/** The state before the first update, on the host. See `adamStart`. */
export const sgdStart = <T>(params: T): { readonly step: Host<"i32", []>; readonly velocity: Zeros<T> } => ({
  step: start,
  velocity: zerosLike(params),
})

/** SGD with momentum: v = momentum v + g, p = p - rate v; with Nesterov p = p - rate (g + momentum v). */
export const sgd =
  ({ rate, momentum = 0, nesterov = false }: Sgd) =>
  <P>(params: P, gradients: P, state: SgdState<P>): Updated<P, SgdState<P>> => {
    const speed = rateOf(rate, before(state.step))
    const [p, g, v] = [
      beside("params", params, params),
      beside("gradients", gradients, params),
      beside("state.velocity", state.velocity, params),
    ] as const
    const velocity = once((path) => add(mul(v(path), momentum), g(path)))
    const way = (path: string): Node => nesterov ? add(g(path), mul(velocity(path), momentum)) : velocity(path)
    return {
      params: renewed(params, (path) => sub(p(path), mul(way(path), speed))),
      state: { step: typed(next(state.step)), velocity: renewed(params, velocity, state.velocity) },
    }
  }
