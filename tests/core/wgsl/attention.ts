/**
 * Attentions to write WGSL for: plain operands, one batch and one share axis.
 * @module
 */
import type { Attend, Expr } from "../../../core/kernel/kernel.ts"
import type { Slot } from "../../../core/wgsl/emitter.ts"
import { along, load, slots } from "./build.ts"

/** How large it is. */
export interface Sizes {
  readonly part: Attend["part"]
  readonly batch: number
  readonly share: number
  readonly query: number
  readonly key: number
  readonly head: number
  readonly value: number
}

/** Heads of a size that everybody has. */
export const square: Sizes = { part: "forward", batch: 8, share: 4, query: 2048, key: 2048, head: 128, value: 128 }

/** All parts. */
export const parts: ReadonlyArray<Attend["part"]> = ["forward", "query", "keys"]

/** Variables: batch, share, query, key, head, value. */
export const attention = (z: Sizes, more: Partial<Attend> = {}): Attend => {
  const { part, batch, share, query, key, head, value } = z
  const place = (id: number): Expr => ({ tag: "index", dtype: "i32", at: along(...Array(id).fill(0), 1) })
  const acc = (id: number): Expr => ({ tag: "acc", dtype: "f32", id })
  const row = (n: number): readonly [number, number, number] => [share * query * n, query * n, n]
  const q = along(...row(head), 0, 1)
  const k = along(key * head, 0, 0, head, 1)
  const v = along(key * value, 0, 0, value, 0, 1)
  const out = along(...row(value), 0, 0, 1)
  const line = along(...row(1))
  return {
    ...{ tag: "attend", part, batch: [batch], share: [share], query, key, head, value },
    ...{ q: load(0, q), k: load(1, k), v: load(2, v), queryPosition: place(2), keyPosition: place(3) },
    ...(part === "forward" ? {} : { lse: load(3, line), delta: load(4, line), cotangent: load(5, out) }),
    ...{ scale: 0.1, cap: 0, causal: 1, window: 0, queryBlock: 0, keyBlock: 0 },
    stores: part === "forward"
      ? [{ buffer: 6, at: out, value: acc(0) }, { buffer: 7, at: line, value: acc(1) }]
      : part === "query"
      ? [{ buffer: 6, at: q, value: acc(0) }]
      : [{ buffer: 6, at: k, value: acc(0) }, { buffer: 7, at: v, value: acc(1) }],
    ...more,
  }
}

/** The buffers of such an attention. */
export const slotsOf = ({ part, batch, share, query, key, head, value }: Sizes): ReadonlyArray<Slot> => {
  const rows = batch * share * query
  const keys = batch * key
  const written = part === "forward"
    ? [rows * value, rows]
    : part === "query"
    ? [rows * head, 4]
    : [keys * head, keys * value]
  return slots([rows * head, keys * head, keys * value, rows, rows, rows * value, ...written], [6, 7])
}
