/**
 * Long folds of few points, as two kernels: the slowest folded variable is cut into pieces, each folded for itself into
 * scratch, and then the pieces are folded. So one sum, or a small product over a long depth, fills a GPU. It is done to
 * the program before it is made ready, and the scratch is a stretch at the end of its arena. The number of pieces hangs
 * on sizes and the tuning table only: the same adapter gives the same bits.
 * @module
 */
import { type Ranges, substitute, variable } from "../kernel/affine.ts"
import { rebuild } from "../kernel/expression.ts"
import type { Contract, Expr, Index, Kernel, Loop, Store } from "../kernel/kernel.ts"
import { type Buffer, bufferBytes, type Program, type Step } from "../plan/program.ts"
import type { Compute } from "../tensor/dtype.ts"
import type { Tuning } from "./capability.ts"
import { chooseTile } from "./contract.ts"

/** A kernel in two: the first stores to buffers numbered from `first` on, the second folds what is there. */
export interface Split {
  readonly partial: Kernel
  readonly final: Loop
  readonly between: ReadonlyArray<{ readonly dtype: Compute; readonly elements: number }>
}

/** Bytes of scratch that one split may take. */
const MOST = 256 << 20

const product = (xs: ReadonlyArray<number>): number => xs.reduce((a, b) => a * b, 1)

const linear = (sizes: ReadonlyArray<number>, ids: ReadonlyArray<number>): Index => {
  const strides = sizes.map((_, i) => product(sizes.slice(i + 1)))
  return { base: 0, terms: ids.map((id, i) => ({ coef: strides[i]!, atom: { tag: "var", id } as const })) }
}

const range = (n: number, from: number = 0): ReadonlyArray<number> => Array.from({ length: n }, (_, i) => from + i)

/** The largest divisor of the size that is no more than wanted. */
export const divisor = (size: number, wanted: number): number => {
  for (let d = Math.min(size, Math.floor(wanted)); d > 1; d--) if (size % d === 0) return d
  return 1
}

/** Nothing is known of loads and turns; divisions keep their form where it would matter. */
const ranges = (sizes: ReadonlyArray<number>): Ranges => ({
  size: (id) => sizes[id] ?? 1,
  value: () => [-Infinity, Infinity],
  turn: () => Infinity,
})

/** Replaces variables in an expression. */
const renumber = (sizes: ReadonlyArray<number>, into: (id: number) => Index): (e: Expr) => Expr => {
  const r = ranges(sizes)
  return rebuild((a, again) => substitute(a, into, again, r))
}

const scaled = (coef: number, id: number): Index["terms"][number] => ({ coef, atom: { tag: "var", id } })

/** Cuts the first of the folded variables (number `at`) into `pieces`; the new variable stands right before it. */
const cutting = (sizes: ReadonlyArray<number>, at: number, pieces: number) => {
  const piece = sizes[at]! / pieces
  const cut = [...sizes.slice(0, at), pieces, piece, ...sizes.slice(at + 1)]
  return renumber(
    cut,
    (id) =>
      id < at
        ? variable(id)
        : id > at
        ? variable(id + 1)
        : { base: 0, terms: [...(pieces > 1 ? [scaled(piece, at)] : []), scaled(1, at + 1)] },
  )
}

/** A loop whose first stage folds and whose others need no inner points. */
const splitLoop = (k: Loop, t: Tuning, first: number): Split | undefined => {
  const [fold, ...rest] = k.stages
  if (fold?.tag !== "fold" || rest.some((s) => s.tag !== "point") || k.over.length === 0) return undefined
  if (fold.folds.some((f) => f.fn === "argmax" || f.fn === "argmin" || f.dtype === "bool")) return undefined
  const [points, work] = [product(k.dims), product(k.over)]
  // a workgroup's lanes share one point already, each with some points of its own
  const wanted = Math.min(t.fill / (points * t.row), work / (t.row * t.perLane * 4))
  const pieces = points === 0 || wanted < 2 ? 1 : divisor(k.over[0]!, wanted)
  if (pieces === 1 || pieces * points * 4 * fold.folds.length > MOST) return undefined
  const n = k.dims.length
  const again = cutting([...k.dims, ...k.over], n, pieces)
  const place = linear([...k.dims, pieces], range(n + 1))
  return {
    partial: {
      tag: "loop",
      dims: [...k.dims, pieces],
      over: [k.over[0]! / pieces, ...k.over.slice(1)],
      stages: [
        { tag: "fold", folds: fold.folds.map((f) => ({ ...f, value: again(f.value) })) },
        {
          tag: "point",
          stores: fold.folds.map((f, i) => ({
            buffer: first + i,
            at: place,
            value: { tag: "acc", dtype: f.dtype, id: f.id },
          })),
        },
      ],
    },
    final: {
      tag: "loop",
      dims: k.dims,
      over: [pieces],
      stages: [
        {
          tag: "fold",
          folds: fold.folds.map((f, i) => ({
            ...f,
            value: { tag: "load", dtype: f.dtype, buffer: first + i, at: place, guards: [] },
          })),
        },
        ...rest,
      ],
    },
    between: fold.folds.map((f) => ({ dtype: f.dtype, elements: points * pieces })),
  }
}

/** A product with few tiles over a long depth. */
const splitContract = (k: Contract, t: Tuning, first: number): Split | undefined => {
  const [batch, m, n, deep] = [product(k.batch), product(k.rows), product(k.cols), product(k.depth)]
  if (batch * m * n * deep === 0 || Math.min(m, n) <= 2 || t.tiles.length === 0 || k.dtype === "bool") return undefined
  const tile = chooseTile(t.tiles, t.groups, m, n, batch)
  const tiles = Math.ceil(m / tile.rows) * Math.ceil(n / tile.cols) * batch
  const wanted = Math.min(t.groups / tiles, deep / (8 * tile.depth))
  const pieces = wanted < 2 ? 1 : divisor(k.depth[0]!, wanted)
  if (pieces === 1 || pieces * batch * m * n * 4 > MOST) return undefined
  const outer = [...k.batch, ...k.rows, ...k.cols]
  const [b, o] = [k.batch.length, outer.length]
  const piece = k.depth[0]! / pieces
  // the pieces become one more batch variable, which shifts all that follow
  const sizes = [...k.batch, pieces, ...k.rows, ...k.cols, piece, ...k.depth.slice(1)]
  const again = renumber(
    sizes,
    (id) =>
      id < b ? variable(id) : id === o ? { base: 0, terms: [scaled(piece, b), scaled(1, o + 1)] } : variable(id + 1),
  )
  const partial: Store = {
    buffer: first,
    // the pieces vary slowest, so that rows and columns lie in the scratch as they do in the tile
    at: linear([pieces, ...outer], [b, ...range(b), ...range(o - b, b + 1)]),
    value: { tag: "acc", dtype: k.dtype, id: 0 },
  }
  return {
    partial: {
      ...k,
      batch: [...k.batch, pieces],
      depth: [piece, ...k.depth.slice(1)],
      a: again(k.a),
      b: again(k.b),
      stores: [partial],
    },
    final: {
      tag: "loop",
      dims: outer,
      over: [pieces],
      stages: [
        {
          tag: "fold",
          folds: [{
            id: 0,
            fn: "sum",
            dtype: k.dtype,
            value: {
              tag: "load",
              dtype: k.dtype,
              buffer: first,
              at: linear([pieces, ...outer], [o, ...range(o)]),
              guards: [],
            },
          }],
        },
        { tag: "point", stores: k.stores },
      ],
    },
    between: [{ dtype: k.dtype, elements: pieces * batch * m * n }],
  }
}

/** A kernel in two, if that fills the device better; `first` is the number of its first scratch buffer. */
export const split = (k: Kernel, t: Tuning, first: number): Split | undefined =>
  k.tag === "loop" ? splitLoop(k, t, first) : k.tag === "contract" ? splitContract(k, t, first) : undefined

const ALIGNMENT = 256

/** The same program with long folds in two. Its arena is longer by the scratch of the split that takes most. */
export const splitProgram = (program: Program, t: Tuning): Program => {
  const buffers: Array<Buffer> = [...program.buffers]
  const kernels: Array<Kernel> = [...program.kernels]
  const made = new Map<string, ReadonlyArray<Step>>()
  const begin = Math.ceil(program.arena / ALIGNMENT) * ALIGNMENT
  let end = begin
  const inTwo = (s: Extract<Step, { tag: "dispatch" }>): ReadonlyArray<Step> => {
    const key = `${s.kernel} ${s.buffers.join()}`
    const known = made.get(key)
    if (known !== undefined) return known
    const found = split(program.kernels[s.kernel]!, t, s.buffers.length)
    const steps: ReadonlyArray<Step> = found === undefined ? [s] : halves(s, found)
    made.set(key, steps)
    return steps
  }
  const halves = (s: Extract<Step, { tag: "dispatch" }>, found: Split): ReadonlyArray<Step> => {
    let at = begin
    const scratch = found.between.map(({ dtype, elements }) => {
      buffers.push({ dtype: dtype as Exclude<Compute, "bool">, elements, place: { tag: "arena", offset: at } })
      at += Math.ceil(bufferBytes(dtype, elements) / ALIGNMENT) * ALIGNMENT
      return buffers.length - 1
    })
    end = Math.max(end, at)
    kernels.push(found.partial, found.final)
    const all = [...s.buffers, ...scratch]
    return [
      { tag: "dispatch", kernel: kernels.length - 2, buffers: all },
      { tag: "dispatch", kernel: kernels.length - 1, buffers: all },
    ]
  }
  const walk = (steps: ReadonlyArray<Step>): ReadonlyArray<Step> =>
    steps.flatMap((s): ReadonlyArray<Step> => s.tag === "dispatch" ? inTwo(s) : [{ ...s, steps: walk(s.steps) }])
  const parts = program.steps.map((s) => walk([s]))
  if (end === begin) return program
  // what was between two steps stays there
  const moved = (step: number): number => parts.slice(0, step).reduce((n, p) => n + p.length, 0)
  const exchanges = program.exchanges.map((e) => ({ ...e, start: moved(e.start), finish: moved(e.finish) }))
  return { ...program, buffers, kernels, steps: parts.flat(), exchanges, arena: end }
}
