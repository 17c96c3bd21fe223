/**
 * Fewer and longer loops: neighbouring variables that every index of a kernel takes as one are made one. What the
 * kernel computes does not change, only how many loops say it.
 * @module
 */
import { withOperands } from "../kernel/attend.ts"
import { type Ranges, scaleIndex, substitute, variable } from "../kernel/affine.ts"
import { indicesOf, rebuild, sizesOf } from "../kernel/expression.ts"
import type { Expr, Index, Kernel, Stage, Store } from "../kernel/kernel.ts"

/** Lists of variables that may be merged only within themselves. */
const groupsOf = (k: Kernel): ReadonlyArray<ReadonlyArray<number>> =>
  k.tag === "loop"
    ? [k.dims, k.over]
    : k.tag === "contract"
    ? [k.batch, k.rows, k.cols, k.depth]
    : k.tag === "nearest"
    ? [k.batch, k.rows, [k.codes], k.depth]
    : k.tag === "scatter"
    ? [k.dims, k.along]
    : k.tag === "attend"
    ? [k.batch, k.share, [k.query], [k.key], [k.head], [k.value]]
    : [k.dims, [k.length]]

const coefOf = (i: Index, id: number): number =>
  i.terms.find((t) => t.atom.tag === "var" && t.atom.id === id)?.coef ?? 0

/** The kernel with all its indices and expressions mapped, and other sizes. */
const remade = (
  k: Kernel,
  groups: ReadonlyArray<ReadonlyArray<number>>,
  index: (i: Index) => Index,
  expr: (e: Expr) => Expr,
): Kernel => {
  const store = (s: Store): Store => ({ buffer: s.buffer, at: index(s.at), value: expr(s.value) })
  const [g0 = [], g1 = [], g2 = [], g3 = []] = groups
  switch (k.tag) {
    case "loop":
      return {
        ...k,
        dims: g0,
        over: g1,
        stages: k.stages.map((s): Stage =>
          s.tag === "fold"
            ? { ...s, folds: s.folds.map((f) => ({ ...f, value: expr(f.value) })) }
            : { ...s, stores: s.stores.map(store) }
        ),
      }
    case "contract":
      return { ...k, batch: g0, rows: g1, cols: g2, depth: g3, a: expr(k.a), b: expr(k.b), stores: k.stores.map(store) }
    case "nearest":
      return { ...k, batch: g0, rows: g1, depth: g3, a: expr(k.a), b: expr(k.b), stores: k.stores.map(store) }
    case "scatter":
      return { ...k, dims: g0, along: g1, row: expr(k.row), value: expr(k.value), at: index(k.at) }
    case "cumulate":
      return { ...k, dims: g0, value: expr(k.value), stores: k.stores.map(store) }
    case "sort":
      return { ...k, dims: g0, key: expr(k.key), at: index(k.at) }
    case "attend":
      return { ...withOperands(k, expr), batch: g0, share: g1, stores: k.stores.map(store) }
  }
}

/** Does an argmax or argmin need the inner loop as it is? A longer loop would count positions along both. */
const fixed = (k: Kernel, group: number): boolean =>
  k.tag === "loop" && group === 1 &&
  k.stages.some((s) => s.tag === "fold" && s.folds.some((f) => f.fn === "argmax" || f.fn === "argmin"))

interface Merge {
  /** The slower variable; the faster one is the next. */
  readonly at: number
  readonly group: number
}

const mergeable = (k: Kernel): Merge | undefined => {
  const groups = groupsOf(k)
  const sizes = sizesOf(k)
  const indices = indicesOf(k)
  let first = 0
  for (const [group, list] of groups.entries()) {
    for (let i = 0; i + 1 < list.length && !fixed(k, group); i++) {
      const [u, v] = [first + i, first + i + 1]
      if (indices.every((x) => coefOf(x, u) === coefOf(x, v) * sizes[v]!)) return { at: u, group }
    }
    first += list.length
  }
  return undefined
}

const merged = (k: Kernel, m: Merge): Kernel => {
  const sizes = sizesOf(k)
  const groups = groupsOf(k)
  const before = groups.slice(0, m.group).reduce((n, g) => n + g.length, 0)
  const longer = (g: ReadonlyArray<number>): ReadonlyArray<number> =>
    g.flatMap((s, i) => before + i === m.at ? [s * sizes[m.at + 1]!] : before + i === m.at + 1 ? [] : [s])
  const next = groups.map((g, i) => i === m.group ? longer(g) : g)
  const flat = next.flat()
  const ranges: Ranges = {
    size: (id) => flat[id]!,
    value: () => [0, Number.MAX_SAFE_INTEGER],
    turn: () => Number.MAX_SAFE_INTEGER,
  }
  // u * size(v) + v becomes one variable: in an index that has both, v carries it and u vanishes
  const into = (id: number): Index =>
    id < m.at ? variable(id) : id === m.at ? scaleIndex(variable(0), 0) : variable(id - 1)
  const index = (i: Index, again: (e: Expr) => Expr): Index => substitute(i, into, again, ranges)
  const expr = rebuild(index)
  return remade(k, next, (i) => index(i, expr), expr)
}

/** Merges loops until none can be. */
export const simplify = (k: Kernel): Kernel => {
  let now = k
  for (let m = mergeable(now); m !== undefined; m = mergeable(now)) now = merged(now, m)
  return now
}
