/**
 * The precision policy of a program: how numbers are kept between kernels and what goes into products. It is part of the
 * program's meaning, so the oracle rounds where the policy says, and a device may use narrower units (matrix units that
 * take halves) only where the policy rounds to them. Sums are always accumulated in f32.
 * @module
 */
import { type OperandName, withOperands } from "../kernel/attend.ts"
import type { Expr, Kernel } from "../kernel/kernel.ts"

/** How numbers are kept and computed. */
export interface Policy {
  /** How f32 intermediates are stored between kernels; inputs and outputs keep their dtypes. */
  readonly storage: "f32" | "f16" | "bf16"
  /** What the operands of f32 products are rounded to. */
  readonly compute: "f32" | "f16" | "bf16"
  /** What sums are kept in. */
  readonly accumulate: "f32"
}

/** f32 throughout. */
export const exact: Policy = { storage: "f32", compute: "f32", accumulate: "f32" }

/** Halves between kernels and into products, f32 in sums: what matrix units take. */
export const halves: Policy = { storage: "f16", compute: "f16", accumulate: "f32" }

/** Operands of an attention that go into products; its weights are a matter of the device, f32 unless halves go in. */
const attended: ReadonlyArray<OperandName> = ["q", "k", "v", "cotangent"]

/** The kernel with the operands of its products rounded as the policy says. */
export const rounded = (k: Kernel, { compute }: Policy): Kernel => {
  if (compute === "f32") return k
  const round = (x: Expr): Expr => ({ tag: "round", dtype: "f32", to: compute, x })
  if (k.tag === "attend") return withOperands(k, (x, name) => attended.includes(name) ? round(x) : x)
  return k.tag === "contract" && k.dtype === "f32" ? { ...k, a: round(k.a), b: round(k.b) } : k
}
