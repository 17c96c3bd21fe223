/**
 * Attentions that adapters are tuned and measured by.
 * @module
 */
import { pairFlops, pairsOf } from "../../kernel/attend.ts"
import type { Attend, Expr, Index } from "../../kernel/kernel.ts"
import { type Policy, rounded } from "../../plan/policy.ts"
import { slotsOf, type Subject } from "./measure.ts"

/** Heads of attention: variables are head of the batch, query, key, feature, feature of the values. */
export interface Heads {
  readonly heads: number
  readonly tokens: number
  readonly features: number
}

const along = (...coefs: ReadonlyArray<number>): Index => ({
  base: 0,
  terms: coefs.flatMap((coef, id) => coef === 0 ? [] : [{ coef, atom: { tag: "var", id } as const }]),
})
const load = (buffer: number, at: Index): Expr => ({ tag: "load", dtype: "f32", buffer, at, guards: [] })
const acc = (id: number): Expr => ({ tag: "acc", dtype: "f32", id })
const place = (id: number): Expr => ({ tag: "index", dtype: "i32", at: along(...Array(id).fill(0), 1) })

/** A part of a causal attention, its operands rounded as the policy says. */
export const attention = (part: Attend["part"], h: Heads, policy: Policy): Subject<Attend> => {
  const { heads, tokens, features } = h
  const all = tokens * features
  const queries = along(all, features, 0, 1)
  const keys = along(all, 0, features, 1)
  const values = along(all, 0, features, 0, 1)
  const out = along(all, features, 0, 0, 1)
  const row = along(tokens, 1)
  const back = part === "forward" ? {} : { lse: load(3, row), delta: load(4, row), cotangent: load(5, out) }
  const kernel: Attend = {
    ...{ tag: "attend", part, batch: [heads], share: [], query: tokens, key: tokens, head: features, value: features },
    ...{ q: load(0, queries), k: load(1, keys), v: load(2, values), ...back },
    ...{ queryPosition: place(1), keyPosition: place(2) },
    ...{ scale: 1 / Math.sqrt(features), cap: 0, causal: 1, window: 0, queryBlock: 0, keyBlock: 0 },
    stores: part === "forward"
      ? [{ buffer: 6, at: out, value: acc(0) }, { buffer: 7, at: row, value: acc(1) }]
      : part === "query"
      ? [{ buffer: 6, at: queries, value: acc(0) }]
      : [{ buffer: 6, at: keys, value: acc(0) }, { buffer: 7, at: values, value: acc(1) }],
  }
  const one = heads * all
  const slots = slotsOf(
    one,
    one,
    one,
    heads * tokens,
    heads * tokens,
    one,
    one,
    part === "forward" ? heads * tokens : one,
  )
  return {
    kernel: rounded(kernel, policy) as Attend,
    slots: slots.map((s) => ({ ...s, writable: s.binding >= 6 })),
    flops: heads * pairsOf(kernel) * pairFlops(kernel),
    bytes: 4 * one * (part === "forward" ? 4 : part === "query" ? 5 : 6),
  }
}
