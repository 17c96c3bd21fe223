/**
 * An average of parameters over the updates of a training, which often generalises better than the last of them.
 * @module
 */
import type { I32 } from "../../core/tensor/tensor.ts"
import { add, before, beside, div, mul, renewed, sub, unbias } from "./tree.ts"

/**
 * The average after one more update, beta of memory (Polyak and Juditsky, 1992, with exponential weights), `step` the
 * updates before: a = a + (1 - beta) / (1 - beta^t) (p - a), t counting from 1. It is corrected at every step, so it is
 * the weighted mean of the parameters after each update, (1 - beta) sum beta^(t - i) p_i / (1 - beta^t), whatever it
 * began with, and can be used as it is.
 */
export const averaged = (beta: number) => <P>(average: P, params: P, step: I32): P => {
  const weight = div(1 - beta, unbias(beta, add(before(step), 1)))
  const [a, p] = [beside("average", average, params), beside("params", params, params)] as const
  return renewed(params, (path) => add(a(path), mul(sub(p(path), a(path)), weight)), average)
}
