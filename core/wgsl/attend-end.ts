/**
 * The end of an attention kernel: what is done with the sums of a place, as WGSL functions that stand beside the entry
 * point, and how lanes that share a row join what they have.
 * @module
 */
import type { Attend } from "../kernel/kernel.ts"
import { accOf, features, type Operand, placed, type Sides } from "./attend-side.ts"
import { beside, rowsOf, type Tile } from "./attend-tile.ts"
import { type Emitter, nest, outside, say, top, WIDTH } from "./emitter.ts"
import { store, value } from "./expression.ts"
import { bound, type Build, decode } from "./shader.ts"

const range = (n: number): ReadonlyArray<number> => Array.from({ length: n }, (_, i) => i)

/** The function `finish<acc>(z, x, f, sum)`: stores four features, from vector f on, of place x of batch z. */
export const finish = (e: Emitter, k: Attend, s: Sides, acc: number, of: Operand): void => {
  const stores = k.stores.filter((t) => accOf(t.value) === acc)
  const write = (lanes: number): void => {
    const values = stores.map((t) => range(lanes).map((l) => value(e, t.value, l)))
    stores.forEach((t, i) => store(e, t.buffer, t.at, values[i]!))
  }
  const body = outside(e, () => {
    say(e, `if (x >= ${s.own.count}u || f >= ${of.vectors}u) { return; }`)
    decode(e, "z", s.batch, s.sizes, (id, names) => top(e).vars.set(id, names))
    placed(e, s, s.own, "x")
    if (of.size % WIDTH === 0) {
      features(e, of, "f")
      top(e).accs.set(acc, range(WIDTH).map((l) => `sum.${"xyzw"[l]}`))
      write(WIDTH)
      e.lane = undefined
      return
    }
    for (const l of range(WIDTH)) {
      nest(e, l === 0 ? "" : `if (f * ${WIDTH}u + ${l}u < ${of.size}u)`, () => {
        say(e, `let v${of.id} = i32(f) * ${WIDTH} + ${l};`)
        top(e).vars.set(of.id, [`v${of.id}`])
        top(e).accs.set(acc, [`sum.${"xyzw"[l]}`])
        write(1)
      })
    }
  })
  e.globals.push(`fn finish${acc}(z: u32, x: u32, f: u32, sum: vec4<f32>) {`, ...body.map((l) => "  " + l), "}")
}

/** The function `told(z, x, sum)`: stores the log-sum-exp of place x. */
export const finishRow = (e: Emitter, k: Attend, s: Sides): void => {
  const stores = k.stores.filter((t) => accOf(t.value) === 1)
  const body = outside(e, () => {
    say(e, `if (x >= ${s.own.count}u) { return; }`)
    decode(e, "z", s.batch, s.sizes, (id, names) => top(e).vars.set(id, names))
    placed(e, s, s.own, "x")
    top(e).accs.set(1, ["sum"])
    for (const t of stores) store(e, t.buffer, t.at, [value(e, t.value, 0)])
  })
  e.globals.push("fn finishRow(z: u32, x: u32, sum: f32) {", ...body.map((l) => "  " + l), "}")
}

/** Joins one number a row over the lanes that share it: `name` and the number of the row is a variable of each. */
export const joinRows = (
  e: Emitter,
  t: Pick<Tile, "rows" | "across" | "team">,
  name: string,
  join: (x: string, y: string) => string,
): void => {
  for (let h = 1; h < t.team; h *= 2) {
    for (const i of rowsOf(t)) {
      say(e, `${name}${i} = ${join(`${name}${i}`, `subgroupShuffleXor(${name}${i}, ${h}u)`)};`)
    }
  }
  const parts = t.across / t.team
  if (parts === 1) return
  const room = (i: number): string => `(ty * ${t.rows}u + ${i}u) * ${parts}u`
  nest(e, t.team === 1 ? "" : `if (tx % ${t.team}u == 0u)`, () => {
    for (const i of rowsOf(t)) say(e, `sr[${room(i)} + ${t.team === 1 ? "tx" : `tx / ${t.team}u`}] = ${name}${i};`)
  })
  say(e, "workgroupBarrier();")
  for (const i of rowsOf(t)) say(e, `${name}${i} = sr[${room(i)}];`)
  nest(e, `for (var h = 1u; h < ${parts}u; h = h + 1u)`, () => {
    for (const i of rowsOf(t)) say(e, `${name}${i} = ${join(`${name}${i}`, `sr[${room(i)} + h]`)};`)
  })
}

/** Sums what lanes of a row have of the same columns and stores it; `total` is the text of a sum's last value. */
export const endSum = (
  e: Emitter,
  b: Build,
  t: Tile,
  n: number,
  acc: number,
  total: (sum: string, row: number) => string,
): void => {
  const width = beside(t, t.columns[n]!)
  const columns = Math.ceil(t.columns[n]! / width)
  const parts = t.across / width
  const all = rowsOf(t).flatMap((i) => range(columns).map((c) => [i, c] as const))
  const call = (i: string, c: string, sum: string): void => {
    const f = `tx % ${width}u + ${c} * ${width}u`
    const inside = columns * width > t.columns[n]! ? `if (${f} < ${t.columns[n]}u) ` : ""
    say(e, `${inside}{ finish${acc}(z, o0 + ty * ${t.rows}u + ${i}, c${n} + ${f}, ${sum}); }`)
  }
  if (parts > 1) {
    for (const [i, c] of all) {
      const sum = `w${n}_${i}_${c}`
      say(e, "workgroupBarrier();", `sm[me] = ${sum};`, "workgroupBarrier();")
      nest(e, `for (var h = tx + ${width}u; h < ${t.across}u; h = h + ${width}u)`, () => {
        say(e, `${sum} = ${sum} + sm[ty * ${t.across}u + h];`)
      })
    }
  }
  // those that had the first places now have the whole
  nest(e, parts > 1 ? `if (tx < ${width}u)` : "", () => {
    const totals = all.map(([i, c]) => total(`w${n}_${i}_${c}`, i))
    if (b.tuning.unroll) return all.forEach(([i, c], o) => call(`${i}u`, `${c}u`, totals[o]!))
    say(e, `var all = array<vec4<f32>, ${all.length}>(${totals.join(", ")});`)
    nest(e, `for (var o = 0u; o < ${bound(b, all.length)}; o = o + 1u)`, () => {
      call(`o / ${columns}u`, `(o % ${columns}u)`, "all[o]")
    })
  })
}
