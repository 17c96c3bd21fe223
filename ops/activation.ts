/**
 * Activations.
 *
 * ```ts
 * import { mul, silu, type F32 } from "@orrery/orrery"
 * const swiglu = (gate: F32<"time hidden">, up: F32<"time hidden">): F32<"time hidden"> => mul(silu(gate), up)
 * ```
 * @module
 */
import { binary, unary } from "../core/graph/build.ts"
import type { Unary } from "../core/tensor/operand.ts"
import { type Float, type Numeric, typed } from "../core/tensor/tensor.ts"

/** x where it is above 0, else 0. */
export const relu: Unary<Numeric> = (x) => typed(binary("max", x, 0))

/** x * sigmoid(x), also called swish. */
export const silu: Unary<Float> = (x) => typed(binary("mul", x, unary("sigmoid", x)))

/** x * (1 + erf(x / sqrt 2)) / 2: x times the chance that a standard normal number is below it. */
export const gelu: Unary<Float> = (x) => {
  const chance = binary("mul", binary("add", unary("erf", binary("mul", x, Math.SQRT1_2)), 1), 0.5)
  return typed(binary("mul", x, chance))
}

/** `gelu` by tanh: x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3))) / 2. */
export const geluTanh: Unary<Float> = (x) => {
  const cube = binary("mul", binary("mul", x, x), x)
  const inner = binary("mul", binary("add", x, binary("mul", cube, 0.044715)), Math.sqrt(2 / Math.PI))
  return typed(binary("mul", x, binary("mul", binary("add", unary("tanh", inner), 1), 0.5)))
}

/** log(1 + exp(x)), without overflow. */
export const softplus: Unary<Float> = (x) => {
  const tail = unary("exp", unary("neg", unary("abs", x)))
  return typed(binary("add", binary("max", x, 0), unary("log", binary("add", tail, 1))))
}
