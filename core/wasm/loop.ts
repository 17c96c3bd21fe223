/**
 * Loops in WebAssembly: maps, folds along a contiguous axis (lanes are folded at the end in a fixed order), folds along
 * an outer axis (every lane its own column), and rows of several stages. A value that is costly and wanted again by a
 * later stage is kept in the thread's scratch.
 * @module
 */
import { substitute, variable } from "../kernel/affine.ts"
import { children, indexValues, rebuild, walk } from "../kernel/expression.ts"
import type { Expr, Fold, Index, Loop, Stage, Store } from "../kernel/kernel.ts"
import { branchIf, type Local, loop as again, type Value } from "./assembler.ts"
import { type Emitter, emitter, type Stash } from "./expression.ts"
import { type Accumulator, accumulator } from "./fold.ts"
import { collapsed, type Form, type Interned, interned, merged, rangesOf } from "./form.ts"
import { emptyFold } from "./function.ts"
import { type I32, i32 } from "./instructions.ts"
import { constantPool, type KernelCode, type KernelContext, kernelFunc } from "./kernel.ts"
import { copiesFor, costOf, cut, ordered, ownCost, stride, variesWith, vectorCost } from "./nest.ts"
import { split, splitCode } from "./split.ts"
import { taskLoop } from "./task.ts"
import { writer } from "./writer.ts"

// -----------------------------------------------------------------------------
// the form of a loop
// -----------------------------------------------------------------------------

/** A loop in its form: its stages with interned expressions. */
interface Prepared {
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

const isArg = (f: Fold): boolean => f.fn === "argmax" || f.fn === "argmin"

/** Joins the two innermost variables of a map where neither is long enough for lanes. */
const widened = (f: Form): Form => {
  const [dims, over] = f.groups
  if (over!.ids.length > 0 || dims!.ids.length < 2 || f.indices.length === 0) return f
  const [inner, outer] = [...ordered(dims!.ids, f.indices)].reverse() as [number, number]
  const [m, n] = [f.sizes[inner]!, f.sizes[outer]!]
  const narrow = m < 16 && (m === 2 || m % 4 === 0) && m * n >= 8
  return narrow ? collapsed(f, outer, inner) : f
}

const prepare = (k: Loop): Prepared => {
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
const hollow = (k: Loop): Loop => {
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

// -----------------------------------------------------------------------------
// choices
// -----------------------------------------------------------------------------

interface Plan {
  readonly vector: number | undefined
  /** Is the vector variable one that is folded over? */
  readonly along: boolean
  readonly rows: ReadonlyArray<number>
  readonly inner: ReadonlyArray<number>
  readonly copies: number
  /** Expressions kept from one stage for later ones. */
  readonly stashes: ReadonlyMap<Expr, number>
}

const ofStage = (s: Stage): ReadonlyArray<Expr> =>
  s.tag === "fold" ? s.folds.map((f) => f.value) : s.stores.flatMap((t) => [t.value, ...indexValues(t.at)])

const storesOf = (stages: ReadonlyArray<Stage>): ReadonlyArray<Store> =>
  stages.flatMap((s) => s.tag === "fold" ? [] : s.stores)

const count = (sizes: ReadonlyArray<number>, ids: ReadonlyArray<number>): number =>
  ids.reduce((n, id) => n * sizes[id]!, 1)

/** Steps of a sum after which it is flushed: an accumulator's error grows with their number. */
const flushAfter = 128

/** Vector instructions that make a value worth a store and a load. */
const worthKeeping = 12
/** Bytes of scratch of one row. */
const stashLimit = 8 << 20

/** The largest costly values of the innermost loop that two stages compute, by the first stage that does. */
const shared = (p: Prepared, deepest: number): ReadonlyMap<Expr, number> => {
  const inner = (s: Stage): boolean => s.tag !== "point"
  const written = new Set(storesOf(p.stages).map((t) => t.buffer))
  const varies = variesWith(deepest)
  const costs = new Map<Expr, number>()
  const cost = (e: Expr): number => {
    const known = costs.get(e)
    if (known !== undefined) return known
    const made = varies(e) ? ownCost(e) + children(e).reduce((sum, c) => sum + cost(c), 0) : 0
    costs.set(e, made)
    return made
  }
  const frozen = (e: Expr): boolean => !walk([e]).some((x) => x.tag === "load" && written.has(x.buffer))
  const first = new Map<Expr, number>()
  const kept = new Map<Expr, number>()
  p.stages.forEach((s, n) => {
    if (!inner(s)) return
    const visited = new Set<Expr>()
    const visit = (e: Expr): void => {
      if (visited.has(e) || !varies(e)) return
      visited.add(e)
      const before = first.get(e)
      if (before !== undefined && before < n && e.dtype !== "bool" && cost(e) >= worthKeeping && frozen(e)) {
        kept.set(e, before)
        return
      }
      children(e).forEach(visit)
    }
    ofStage(s).forEach(visit)
    walk(ofStage(s)).forEach((e) => first.has(e) || first.set(e, n))
  })
  return kept
}

/** A variable along which something is read element by element while lanes lie far apart: then it runs innermost. */
const crossed = (
  dims: ReadonlyArray<number>,
  vector: number,
  places: ReadonlyArray<Index>,
  sizes: ReadonlyArray<number>,
): number | undefined =>
  dims.find((id) =>
    id !== vector && sizes[id]! >= 8 && places.some((i) => stride(i, id) === 1 && stride(i, vector) >= 16)
  )

const choose = (p: Prepared): Plan => {
  const { sizes } = p.of.form
  const deep = p.over.length > 0
  const innerStages = deep ? p.stages.filter((s) => s.tag !== "point") : p.stages
  const exprs = innerStages.flatMap(ofStage)
  const places = storesOf(innerStages).map((t) => t.at)
  const folds = p.stages.reduce((n, s) => n + (s.tag === "fold" ? s.folds.length : 0), 0)
  const overCount = count(sizes, p.over)
  const candidates = [
    ...p.dims.map((id) => ({ id, cost: vectorCost(id, sizes[id]!, exprs, places) })),
    ...p.over.map((id) => ({ id, cost: vectorCost(id, sizes[id]!, exprs, places) + 12 * folds / overCount })),
  ].sort((a, b) => a.cost - b.cost)
  const vector = candidates[0]?.id
  const along = vector !== undefined && p.over.includes(vector)
  const every = [...places, ...walk(exprs).flatMap((e) => e.tag === "load" ? [e.at] : [])]
  const others = (ids: ReadonlyArray<number>): ReadonlyArray<number> =>
    ordered(ids.filter((id) => id !== vector), [...places, ...places, ...every])
  const cost = Math.max(0, ...innerStages.map((s) => costOf(ofStage(s))))
  const inner = along ? [...others(p.over), vector] : others(p.over)
  const crossing = deep || vector === undefined ? undefined : crossed(p.dims, vector, every, sizes)
  return {
    vector,
    along,
    rows: along || vector === undefined
      ? others(p.dims)
      : [...others(p.dims).filter((id) => id !== crossing), vector, ...(crossing === undefined ? [] : [crossing])],
    inner,
    copies: vector === undefined ? 1 : copiesFor(sizes[vector]!, cost, crossing === undefined ? 4 : 2),
    stashes: inner.length === 0 ? new Map() : shared(p, inner.at(-1)!),
  }
}

// -----------------------------------------------------------------------------
// code
// -----------------------------------------------------------------------------

/** Runs `write` over a range of the vector variable, with all copies, with one, and element by element. */
export const vectorLoop = (
  e: Emitter,
  id: number,
  from: I32,
  to: I32,
  size: number,
  copies: number,
  write: () => void,
): void => {
  const block = 4 * copies
  const known = typeof to === "number" && typeof from === "number"
  const below = (unit: number): I32 => typeof to === "number" ? to - to % unit : e.w.keep(i32.and(to, -unit))
  const run = (start: I32, end: I32, width: number, many: number): void => {
    const sure = typeof start === "number" && typeof end === "number" && start < end
    e.loop(id, start, end, width * many, sure, () => e.lanes(width, many, write))
  }
  const empty = (a: I32, b: I32): boolean => typeof a === "number" && typeof b === "number" && a >= b
  let start = from
  const step = (unit: number, width: number, many: number): void => {
    const end = width === 1 ? to : below(unit)
    if (empty(start, end)) return
    run(start, end, width, many)
    start = end
  }
  const rest = known ? (to as number) - (from as number) : size
  if (size >= block) step(block, 4, copies)
  if (copies > 1 && rest % block >= 4) step(4, 4, 1)
  if (rest % 4 !== 0) step(1, 1, 1)
}

/** The code of a loop. */
export const loopCode = (given: Loop, context: KernelContext): KernelCode => {
  if (given.dims.includes(0)) return { phases: [], scratch: 0, shared: 0, constants: new Uint8Array(0) }
  const k = given.over.includes(0) ? hollow(given) : given
  const p = prepare(k)
  const plan = choose(p)
  const columns = !plan.along && plan.vector !== undefined && plan.inner.length > 0
  const two = split(compact(p, plan), columns, context.buffers.length)
  return two === undefined ? wholeCode(p, plan, context) : splitCode(two, context, wholeLoop)
}

/** The loop in its form, variables that are folded over in the order of the plan. */
const compact = (p: Prepared, plan: Plan): Loop => {
  const { sizes } = p.of.form
  const order = [...p.dims, ...plan.inner]
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
  return { tag: "loop", dims: p.dims.map((id) => sizes[id]!), over: plan.inner.map((id) => sizes[id]!), stages }
}

const wholeLoop = (k: Loop, context: KernelContext): KernelCode => {
  const p = prepare(k)
  return wholeCode(p, choose(p), context)
}

const wholeCode = (p: Prepared, plan: Plan, context: KernelContext): KernelCode => {
  const pool = constantPool()
  const { sizes } = p.of.form
  const overCount = count(sizes, plan.inner)
  const rowLevel = plan.rows.length
  const levels = new Map([...plan.rows, ...plan.inner].map((id, i) => [id, i + 1]))
  const inVector = !plan.along && plan.vector !== undefined
  const stageCost = p.stages.reduce(
    (sum, s) => sum + costOf(ofStage(s)) * (s.tag === "point" ? 1 : Math.max(1, overCount)),
    0,
  )
  const perRow = (inVector ? 0.25 : plan.along ? 0.25 : 1) * stageCost + 0.5
  const units = plan.rows.map((id) => id === plan.vector ? 4 * plan.copies : 1)
  const cutting = cut(plan.rows.map((id) => sizes[id]!), perRow, units)

  const stashed = [...plan.stashes].map(([expr, stage], n) => ({ expr, stage, n }))
  const lanesPer = inVector ? 4 * plan.copies : 1
  const stashBytes = (overCount * lanesPer * 4 + 64 + 63) & ~63
  const useStash = stashed.length > 0 && stashBytes * stashed.length <= stashLimit
  const flat: Index = {
    base: 0,
    terms: plan.inner.map((id, i) => ({
      coef: lanesPer * count(sizes, plan.inner.slice(i + 1)),
      atom: { tag: "var", id },
    })),
  }

  const func = kernelFunc("loop", context, (scope, args) => {
    const w = writer(scope, context.features, pool, args.constants)
    const e = emitter(w, {
      ranges: p.of.ranges,
      level: (id) => levels.get(id)!,
      vector: plan.vector,
      buffers: args.buffers.map((address, i) => ({ address, dtype: context.buffers[i]! })),
      turns: args.turns,
      acc: { level: rowLevel, varies: inVector },
      uses: p.of.uses,
      name: p.of.names.name,
    })
    const roots = p.stages.flatMap(ofStage)
    const stores = storesOf(p.stages)
    const hoistAll = (): void => e.hoist(roots, stores)
    const stashOf = (n: number): Stash => ({
      name: `stash${n}`,
      address: i32.add(args.scratch, n * stashBytes),
      at: flat,
      copy: 4,
    })

    const put = (list: ReadonlyArray<Store>): void => {
      const many = e.copies()
      const values = list.map((t) => Array.from({ length: many }, (_, c) => e.keep(t.value, c)))
      list.forEach((t, i) => values[i]!.forEach((v, c) => e.store(t, v, c)))
    }
    const keepStashes = (stage: number): void => {
      if (!useStash) return
      for (const s of stashed) {
        if (s.stage !== stage) continue
        for (let c = 0; c < e.copies(); c++) e.stash(stashOf(s.n), e.keep(s.expr, c), c)
      }
    }
    /** Loops over the inner variables; `flush` stands where a run of some hundred inner points ends. */
    const overLoops = (stage: Stage, body: () => void, flush: (() => void) | undefined): void => {
      const at = (i: number): void => {
        if (i === plan.inner.length) return body()
        const id = plan.inner[i]!
        const size = sizes[id]!
        const deepest = i === plan.inner.length - 1
        const nested = (): void => {
          if (!deepest) e.hoist(ofStage(stage), stage.tag === "fold" ? [] : stage.stores)
          at(i + 1)
        }
        if (plan.along && deepest) return blocks(id, size, flush)
        if (deepest && flush !== undefined) return blocks(id, size, flush)
        e.loop(id, 0, size, 1, true, nested)
      }
      const blocks = (id: number, size: number, flushing: (() => void) | undefined): void => {
        const unit = plan.along ? 4 * plan.copies : 1
        const block = unit * flushAfter
        const run = (from: I32, to: I32, n: number): void =>
          plan.along ? vectorLoop(e, id, from, to, n, plan.copies, body) : e.loop(id, from, to, 1, true, body)
        if (flushing === undefined || size < 2 * block) {
          run(0, size, size)
          return flushing?.()
        }
        const start = w.fresh("i32")
        const whole = size - size % block
        const inBlock = w.capture(() => {
          run(start, w.keep(i32.add(start, block)), block)
          flushing()
        })
        w.put(start.set(i32.const(0)))
        w.put(again((label) => [
          inBlock,
          branchIf(label, i32.ltS(start.tee(i32.add(start, block)), whole)),
        ]))
        if (whole < size) {
          run(whole, size, size - whole)
          flushing()
        }
      }
      at(0)
    }
    const foldStage = (stage: Extract<Stage, { readonly tag: "fold" }>, n: number): void => {
      const many = plan.along ? plan.copies : e.copies()
      const long = overCount > 2 * flushAfter * (plan.along ? 4 * plan.copies : 1)
      const all = stage.folds.map((f): readonly [Fold, Accumulator] => [
        f,
        accumulator(w, f.fn, isArg(f) ? f.value.dtype : f.dtype, {
          copies: many,
          along: plan.along,
          tail: plan.along && sizes[plan.vector!]! % 4 !== 0,
          long,
        }),
      ])
      all.forEach(([, a]) => a.start())
      const position = plan.inner[0]
      const body = (): void => {
        keepStashes(n)
        for (const [f, a] of all) {
          for (let c = 0; c < e.copies(); c++) {
            const at = isArg(f)
              ? (position === undefined
                ? w.i32(0)
                : e.indexLanes({ base: 0, terms: [{ coef: 1, atom: { tag: "var", id: position } }] }, c))
              : undefined
            a.step(e.value(f.value, c), c, e.width(), at)
          }
        }
      }
      const flushes = all.some(([, a]) => a.flush !== undefined)
      overLoops(stage, body, flushes ? () => all.forEach(([, a]) => a.flush?.()) : undefined)
      all.forEach(([f, a]) => e.setAcc(f.id, a.finish()))
    }
    const row = (): void => {
      p.stages.forEach((stage, n) => {
        e.hoist(ofStage(stage), stage.tag === "fold" ? [] : stage.stores)
        if (stage.tag === "fold") foldStage(stage, n)
        else if (stage.tag === "point") put(stage.stores)
        else {
          overLoops(stage, () => {
            keepStashes(n)
            put(stage.stores)
          }, undefined)
        }
        if (useStash) stashed.filter((s) => s.stage === n).forEach((s) => e.setStash(s.expr, stashOf(s.n)))
      })
      e.forget()
    }
    const level = (i: number, from: I32, to: I32): void => {
      if (i === plan.rows.length) return row()
      const id = plan.rows[i]!
      const nested = (): void => {
        if (i < plan.rows.length - 1) hoistAll()
        level(i + 1, 0, sizes[plan.rows[i + 1] ?? 0]!)
      }
      if (id === plan.vector) return vectorLoop(e, id, from, to, sizes[id]!, plan.copies, nested)
      e.loop(id, from, to, 1, typeof from === "number" && from < (to as number), nested)
    }
    const chunked = (task: Value<"i32">, past: Value<"i32">): void => {
      const size = sizes[plan.rows[cutting.fixed]!]!
      const from = w.keep(i32.mul(task, cutting.chunk))
      const end: Local<"i32"> = w.keep(i32.mul(past, cutting.chunk))
      const to = w.fresh("i32")
      w.put(to.set(end))
      if (size % cutting.chunk !== 0) w.put(to.set(least(end, size)))
      level(cutting.fixed, from, to)
    }
    hoistAll()
    if (plan.rows.length === 0) row()
    else if (cutting.tasks === 1) level(0, 0, sizes[plan.rows[0]!]!)
    else if (cutting.fixed === 0) chunked(args.lo, args.hi)
    else {
      const pieces = Math.ceil(sizes[plan.rows[cutting.fixed]!]! / cutting.chunk)
      taskLoop(e, args, plan.rows.slice(0, cutting.fixed), sizes, pieces, cutting.fixed, (piece) => {
        hoistAll()
        chunked(piece, i32.add(piece, 1))
      })
    }
    return w.body()
  })
  return {
    phases: [{ tasks: cutting.tasks, grain: cutting.grain, func }],
    scratch: useStash ? stashBytes * stashed.length : 0,
    shared: 0,
    constants: pool.bytes(),
  }
}

const least = (x: Local<"i32">, y: number): Value<"i32"> => ({
  type: "i32",
  code: [x.code, i32.const(y).code, i32.ltS(x, y).code, 0x1b],
})
