/**
 * Scatter-add without atomics, so that sums are the same on every run: points (`dims`) never collide, and where there are
 * few of them the rows are shared out too. An invocation walks all updates in order and adds those of its own rows. Where
 * the buffer holds less than a word per element, or the rows are few, one invocation owns one row and sums in a register.
 * @module
 */
import { sizesOf } from "../kernel/expression.ts"
import type { Index, Scatter } from "../kernel/kernel.ts"
import { dtypes } from "../tensor/dtype.ts"
import { bind, nest, say, top } from "./emitter.ts"
import { castText, zeroOf } from "./function.ts"
import { fetched, index, store, value } from "./expression.ts"
import { joined } from "./fold.ts"
import { type Build, decode, type Entry, idle, type Shader, shader } from "./shader.ts"

const product = (xs: ReadonlyArray<number>): number => xs.reduce((a, b) => a * b, 1)
const range = (n: number, from: number = 0): ReadonlyArray<number> => Array.from({ length: n }, (_, i) => from + i)

/** Writes a scatter. The buffer is cleared first. */
export const scatter = (k: Scatter, b: Build): Shader => {
  const points = product(k.dims)
  const updates = product(k.along)
  if (points * updates * k.size === 0) return { ...idle, clear: [k.buffer] }
  const sizes = sizesOf(k)
  const lanes = b.tuning.map
  const own = dtypes[b.slots[k.buffer]!.dtype].bytes < 4 || points * k.size <= b.tuning.fill
  const parts = own ? k.size : Math.max(1, Math.min(k.size, Math.ceil(b.tuning.fill / points)))
  const units = points * parts
  const share = Math.ceil(k.size / parts)

  return shader(b, (e): Entry => {
    const define = (id: number, names: ReadonlyArray<string>): void => {
      top(e).vars.set(id, names)
    }
    say(e, `let unit = gid * ${lanes}u + lid;`, `if (unit >= ${units}u) { return; }`)
    say(e, `let p = unit % ${points}u;`, `let low = i32(unit / ${points}u) * ${share};`)
    say(e, `let high = min(low + ${share}, ${k.size});`)
    decode(e, "p", range(k.dims.length), sizes, define)
    if (own) say(e, `var sum = ${zeroOf[k.dtype]};`)
    const at = index(e, k.at, 0)
    // rows beyond the buffer's indices are left out by the comparison, whatever their sign
    nest(e, `for (var i = 0u; i < ${updates}u; i = i + 1u)`, () => {
      decode(e, "i", range(k.along.length, k.dims.length), sizes, define)
      const found = value(e, k.row, 0)
      const row = k.row.dtype === "u32"
        ? bind(e, e.blocks.length - 1, `i32(min(${found}, 2147483647u))`)
        : castText(e, k.row.dtype, "i32", found)
      const depth = e.blocks.length - 1
      const mine = bind(e, depth, `(${row} >= low && ${row} < high)`)
      if (own) {
        const v = value(e, k.value, 0)
        say(e, `if (${mine}) { sum = ${joined(e, "sum", k.dtype, "sum", v)}; }`)
      } else {
        nest(e, `if (${mine})`, () => {
          const v = value(e, k.value, 0)
          say(e, `let place = ${at} + ${k.stride} * ${row};`)
          const place: Index = { base: 0, terms: [{ coef: 1, atom: { tag: "var", id: -1 } }] }
          define(-1, ["place"])
          const before = fetched(e, k.buffer, "place")
          store(e, k.buffer, place, [joined(e, "sum", k.dtype, before, v)])
        })
      }
    })
    if (own) {
      say(e, `let place = ${at} + ${k.stride} * low;`)
      define(-1, ["place"])
      store(e, k.buffer, { base: 0, terms: [{ coef: 1, atom: { tag: "var", id: -1 } }] }, ["sum"])
    }
    return { size: lanes, groups: Math.ceil(units / lanes), clear: [k.buffer] }
  })
}
