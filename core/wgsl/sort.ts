/**
 * Stable argsort as WGSL: a bitonic network over pairs of key and position, which are all different, so that the order
 * is the one stable order. The network always puts the smaller pair first (the first step of each merge runs against a
 * mirrored half), so a length that is no power of two just leaves out what lies beyond. A workgroup sorts a row: in
 * workgroup memory while it fits, else in the output buffer itself, whose positions are its pairs.
 * @module
 */
import { sizesOf } from "../kernel/expression.ts"
import type { Sort } from "../kernel/kernel.ts"
import { type Emitter, nest, say, top } from "./emitter.ts"
import { castText } from "./function.ts"
import { fetched, index, store, value } from "./expression.ts"
import { bound, type Build, decode, type Entry, idle, type Shader, shader } from "./shader.ts"

const product = (xs: ReadonlyArray<number>): number => xs.reduce((a, b) => a * b, 1)
const powerUp = (n: number): number => 2 ** Math.ceil(Math.log2(Math.max(1, n)))

/** A key as a `u32` in whose order the pairs are sorted: NaN last, -0 and 0 alike. */
const orderly = (e: Emitter, k: Sort, key: string): string => {
  if (k.key.dtype !== "f32") {
    const bits = k.key.dtype === "i32" ? `(bitcast<u32>(${key}) ^ 0x80000000u)` : castText(e, k.key.dtype, "u32", key)
    return k.descending ? `(~${bits})` : bits
  }
  e.needs.add("o_order")
  return `o_order(${key}, ${k.descending})`
}

/** Writes an argsort. */
export const sort = (k: Sort, b: Build): Shader => {
  const points = product(k.dims)
  if (points * k.length === 0) return idle
  const sizes = sizesOf(k)
  const last = k.dims.length
  const whole = powerUp(k.length)
  const near = whole * 8 <= b.capability.workgroupBytes
  const pairs = Math.max(1, whole / 2)
  const lanes = Math.min(b.tuning.row, pairs)

  return shader(b, (e): Entry => {
    const define = (id: number, names: ReadonlyArray<string>): void => {
      top(e).vars.set(id, names)
    }
    say(e, "let p = gid;")
    decode(e, "p", k.dims.map((_, i) => i), sizes, define)
    const eachPosition = (body: () => void): void =>
      nest(e, `for (var i = lid; i < ${k.length}u; i = i + ${lanes}u)`, body)
    const at = (name: string): string => {
      define(last, [name])
      return index(e, k.at, 0)
    }
    const keyOf = (name: string): string => {
      define(last, [name])
      return orderly(e, k, value(e, k.key, 0))
    }
    if (near) {
      e.globals.push(`var<workgroup> keys: array<u32, ${k.length}>;`, `var<workgroup> order: array<i32, ${k.length}>;`)
      eachPosition(() => {
        say(e, "let v = i32(i);")
        say(e, `keys[i] = ${keyOf("v")};`, "order[i] = v;")
      })
      say(e, "workgroupBarrier();")
    } else {
      eachPosition(() => {
        say(e, "let v = i32(i);")
        define(last, ["v"])
        store(e, k.buffer, k.at, ["v"])
      })
      say(e, "storageBarrier();")
    }
    const exchange = (): void => {
      if (near) {
        say(e, "let ka = keys[a]; let kb = keys[b]; let oa = order[a]; let ob = order[b];")
        say(e, "if (kb < ka || (kb == ka && ob < oa)) { keys[a] = kb; keys[b] = ka; order[a] = ob; order[b] = oa; }")
        return
      }
      say(e, "let va = i32(a); let vb = i32(b);")
      say(e, `let pa = ${at("va")};`, `let oa = ${fetched(e, k.buffer, "pa")};`)
      say(e, `let pb = ${at("vb")};`, `let ob = ${fetched(e, k.buffer, "pb")};`)
      nest(e, "", () => {
        say(e, `let ka = ${keyOf("oa")};`)
        nest(e, "", () => {
          say(e, `let kb = ${keyOf("ob")};`)
          nest(e, "if (kb < ka || (kb == ka && ob < oa))", () => {
            define(last, ["va"])
            store(e, k.buffer, k.at, ["ob"])
            define(last, ["vb"])
            store(e, k.buffer, k.at, ["oa"])
          })
        })
      })
    }
    const barrier = near ? "workgroupBarrier();" : "storageBarrier();"
    nest(e, `for (var width = 2u; width <= ${bound(b, whole)}; width = width << 1u)`, () => {
      nest(e, "for (var j = width >> 1u; j > 0u; j = j >> 1u)", () => {
        nest(e, `for (var i = lid; i < ${pairs}u; i = i + ${lanes}u)`, () => {
          say(e, "let a = (i / j) * (j << 1u) + i % j;")
          say(e, "let b = select(a + j, (a / width) * width + width - 1u - a % width, j == width >> 1u);")
          nest(e, `if (b < ${k.length}u)`, exchange)
        })
        say(e, barrier)
      })
    })
    if (near) {
      eachPosition(() => {
        say(e, "let v = i32(i);", "let found = order[i];")
        define(last, ["v"])
        store(e, k.buffer, k.at, ["found"])
      })
    }
    return { size: lanes, groups: points }
  })
}
