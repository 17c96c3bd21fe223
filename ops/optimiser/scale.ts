/**
 * Dynamic loss scaling: gradients that would vanish in f16 are computed of a loss that is larger by a power of two
 * (Micikevicius et al., Mixed Precision Training, 2018). The scale is a part of the state.
 * @module
 */
import { binary, constant, select } from "../../core/graph/build.ts"
import { tensor } from "../../core/graph/given.ts"
import type { Host } from "../../core/tensor/host.ts"
import type { Bool, F32, I32 } from "../../core/tensor/tensor.ts"
import { typed } from "../../core/tensor/tensor.ts"
import { add, mul } from "./tree.ts"

/** By how much the loss is multiplied, and finite steps since the scale changed. */
export interface ScaleState {
  readonly value: F32
  readonly good: I32
}

/** Settings of the loss scale; powers of two keep it free of rounding. */
export interface LossScale {
  /** The first scale; 2^15 if not given. */
  readonly first?: number
  /** Finite steps after which it doubles; 1000 if not given. */
  readonly patience?: number
  /** The smallest and the greatest scale; 1 and 2^24 if not given. */
  readonly least?: number
  readonly most?: number
}

/** The state before the first step, on the host. */
export const scaleStart = ({ first = 2 ** 15 }: LossScale = {}): {
  readonly value: Host<"f32", []>
  readonly good: Host<"i32", []>
} => ({
  value: { dtype: "f32", axes: [], shape: [], data: Float32Array.of(first) },
  good: { dtype: "i32", axes: [], shape: [], data: Int32Array.of(0) },
})

/** The scale after a step: halved where something was not finite, doubled after `patience` finite steps. */
export const rescaled =
  ({ patience = 1000, least = 1, most = 2 ** 24 }: LossScale = {}) => (state: ScaleState, finite: Bool): ScaleState => {
    const value = tensor("optimiser", state.value)
    const good = add(tensor("optimiser", state.good, "i32"), 1)
    const ripe = binary("ge", good, patience)
    const grown = select(ripe, binary("min", mul(value, 2), most), value)
    return {
      value: typed(select(finite, grown, binary("max", mul(value, 0.5), least))),
      good: typed(select(binary("and", finite, unripe(ripe)), good, constant("i32", 0))),
    }
  }

const unripe = (ripe: ReturnType<typeof binary>): ReturnType<typeof binary> =>
  select(ripe, constant("bool", 0), constant("bool", 1))
