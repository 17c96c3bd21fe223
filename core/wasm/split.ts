/**
 * Folds of few rows, or down long columns, in two phases: the folded axis is cut into pieces of a fixed number, each a
 * fold of its own with its result in shared scratch, then the pieces are folded. So one sum has many tasks, and a column
 * sum walks through memory as it lies. The pieces depend on sizes only, never on threads.
 * @module
 */
import { substitute, variable } from "../kernel/affine.ts"
import { rebuild } from "../kernel/expression.ts"
import type { Expr, Fold, Index, Loop, Stage } from "../kernel/kernel.ts"
import type { DType } from "../tensor/dtype.ts"
import { call } from "./assembler.ts"
import { rangesOf } from "./form.ts"
import { emptyFold } from "./function.ts"
import { i32 } from "./instructions.ts"
import { type KernelArgs, type KernelCode, type KernelContext, kernelFunc, type Phase } from "./kernel.ts"

/** One loop as two: `partial` stores its folds to buffers numbered from `first`, `final` folds what is there. */
export interface Split {
  readonly partial: Loop
  readonly final: Loop
  /** Dtype and elements of each of those buffers. */
  readonly between: ReadonlyArray<{ readonly dtype: DType; readonly elements: number }>
}

const product = (sizes: ReadonlyArray<number>): number => sizes.reduce((a, b) => a * b, 1)

const canSplit = (k: Loop): boolean => {
  const [first, ...rest] = k.stages
  return first?.tag === "fold" && rest.every((s) => s.tag === "point") &&
    first.folds.every((f) => f.fn !== "argmax" && f.fn !== "argmin" && f.dtype !== "bool")
}

/** A number of pieces near the wanted one, a divisor of the size if there is one. */
const piecesNear = (size: number, wanted: number): number => {
  for (let d = 0; d < wanted; d++) {
    if (wanted + d <= size && size % (wanted + d) === 0) return wanted + d
    if (2 * d < wanted && size % (wanted - d) === 0) return wanted - d
  }
  return wanted
}

/** How many pieces, or 1. */
const wantedPieces = (k: Loop, columns: boolean): number => {
  const [rows, inner] = [product(k.dims), product(k.over)]
  const outer = k.over[0] ?? 1
  if (columns && rows * inner >= 1 << 16) {
    return Math.min(Math.floor(outer / Math.max(16, Math.ceil((1 << 16) * outer / (rows * inner)))), 512)
  }
  return rows < 32 && inner >= 1 << 15 ? Math.min(Math.floor(outer / 2), 64, inner >> 13) : 1
}

/** Cuts a loop, if that makes it faster. `columns`: each lane folds a column of its own. */
export const split = (k: Loop, columns: boolean, first: number): Split | undefined => {
  if (!canSplit(k)) return undefined
  const wanted = wantedPieces(k, columns)
  if (wanted < 4) return undefined
  const size = k.over[0]!
  const pieces = piecesNear(size, wanted)
  const length = Math.ceil(size / pieces)
  const [n, rows] = [k.dims.length, product(k.dims)]
  const { folds } = k.stages[0] as Extract<Stage, { readonly tag: "fold" }>
  // variables of the partial loop: dims, the piece, then over with the first one shortened
  const whole: Index = {
    base: 0,
    terms: [{ coef: length, atom: { tag: "var", id: n } }, { coef: 1, atom: { tag: "var", id: n + 1 } }],
  }
  const sizes = [...k.dims, pieces, length, ...k.over.slice(1)]
  const ranges = rangesOf(sizes)
  const into = (id: number): Index => id < n ? variable(id) : id === n ? whole : variable(id + 1)
  const inside = { at: whole, low: 0, high: size }
  const even = pieces * length === size
  const guarded = (e: Expr): Expr => e.tag === "load" && !even ? { ...e, guards: [...e.guards, inside] } : e
  const moved = rebuild((i, e) => substitute(i, into, e, ranges), guarded)
  const valueOf = (f: Fold): Expr => {
    const value = moved(f.value)
    const { fn } = f
    if (even || fn === "argmax" || fn === "argmin") return value
    return {
      tag: "select",
      dtype: value.dtype,
      c: { tag: "within", dtype: "bool", guards: [inside] },
      x: value,
      y: { tag: "const", dtype: value.dtype, value: emptyFold(fn, value.dtype) },
    }
  }
  const place = (piece: number): Index => ({
    base: 0,
    terms: [
      { coef: rows, atom: { tag: "var", id: piece } },
      ...k.dims.map((_, i) => ({ coef: product(k.dims.slice(i + 1)), atom: { tag: "var", id: i } as const })),
    ],
  })
  const acc = (f: Fold): Expr => ({ tag: "acc", dtype: f.dtype, id: f.id })
  const partial: Loop = {
    tag: "loop",
    dims: [...k.dims, pieces],
    over: [length, ...k.over.slice(1)],
    stages: [
      { tag: "fold", folds: folds.map((f) => ({ ...f, value: valueOf(f) })) },
      { tag: "point", stores: folds.map((f, i) => ({ buffer: first + i, at: place(n), value: acc(f) })) },
    ],
  }
  const final: Loop = {
    tag: "loop",
    dims: k.dims,
    over: [pieces],
    stages: [
      {
        tag: "fold",
        folds: folds.map((f, i) => ({
          ...f,
          value: { tag: "load", dtype: f.dtype, buffer: first + i, at: place(n), guards: [] },
        })),
      },
      ...k.stages.slice(1),
    ],
  }
  return { partial, final, between: folds.map((f) => ({ dtype: f.dtype, elements: rows * pieces })) }
}

const roundUp = (n: number): number => (n + 127) & ~63

/** The code of both loops, one after the other. */
export const splitCode = (
  s: Split,
  context: KernelContext,
  lower: (k: Loop, context: KernelContext) => KernelCode,
): KernelCode => {
  const wider = { ...context, buffers: [...context.buffers, ...s.between.map((b) => b.dtype)] }
  const places = s.between.map((_, i) => s.between.slice(0, i).reduce((at, b) => at + roundUp(4 * b.elements), 0))
  const [one, two] = [lower(s.partial, wider), lower(s.final, wider)]
  const constants = new Uint8Array(roundUp(one.constants.length) + two.constants.length)
  constants.set(one.constants)
  constants.set(two.constants, roundUp(one.constants.length))
  const phasesOf = (code: KernelCode, offset: number): ReadonlyArray<Phase> =>
    code.phases.map((phase) => ({
      ...phase,
      func: kernelFunc("part", context, (_, args: KernelArgs) =>
        call(
          phase.func,
          ...args.buffers,
          ...places.map((at) => i32.add(args.shared, at)),
          ...args.turns,
          i32.add(args.constants, offset),
          args.shared,
          args.scratch,
          args.lo,
          args.hi,
        )),
    }))
  return {
    phases: [...phasesOf(one, 0), ...phasesOf(two, roundUp(one.constants.length))],
    scratch: Math.max(one.scratch, two.scratch),
    shared: s.between.reduce((n, b) => n + roundUp(4 * b.elements), 0),
    constants,
  }
}
