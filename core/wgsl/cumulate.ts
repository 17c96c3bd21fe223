/**
 * Running folds as WGSL. Many short rows: an invocation a row. Few long ones: a workgroup a row, in which each lane folds
 * a stretch of its own, the stretches are folded one after another, and each lane runs through its stretch again.
 * @module
 */
import { sizesOf } from "../kernel/expression.ts"
import type { Cumulate } from "../kernel/kernel.ts"
import { type Emitter, nest, say, top } from "./emitter.ts"
import { store, value } from "./expression.ts"
import { identityText, joined } from "./fold.ts"
import { type Build, decode, type Entry, idle, type Shader, shader } from "./shader.ts"

const product = (xs: ReadonlyArray<number>): number => xs.reduce((a, b) => a * b, 1)

/** Writes a running fold. */
export const cumulate = (k: Cumulate, b: Build): Shader => {
  const points = product(k.dims)
  if (points * k.length === 0) return idle
  const sizes = sizesOf(k)
  const { tuning } = b
  const last = k.dims.length
  const alone = points >= tuning.fill || k.length < 2 * tuning.row
  const lanes = alone ? 1 : tuning.row
  const stretch = Math.ceil(k.length / lanes)

  return shader(b, (e): Entry => {
    const define = (id: number, names: ReadonlyArray<string>): void => {
      top(e).vars.set(id, names)
    }
    if (alone) say(e, `let p = gid * ${tuning.map}u + lid;`, `if (p >= ${points}u) { return; }`)
    else say(e, "let p = gid;")
    decode(e, "p", k.dims.map((_, i) => i), sizes, define)
    const run = (from: string, to: string, body: (e: Emitter) => void): void => {
      nest(e, `for (var i = ${from}; i < ${to}; i = i + 1u)`, () => {
        say(e, `let v${last} = ${k.reverse ? `i32(${k.length - 1}u - i)` : "i32(i)"};`)
        define(last, [`v${last}`])
        say(e, `run = ${joined(e, k.fn, k.dtype, "run", value(e, k.value, 0))};`)
        body(e)
      })
    }
    const write = (): void => {
      say(e, "let now = run;")
      top(e).accs.set(0, ["now"])
      const values = k.stores.map((s) => value(e, s.value, 0))
      k.stores.forEach((s, n) => store(e, s.buffer, s.at, [values[n]!]))
    }
    const identity = identityText(e, k.fn, k.dtype)
    if (alone) {
      say(e, `var run = ${identity};`)
      run("0u", `${k.length}u`, write)
      return { size: tuning.map, groups: Math.ceil(points / tuning.map) }
    }
    e.globals.push(`var<workgroup> part: array<${k.dtype}, ${lanes}>;`)
    say(e, `let begin = min(lid * ${stretch}u, ${k.length}u);`, `let end = min(begin + ${stretch}u, ${k.length}u);`)
    say(e, `var run = ${identity};`)
    run("begin", "end", () => {})
    say(e, "part[lid] = run;", "workgroupBarrier();", `run = ${identity};`)
    nest(
      e,
      "for (var l = 0u; l < lid; l = l + 1u)",
      () => say(e, `run = ${joined(e, k.fn, k.dtype, "run", "part[l]")};`),
    )
    // every stretch has been read before the first result is written: the results may take the values' place
    say(e, "storageBarrier();")
    run("begin", "end", write)
    return { size: lanes, groups: points }
  })
}
