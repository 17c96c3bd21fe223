/**
 * Running folds. Four columns side by side where they lie side by side, else one row at a time. Sums of floats carry
 * what rounding dropped (after Kahan), so that the last element of a long row is as good as the first.
 * @module
 */
import { variable } from "../kernel/affine.ts"
import { indexValues, walk } from "../kernel/expression.ts"
import type { Cumulate, Expr } from "../kernel/kernel.ts"
import { type Local, select, type Value } from "./assembler.ts"
import { type Emitter, emitter } from "./expression.ts"
import { interned, merged, replaced } from "./form.ts"
import { constantOn, emptyFold, foldOn } from "./function.ts"
import { f32x4, type I32, i32, type V128, v128 } from "./instructions.ts"
import { constantPool, type KernelCode, type KernelContext, kernelFunc } from "./kernel.ts"
import { copiesFor, costOf, cut, ordered, vectorCost } from "./nest.ts"
import { taskLoop } from "./task.ts"
import { vectorLoop } from "./vector.ts"
import { type Writer, writer } from "./writer.ts"

/** A running fold of one copy of lanes. */
interface Running {
  readonly start: () => void
  readonly step: (x: V128) => Local<"v128">
}

const plain = (w: Writer, k: Cumulate): Running => {
  const sum = w.fresh("v128")
  return {
    start: () => w.put(sum.set(constantOn(w, k.dtype, emptyFold(k.fn, k.dtype)))),
    step: (x) => {
      w.put(sum.set(foldOn(k.fn, k.dtype)(w, sum, x)))
      return sum
    },
  }
}

/**
 * t = s + (x - c); c = (t - s) - (x - c), or 0 where that is infinite or NaN, as it is once the sum is: an infinite sum
 * then stays so until an opposite infinity or a NaN comes, as it does without c.
 */
const compensated = (w: Writer): Running => {
  const [sum, lost] = [w.fresh("v128"), w.fresh("v128")]
  return {
    start: () => w.put([sum.set(w.f32(0)), lost.set(w.f32(0))]),
    step: (x) => {
      const y = w.keep(f32x4.sub(x, lost))
      const t = w.keep(f32x4.add(sum, y))
      const c = w.keep(f32x4.sub(f32x4.sub(t, sum), y))
      w.put(lost.set(v128.and(c, f32x4.lt(f32x4.abs(c), w.f32(Infinity)))))
      w.put(sum.set(t))
      return sum
    },
  }
}

/** The code of a running fold. */
export const cumulateCode = (k: Cumulate, context: KernelContext): KernelCode => {
  const pool = constantPool()
  const last = k.dims.length
  if (k.length === 0 || k.dims.includes(0)) return { phases: [], scratch: 0, shared: 0, constants: new Uint8Array(0) }
  const given = {
    sizes: [...k.dims, k.length],
    groups: [{ ids: k.dims.map((_, i) => i), free: true }, { ids: [last], free: false }],
    exprs: [k.value, ...k.stores.map((s) => s.value)],
    indices: k.stores.map((s) => s.at),
  }
  const backward = { base: k.length - 1, terms: [{ coef: -1, atom: { tag: "var", id: last } as const }] }
  const turned = k.reverse
    ? replaced(given, given.sizes, given.groups, (id) => id === last ? backward : variable(id))
    : given
  const of = interned(merged(turned))
  const { sizes, exprs, indices } = of.form
  const dims = of.form.groups[0]!.ids
  const along = of.form.groups[1]!.ids[0]
  const stores = k.stores.map((s, i) => ({ buffer: s.buffer, at: indices[i]!, value: exprs[i + 1]! }))
  const places = [...indices, ...walk(exprs).flatMap((e) => e.tag === "load" ? [e.at] : [])]
  // one element waits for the one before
  const alone = 0.3 * costOf(exprs) + places.length + (k.fn === "sum" && k.dtype === "f32" ? 16 : 4)
  const best = dims.map((id) => ({ id, cost: vectorCost(id, sizes[id]!, exprs, indices) })).sort((a, b) =>
    a.cost - b.cost
  )
  const vector = best[0] !== undefined && best[0].cost < alone ? best[0].id : undefined
  const others = ordered(dims.filter((id) => id !== vector), places)
  const rows = vector === undefined ? others : [...others, vector]
  const copies = vector === undefined ? 1 : copiesFor(sizes[vector]!, costOf(exprs), 4)
  const levels = new Map([...rows, ...(along === undefined ? [] : [along])].map((id, i) => [id, i + 1]))
  const cutting = cut(
    rows.map((id) => sizes[id]!),
    alone * k.length * (vector === undefined ? 1 : 0.3),
    rows.map((id) => id === vector ? 4 * copies : 1),
  )
  const values = [...exprs, ...indices.flatMap(indexValues)]

  const func = kernelFunc("cumulate", context, (scope, args) => {
    const w = writer(scope, context.features, pool, args.constants)
    const e: Emitter = emitter(w, {
      ranges: of.ranges,
      level: (id) => levels.get(id)!,
      vector,
      buffers: args.buffers.map((address, i) => ({ address, dtype: context.buffers[i]! })),
      turns: args.turns,
      acc: { level: rows.length + (along === undefined ? 0 : 1), varies: vector !== undefined },
      uses: of.uses,
      name: of.names.name,
    })
    const hoist = (list: ReadonlyArray<Expr> = values): void => e.hoist(list, stores)
    const row = (): void => {
      const all = Array.from(
        { length: e.copies() },
        () => k.fn === "sum" && k.dtype === "f32" ? compensated(w) : plain(w, k),
      )
      all.forEach((r) => r.start())
      if (along !== undefined) hoist()
      const body = (): void => {
        e.setAcc(0, all.map((r, c) => r.step(e.value(exprs[0]!, c))))
        const kept = stores.map((s) => all.map((_, c) => e.keep(s.value, c)))
        stores.forEach((s, i) => kept[i]!.forEach((v, c) => e.store(s, v, c)))
      }
      if (along === undefined) body()
      else e.loop(along, 0, sizes[along]!, 1, true, body)
      e.forget()
    }
    const level = (i: number, from: I32, to: I32): void => {
      if (i === rows.length) return row()
      const id = rows[i]!
      if (id === vector) return vectorLoop(e, id, from, to, sizes[id]!, copies, row)
      e.loop(id, from, to, 1, typeof from === "number", () => {
        hoist()
        level(i + 1, 0, sizes[rows[i + 1] ?? 0]!)
      })
    }
    hoist()
    if (rows.length === 0) row()
    else {
      const size = sizes[rows[cutting.fixed]!]!
      const pieces = Math.ceil(size / cutting.chunk)
      taskLoop(e, args, rows.slice(0, cutting.fixed), sizes, pieces, cutting.fixed, (piece: Value<"i32">) => {
        hoist()
        if (pieces === 1) return level(cutting.fixed, 0, size)
        const from = w.keep(i32.mul(piece, cutting.chunk))
        const to = w.keep(i32.add(from, cutting.chunk))
        level(
          cutting.fixed,
          from,
          size % cutting.chunk === 0 ? to : w.keep(select(i32.ltS(to, size), to, i32.const(size))),
        )
      })
    }
    return w.body()
  })
  return {
    phases: [{ tasks: cutting.tasks, grain: cutting.grain, func }],
    scratch: 0,
    shared: 0,
    constants: pool.bytes(),
  }
}
