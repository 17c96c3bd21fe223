/**
 * Activations.
 *
 * ```ts
 * import { mul, silu, type F32 } from "@orrery/orrery"
 * const swiglu = (gate: F32<"time hidden">, up: F32<"time hidden">): F32<"time hidden"> => mul(silu(gate), up)
 * ```
 * @module
 */
import { binary, select, stop, unary } from "../core/graph/build.ts"
import { tensor } from "../core/graph/given.ts"
import type { Unary } from "../core/tensor/operand.ts"
import { type Float, type Numeric, typed } from "../core/tensor/tensor.ts"

/** x where it is above 0, else 0. */
export const relu: Unary<Numeric> = (x) => typed(binary("max", tensor("relu", x), 0))

/** x * sigmoid(x), also called swish. */
export const silu: Unary<Float> = (given) => {
  const x = tensor("silu", given)
  return typed(binary("mul", x, unary("sigmoid", x)))
}

/**
 * x * (1 + erf(x / sqrt 2)) / 2: x times the chance that a standard normal number is below it.
 *
 * The error in f32 is absolute: 1e-6 below 0 (1 + erf cancels there; from -5.66 down it is 0), 5e-7 x above.
 */
export const gelu: Unary<Float> = (given) => {
  const x = tensor("gelu", given)
  const chance = binary("mul", binary("add", unary("erf", binary("mul", x, Math.SQRT1_2)), 1), 0.5)
  return typed(binary("mul", x, chance))
}

/** `gelu` by tanh: x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3))) / 2. */
export const geluTanh: Unary<Float> = (given) => {
  const x = tensor("geluTanh", given)
  const cube = binary("mul", binary("mul", x, x), x)
  const inner = binary("mul", binary("add", x, binary("mul", cube, 0.044715)), Math.sqrt(2 / Math.PI))
  return typed(binary("mul", x, binary("mul", binary("add", unary("tanh", inner), 1), 0.5)))
}

/**
 * log(1 + exp(x)), without overflow, and as good for negative x as for others: with t = exp(-|x|) and u = 1 + t rounded,
 * log(1 + t) = log(u) t / (u - 1), which makes good what u lost (W. Kahan); where u is 1, it is t. What that adds to
 * log(u) takes no part in the slope, which log(u) has right by itself.
 */
export const softplus: Unary<Float> = (given) => {
  const x = tensor("softplus", given)
  const t = unary("exp", unary("neg", unary("abs", x)))
  const u = binary("add", t, 1)
  const log = unary("log", u)
  const above = binary("sub", u, 1)
  const better = select(binary("eq", above, 0), t, binary("mul", log, binary("div", t, above)))
  const tail = binary("add", log, stop(binary("sub", better, log)))
  return typed(binary("add", binary("max", x, 0), tail))
}
