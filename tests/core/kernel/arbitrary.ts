/**
 * Random valid kernels of every kind, drawn from a tape of numbers: fast-check shrinks the tape, and what is drawn from
 * an empty tape is the simplest there is. Sizes are 0, 1, odd, and just beyond a power of two.
 * @module
 */
import * as fc from "fast-check"
import type { Expr, Index, Kernel, Stage } from "../../../core/kernel/kernel.ts"
import { type Compute, dtypes } from "../../../core/tensor/dtype.ts"
import { computes, expression, type Pool, poolOf, storable, stores, target } from "./expressions.ts"
import { buffer, constant, type Digit, digit, type Draft, load, row, term, type Var, variable } from "./place.ts"
import { type Case, oneKernel, programOf, type Use } from "./program.ts"
import { type Choice, stream, type Tape, tapeOf, valuesOf } from "./tape.ts"

export { type Choice, everything } from "./tape.ts"

/** A random tape's numbers. */
export const tapes: fc.Arbitrary<ReadonlyArray<number>> = fc.noBias(
  fc.array(fc.nat(2 ** 30), { maxLength: 400, size: "max" }),
)

/** The case that a tape's numbers stand for; undefined where they stand for none. */
export type Draw = (numbers: ReadonlyArray<number>) => Case | undefined

/** Cases of random tapes. */
export const casesOf = (draw: Draw): fc.Arbitrary<Case> => tapes.map(draw).filter((c): c is Case => c !== undefined)

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
  const dims = sizes(tape, tape.below(5), 6000 * draft.choice.scale)
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
  const dims = sizes(tape, tape.below(4), 100 * draft.choice.scale)
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
  const most = 130 * draft.choice.scale
  const list = (most: number): ReadonlyArray<number> =>
    tape.once(6)
      ? sizes(tape, tape.below(3), most)
      : [tape.once(3) ? tape.of([...small, ...large].filter((n) => n <= most).slice(-7)) : tape.of(small)]
  const [rows, cols, depth] = [list(most), list(most), list(most)]
  const product = (sizes: ReadonlyArray<number>): number => sizes.reduce((a, b) => a * b, 1)
  const left = 400_000 * draft.choice.scale / Math.max(1, product(rows) * product(cols) * product(depth))
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
  const dims = sizes(tape, tape.below(3), 60 * draft.choice.scale)
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
    buffer: buffer(draft, { role: "output", dtype: tape.of(storable(draft.choice, dtype)), elements: place.elements }),
    at: place.at,
    elements: place.elements,
  }
}

const cumulateKernel = (draft: Draft): Kernel => {
  const { tape } = draft
  const dims = sizes(tape, tape.below(3), 60 * draft.choice.scale)
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
  const dims = sizes(tape, tape.below(3), 60 * draft.choice.scale)
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

/** One kernel of a kind. */
export const drawKernel = (kind: Kind, choice: Choice): Draw => (numbers) => {
  const draft = draftOf(tapeOf(numbers), choice)
  const c = finished(draft, kinds[kind](draft))
  return c.program.buffers.length <= choice.bindings ? c : undefined
}

/** Random cases of one kernel of a kind. */
export const kernelOf = (kind: Kind, choice: Choice): fc.Arbitrary<Case> => casesOf(drawKernel(kind, choice))

/** A chain of kernels through the arena, some of it in `repeat` steps with their turns. */
export const drawChain = (choice: Choice): Draw => (numbers) => {
  const tape = tapeOf(numbers)
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
}

/** Random chains. */
export const chains = (choice: Choice): fc.Arbitrary<Case> => casesOf(drawChain(choice))
