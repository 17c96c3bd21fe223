/**
 * Sums into rows that are known at run time only. The buffer is cleared first, then each task owns some columns and
 * walks all points in order, so that no two tasks meet and every sum has one order.
 * @module
 */
import type { Index, Scatter } from "../kernel/kernel.ts"
import { dtypes } from "../tensor/dtype.ts"
import { type Func, when } from "./assembler.ts"
import { emitter } from "./expression.ts"
import { interned, merged } from "./form.ts"
import { foldOn } from "./function.ts"
import { i32, memoryFill } from "./instructions.ts"
import { constantPool, type KernelCode, type KernelContext, kernelFunc, type Phase } from "./kernel.ts"
import { copiesFor, costOf, ordered, stride, varying } from "./nest.ts"
import { taskLoop } from "./task.ts"
import { vectorLoop } from "./vector.ts"
import { writer } from "./writer.ts"

const clearBytes = 65536

/** A phase that sets a buffer to 0. */
const clearing = (buffer: number, bytes: number, context: KernelContext): Phase => {
  const tasks = Math.ceil(bytes / clearBytes)
  const func = kernelFunc("clear", context, (scope, { buffers, lo, hi }) => {
    const end = scope.local("i32")
    const from = i32.mul(lo, clearBytes)
    return [
      end.set(i32.mul(hi, clearBytes)),
      when(i32.gtU(end, bytes), end.set(i32.const(bytes))),
      memoryFill(i32.add(buffers[buffer]!, from), 0, i32.sub(end, from)),
    ]
  })
  return { tasks, grain: 2, func }
}

/** The code of a scatter. */
export const scatterCode = (k: Scatter, context: KernelContext): KernelCode => {
  const pool = constantPool()
  const clear = clearing(k.buffer, k.elements * dtypes[context.buffers[k.buffer]!].bytes, context)
  const nothing = { scratch: 0, shared: 0, constants: new Uint8Array(0) }
  if ([...k.dims, ...k.along].includes(0)) return { phases: [clear], ...nothing }
  const first = k.dims.length
  const of = interned(merged({
    sizes: [...k.dims, ...k.along],
    groups: [
      { ids: k.dims.map((_, i) => i), free: true },
      { ids: k.along.map((_, i) => first + i), free: false },
    ],
    exprs: [k.row, k.value],
    indices: [k.at],
  }))
  const { sizes, groups, exprs: [row, value], indices: [base] } = of.form
  const [dims, along] = groups.map((g) => g.ids) as [ReadonlyArray<number>, ReadonlyArray<number>]
  const at: Index = {
    base: base!.base,
    terms: [...base!.terms, { coef: k.stride, atom: { tag: "value", of: row! } }],
  }
  const vector = dims.find((id) => stride(base!, id) === 1 && !varying(row!, id) && sizes[id]! >= 4)
  const others = ordered(dims.filter((id) => id !== vector), [base!])
  const order = [...others, ...along, ...(vector === undefined ? [] : [vector])]
  const levels = new Map(order.map((id, i) => [id, i + 1]))
  const width = vector === undefined ? 1 : sizes[vector]!
  const copies = vector === undefined ? 1 : copiesFor(width, costOf([value!]), 4)
  const unit = vector === undefined ? 1 : Math.max(4 * copies, width >= 128 ? 64 : 4 * copies)
  const pieces = Math.ceil(width / unit)
  const rows = others.reduce((n, id) => n * sizes[id]!, 1)
  const points = along.reduce((n, id) => n * sizes[id]!, 1) * Math.min(width, unit)

  const func: Func = kernelFunc("scatter", context, (scope, args) => {
    const w = writer(scope, context.features, pool, args.constants)
    const e = emitter(w, {
      ranges: of.ranges,
      level: (id) => levels.get(id)!,
      vector,
      buffers: args.buffers.map((address, i) => ({ address, dtype: context.buffers[i]! })),
      turns: args.turns,
      acc: { level: 0, varies: false },
      uses: (x) => of.uses(x) + (x === row ? 1 : 0),
      name: of.names.name,
    })
    const place = { buffer: k.buffer, at }
    const add = foldOn("sum", k.dtype)
    const point = (): void => {
      const all = Array.from({ length: e.copies() }, (_, c) => c)
      const sums = all.map((c) => w.keep(add(w, e.load(place, c), e.value(value!, c))))
      sums.forEach((sum, c) => e.store(place, sum, c))
    }
    const hoist = (): void => e.hoist([row!, value!], [place, { buffer: k.buffer, at: base! }])
    taskLoop(e, args, others, sizes, pieces, others.length, (piece) => {
      hoist()
      const from = pieces === 1 ? 0 : w.keep(i32.mul(piece, unit))
      const to = pieces === 1 ? width : w.fresh("i32")
      if (typeof to !== "number") {
        w.put(to.set(i32.add(from, unit)))
        if (width % unit !== 0) w.put(when(i32.gtS(to, width), to.set(i32.const(width))))
      }
      const inner = (): void => {
        const place = e.integer(row!)
        hoist()
        const body = w.capture(() =>
          vector === undefined ? point() : vectorLoop(e, vector, from, to, width, copies, point)
        )
        w.put(when(i32.ltU(place, k.size), body))
      }
      const level = (i: number): void => {
        if (i === along.length) return inner()
        e.loop(along[i]!, 0, sizes[along[i]!]!, 1, true, () => {
          if (i < along.length - 1) hoist()
          level(i + 1)
        })
      }
      level(0)
    })
    return w.body()
  })
  const tasks = rows * pieces
  const grain = Math.max(1, Math.floor(20000 / points))
  return { phases: [clear, { tasks, grain, func }], ...nothing, constants: pool.bytes() }
}
