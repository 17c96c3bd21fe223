/**
 * The epilogue of a contraction: what is done with four sums side by side, as a WGSL function `finish(z, r, c, acc)` of
 * the batch, the row, the first of four columns and their sums. It checks the edges of the product.
 * @module
 */
import { sizesOf } from "../kernel/expression.ts"
import type { Contract } from "../kernel/kernel.ts"
import type { Compute } from "../tensor/dtype.ts"
import type { Sides } from "./contract-operand.ts"
import { type Emitter, nest, outside, say, top, WIDTH } from "./emitter.ts"
import { store, value } from "./expression.ts"
import { decode } from "./shader.ts"

const range = (n: number): ReadonlyArray<number> => Array.from({ length: n }, (_, i) => i)

/** Writes the function `finish`. */
export const epilogue = (e: Emitter, k: Contract, s: Sides, type: Compute): void => {
  const sizes = sizesOf(k)
  const [m, n] = [s.rows.count, s.cols.count]
  const last = s.cols.ids.at(-1)
  const wide = last !== undefined && sizes[last]! % WIDTH === 0
  const write = (lanes: number): void => {
    const define = (id: number, names: ReadonlyArray<string>): void => {
      top(e).vars.set(id, names)
    }
    decode(e, "z", s.batch, sizes, define)
    decode(e, "r", s.rows.ids, sizes, define)
    decode(e, "w", s.cols.ids, sizes, define)
    const values = k.stores.map((t) => range(lanes).map((l) => value(e, t.value, l)))
    k.stores.forEach((t, i) => store(e, t.buffer, t.at, values[i]!))
  }
  const body = outside(e, () => {
    say(e, `if (r >= ${m}u || c >= ${n}u) { return; }`)
    if (wide) {
      say(e, "let w = c / 4u;")
      top(e).accs.set(0, range(WIDTH).map((l) => `acc.${"xyzw"[l]}`))
      e.lane = { id: last, width: WIDTH, varying: new Map() }
      write(WIDTH)
      e.lane = undefined
      return
    }
    for (const l of range(WIDTH)) {
      nest(e, l === 0 ? "" : `if (c + ${l}u < ${n}u)`, () => {
        top(e).accs.set(0, [`acc.${"xyzw"[l]}`])
        say(e, `let w = c + ${l}u;`)
        write(1)
      })
    }
  })
  e.globals.push(
    `fn finish(z: u32, r: u32, c: u32, acc: vec4<${type}>) {`,
    ...body.map((l) => "  " + l),
    "}",
  )
}
