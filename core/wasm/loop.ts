/**
 * Loops in WebAssembly: maps, folds along a contiguous axis (lanes are folded at the end in a fixed order), folds along
 * an outer axis (every lane its own column), and rows of several stages. A value that is costly and wanted again by a
 * later stage is kept in the thread's scratch.
 * @module
 */
import type { Fold, Index, Loop, Stage, Store } from "../kernel/kernel.ts"
import { branchIf, loop as again, select, type Value } from "./assembler.ts"
import { emitter, type Stash } from "./expression.ts"
import { type Accumulator, accumulator } from "./fold.ts"
import { type I32, i32 } from "./instructions.ts"
import { constantPool, type KernelCode, type KernelContext, kernelFunc } from "./kernel.ts"
import { compact, hollow, isArg, prepare, type Prepared } from "./loop-form.ts"
import { choose, count, ofStage, type Plan, storesOf } from "./loop-plan.ts"
import { costOf, cut } from "./nest.ts"
import { split, splitCode } from "./split.ts"
import { taskLoop } from "./task.ts"
import { vectorLoop } from "./vector.ts"
import { writer } from "./writer.ts"

/** Steps of a sum after which it is flushed: an accumulator's error grows with their number. */
const flushAfter = 128

/** Bytes of scratch of one row. */
const stashLimit = 8 << 20

/** The code of a loop. */
export const loopCode = (given: Loop, context: KernelContext): KernelCode => {
  if (given.dims.includes(0)) return { phases: [], scratch: 0, shared: 0, constants: new Uint8Array(0) }
  const k = given.over.includes(0) ? hollow(given) : given
  const p = prepare(k)
  const plan = choose(p)
  const columns = !plan.along && plan.vector !== undefined && plan.inner.length > 0
  const two = split(compact(p, plan.inner), columns, context.buffers.length)
  return two === undefined ? wholeCode(p, plan, context) : splitCode(two, context, wholeLoop)
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
      const end = w.keep(i32.mul(past, cutting.chunk))
      const to = w.fresh("i32")
      w.put(to.set(end))
      if (size % cutting.chunk !== 0) w.put(to.set(select(i32.ltS(end, size), end, i32.const(size))))
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
