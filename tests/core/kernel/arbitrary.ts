/**
 * Random valid kernels of every kind, drawn from a tape of numbers: fast-check shrinks the tape, and what is drawn from
 * an empty tape is the simplest there is. Sizes are 0, 1, odd, and just beyond a power of two.
 * @module
 */
import * as fc from "fast-check"
import type { BinaryFn, UnaryFn } from "../../../core/graph/node.ts"
import type { Atom, Expr, Guard, Index, Kernel, Stage, Store, Term } from "../../../core/kernel/kernel.ts"
import { type Compute, type DType, dtypes } from "../../../core/tensor/dtype.ts"
import { load as fromStored, store as toStored } from "../../../core/tensor/host.ts"
import { type Case, oneKernel, programOf, type Use } from "./program.ts"

// -----------------------------------------------------------------------------
// draws
// -----------------------------------------------------------------------------

/** Draws numbers from a tape. */
export interface Tape {
  /** One of 0 .. n - 1; 0 at the tape's end. */
  readonly below: (n: number) => number
  /** One of these; the first at the tape's end. */
  readonly of: <A>(items: ReadonlyArray<A>) => A
  /** True once in n times; false at the tape's end. */
  readonly once: (n: number) => boolean
  readonly shuffled: <A>(items: ReadonlyArray<A>) => ReadonlyArray<A>
  readonly ended: () => boolean
}

/** The tape of these numbers. */
export const tapeOf = (numbers: ReadonlyArray<number>): Tape => {
  let at = 0
  const below = (n: number): number => (at < numbers.length ? numbers[at++]! % n : 0)
  return {
    below,
    of: (items) => items[below(items.length)]!,
    once: (n) => below(n) === n - 1,
    shuffled: (items) => {
      const rest = [...items]
      return items.map(() => rest.splice(below(rest.length), 1)[0]!)
    },
    ended: () => at >= numbers.length,
  }
}

/** A case drawn from a random tape. */
export const drawn = (draw: (tape: Tape) => Case): fc.Arbitrary<Case> =>
  fc.noBias(fc.array(fc.nat(2 ** 30), { maxLength: 400, size: "max" })).map((numbers) => draw(tapeOf(numbers)))

/** What one device's suite draws from. */
export interface Choice {
  readonly floats: ReadonlyArray<DType>
  readonly ints: ReadonlyArray<DType>
  /** Buffers that a kernel may bind. */
  readonly bindings: number
}

/** Everything. */
export const everything: Choice = { floats: ["f32", "f16", "bf16"], ints: ["i32", "u32", "u8", "bool"], bindings: 24 }

// -----------------------------------------------------------------------------
// values
// -----------------------------------------------------------------------------

/** Numbers that break what is written without them in mind; those that f16 lacks become infinite there. */
export const hostile: { readonly [D in DType]: ReadonlyArray<number> } = {
  f32: [0, -0, 1, -1, NaN, Infinity, -Infinity, 0.5, -2.5, 1e-20, 3e38, -3e38, 100.5, -104, 89, 16777217],
  f16: [0, -0, 1, -1, NaN, Infinity, -Infinity, 0.5, -2.5, 65504, -65504, 6.2e-5],
  bf16: [0, -0, 1, -1, NaN, Infinity, -Infinity, 0.5, -2.5, 3e38, -3e38, 1e-20],
  i32: [0, 1, -1, 2147483647, -2147483648, 2147483646, 65536, -65537, 31, 32, 33, 7],
  u32: [0, 1, 4294967295, 2147483648, 2147483647, 65536, 31, 32, 33, 7],
  u8: [0, 1, 255, 128, 127, 31, 32, 33, 7],
  bool: [0, 1],
}

/** Brings numbers into what the dtype can hold. */
export const stored = (dtype: DType, values: ReadonlyArray<number>): ReadonlyArray<number> =>
  Array.from(fromStored(dtype, toStored(dtype, values)))

/** A stream of numbers in 0 .. 1, the same for the same seed (Marsaglia's xorshift). */
export const stream = (seed: number): () => number => {
  let state = (seed ^ 0x9e3779b9) | 0 || 1
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) / 2 ** 32
  }
}

/** Values of a dtype: small ones; in `wild` ones, each twentieth is hostile. */
export const valuesOf = (tape: Tape, dtype: DType, count: number, wild: boolean): ReadonlyArray<number> => {
  const next = stream(tape.below(2 ** 30))
  const tame = (): number =>
    dtypes[dtype].kind === "float"
      ? Math.round((next() * 8 - 4) * 64) / 64
      : dtype === "bool"
      ? Math.floor(next() * 2)
      : Math.floor(next() * 100) - (dtype === "i32" ? 50 : 0)
  const list = hostile[dtype]
  return stored(
    dtype,
    Array.from({ length: count }, () => (wild && next() < 0.05 ? list[Math.floor(next() * list.length)]! : tame())),
  )
}

// -----------------------------------------------------------------------------
// places
// -----------------------------------------------------------------------------

/** One loop variable that a place may use. */
interface Var {
  readonly id: number
  readonly size: number
}

/** One digit of a place: a number in 0 .. size - 1 wherever the guards hold. */
interface Digit {
  readonly terms: ReadonlyArray<Term>
  readonly base: number
  readonly size: number
  readonly guards: ReadonlyArray<Guard>
}

/** What a kernel is being drawn with. */
interface Draft {
  readonly tape: Tape
  readonly choice: Choice
  readonly uses: Array<Use>
  /** How many turns the kernel stands in, from the innermost. */
  readonly turns: ReadonlyArray<number>
}

const variable = (v: Var): Atom => ({ tag: "var", id: v.id })
const term = (coef: number, atom: Atom): Term => ({ coef, atom })
const digit = (size: number, base: number, terms: ReadonlyArray<Term>, guards: ReadonlyArray<Guard> = []): Digit => ({
  terms,
  base,
  size,
  guards,
})

const buffer = (draft: Draft, use: Use): number => draft.uses.push(use) - 1

/** A place of some digits in row-major order, from `start`. */
const row = (digits: ReadonlyArray<Digit>, start: number): { readonly at: Index; readonly elements: number } => {
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

/** Buffers that are left for stores. */
const reserved = 5

/** Has the kernel room for `count` more buffers to load from? */
const room = ({ uses, choice }: Draft, count: number): boolean => uses.length + count + reserved <= choice.bindings

/** Elements of the largest array. */
const most = 100_000

/** A load of any dtype that computes in `dtype`. `plain` ones are affine and unguarded. */
const load = (draft: Draft, dtype: Compute, vars: ReadonlyArray<Var>, plain: boolean, wild: boolean): Expr => {
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

// -----------------------------------------------------------------------------
// expressions
// -----------------------------------------------------------------------------

/** Expressions at hand, by compute type; `exact` ones are what the device holds to the bit. */
interface Pool {
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
const computes: ReadonlyArray<Compute> = ["f32", "i32", "u32", "bool"]

const guardOf = (tape: Tape, vars: ReadonlyArray<Var>): Guard => {
  if (vars.length === 0) return { at: { base: 0, terms: [] }, low: tape.below(2), high: 1 }
  const [v, w] = [tape.of(vars), tape.of(vars)]
  const low = tape.below(v.size + 1) - 1
  const at = { base: 0, terms: tape.once(2) ? [term(1, variable(v)), term(-1, variable(w))] : [term(1, variable(v))] }
  return { at, low, high: low + tape.below(v.size + 2) }
}

const constant = (tape: Tape, dtype: Compute): Expr => {
  const values = {
    f32: [1, 0, 0.5, -1, 2, -0.125, 3.25],
    i32: [1, 0, -1, 3, 7, 2147483647],
    u32: [1, 0, 3, 8, 4294967295],
    bool: [1, 0],
  }
  return { tag: "const", dtype, value: tape.of(values[dtype]) }
}

/** An expression of this type over these variables. `exact` means that devices agree to the bit. */
const expression = (
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

const poolOf = (): Pool => ({ exact: [], any: [] })

/** A place for every point of the variables, each its own, and the size of the whole. */
const target = (
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
const storable = (choice: Choice, of: Compute): ReadonlyArray<DType> =>
  [...choice.floats, ...choice.ints].filter((d) => dtypes[d].compute === of)

/**
 * Stores of these values, each its own output; one in four shares its output with a second store behind it, one in four
 * updates an array in place.
 */
const stores = (
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

// -----------------------------------------------------------------------------
// kernels
// -----------------------------------------------------------------------------

const small: ReadonlyArray<number> = [2, 1, 3, 4, 5, 7, 8, 16, 17, 33]
const large: ReadonlyArray<number> = [64, 65, 100, 127, 129, 256, 300]

/** Sizes whose product stays below `most`; now and then 0. */
const sizes = (tape: Tape, count: number, most: number): ReadonlyArray<number> => {
  let left = most
  return Array.from({ length: count }, () => {
    if (tape.once(60)) return 0
    const list = [...small, ...large].filter((n) => n <= left)
    const size = list.length === 0 ? 1 : tape.of(tape.once(4) ? list : list.slice(0, small.length))
    left = Math.floor(left / size)
    return size
  })
}

const numbered = (list: ReadonlyArray<number>, first: number): ReadonlyArray<Var> =>
  list.map((size, i) => ({ id: first + i, size }))

const draftOf = (tape: Tape, choice: Choice, turns: ReadonlyArray<number> = []): Draft => ({
  tape,
  choice,
  uses: [],
  turns,
})

/** The case of a kernel and the buffers of its draft. */
const finished = (draft: Draft, kernel: Kernel): Case => oneKernel(kernel, draft.uses)

/** The value with the element that stands there, where it is an update. */
const updating = (tape: Tape, value: Expr) => (read: Expr | undefined): Expr => {
  const v: Expr = value.dtype === "f32" || read === undefined ? value : { tag: "cast", dtype: "f32", x: value }
  return read === undefined ? v : { tag: "binary", dtype: "f32", fn: tape.of(["add", "sub", "max"]), x: read, y: v }
}

const mapKernel = (draft: Draft): Kernel => {
  const { tape } = draft
  const dims = sizes(tape, tape.below(5), 6000)
  const vars = numbered(dims, 0)
  const pool = poolOf()
  const values = Array.from({ length: 1 + (tape.once(3) ? tape.below(3) : 0) }, () => {
    const value = expression(draft, tape.of(computes), vars, pool, 1 + tape.below(4), false)
    return updating(tape, value)
  })
  return { tag: "loop", dims, over: [], stages: [{ tag: "point", stores: stores(draft, vars, values) }] }
}

const foldValue = (draft: Draft, fn: string, dtype: Compute, vars: ReadonlyArray<Var>, pool: Pool): Expr => {
  // products stay within range: factors near 1
  if (fn !== "prod" || dtype !== "f32") {
    return expression(draft, dtype, vars, pool, draft.tape.below(3), dtype !== "f32" || fn.startsWith("arg"))
  }
  const x: Expr = { tag: "unary", dtype: "f32", fn: "tanh", x: load(draft, "f32", vars, false, false) }
  const tenth: Expr = { tag: "binary", dtype, fn: "mul", x, y: { tag: "const", dtype, value: 0.1 } }
  return { tag: "binary", dtype, fn: "add", x: tenth, y: { tag: "const", dtype, value: 1 } }
}

/** Folds, then a point; or folds, folds that use them, a sweep (softmax), and perhaps a point. */
const foldKernel = (draft: Draft): Kernel => {
  const { tape } = draft
  const dims = sizes(tape, tape.below(4), 100)
  const long = tape.once(8) ? [tape.of([1000, 1025, 4099])] : sizes(tape, 1 + tape.below(2), 300)
  const over = tape.once(12) ? [0] : long
  const outer = numbered(dims, 0)
  const inner = [...outer, ...numbered(over, dims.length)]
  const pool = poolOf()
  const accs = poolOf()
  const fold = (id: number) => {
    const dtype = tape.of(["f32", "f32", "i32", "u32"] as const)
    const fns = over.length === 1
      ? (["sum", "max", "min", "prod", "argmax", "argmin"] as const)
      : (["sum", "max", "min", "prod"] as const)
    const fn = tape.of(fns)
    const value = foldValue(draft, fn, dtype, inner, pool)
    const result = fn === "argmax" || fn === "argmin" ? "i32" : dtype
    const acc: Expr = { tag: "acc", dtype: result, id }
    const held = result !== "f32" || fn === "max" || fn === "min"
    accs.any.push(acc)
    if (held && value.tag === "load") accs.exact.push(acc)
    return { id, fn, dtype, value }
  }
  const first = Array.from({ length: 1 + tape.below(3) }, (_, id) => fold(id))
  const stages: Array<Stage> = [{ tag: "fold", folds: first }]
  const soft = tape.once(2)
  if (soft) {
    // a second fold over a function of the first's results, then both in a sweep
    const x = expression(draft, "f32", inner, pool, 1, false)
    const max: Expr = { tag: "acc", dtype: "f32", id: 10 }
    const moved: Expr = {
      tag: "unary",
      dtype: "f32",
      fn: "exp",
      x: { tag: "binary", dtype: "f32", fn: "sub", x, y: max },
    }
    stages.push({ tag: "fold", folds: [{ id: 10, fn: "max", dtype: "f32", value: x }] })
    stages.push({ tag: "fold", folds: [{ id: 11, fn: "sum", dtype: "f32", value: moved }] })
    const sum: Expr = { tag: "acc", dtype: "f32", id: 11 }
    const share: Expr = { tag: "binary", dtype: "f32", fn: "div", x: moved, y: sum }
    stages.push({ tag: "sweep", stores: stores(draft, inner, [updating(tape, share)]) })
  }
  if (!soft || tape.once(2)) {
    const used = { exact: [...accs.exact], any: [...accs.any] }
    const values = accs.any.map((acc) => {
      const plain: Expr = acc
      const more = tape.once(2) ? expression(draft, acc.dtype, outer, used, 1, acc.dtype !== "f32") : plain
      return updating(tape, tape.once(2) ? more : plain)
    })
    stages.push({ tag: "point", stores: stores(draft, outer, values) })
  }
  return { tag: "loop", dims, over, stages }
}

const contractKernel = (draft: Draft): Kernel => {
  const { tape } = draft
  const list = (most: number): ReadonlyArray<number> =>
    tape.once(6)
      ? sizes(tape, tape.below(3), most)
      : [tape.once(3) ? tape.of(large.filter((n) => n <= most)) : tape.of(small)]
  const [rows, cols, depth] = [list(130), list(130), list(130)]
  const product = (sizes: ReadonlyArray<number>): number => sizes.reduce((a, b) => a * b, 1)
  const left = 400_000 / Math.max(1, product(rows) * product(cols) * product(depth))
  const batch = left < 2 || !tape.once(2) ? [] : sizes(tape, 1 + tape.below(2), Math.min(left, 12))
  const dtype = tape.of(["f32", "f32", "f32", "f32", "i32", "u32"] as const)
  const [b, r, c] = [batch.length, rows.length, cols.length]
  const ofBatch = numbered(batch, 0)
  const ofRows = numbered(rows, b)
  const ofCols = numbered(cols, b + r)
  const ofDepth = numbered(depth, b + r + c)
  const operand = (vars: ReadonlyArray<Var>): Expr => {
    const plain = !tape.once(4)
    const x = load(draft, dtype, vars, plain, false)
    if (!tape.once(4)) return x
    const y = tape.once(2) ? constant(tape, dtype) : load(draft, dtype, vars, true, false)
    return { tag: "binary", dtype, fn: tape.of(["mul", "add", "max"]), x, y }
  }
  const a = operand([...ofBatch, ...ofRows, ...ofDepth])
  const other = operand([...ofBatch, ...ofCols, ...ofDepth])
  const outer = [...ofBatch, ...ofRows, ...ofCols]
  const acc: Expr = { tag: "acc", dtype, id: 0 }
  const epilogue = (): Expr => {
    if (!tape.once(2)) return acc
    const bias = expression(draft, dtype, tape.once(2) ? outer : ofCols, poolOf(), tape.below(2), dtype !== "f32")
    const sum: Expr = { tag: "binary", dtype, fn: tape.of(["add", "mul", "max"]), x: acc, y: bias }
    return dtype === "f32" && tape.once(2)
      ? { tag: "unary", dtype, fn: tape.of(["tanh", "sigmoid", "neg", "erf"]), x: sum }
      : sum
  }
  const values = Array.from({ length: tape.once(6) ? 2 : 1 }, () => updating(tape, epilogue()))
  return { tag: "contract", dtype, batch, rows, cols, depth, a, b: other, stores: stores(draft, outer, values) }
}

const scatterKernel = (draft: Draft): Kernel => {
  const { tape } = draft
  const dims = sizes(tape, tape.below(3), 60)
  const along = sizes(tape, 1 + tape.below(2), 200)
  const [outer, inner] = [numbered(dims, 0), numbered(along, dims.length)]
  const dtype = tape.of(["f32", "f32", "i32", "u32"] as const)
  const size = 1 + tape.below(9)
  const all = [...outer, ...inner]
  const of = tape.of(["i32", "u32", "u8"] as const)
  const rows = row(
    tape.shuffled(all.filter(() => !tape.once(4))).map((v) => digit(v.size, 0, [term(1, variable(v))])),
    0,
  )
  const next = stream(tape.below(2 ** 30))
  const low = of === "i32" ? -2 : 0
  const values = Array.from({ length: rows.elements }, () => low + Math.floor(next() * (size + 3 - low)))
  const index: Expr = {
    tag: "load",
    dtype: dtypes[of].compute,
    buffer: buffer(draft, { role: "input", dtype: of, values }),
    at: rows.at,
    guards: [],
  }
  const value = expression(draft, dtype, all, poolOf(), tape.below(3), dtype !== "f32")
  // the rows' digit stands before, among or after those of dims
  const digits: ReadonlyArray<Digit> = tape.shuffled([
    digit(size, 0, []),
    ...outer.map((v) => digit(v.size, 0, [term(1, variable(v))])),
  ])
  const place = row(digits, 0)
  const behind = digits.slice(digits.findIndex((d) => d.terms.length === 0) + 1)
  const stride = behind.reduce((n, d) => n * d.size, 1)
  return {
    tag: "scatter",
    dtype,
    dims,
    along,
    row: index,
    size,
    stride,
    value,
    buffer: buffer(draft, { role: "output", dtype, elements: place.elements }),
    at: place.at,
    elements: place.elements,
  }
}

const cumulateKernel = (draft: Draft): Kernel => {
  const { tape } = draft
  const dims = sizes(tape, tape.below(3), 60)
  const length = tape.once(12) ? 0 : tape.of([5, 1, 2, 3, 8, 17, 64, 65, 257, 1000])
  const vars = numbered([...dims, length], 0)
  const dtype = tape.of(["f32", "f32", "i32", "u32"] as const)
  const fn = tape.of(["sum", "max", "min", "prod"] as const)
  const acc: Expr = { tag: "acc", dtype, id: 0 }
  const value = foldValue(draft, fn, dtype, vars, poolOf())
  const twice: Expr = { tag: "binary", dtype, fn: "add", x: acc, y: acc }
  const values = [updating(tape, tape.once(3) ? twice : acc)]
  return { tag: "cumulate", dtype, dims, length, fn, reverse: tape.once(2), value, stores: stores(draft, vars, values) }
}

const sortKernel = (draft: Draft): Kernel => {
  const { tape } = draft
  const dims = sizes(tape, tape.below(3), 60)
  const length = tape.once(12) ? 0 : tape.of([5, 1, 2, 3, 8, 17, 64, 65, 257, 1000])
  const vars = numbered([...dims, length], 0)
  const key = expression(draft, tape.of(["f32", "i32", "u32", "bool"] as const), vars, poolOf(), tape.below(2), true)
  const place = target(draft, vars, 0)
  const number = buffer(draft, { role: "output", dtype: "i32", elements: place.elements })
  return { tag: "sort", dims, length, descending: tape.once(2), key, buffer: number, at: place.at }
}

/** The kinds of kernel, as the suite tells them apart: a loop is a map or a fold. */
export type Kind = "map" | "fold" | "contract" | "scatter" | "cumulate" | "sort"

const kinds: { readonly [K in Kind]: (draft: Draft) => Kernel } = {
  map: mapKernel,
  fold: foldKernel,
  contract: contractKernel,
  scatter: scatterKernel,
  cumulate: cumulateKernel,
  sort: sortKernel,
}

/** Random cases of one kernel of a kind. */
export const kernelOf = (kind: Kind, choice: Choice): fc.Arbitrary<Case> =>
  drawn((tape) => {
    const draft = draftOf(tape, choice)
    return finished(draft, kinds[kind](draft))
  }).filter((c) => c.program.buffers.length <= choice.bindings)

/** A chain of kernels through the arena, some of it in `repeat` steps with their turns. */
export const chains = (choice: Choice): fc.Arbitrary<Case> =>
  drawn((tape) => {
    const count = 1 + tape.below(3)
    const turns = tape.once(2) ? [1 + tape.below(4)] : [1 + tape.below(3), 1 + tape.below(3)]
    const n = tape.of([4, 1, 7, 64, 129])
    const uses: Array<Use> = [
      { role: "donated", dtype: "f32", values: valuesOf(tape, "f32", n, false) },
      { role: "output", dtype: "f32", elements: n * turns.reduce((a, b) => a * b, 1) },
      ...Array.from({ length: count }, () => ({ role: "arena", dtype: "f32", elements: n }) as const),
    ]
    const element: Var = { id: 0, size: n }
    const at: Index = { base: 0, terms: [term(1, variable(element))] }
    const kernels: Array<Kernel> = []
    const steps: Array<{ readonly tag: "dispatch"; readonly kernel: number; readonly buffers: ReadonlyArray<number> }> =
      []
    const read = (number: number, where: Index): Expr => ({
      tag: "load",
      dtype: "f32",
      buffer: number,
      at: where,
      guards: [],
    })
    const add = (draft: Draft, from: number, to: number, value: Expr, where: Index): void => {
      const extra = draft.uses.map((u) => uses.push(u) - 1)
      kernels.push({
        tag: "loop",
        dims: [n],
        over: [],
        stages: [{ tag: "point", stores: [{ buffer: draft.uses.length + 1, at: where, value }] }],
      })
      steps.push({ tag: "dispatch", kernel: kernels.length - 1, buffers: [...extra, from, to] })
    }
    for (let i = 0; i < count; i++) {
      const draft = draftOf(tape, choice, turns)
      const other = load(draft, "f32", [element], false, false)
      const flipped: Index = { base: n - 1, terms: [term(-1, variable(element))] }
      const x = read(draft.uses.length, tape.once(2) ? flipped : at)
      const fn = tape.of(["add", "sub", "max", "min"] as const)
      add(draft, i === 0 ? 0 : i + 1, i + 2, { tag: "binary", dtype: "f32", fn, x, y: other }, at)
    }
    // each turn keeps what it made, and hands half of it on
    const places = turns.map((size, depth) => digit(size, 0, [term(1, { tag: "turn", depth })]))
    add(
      draftOf(tape, choice, turns),
      count + 1,
      1,
      read(0, at),
      row([...places.reverse(), digit(n, 0, at.terms)], 0).at,
    )
    const half: Expr = {
      tag: "binary",
      dtype: "f32",
      fn: "mul",
      x: read(0, at),
      y: { tag: "const", dtype: "f32", value: 0.5 },
    }
    add(draftOf(tape, choice, turns), count + 1, 0, half, at)
    const [inner, outer] = turns
    const body = { tag: "repeat", times: inner!, reverse: tape.once(2), steps } as const
    return programOf(uses, kernels, [
      outer === undefined ? body : { tag: "repeat", times: outer, reverse: tape.once(2), steps: [body] },
    ])
  })
