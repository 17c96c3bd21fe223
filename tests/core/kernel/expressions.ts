/**
 * Random expressions and stores of a kernel.
 * @module
 */
import type { BinaryFn, UnaryFn } from "../../../core/graph/node.ts"
import type { Expr, Guard, Index, Store } from "../../../core/kernel/kernel.ts"
import { type Compute, type DType, dtypes } from "../../../core/tensor/dtype.ts"
import { buffer, constant, type Digit, digit, type Draft, load, row, term, type Var, variable } from "./place.ts"
import { type Choice, type Tape, valuesOf } from "./tape.ts"

/** Expressions at hand, by compute type; `exact` ones are what the device holds to the bit. */
export interface Pool {
  readonly exact: Array<Expr>
  readonly any: Array<Expr>
}

const exactUnary: ReadonlyArray<UnaryFn> = ["neg", "abs", "sign", "floor", "ceil", "round", "trunc"]
const smoothUnary: ReadonlyArray<UnaryFn> = [
  "exp",
  "log",
  "sqrt",
  "rsqrt",
  "recip",
  "sin",
  "cos",
  "tanh",
  "erf",
  "sigmoid",
]
const intUnary: ReadonlyArray<UnaryFn> = ["neg", "not", "abs", "sign"]
const floatBinary: ReadonlyArray<BinaryFn> = ["add", "mul", "sub", "div", "min", "max", "rem", "pow"]
const intBinary: ReadonlyArray<BinaryFn> = [
  "add",
  "mul",
  "sub",
  "div",
  "rem",
  "min",
  "max",
  "and",
  "or",
  "xor",
  "shl",
  "shr",
  "pow",
]
const boolBinary: ReadonlyArray<BinaryFn> = ["and", "or", "xor"]
const compares: ReadonlyArray<BinaryFn> = ["lt", "le", "gt", "ge", "eq", "ne"]
export const computes: ReadonlyArray<Compute> = ["f32", "i32", "u32", "bool"]

const guardOf = (tape: Tape, vars: ReadonlyArray<Var>): Guard => {
  if (vars.length === 0) return { at: { base: 0, terms: [] }, low: tape.below(2), high: 1 }
  const [v, w] = [tape.of(vars), tape.of(vars)]
  const low = tape.below(v.size + 1) - 1
  const at = { base: 0, terms: tape.once(2) ? [term(1, variable(v)), term(-1, variable(w))] : [term(1, variable(v))] }
  return { at, low, high: low + tape.below(v.size + 2) }
}

/** An expression of this type over these variables. `exact` means that devices agree to the bit. */
export const expression = (
  draft: Draft,
  dtype: Compute,
  vars: ReadonlyArray<Var>,
  pool: Pool,
  depth: number,
  exact: boolean,
): Expr => {
  const { tape } = draft
  const again = (of: Compute, held: boolean): Expr => expression(draft, of, vars, pool, depth - 1, held)
  const remember = (e: Expr, held: boolean): Expr => {
    pool.any.push(e)
    if (held) pool.exact.push(e)
    return e
  }
  const leaf = (): Expr => remember(load(draft, dtype, vars, false, tape.once(3)), true)
  const old = (): Expr => {
    const at = (exact ? pool.exact : pool.any).filter((e) => e.dtype === dtype)
    return at.length === 0 ? leaf() : tape.of(at)
  }
  if (depth === 0) return tape.of([leaf, old, old, () => constant(tape, dtype)])()
  const positions = (): Expr => {
    const at = { base: tape.below(3), terms: vars.map((v) => term(tape.below(4), variable(v))) }
    return dtype === "bool"
      ? { tag: "within", dtype, guards: Array.from({ length: 1 + tape.below(2) }, () => guardOf(tape, vars)) }
      : { tag: "index", dtype, at }
  }
  const choose = (): Expr => ({
    tag: "select",
    dtype,
    c: again("bool", true),
    x: again(dtype, exact),
    y: again(dtype, exact),
  })
  const compare = (): Expr => {
    const of = tape.of(computes)
    return { tag: "binary", dtype: "bool", fn: tape.of(compares), x: again(of, true), y: again(of, true) }
  }
  const convert = (): Expr => {
    const from = tape.of(computes.filter((c) => c !== dtype))
    return { tag: "cast", dtype, x: again(from, exact || dtype !== "f32") }
  }
  const byType: { readonly [C in Compute]: ReadonlyArray<() => Expr> } = {
    f32: exact
      ? [
        () => ({ tag: "unary", dtype, fn: tape.of(exactUnary), x: again("f32", true) }),
        () => ({ tag: "binary", dtype, fn: tape.of(["min", "max"]), x: again("f32", true), y: again("f32", true) }),
        choose,
      ]
      : [
        () => ({ tag: "binary", dtype, fn: tape.of(floatBinary), x: again("f32", false), y: again("f32", false) }),
        () => ({ tag: "unary", dtype, fn: tape.of(smoothUnary), x: again("f32", false) }),
        () => ({ tag: "unary", dtype, fn: tape.of(exactUnary), x: again("f32", true) }),
        () => ({ tag: "round", dtype, to: tape.of(["f16", "bf16", "f32"]), x: again("f32", false) }),
        convert,
        choose,
      ],
    i32: [
      () => ({ tag: "binary", dtype, fn: tape.of(intBinary), x: again("i32", true), y: again("i32", true) }),
      () => ({ tag: "unary", dtype, fn: tape.of(intUnary), x: again("i32", true) }),
      () => ({ tag: "bitcast", dtype, x: again("u32", true) }),
      convert,
      choose,
    ],
    u32: [
      () => ({ tag: "binary", dtype, fn: tape.of(intBinary), x: again("u32", true), y: again("u32", true) }),
      () => ({ tag: "unary", dtype, fn: tape.of(["not", "neg"]), x: again("u32", true) }),
      () => ({ tag: "round", dtype, to: "u8", x: again("u32", true) }),
      () => ({ tag: "bitcast", dtype, x: again("i32", true) }),
      convert,
      choose,
    ],
    bool: [
      compare,
      () => ({ tag: "binary", dtype, fn: tape.of(boolBinary), x: again("bool", true), y: again("bool", true) }),
      () => ({ tag: "unary", dtype, fn: "not", x: again("bool", true) }),
      () => ({ tag: "unary", dtype, fn: tape.of(["isnan", "isfinite"]), x: again("f32", true) }),
      convert,
      choose,
    ],
  }
  const made = tape.of([leaf, old, positions, ...byType[dtype], ...byType[dtype]])()
  return remember(made, exact || dtype !== "f32" || made.tag === "index")
}

export const poolOf = (): Pool => ({ exact: [], any: [] })

/** A place for every point of the variables, each its own, and the size of the whole. */
export const target = (
  draft: Draft,
  vars: ReadonlyArray<Var>,
  start: number,
): { readonly at: Index; readonly elements: number } => {
  const { tape } = draft
  const digits = vars.flatMap((v): ReadonlyArray<Digit> => {
    const of = { base: 0, terms: [term(1, variable(v))] }
    const by = 1 + tape.below(4)
    const whole = [digit(v.size, 0, of.terms)]
    const forms: ReadonlyArray<ReadonlyArray<Digit>> = [
      whole,
      whole,
      [digit(v.size, v.size - 1, [term(-1, variable(v))])],
      v.size % by === 0
        ? [digit(v.size / by, 0, [term(1, { tag: "div", of, by })]), digit(by, 0, [term(1, { tag: "mod", of, by })])]
        : whole,
    ]
    return tape.of(forms)
  })
  return row(tape.shuffled(digits), start)
}

/** Dtypes in which a value of that type can be stored. */
export const storable = (choice: Choice, of: Compute): ReadonlyArray<DType> =>
  [...choice.floats, ...choice.ints].filter((d) => dtypes[d].compute === of)

/**
 * Stores of these values, each its own output; one in four shares its output with a second store behind it, one in four
 * updates an array in place.
 */
export const stores = (
  draft: Draft,
  vars: ReadonlyArray<Var>,
  values: ReadonlyArray<(read: Expr | undefined) => Expr>,
): ReadonlyArray<Store> =>
  values.flatMap((value): ReadonlyArray<Store> => {
    const { tape } = draft
    const first = target(draft, vars, 0)
    const update = tape.once(4)
    const dtype = tape.of(["f32", ...draft.choice.floats] as const)
    if (update) {
      const gap = tape.below(3)
      const elements = first.elements + gap
      const at = { base: first.at.base + gap, terms: first.at.terms }
      const number = buffer(draft, { role: "donated", dtype, values: valuesOf(tape, dtype, elements, false) })
      return [{ buffer: number, at, value: value({ tag: "load", dtype: "f32", buffer: number, at, guards: [] }) }]
    }
    const v = value(undefined)
    const stored = tape.of(storable(draft.choice, v.dtype))
    if (!tape.once(4)) {
      return [{
        buffer: buffer(draft, { role: "output", dtype: stored, elements: first.elements }),
        at: first.at,
        value: v,
      }]
    }
    const second = target(draft, vars, first.elements)
    const number = buffer(draft, { role: "output", dtype: stored, elements: second.elements })
    const w: Expr = { tag: "select", dtype: v.dtype, c: constant(tape, "bool"), x: v, y: constant(tape, v.dtype) }
    return [{ buffer: number, at: first.at, value: v }, { buffer: number, at: second.at, value: w }]
  })
