/**
 * The rules that a program's kernels keep, where they are dispatched: variables and turns that there are, accumulators
 * that were folded, types that fit their buffers, indices inside of them.
 * @module
 */
import { operandsOf } from "../kernel/attend.ts"
import { rangeOf, type Ranges } from "../kernel/affine.ts"
import { exprsOf, indexValues, indicesOf, sizesOf, storesOf, valuesOf, walk } from "../kernel/expression.ts"
import type { Expr, Index } from "../kernel/kernel.ts"
import { type Compute, dtypes } from "../tensor/dtype.ts"
import { bound, type Found, highest, type Rule, when } from "./breach.ts"

export const variables: Rule = {
  name: "variables",
  breaches: (p) => [
    ...p.kernels.flatMap((k, i) => {
      const most = sizesOf(k).length
      const top = indicesOf(k).reduce((m, x) => Math.max(m, highest(x)), -1)
      const outer = k.tag === "loop" || k.tag === "scatter" ? k.dims.length : most
      const early = k.tag === "scatter"
        ? [k.at]
        : k.tag === "loop"
        ? k.stages.flatMap((s) => (s.tag === "point" ? s.stores.map((x) => x.at) : []))
        : []
      return [
        ...when(top >= most, `kernels.${i}`, `uses variable ${top}; it has ${most}`),
        ...when(
          early.some((x) => highest(x) >= outer),
          `kernels.${i}`,
          "stores at an inner variable where only outer ones are known",
        ),
      ]
    }),
    ...bound(p).flatMap(({ where, kernel, turns }) => {
      const depth = indicesOf(kernel).reduce(
        (m, x) => x.terms.reduce((n, { atom }) => (atom.tag === "turn" ? Math.max(n, atom.depth) : n), m),
        -1,
      )
      return when(depth >= turns.length, where, `uses turn ${depth} inside ${turns.length} repeats`)
    }),
  ],
}

/** Accs that are there in each part of a kernel. */
export const accs: Rule = {
  name: "accs",
  breaches: (p) =>
    p.kernels.flatMap((k, i) => {
      const where = `kernels.${i}`
      const known = new Map<number, Compute>()
      const missing = (roots: ReadonlyArray<Expr>): ReadonlyArray<Found> =>
        walk(roots).flatMap((e) =>
          e.tag !== "acc"
            ? []
            : known.get(e.id) === undefined
            ? when(true, where, `uses acc ${e.id} before it is folded`)
            : when(known.get(e.id) !== e.dtype, where, `acc ${e.id} is ${known.get(e.id)}, used as ${e.dtype}`)
        )
      if (k.tag === "loop") {
        return k.stages.flatMap((s) => {
          if (s.tag !== "fold") return missing(s.stores.flatMap((x) => [x.value, ...indexValues(x.at)]))
          const found = missing(s.folds.map((f) => f.value))
          for (const f of s.folds) known.set(f.id, f.fn === "argmax" || f.fn === "argmin" ? "i32" : f.dtype)
          return found
        })
      }
      const before = missing(
        k.tag === "contract" || k.tag === "nearest"
          ? [k.a, k.b]
          : k.tag === "cumulate"
          ? [k.value]
          : k.tag === "attend"
          ? operandsOf(k)
          : valuesOf(k),
      )
      if (k.tag === "contract" || k.tag === "cumulate") known.set(0, k.dtype)
      if (k.tag === "nearest") known.set(0, "i32")
      if (k.tag === "attend") [0, 1].slice(0, k.part === "query" ? 1 : 2).forEach((id) => known.set(id, "f32"))
      return [...before, ...missing(storesOf(k).flatMap((s) => [s.value, ...indexValues(s.at)]))]
    }),
}

const comparisons: ReadonlySet<string> = new Set(["eq", "ne", "lt", "le", "gt", "ge"])

/** What is wrong with the types of one expression. */
const illTyped = (e: Expr): string | undefined => {
  switch (e.tag) {
    case "binary": {
      if (e.x.dtype !== e.y.dtype) return `${e.fn} of ${e.x.dtype} and ${e.y.dtype}`
      const gives = comparisons.has(e.fn) ? "bool" : e.x.dtype
      return e.dtype === gives ? undefined : `${e.fn} of ${e.x.dtype} gives ${gives}, not ${e.dtype}`
    }
    case "unary": {
      const gives = e.fn === "isnan" || e.fn === "isfinite" ? "bool" : e.x.dtype
      return e.dtype === gives ? undefined : `${e.fn} of ${e.x.dtype} gives ${gives}, not ${e.dtype}`
    }
    case "select":
      return e.c.dtype === "bool" && e.x.dtype === e.dtype && e.y.dtype === e.dtype
        ? undefined
        : `selects by ${e.c.dtype} from ${e.x.dtype} and ${e.y.dtype} for ${e.dtype}`
    case "round":
      return e.x.dtype === e.dtype ? undefined : `rounds ${e.x.dtype} to ${e.dtype}`
    default:
      return undefined
  }
}

export const types: Rule = {
  name: "types",
  breaches: (p) => [
    ...p.kernels.flatMap((k, i) =>
      exprsOf(k).flatMap((e) => {
        const wrong = illTyped(e)
        return wrong === undefined ? [] : when(true, `kernels.${i}`, wrong)
      })
    ),
    ...bound(p).flatMap(({ where, kernel, number, buffers }) => {
      const of = (b: number) => p.buffers[buffers[b]!]!
      const compute = (b: number): Compute => dtypes[of(b).dtype].compute
      const stored = kernel.tag === "scatter"
        ? [{ buffer: kernel.buffer, dtype: kernel.dtype }]
        : kernel.tag === "sort"
        ? [{ buffer: kernel.buffer, dtype: "i32" as const }]
        : storesOf(kernel).map((s) => ({ buffer: s.buffer, dtype: s.value.dtype }))
      return [
        ...exprsOf(kernel).flatMap((e) =>
          e.tag !== "load" ? [] : when(
            compute(e.buffer) !== e.dtype,
            where,
            `kernel ${number} loads ${e.dtype} from buffer ${buffers[e.buffer]} of ${of(e.buffer).dtype}`,
          )
        ),
        ...stored.flatMap((s) =>
          when(
            compute(s.buffer) !== s.dtype,
            where,
            `kernel ${number} stores ${s.dtype} to buffer ${buffers[s.buffer]} of ${of(s.buffer).dtype}`,
          )
        ),
        ...when(
          kernel.tag === "scatter" && of(kernel.buffer).elements !== kernel.elements,
          where,
          `kernel ${number} scatters into another number of elements than its buffer has`,
        ),
      ]
    }),
  ],
}

const plainSum = (i: Index): boolean => i.terms.every(({ atom }) => atom.tag === "var" || atom.tag === "turn")

export const ranges: Rule = {
  name: "ranges",
  breaches: (p) =>
    bound(p).flatMap(({ where, kernel, number, buffers, turns }) => {
      const sizes = sizesOf(kernel)
      // where an axis is empty nothing runs
      if ([...sizes, ...turns].includes(0)) return []
      const known: Ranges = { size: (id) => sizes[id]!, turn: (d) => turns[d]!, value: () => [0, 0] }
      const inside = (what: string, b: number, at: Index): ReadonlyArray<Found> => {
        if (!plainSum(at)) return []
        const [low, high] = rangeOf(at, known)
        const { elements } = p.buffers[buffers[b]!]!
        const message = `kernel ${number} ${what} ${low} to ${high} of buffer ${
          buffers[b]
        }, which has ${elements} elements`
        return when(low < 0 || high >= elements, where, message)
      }
      return [
        ...exprsOf(kernel).flatMap((
          e,
        ) => (e.tag === "load" && e.guards.length === 0 ? inside("loads", e.buffer, e.at) : [])),
        ...storesOf(kernel).flatMap((s) => inside("stores to", s.buffer, s.at)),
        ...(kernel.tag === "sort" ? inside("stores to", kernel.buffer, kernel.at) : []),
        ...(kernel.tag === "scatter" ? inside("stores to", kernel.buffer, kernel.at) : []),
      ]
    }),
}
