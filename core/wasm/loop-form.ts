/**
 * Loops in their form: variables merged, narrow ones joined, expressions interned.
 * @module
 */
import { substitute, variable } from "../kernel/affine.ts"
import { rebuild } from "../kernel/expression.ts"
import type { Expr, Fold, Index, Loop, Stage, Store } from "../kernel/kernel.ts"
import { collapsed, type Form, type Interned, interned, merged, rangesOf } from "./form.ts"
import { emptyFold } from "./function.ts"
import { ordered } from "./nest.ts"

/** A loop in its form: its stages with interned expressions. */
export interface Prepared {
  readonly of: Interned
  readonly dims: ReadonlyArray<number>
  readonly over: ReadonlyArray<number>
  readonly stages: ReadonlyArray<Stage>
}

const parts = (stages: ReadonlyArray<Stage>): Pick<Form, "exprs" | "indices"> => ({
  exprs: stages.flatMap((s) => s.tag === "fold" ? s.folds.map((f) => f.value) : s.stores.map((t) => t.value)),
  indices: stages.flatMap((s) => s.tag === "fold" ? [] : s.stores.map((t) => t.at)),
})

const rebuilt = (stages: ReadonlyArray<Stage>, form: Form): ReadonlyArray<Stage> => {
  let [e, i] = [0, 0]
  return stages.map((s): Stage =>
    s.tag === "fold"
      ? { ...s, folds: s.folds.map((f) => ({ ...f, value: form.exprs[e++]! })) }
      : { ...s, stores: s.stores.map((t) => ({ ...t, value: form.exprs[e++]!, at: form.indices[i++]! })) }
  )
}

/** Is it a fold to a position? */
export const isArg = (f: Fold): boolean => f.fn === "argmax" || f.fn === "argmin"

/** Joins the two innermost variables of a map where neither is long enough for lanes. */
const widened = (f: Form): Form => {
  const [dims, over] = f.groups
  if (over!.ids.length > 0 || dims!.ids.length < 2 || f.indices.length === 0) return f
  const [inner, outer] = [...ordered(dims!.ids, f.indices)].reverse() as [number, number]
  const [m, n] = [f.sizes[inner]!, f.sizes[outer]!]
  const narrow = m < 16 && (m === 2 || m % 4 === 0) && m * n >= 8
  return narrow ? collapsed(f, outer, inner) : f
}

/** Brings a loop into its form. */
export const prepare = (k: Loop): Prepared => {
  const first = k.dims.length
  const args = k.stages.some((s) => s.tag === "fold" && s.folds.some(isArg))
  const form = widened(merged({
    sizes: [...k.dims, ...k.over],
    groups: [
      { ids: k.dims.map((_, i) => i), free: true },
      { ids: k.over.map((_, i) => first + i), free: !args },
    ],
    ...parts(k.stages),
  }))
  const of = interned(form)
  return { of, dims: form.groups[0]!.ids, over: form.groups[1]!.ids, stages: rebuilt(k.stages, of.form) }
}

/** A loop over no inner points: folds give what they give for nothing, sweeps store nothing. */
export const hollow = (k: Loop): Loop => {
  const folds = k.stages.flatMap((s) => s.tag === "fold" ? s.folds : [])
  const empty = (e: Expr): Expr => {
    if (e.tag !== "acc") return e
    const { fn } = folds.find((f) => f.id === e.id)!
    const value = fn === "argmax" || fn === "argmin" ? 0 : emptyFold(fn, e.dtype)
    return { tag: "const", dtype: e.dtype, value }
  }
  const again = rebuild((i, e) => substitute(i, variable, e, rangesOf([...k.dims, ...k.over])), empty)
  const stages = k.stages.filter((s) => s.tag === "point").map((s): Stage => ({
    tag: "point",
    stores: s.stores.map((t) => ({ ...t, value: again(t.value) })),
  }))
  return { ...k, over: [], stages }
}

/** The loop in its form, variables that are folded over in that order. */
export const compact = (p: Prepared, inner: ReadonlyArray<number>): Loop => {
  const { sizes } = p.of.form
  const order = [...p.dims, ...inner]
  const numbers = new Map(order.map((id, i) => [id, i]))
  const ranges = rangesOf(order.map((id) => sizes[id]!))
  const into = (id: number): Index => variable(numbers.get(id)!)
  const again = rebuild((i, e) => substitute(i, into, e, ranges))
  const store = (t: Store): Store => ({ ...t, at: substitute(t.at, into, again, ranges), value: again(t.value) })
  const stages = p.stages.map((s): Stage =>
    s.tag === "fold"
      ? { ...s, folds: s.folds.map((f) => ({ ...f, value: again(f.value) })) }
      : { ...s, stores: s.stores.map(store) }
  )
  return { tag: "loop", dims: p.dims.map((id) => sizes[id]!), over: inner.map((id) => sizes[id]!), stages }
}
