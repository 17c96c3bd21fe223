/**
 * Kernels from outside: io-ts codecs of their flat form (`flat.ts`), in which expressions are named by number. A decoded
 * kernel has the right form; `core/plan/validity.ts` says whether it means anything.
 * @module
 */
import { either as E } from "fp-ts"
import * as t from "io-ts"
import { natural, positive } from "../files/codec.ts"
import { type DType, dtypes } from "../tensor/dtype.ts"
import type { BinaryFn, CumulateFn, ReduceFn, UnaryFn } from "../graph/node.ts"
import { binaryRules, cumulateRules, reduceRules, unaryRules } from "../graph/rules.ts"
import { type FlatKernel, flatten, unflatten } from "./flat.ts"
import type { Kernel } from "./kernel.ts"

/** A whole number of either sign. */
export const integer: t.Type<number, unknown> = new t.Type<number>(
  "whole number",
  (u): u is number => Number.isSafeInteger(u),
  (u, c) => Number.isSafeInteger(u) ? t.success(u as number) : u === "-0" ? t.success(0) : t.failure(u, c),
  t.identity,
)

/** Any number; those that JSON lacks as text. */
const anyNumber = t.union([
  t.number,
  t.literal("NaN"),
  t.literal("Infinity"),
  t.literal("-Infinity"),
  t.literal("-0"),
], "number")

const keyof = <K extends string>(table: { readonly [P in K]: unknown }, name: string): t.Type<K, unknown> =>
  new t.Type<K, unknown>(
    name,
    (u): u is K => typeof u === "string" && Object.hasOwn(table, u),
    (u, c) => typeof u === "string" && Object.hasOwn(table, u) ? t.success(u as K) : t.failure(u, c),
    t.identity,
  )

/** A dtype. */
export const dtypeCodec: t.Type<DType, unknown> = keyof<DType>(dtypes, "dtype")

const compute = keyof({ f32: 0, i32: 0, u32: 0, bool: 0 }, "compute type")
const unaryFn = keyof<UnaryFn>(unaryRules, "function of one element")
const binaryFn = keyof<BinaryFn>(binaryRules, "function of two elements")
const reduceFn = keyof<ReduceFn>(reduceRules, "fold")
const cumulateFn = keyof<CumulateFn>(cumulateRules, "running fold")

const list = <A>(of: t.Type<A, unknown>): t.Type<ReadonlyArray<A>, unknown> =>
  t.readonlyArray(of, `list of ${of.name}`) as unknown as t.Type<ReadonlyArray<A>, unknown>

/** Records that are told apart by their tag; what is said of a wrong one is about that tag's record. */
const tagged = (name: string, members: { readonly [tag: string]: t.Mixed }): t.Type<unknown, unknown> =>
  new t.Type<unknown, unknown>(
    name,
    (u): u is unknown => Object.values(members).some((m) => m.is(u)),
    (u, c) => {
      const tag: unknown = typeof u === "object" && u !== null ? (u as { readonly tag?: unknown }).tag : undefined
      return typeof tag === "string" && Object.hasOwn(members, tag)
        ? E.map((fields: unknown) => ({ tag, ...(fields as object) }))(members[tag]!.validate(u, c))
        : t.failure(u, c)
    },
    t.identity,
  )

const ref = t.strict({ expr: natural }, "number of an expression")

const index: t.Type<unknown, unknown> = t.recursion("index", () => {
  const divided = t.strict({ of: index, by: positive }, "division")
  const atom = tagged("variable, turn, division, remainder or value", {
    var: t.strict({ id: natural }, "variable"),
    turn: t.strict({ depth: natural }, "turn"),
    div: divided,
    mod: divided,
    value: t.strict({ of: ref }, "value"),
  })
  const sum = t.strict({ base: integer, terms: list(t.strict({ coef: integer, atom }, "term")) }, "index")
  return sum as unknown as t.Type<unknown, unknown>
})

const guards = list(t.strict({ at: index, low: integer, high: integer }, "guard"))

const expr = tagged("expression", {
  load: t.strict({ dtype: compute, buffer: natural, at: index, guards }, "load"),
  const: t.strict({ dtype: compute, value: anyNumber }, "constant"),
  index: t.strict({ dtype: compute, at: index }, "index value"),
  within: t.strict({ dtype: t.literal("bool"), guards }, "guard value"),
  unary: t.strict({ dtype: compute, fn: unaryFn, x: ref }, "function of one"),
  binary: t.strict({ dtype: compute, fn: binaryFn, x: ref, y: ref }, "function of two"),
  select: t.strict({ dtype: compute, c: ref, x: ref, y: ref }, "selection"),
  cast: t.strict({ dtype: compute, x: ref }, "cast"),
  bitcast: t.strict({ dtype: compute, x: ref }, "bitcast"),
  round: t.strict({ dtype: compute, to: dtypeCodec, x: ref }, "rounding"),
  acc: t.strict({ dtype: compute, id: natural }, "accumulator"),
})

const sizes = list(natural)
const stores = list(t.strict({ buffer: natural, at: index, value: ref }, "store"))

const stage = tagged("stage", {
  fold: t.strict({ folds: list(t.strict({ id: natural, fn: reduceFn, dtype: compute, value: ref }, "fold")) }, "folds"),
  sweep: t.strict({ stores }, "sweep"),
  point: t.strict({ stores }, "point"),
})

const kernel = tagged("kernel", {
  loop: t.strict({ dims: sizes, over: sizes, stages: list(stage) }, "loop"),
  contract: t.strict(
    { dtype: compute, batch: sizes, rows: sizes, cols: sizes, depth: sizes, a: ref, b: ref, stores },
    "contraction",
  ),
  scatter: t.strict({
    dtype: compute,
    dims: sizes,
    along: sizes,
    row: ref,
    size: natural,
    stride: natural,
    value: ref,
    buffer: natural,
    at: index,
    elements: natural,
  }, "scatter"),
  cumulate: t.strict(
    { dtype: compute, dims: sizes, length: natural, fn: cumulateFn, reverse: t.boolean, value: ref, stores },
    "running fold",
  ),
  sort: t.strict(
    { dims: sizes, length: natural, descending: t.boolean, key: ref, buffer: natural, at: index },
    "sort",
  ),
  nearest: t.strict(
    { batch: sizes, rows: sizes, codes: natural, depth: sizes, a: ref, b: ref, stores },
    "search for the nearest code",
  ),
  attend: t.intersection([
    t.strict({
      part: keyof({ forward: 0, query: 0, keys: 0 }, "part of attention"),
      batch: sizes,
      share: sizes,
      query: natural,
      key: natural,
      head: natural,
      value: natural,
      q: ref,
      k: ref,
      v: ref,
      queryPosition: ref,
      keyPosition: ref,
      scale: t.number,
      cap: t.number,
      causal: natural,
      window: natural,
      queryBlock: natural,
      keyBlock: natural,
      stores,
    }),
    t.exact(t.partial({ querySegment: ref, keySegment: ref, bias: ref, lse: ref, delta: ref, cotangent: ref })),
  ], "attention"),
})

const flat = t.strict({ exprs: list(expr), kernel }, "kernel and its expressions")

/** A reference to an expression that does not stand before what refers to it. */
const stray = (x: unknown, before: number): number | undefined => {
  if (typeof x !== "object" || x === null) return undefined
  for (const [key, inner] of Object.entries(x)) {
    const found = key === "expr" && typeof inner === "number"
      ? (inner < before ? undefined : inner)
      : stray(inner, before)
    if (found !== undefined) return found
  }
  return undefined
}

/** Kernels as JSON documents. */
export const kernelCodec: t.Type<Kernel, unknown> = new t.Type<Kernel, unknown>(
  "kernel",
  (u): u is Kernel => typeof u === "object" && u !== null && "tag" in u,
  (u, c) => {
    const decoded = flat.validate(u, c)
    if (E.isLeft(decoded)) return decoded
    const made = decoded.right as FlatKernel
    const at = made.exprs.findIndex((e, i) => stray(e, i) !== undefined)
    if (at >= 0) return t.failure(stray(made.exprs[at], at), t.appendContext(c, `exprs.${at}`, earlier))
    const lost = stray(made.kernel, made.exprs.length)
    return lost === undefined ? t.success(unflatten(made)) : t.failure(lost, t.appendContext(c, "kernel", earlier))
  },
  flatten,
)

const earlier: t.Type<number, unknown> = new t.Type<number, unknown>(
  "number of an earlier expression",
  (u): u is number => natural.is(u),
  (u, c) => natural.is(u) ? t.success(u) : t.failure(u, c),
  t.identity,
)
