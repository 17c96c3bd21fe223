/**
 * What is said of a program that breaks a rule, and the parts of a program that rules ask about.
 * @module
 */
import { innerIndices } from "../kernel/affine.ts"
import type { Index, Kernel } from "../kernel/kernel.ts"
import type { Program, Step } from "./program.ts"

// -----------------------------------------------------------------------------
// types
// -----------------------------------------------------------------------------

/** A rule that a program breaks. */
export interface Breach {
  readonly rule: string
  /** `buffers.3`, `steps.0.steps.1`, `kernels.2`. */
  readonly where: string
  readonly message: string
}

/** Where, and what is wrong there. */
export type Found = readonly [where: string, message: string]

/** A rule and its breaches. Rules further down may rely on those before. */
export interface Rule {
  readonly name: string
  readonly breaches: (p: Program) => ReadonlyArray<Found>
}

/** A dispatch with its place and the turns around it. */
export interface Dispatch {
  readonly where: string
  readonly kernel: Kernel
  readonly number: number
  readonly buffers: ReadonlyArray<number>
  readonly turns: ReadonlyArray<number>
}

// -----------------------------------------------------------------------------
// parts of a program
// -----------------------------------------------------------------------------

export type AnyStep<T extends Step["tag"]> = readonly [
  where: string,
  step: Extract<Step, { readonly tag: T }>,
  turns: ReadonlyArray<number>,
]

/** All dispatches with the turns around them, the innermost first. */
export const dispatchesOf = (
  steps: ReadonlyArray<Step>,
  where: string,
  turns: ReadonlyArray<number>,
): ReadonlyArray<AnyStep<"dispatch">> =>
  steps.flatMap((s, i): ReadonlyArray<AnyStep<"dispatch">> =>
    s.tag === "dispatch"
      ? [[`${where}.${i}`, s, turns]]
      : dispatchesOf(s.steps, `${where}.${i}.steps`, [s.times, ...turns])
  )

export const bound = (p: Program): ReadonlyArray<Dispatch> =>
  dispatchesOf(p.steps, "steps", []).map(([where, s, turns]) => ({
    where,
    kernel: p.kernels[s.kernel]!,
    number: s.kernel,
    buffers: s.buffers,
    turns,
  }))

/** The highest variable that an index uses, -1 if none. */
export const highest = (i: Index): number =>
  innerIndices(i).reduce(
    (most, x) => x.terms.reduce((m, { atom }) => (atom.tag === "var" ? Math.max(m, atom.id) : m), most),
    -1,
  )

/** The breach, if it is one. */
export const when = (
  wrong: boolean,
  where: string,
  message: string,
): ReadonlyArray<Found> => (wrong ? [[where, message]] : [])
