/**
 * Stable argsort: each key becomes a number whose order as an unsigned integer is the order asked for (NaN greatest),
 * key and position become one 64-bit number, and those are sorted in scratch. Short rows are merged: no two numbers are
 * equal, so the order is stable by itself. Long ones are sorted by the bytes of their keys, the last byte first.
 * @module
 */
import { indexValues } from "../kernel/expression.ts"
import type { Sort } from "../kernel/kernel.ts"
import type { Compute } from "../tensor/dtype.ts"
import {
  branchIf,
  call,
  type Code,
  type Func,
  func,
  type Local,
  loop,
  result,
  select,
  type Value,
  when,
} from "./assembler.ts"
import { emitter } from "./expression.ts"
import { interned, merged } from "./form.ts"
import { f32x4, i32, i32x4, i64, memoryFill, type V128, v128 } from "./instructions.ts"
import { constantPool, type KernelCode, type KernelContext, kernelFunc } from "./kernel.ts"
import { costOf } from "./nest.ts"
import { taskLoop } from "./task.ts"
import { type Writer, writer } from "./writer.ts"

const repeatWhile = (condition: Value<"i32">, body: Code): Code =>
  when(condition, loop((again) => [body, branchIf(again, condition)]))

/** Merges runs of 1, 2, 4, ... numbers between two arrays of n u64; gives the address of the sorted one. */
const mergeSort: Func = func("mergeSort", ["i32", "i32", "i32"], ["i32"], (s) => {
  const [from, to, n] = s.params as [Local<"i32">, Local<"i32">, Local<"i32">]
  const [run, end, left, middle, right, last, out, swap] = [0, 1, 2, 3, 4, 5, 6, 7].map(() => s.local("i32")) as [
    Local<"i32">,
    Local<"i32">,
    Local<"i32">,
    Local<"i32">,
    Local<"i32">,
    Local<"i32">,
    Local<"i32">,
    Local<"i32">,
  ]
  const [x, y] = [s.local("i64"), s.local("i64")]
  const taken = s.local("i32")
  const upTo = (local: Local<"i32">, value: Value<"i32">): Code => [
    local.set(value),
    when(i32.gtU(local, end), local.set(end)),
  ]
  const copy = (source: Local<"i32">): Code => [
    i64.store(out, i64.load(source)),
    source.set(i32.add(source, 8)),
    out.set(i32.add(out, 8)),
  ]
  const mergeOne: Code = [
    x.set(i64.load(left)),
    y.set(i64.load(right)),
    taken.set(i64.ltU(y, x)),
    i64.store(out, select(taken, y, x)),
    out.set(i32.add(out, 8)),
    right.set(i32.add(right, i32.shl(taken, 3))),
    left.set(i32.add(left, i32.shl(i32.eqz(taken), 3))),
  ]
  const pass: Code = [
    end.set(i32.add(from, i32.shl(n, 3))),
    last.set(from),
    out.set(to),
    repeatWhile(i32.ltU(last, end), [
      left.set(last),
      upTo(middle, i32.add(left, run)),
      right.set(middle),
      upTo(last, i32.add(middle, run)),
      repeatWhile(i32.and(i32.ltU(left, middle), i32.ltU(right, last)), mergeOne),
      repeatWhile(i32.ltU(left, middle), copy(left)),
      repeatWhile(i32.ltU(right, last), copy(right)),
    ]),
    swap.set(from),
    from.set(to),
    to.set(swap),
    run.set(i32.shl(run, 1)),
  ]
  return [run.set(i32.const(8)), repeatWhile(i32.ltU(run, i32.shl(n, 3)), pass), from.code]
})

const buckets = 256
/** Bytes of four tables of counts. */
const countBytes = 4 * 4 * buckets

/** Sorts n u64 by their upper four bytes, between two arrays, back into the first. */
const radixSort: Func = func("radixSort", ["i32", "i32", "i32", "i32"], [], (s) => {
  const [from, to, n, counts] = s.params as [Local<"i32">, Local<"i32">, Local<"i32">, Local<"i32">]
  const [at, end, sum, slot, place, swap] = [
    s.local("i32"),
    s.local("i32"),
    s.local("i32"),
    s.local("i32"),
    s.local("i32"),
    s.local("i32"),
  ]
  const x = s.local("i64")
  const each = (body: Code): Code => [
    at.set(from),
    end.set(i32.add(from, i32.shl(n, 3))),
    repeatWhile(i32.ltU(at, end), [body, at.set(i32.add(at, 8))]),
  ]
  const table = (pass: number): Value<"i32"> => i32.add(counts, 4 * buckets * pass)
  const count = (pass: number): Code => [
    slot.set(i32.add(table(pass), i32.shl(i32.load8U(at, 4 + pass), 2))),
    i32.store(slot, i32.add(i32.load(slot), 1)),
  ]
  /** Counts become the places where their numbers begin, in bytes. */
  const begin = (pass: number): Code => [
    sum.set(to),
    slot.set(table(pass)),
    end.set(i32.add(slot, 4 * buckets)),
    repeatWhile(i32.ltU(slot, end), [
      place.set(i32.load(slot)),
      i32.store(slot, sum),
      sum.set(i32.add(sum, i32.shl(place, 3))),
      slot.set(i32.add(slot, 4)),
    ]),
  ]
  const move = (pass: number): Code => [
    x.set(i64.load(at)),
    slot.set(i32.add(table(pass), i32.shl(i32.load8U(at, 4 + pass), 2))),
    place.set(i32.load(slot)),
    i64.store(place, x),
    i32.store(slot, i32.add(place, 8)),
  ]
  return [
    memoryFill(counts, 0, countBytes),
    each([0, 1, 2, 3].map(count)),
    [0, 1, 2, 3].map((pass) => [
      begin(pass),
      each(move(pass)),
      swap.set(from),
      from.set(to),
      to.set(swap),
    ]),
  ]
})

/** Elements from which sorting by bytes is faster. */
const long = 256

/** Lane 0 as a number in the order asked for. */
const sortable = (w: Writer, given: V128, of: Compute, descending: boolean): Value<"i32"> => {
  const turn = (x: V128): V128 => descending ? v128.not(x) : x
  if (of !== "f32") {
    const x = of === "i32" ? v128.xor(given, w.i32(-0x80000000)) : given
    return i32x4.extract(turn(x), 0)
  }
  // adding 0 makes both zeros the same
  const x = w.keep(f32x4.add(given, w.f32(0)))
  const flip = v128.or(i32x4.shrS(x, 31), w.i32(-0x80000000))
  return i32x4.extract(v128.or(turn(v128.xor(x, flip)), f32x4.ne(x, x)), 0)
}

/** The code of a sort. */
export const sortCode = (k: Sort, context: KernelContext): KernelCode => {
  const pool = constantPool()
  const last = k.dims.length
  if (k.length === 0 || k.dims.includes(0)) return { phases: [], scratch: 0, shared: 0, constants: new Uint8Array(0) }
  const of = interned(merged({
    sizes: [...k.dims, k.length],
    groups: [{ ids: k.dims.map((_, i) => i), free: true }, { ids: [last], free: false }],
    exprs: [k.key],
    indices: [k.at],
  }))
  const { sizes, exprs: [key], indices: [at] } = of.form
  const dims = of.form.groups[0]!.ids
  const along = of.form.groups[1]!.ids[0]
  const levels = new Map([...dims.map((id) => [id, 1] as const), ...(along === undefined ? [] : [[along, 2] as const])])
  const bytes = (8 * k.length + 63) & ~63
  const radix = k.length >= long
  const tasks = dims.reduce((n, id) => n * sizes[id]!, 1)

  const code = kernelFunc("sort", context, (scope, args) => {
    const w = writer(scope, context.features, pool, args.constants)
    const e = emitter(w, {
      ranges: of.ranges,
      level: (id) => levels.get(id)!,
      vector: undefined,
      buffers: args.buffers.map((address, i) => ({ address, dtype: context.buffers[i]! })),
      turns: args.turns,
      acc: { level: 0, varies: false },
      uses: of.uses,
      name: of.names.name,
    })
    const place = { buffer: k.buffer, at: at! }
    const hoist = (): void => e.hoist([key!, ...indexValues(at!)], [place])
    const walk = (write: (i: Value<"i32">) => void): void => {
      if (along === undefined) return write(i32.const(0))
      e.loop(
        along,
        0,
        k.length,
        1,
        true,
        () => write(e.index({ base: 0, terms: [{ coef: 1, atom: { tag: "var", id: along } }] })),
      )
    }
    hoist()
    taskLoop(e, args, dims, sizes, 1, 1, () => {
      hoist()
      walk((i) => {
        const number = i64.shl(i64.extendU(sortable(w, e.value(key!, 0), k.key.dtype, k.descending)), i64.const(32))
        w.put(i64.store(i32.add(args.scratch, i32.shl(i, 3)), i64.or(number, i64.extendU(i))))
      })
      const other = i32.add(args.scratch, bytes)
      const size = i32.const(k.length)
      if (radix) w.put(call(radixSort, args.scratch, other, size, i32.add(args.scratch, 2 * bytes)))
      const sorted = radix ? args.scratch : w.keep(result("i32", mergeSort, args.scratch, other, size))
      walk((i) => e.store(place, w.keep(v128.load32Splat(i32.add(sorted, i32.shl(i, 3)))), 0))
    })
    return w.body()
  })
  const work = k.length * (costOf([key!]) + (radix ? 20 : 6 * Math.log2(k.length + 1)))
  return {
    phases: [{ tasks, grain: Math.max(1, Math.floor(30000 / work)), func: code }],
    scratch: 2 * bytes + (radix ? countBytes : 0),
    shared: 0,
    constants: pool.bytes(),
  }
}
