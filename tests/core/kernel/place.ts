/**
 * Random places in memory: loads that stride, turn, flip, pad, merge, split and gather, and targets that never collide.
 * @module
 */
import type { Atom, Expr, Guard, Index, Term } from "../../../core/kernel/kernel.ts"
import { type Compute, dtypes } from "../../../core/tensor/dtype.ts"
import type { Use } from "./program.ts"
import { type Choice, stream, type Tape, valuesOf } from "./tape.ts"

/** One loop variable that a place may use. */
export interface Var {
  readonly id: number
  readonly size: number
}

/** One digit of a place: a number in 0 .. size - 1 wherever the guards hold. */
export interface Digit {
  readonly terms: ReadonlyArray<Term>
  readonly base: number
  readonly size: number
  readonly guards: ReadonlyArray<Guard>
}

/** What a kernel is being drawn with. */
export interface Draft {
  readonly tape: Tape
  readonly choice: Choice
  readonly uses: Array<Use>
  /** How many turns the kernel stands in, from the innermost. */
  readonly turns: ReadonlyArray<number>
}

export const variable = (v: Var): Atom => ({ tag: "var", id: v.id })
export const term = (coef: number, atom: Atom): Term => ({ coef, atom })
export const digit = (
  size: number,
  base: number,
  terms: ReadonlyArray<Term>,
  guards: ReadonlyArray<Guard> = [],
): Digit => ({
  terms,
  base,
  size,
  guards,
})

export const buffer = (draft: Draft, use: Use): number => draft.uses.push(use) - 1

/** A place of some digits in row-major order, from `start`. */
export const row = (digits: ReadonlyArray<Digit>, start: number): { readonly at: Index; readonly elements: number } => {
  let stride = 1
  let base = start
  const terms: Array<Term> = []
  for (const d of [...digits].reverse()) {
    base += d.base * stride
    terms.unshift(...d.terms.map((t) => ({ coef: t.coef * stride, atom: t.atom })))
    stride *= d.size
  }
  return { at: { base, terms }, elements: start + stride }
}

/** A row number taken from a buffer of whole numbers, below `size` where it is guarded. */
const gathered = (draft: Draft, vars: ReadonlyArray<Var>): Digit => {
  const { tape } = draft
  const size = 1 + tape.below(9)
  const dtype = tape.of(draft.choice.ints.filter((d) => d !== "bool"))
  const where = row(vars.map((v) => digit(v.size, 0, [term(1, variable(v))])), 0)
  const beyond = tape.once(2)
  const next = stream(tape.below(2 ** 30))
  const low = beyond && dtype === "i32" ? -2 : 0
  const high = size + (beyond ? 2 : 0)
  const values = Array.from({ length: where.elements }, () => low + Math.floor(next() * (high - low)))
  const of: Expr = {
    tag: "load",
    dtype: dtypes[dtype].compute,
    buffer: buffer(draft, { role: "input", dtype, values }),
    at: where.at,
    guards: [],
  }
  const terms = [term(1, { tag: "value", of })]
  return digit(size, 0, terms, beyond ? [{ at: { base: 0, terms }, low: 0, high: size }] : [])
}

/** The digits by which one variable (or two) enters a load. */
const loadDigits = (draft: Draft, v: Var, other: Var | undefined): ReadonlyArray<Digit> => {
  const { tape } = draft
  const { id, size } = v
  const forms: ReadonlyArray<() => ReadonlyArray<Digit>> = [
    () => [digit(size, 0, [term(1, variable(v))])],
    () => [],
    () => [digit(size, size - 1, [term(-1, variable(v))])],
    () => {
      const [step, low, slack] = [1 + tape.below(3), tape.below(3), tape.below(3)]
      return [digit(Math.max(0, size - 1) * step + low + slack + 1, low, [term(step, variable(v))])]
    },
    () => {
      const [low, room] = [tape.below(4), tape.below(size + 3)]
      const guard = { at: { base: -low, terms: [term(1, { tag: "var", id })] }, low: 0, high: room } as const
      return [digit(room, -low, [term(1, variable(v))], [guard])]
    },
    () => {
      const by = 1 + tape.below(5)
      const of = { base: 0, terms: [term(1, variable(v))] }
      const [div, mod] = [
        digit(Math.ceil(size / by), 0, [term(1, { tag: "div", of, by })]),
        digit(Math.min(size, by), 0, [term(1, { tag: "mod", of, by })]),
      ]
      return tape.of([[div, mod], [mod, div], [div], [mod]])
    },
    () => {
      if (other === undefined) return [digit(size, 0, [term(1, variable(v))])]
      const by = 1 + tape.below(7)
      const of = { base: 0, terms: [term(other.size, variable(v)), term(1, variable(other))] }
      const both = size * other.size
      return [
        digit(Math.ceil(both / by), 0, [term(1, { tag: "div", of, by })]),
        digit(Math.min(both, by), 0, [term(1, { tag: "mod", of, by })]),
      ]
    },
    () => {
      if (other === undefined) return [digit(size, 0, [term(1, variable(v))])]
      const pad = tape.below(3)
      const room = Math.max(1, size + other.size - 1 - tape.below(3))
      const at = { base: -pad, terms: [term(1, variable(v)), term(1, variable(other))] }
      return [digit(room, -pad, at.terms, [{ at, low: 0, high: room }])]
    },
    () => [room(draft, 2) ? gathered(draft, [v]) : digit(size, 0, [term(1, variable(v))])],
    () => [room(draft, 2) ? gathered(draft, other === undefined ? [v] : [other, v]) : digit(1, 0, [])],
  ]
  return tape.of(forms)()
}

/** A literal. */
export const constant = (tape: Tape, dtype: Compute): Expr => {
  const values = {
    f32: [1, 0, 0.5, -1, 2, -0.125, 3.25],
    i32: [1, 0, -1, 3, 7, 2147483647],
    u32: [1, 0, 3, 8, 4294967295],
    bool: [1, 0],
  }
  return { tag: "const", dtype, value: tape.of(values[dtype]) }
}

/** Buffers that are left for stores. */
const reserved = 5

/** Has the kernel room for `count` more buffers to load from? */
const room = ({ uses, choice }: Draft, count: number): boolean => uses.length + count + reserved <= choice.bindings

/** Elements of the largest array. */
const most = 100_000

/** A load of any dtype that computes in `dtype`. `plain` ones are affine and unguarded. */
export const load = (draft: Draft, dtype: Compute, vars: ReadonlyArray<Var>, plain: boolean, wild: boolean): Expr => {
  const { tape, choice } = draft
  if (!room(draft, 1)) return constant(tape, dtype)
  const kinds = [...choice.floats, ...choice.ints].filter((d) => dtypes[d].compute === dtype)
  const stored = tape.of(kinds.length > 0 ? kinds : (["f32"] as const))
  const used = plain || tape.once(2) ? vars : vars.filter(() => !tape.once(3))
  const whole = (v: Var): Digit => digit(v.size, 0, [term(1, variable(v))])
  const digits: Array<Digit> = []
  let elements = 1
  for (const [i, v] of used.entries()) {
    const more = plain ? (tape.once(6) ? [] : [whole(v)]) : loadDigits(draft, v, used[i + 1])
    const product = more.reduce((n, d) => n * d.size, elements)
    if (product > most) continue
    digits.push(...more)
    elements = product
  }
  const turned = draft.turns.flatMap((size, depth) =>
    tape.once(2) ? [digit(size, 0, [term(1, { tag: "turn", depth })])] : []
  )
  const place = row(tape.shuffled([...digits, ...turned]), tape.once(4) ? tape.below(5) : 0)
  const total = place.elements + (tape.once(4) ? tape.below(5) : 0)
  const values = valuesOf(tape, stored, total, wild)
  const role = tape.once(8) && total > 0 && total < 200 ? "constant" : "input"
  return {
    tag: "load",
    dtype,
    buffer: buffer(draft, { role, dtype: stored, values }),
    at: place.at,
    guards: digits.flatMap((d) => d.guards),
  }
}
