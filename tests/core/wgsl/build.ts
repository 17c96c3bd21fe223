/**
 * What the WGSL tests build kernels with: places, loads, slots, a generous adapter and a plain tuning.
 * @module
 */
import type { Expr, Index } from "../../../core/kernel/kernel.ts"
import type { DType } from "../../../core/tensor/dtype.ts"
import { type Capability, type Tuning, tunings } from "../../../core/wgsl/capability.ts"
import type { Slot } from "../../../core/wgsl/emitter.ts"

/** Sum of coefficients times variables 0, 1, ... */
export const along = (...coefs: ReadonlyArray<number>): Index => ({
  base: 0,
  terms: coefs.flatMap((coef, id) => coef === 0 ? [] : [{ coef, atom: { tag: "var", id } as const }]),
})

/** An f32 load without guards. */
export const load = (buffer: number, at: Index): Expr => ({ tag: "load", dtype: "f32", buffer, at, guards: [] })

/** A slot for each size, each with a binding of its own. */
export const slots = (
  sizes: ReadonlyArray<number>,
  written: ReadonlyArray<number>,
  dtypes: ReadonlyArray<DType> = [],
): ReadonlyArray<Slot> =>
  sizes.map((elements, binding) => ({
    dtype: dtypes[binding] ?? "f32",
    elements,
    binding,
    writable: written.includes(binding),
  }))

/** An adapter that has what it takes, but no f16. */
export const generous: Capability = {
  maxInvocations: 1024,
  maxSizeX: 1024,
  maxGroups: 65535,
  workgroupBytes: 49152,
  bindingBytes: 2 ** 31 - 4,
  bindings: 16,
  f16: false,
  subgroups: false,
  subgroupMin: 32,
  subgroupMax: 32,
}

/** The row of the table for adapters that nobody named. */
export const tuning: Tuning = tunings.default!
