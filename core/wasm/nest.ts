/**
 * Which variable takes four values at once, in which order the loops stand, how many copies stand side by side, and how
 * the outer loops are cut into tasks. Choices by estimated cost; the results depend on sizes only, never on threads.
 * @module
 */
import { children, walk } from "../kernel/expression.ts"
import type { Expr, Index } from "../kernel/kernel.ts"
import type { UnaryFn } from "../graph/node.ts"
import { lanesOf, smoothOf } from "./lanes.ts"

/** How the work of the outer loops is cut. */
export interface Cut {
  /** Number of outer loops whose values a task's number tells; the next one is cut into chunks. */
  readonly fixed: number
  readonly chunk: number
  readonly tasks: number
  readonly grain: number
}

const heavy: { readonly [F in UnaryFn]?: number } = {
  exp: 16,
  log: 24,
  sin: 30,
  cos: 30,
  tanh: 24,
  erf: 26,
  sigmoid: 22,
  sqrt: 5,
  rsqrt: 9,
  recip: 5,
}

const heavyPairs: { readonly [fn: string]: number } = { div: 5, rem: 60, pow: 160, max: 4, min: 4 }

/** Vector instructions of one expression itself. */
export const ownCost = (e: Expr): number => {
  switch (e.tag) {
    case "unary":
      return heavy[e.fn] ?? 1
    case "binary":
      return e.x.dtype === "f32" ? heavyPairs[e.fn] ?? 1 : ["div", "rem", "pow"].includes(e.fn) ? 40 : 1
    case "load":
      return 1 + 4 * e.guards.length
    case "round":
      return 8
    case "const":
    case "acc":
      return 0
    default:
      return 2
  }
}

/** Vector instructions of expressions, each once. */
export const costOf = (roots: ReadonlyArray<Expr>): number => walk(roots).reduce((sum, e) => sum + ownCost(e), 0)

/** Instructions for four elements, by how their places lie. */
const accessCost = (i: Index, id: number, varies: (e: Expr) => boolean): number => {
  const exact = lanesOf(i, id, varies)
  const lanes = exact ?? smoothOf(i, id, varies)?.lanes
  if (lanes === undefined) return 16
  if (exact === undefined) return 6
  const span = Math.max(...lanes) - Math.min(...lanes)
  if (span === 0) return 0.5
  if (lanes.every((d, l) => d === l)) return 1
  return span < 8 ? 3 : 8
}

/** Tells which expressions depend on the variable. */
export const variesWith = (id: number): (e: Expr) => boolean => {
  const known = new Map<Expr, boolean>()
  const inIndex = (i: Index): boolean =>
    i.terms.some(({ atom }) =>
      atom.tag === "var"
        ? atom.id === id
        : atom.tag === "value"
        ? varies(atom.of)
        : atom.tag !== "turn" && inIndex(atom.of)
    )
  const varies = (e: Expr): boolean => {
    const before = known.get(e)
    if (before !== undefined) return before
    const own = e.tag === "load" || e.tag === "index" ? inIndex(e.at) : false
    const guarded = (e.tag === "load" || e.tag === "within") && e.guards.some((g) => inIndex(g.at))
    const made = own || guarded || children(e).some(varies)
    known.set(e, made)
    return made
  }
  return varies
}

/** Does the expression depend on the variable? */
export const varying = (e: Expr, id: number): boolean => variesWith(id)(e)

/** Time of one element, in vector instructions, if variable `id` of that size takes four values at once. */
export const vectorCost = (
  id: number,
  size: number,
  exprs: ReadonlyArray<Expr>,
  places: ReadonlyArray<Index>,
): number => {
  const varies = variesWith(id)
  const all = walk(exprs)
  const loads = all.flatMap((e) => e.tag === "load" ? [accessCost(e.at, id, varies)] : [])
  const stores = places.map((i) => accessCost(i, id, varies))
  const four = [...loads, ...stores].reduce((a, b) => a + b, 0) + 0.3 * costOf(exprs) + 1
  const turns = Math.floor(size / 4) + size % 4
  return four * turns / size
}

/** How far an index moves with a variable, at most: what lies far apart goes outside. */
export const stride = (i: Index, id: number): number =>
  i.terms.reduce((most, { coef, atom }) => {
    const inner = atom.tag === "var"
      ? (atom.id === id ? 1 : 0)
      : atom.tag === "div"
      ? stride(atom.of, id) / atom.by
      : atom.tag === "mod"
      ? Math.min(stride(atom.of, id), atom.by)
      : 0
    return Math.max(most, Math.abs(coef) * inner)
  }, 0)

/** Variables, the farthest apart first. */
export const ordered = (ids: ReadonlyArray<number>, places: ReadonlyArray<Index>): ReadonlyArray<number> => {
  const far = (id: number): number => places.reduce((sum, i) => sum + Math.log2(1 + stride(i, id)), 0)
  return [...ids].sort((a, b) => far(b) - far(a))
}

/** Copies side by side: as many as hide latency and fill the registers, not more than there is work for. */
export const copiesFor = (size: number, cost: number, most: number): number => {
  const wanted = cost <= 14 ? most : cost <= 60 ? Math.min(2, most) : 1
  return [8, 4, 2, 1].find((u) => u <= wanted && 4 * u <= size) ?? 1
}

const enoughTasks = 64
const taskWork = 16384
const grainWork = 65536

/** Cuts loops of those sizes, outermost first, in multiples of `units`; `work` is that of one point, in instructions. */
export const cut = (sizes: ReadonlyArray<number>, work: number, units: ReadonlyArray<number>): Cut => {
  let before = 1
  for (let k = 0; k < sizes.length; k++) {
    const inner = sizes.slice(k + 1).reduce((a, b) => a * b, 1) * work
    const size = sizes[k]!
    const last = k === sizes.length - 1
    const step = units[k]!
    if (!last && step === 1 && before * size < enoughTasks && inner > taskWork) {
      before *= size
      continue
    }
    const fair = Math.floor(before * size / enoughTasks)
    const small = Math.ceil(taskWork / 4 / inner)
    const wanted = Math.max(Math.min(Math.ceil(taskWork / inner), fair), small, 1)
    const chunk = Math.min(Math.ceil(wanted / step) * step, Math.ceil(size / step) * step)
    const tasks = before * Math.ceil(size / chunk)
    return { fixed: k, chunk, tasks, grain: Math.max(1, Math.floor(grainWork / (inner * chunk))) }
  }
  return { fixed: 0, chunk: 1, tasks: 1, grain: 1 }
}
