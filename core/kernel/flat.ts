/**
 * A kernel as plain JSON data in which shared expressions stay shared: expressions are listed once, arguments first, and
 * wherever one stands in the kernel there is its number, `{ "expr": 3 }`. Equal kernels have equal flat forms.
 * @module
 */
import { storesOf, valuesOf, walk } from "./expression.ts"
import { indexValues } from "./expression.ts"
import type { Expr, Kernel } from "./kernel.ts"

/** A kernel and its expressions, taken apart. */
export interface FlatKernel {
  /** Each like an `Expr`, with `{ expr: number }` for the expressions inside it. */
  readonly exprs: ReadonlyArray<unknown>
  /** Like a `Kernel`, with `{ expr: number }` for its expressions. */
  readonly kernel: unknown
}

const numberText = (x: number): number | string =>
  Number.isFinite(x) && !Object.is(x, -0) ? x : String(Object.is(x, -0) ? "-0" : x)

const isRecord = (x: unknown): x is { readonly [k: string]: unknown } => typeof x === "object" && x !== null

const replace = (x: unknown, names: ReadonlyMap<unknown, number>): unknown => {
  const name = names.get(x)
  return name !== undefined ? { expr: name } : inside(x, names)
}

const inside = (x: unknown, names: ReadonlyMap<unknown, number>): unknown =>
  typeof x === "number"
    ? numberText(x)
    : Array.isArray(x)
    ? x.map((y) => replace(y, names))
    : isRecord(x)
    ? Object.fromEntries(Object.entries(x).map(([k, v]) => [k, replace(v, names)]))
    : x

/** Takes a kernel apart. Numbers that JSON lacks (NaN, infinities, -0) become their names. */
export const flatten = (k: Kernel): FlatKernel => {
  const at = k.tag === "scatter" || k.tag === "sort" ? indexValues(k.at) : []
  const exprs = walk([...valuesOf(k), ...storesOf(k).flatMap((s) => indexValues(s.at)), ...at])
  const names = new Map<unknown, number>(exprs.map((e, i) => [e, i]))
  return { exprs: exprs.map((e) => inside(e, names)), kernel: inside(k, names) }
}

const special: { readonly [name: string]: number } = { NaN: NaN, Infinity: Infinity, "-Infinity": -Infinity, "-0": -0 }

const rebuilt = (x: unknown, exprs: ReadonlyArray<Expr>, key = ""): unknown =>
  typeof x === "string" && (key === "value" || key === "base") && Object.hasOwn(special, x)
    ? special[x]
    : Array.isArray(x)
    ? x.map((y) => rebuilt(y, exprs))
    : !isRecord(x)
    ? x
    : typeof x.expr === "number"
    ? exprs[x.expr]
    : Object.fromEntries(Object.entries(x).map(([k, v]) => [k, rebuilt(v, exprs, k)]))

/** Puts a kernel together again. The flat form must come from `flatten` or have been decoded first. */
export const unflatten = (f: FlatKernel): Kernel => {
  const exprs: Array<Expr> = []
  for (const e of f.exprs) exprs.push(rebuilt(e, exprs) as Expr)
  return rebuilt(f.kernel, exprs) as Kernel
}

/** A text that equal kernels share. */
export const kernelKey = (k: Kernel): string => JSON.stringify(flatten(k))
