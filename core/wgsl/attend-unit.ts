/**
 * Attention on matrix units (`matrix.ts`): operands and weights are halves, sums f32. The own side is kept in fragments;
 * blocks of the other side pass through workgroup memory. Fragments are opaque, so scores are laid down, lanes make
 * weights of them, and the weights go back as halves; what was summed stays in fragments and is scaled as seldom as
 * possible, since that takes a way through memory:
 *
 * - forward, a row's reference is one of its scores, and follows its largest only when some row's is ahead by more than a
 *   factor of 2^8, which halves hold; the result is the same;
 * - backward, weights are at most 1 and go in 2^8 times larger; their cotangents may be of any size, so they go in by a
 *   power of two that a block with large ones sets.
 * @module
 */
import { nothing } from "../graph/attention.ts"
import type { Attend } from "../kernel/kernel.ts"
import { finish, finishRow, joinRows } from "./attend-end.ts"
import { functionsOf, isMark, labelsOf, openFour, ownLabels, present, readFour, sees } from "./attend-mask.ts"
import { slope, soften, typeOf } from "./attend-mask.ts"
import { accOf, groupsOf, locate, sidesOf } from "./attend-side.ts"
import { arrays, bringOther, endSum, halved, keepOwn, openSums, rescale, type Scene } from "./attend-unit-block.ts"
import { score, sum } from "./attend-unit-block.ts"
import { deep, type UnitTile } from "./attend-unit-tile.ts"
import { bounds, lookers, spans, walk } from "./attend-walk.ts"
import { need, nest, say, WIDTH } from "./emitter.ts"
import { literal } from "./function.ts"
import { emulated, type Fragment, hardware, LANES } from "./matrix.ts"
import { type Build, type Entry, type Shader, shader } from "./shader.ts"

const range = (n: number): ReadonlyArray<number> => Array.from({ length: n }, (_, i) => i)

/** How far the largest score of a row may be ahead of its reference: a factor of 2^8, as a logarithm. */
const AHEAD = 8 * Math.LN2

/** What weights of the backward parts are multiplied by, so that small ones stay what they are. */
const LIFT = 256

const groups = ({ t }: Scene): ReadonlyArray<number> => range(t.vectors)

/** Text: the number of a lane's vector g in its row. */
const vector = ({ t }: Scene, g: number): string => `(tx + ${g * t.lanes}u)`

/** The labels of the other side lie in memory, four of them together. */
const labelled = ({ k, s }: Scene) => [
  ...labelsOf(k, !s.queries).map((l) => ({ name: l.name as string, type: typeOf(l.name) })),
  ...(k.causal > 1 ? [{ name: "b", type: "i32" }] : []),
]

/** Takes scores up, a vector `<name><g>` for each of a lane's. */
const take = (f: Scene, name: string): void => {
  for (const g of groups(f)) {
    const at = `ty * ${f.t.scored}u + ${vector(f, g)} * 4u`
    say(f.e, `var ${name}${g} = vec4<f32>(${range(WIDTH).map((l) => `ss[${at} + ${l}u]`).join(", ")});`)
  }
}

/** Puts `instead` where pairs do not see each other. */
const hide = (f: Scene, masked: boolean, instead: string): void => {
  const { e, k, s } = f
  if (!masked) return
  nest(e, "if (!whole)", () => {
    for (const g of groups(f)) {
      say(e, `let nc${g} = ${present(s, `n0 + ${vector(f, g)} * 4u`)};`)
      for (const l of labelled(f)) {
        if (l.type === "i32") say(e, `let n${l.name}${g} = x${l.name}[${vector(f, g)}];`)
      }
      if (k.causal === 1) say(e, `let nb${g} = np${g};`)
      say(e, `s${g} = select(vec4<f32>(${instead}), s${g}, ${sees(k, s, 0, String(g))});`)
    }
  })
}

/** Lays weights down as halves. */
const lay = (f: Scene, weight: (g: number) => string): void => {
  for (const g of groups(f)) say(f.e, halved("sp", `ty * ${f.t.weighed}u + ${vector(f, g)} * 4u`, weight(g)))
  say(f.e, "workgroupBarrier();")
}

/** Names `found`: the greatest of all lanes' `mine`, in all of them. */
const greatest = (f: Scene, mine: string): void => {
  say(f.e, `atomicMax(&most, ${mine});`, "workgroupBarrier();")
  say(f.e, "if (me == 0u) { agreed = atomicLoad(&most); atomicStore(&most, 0u); }")
  say(f.e, "let found = workgroupUniformLoad(&agreed);")
}

const joined = ({ t, unit }: Scene) => ({ rows: 1, across: t.lanes, team: unit === hardware ? t.lanes : 1 })

const forward = (f: Scene, masked: boolean): void => {
  const { e, s } = f
  take(f, "s")
  soften(e, f.k, s, groups(f).map((g) => ({ own: "x0", other: `n0 + ${vector(f, g)} * 4u` })))
  hide(f, masked, literal(e, "f32", nothing))
  const most = groups(f).map((g) => `s${g}`).reduce((x, y) => `max(${x}, ${y})`)
  say(e, `let high4 = ${most};`, "var t0 = max(max(high4.x, high4.y), max(high4.z, high4.w));")
  joinRows(e, joined(f), "t", (x, y) => `max(${x}, ${y})`)
  // a row that has seen nothing yet has nothing to be scaled
  say(e, `let fresh = m0 <= ${literal(e, "f32", nothing)};`)
  greatest(f, `select(0u, 1u, !fresh && t0 > m0 + ${literal(e, "f32", AHEAD)})`)
  say(e, "let r0 = select(m0, max(m0, t0), found != 0u || fresh);", "let a0 = fade(m0 - r0);")
  nest(e, "if (found != 0u)", () => {
    say(e, "if (tx == 0u) { sf[ty] = a0; }", "workgroupBarrier();")
    s.sums.forEach((_, n) => rescale(f, n))
  })
  say(e, "m0 = r0;")
  for (const g of groups(f)) say(e, `s${g} = weigh(s${g} - vec4<f32>(r0));`)
  hide(f, masked, "0.0")
  const all = groups(f).map((g) => `s${g}`).join(" + ")
  say(e, `let sum4 = ${all};`, "l0 = fma(l0, a0, (sum4.x + sum4.y) + (sum4.z + sum4.w));")
  s.sums.forEach((_, n) => {
    lay(f, (g) => `s${g}`)
    sum(f, n)
  })
}

const backward = (f: Scene, masked: boolean, kept: ReadonlyArray<ReadonlyArray<Fragment>>): void => {
  const { e, k, s } = f
  const row = (name: string, g: number): string => s.queries ? `vec4<f32>(o${name}0)` : `x${name}[${vector(f, g)}]`
  take(f, "s")
  soften(e, k, s, groups(f).map((g) => ({ own: "x0", other: `n0 + ${vector(f, g)} * 4u` })))
  for (const g of groups(f)) say(e, `s${g} = weigh(s${g} - ${row("l", g)});`)
  hide(f, masked, "0.0")
  if (s.scores.length > 1) {
    say(e, "workgroupBarrier();")
    score(f, 1, kept[1]!)
    take(f, "g")
    for (const g of groups(f)) say(e, `g${g} = s${g} * (g${g} - ${row("d", g)}) * ${slope(e, k, g)};`)
    const most = groups(f).map((g) => `abs(g${g})`).reduce((x, y) => `max(${x}, ${y})`)
    say(e, `let high4 = ${most};`)
    // numbers that are not below 0 are in the order of their bits
    greatest(f, "bitcast<u32>(max(max(high4.x, high4.y), max(high4.z, high4.w)))")
    say(e, "let top = bitcast<f32>(found);", "let over = top * grow > 16384.0;")
    say(e, "let fit = bitcast<f32>(u32(clamp(260 - i32(found >> 23u), 1, 254)) << 23u);")
    say(e, "let next = select(grow, fit, over || (grow == 0.0 && top > 0.0));")
    nest(e, "if (over)", () => {
      say(e, "if (tx == 0u) { sf[ty] = next / grow; }", "workgroupBarrier();")
      s.sums.forEach((x, n) => x.by === "slope" ? rescale(f, n) : undefined)
    })
    say(e, "grow = next;")
  }
  s.sums.forEach((x, n) => {
    lay(f, (g) => x.by === "weight" ? `s${g} * ${LIFT}.0` : `g${g} * grow`)
    sum(f, n)
  })
}

/** Some lanes read what is known of the block's places, and lay it down for all. */
const label = (f: Scene, masked: boolean): void => {
  const { e, k, s, t } = f
  const all = labelsOf(k, !s.queries)
  const [marks, rest] = [masked ? all.filter(isMark) : [], all.filter((l) => !isMark(l))]
  if (marks.length + rest.length === 0) return
  nest(e, `if (me < ${lookers(t)}u)`, () => {
    say(e, `let n = n0 + me * ${WIDTH}u;`)
    openFour(e, k, [...marks, ...rest])
    readFour(e, k, s, rest)
    for (const l of rest) say(e, `x${l.name}[me] = n${l.name};`)
    if (marks.length === 0) return
    nest(e, "if (!whole)", () => {
      readFour(e, k, s, marks)
      for (const l of marks) say(e, `x${l.name}[me] = n${l.name};`)
      if (k.causal > 1) say(e, "xb[me] = nb;")
    })
  })
}

const block = (f: Scene, masked: boolean, kept: ReadonlyArray<ReadonlyArray<Fragment>>): void => {
  const { e, k, s } = f
  label(f, masked)
  bringOther(f)
  say(e, "workgroupBarrier();")
  score(f, 0, kept[0]!)
  if (k.part === "forward") forward(f, masked)
  else backward(f, masked, kept)
  // sums end with a barrier; without any, scores must not be overwritten before they are read
  if (s.sums.length === 0) say(e, "workgroupBarrier();")
}

const end = (f: Scene): void => {
  const { e, k, s } = f
  s.sums.forEach((x) => finish(e, k, s, x.acc, x.of))
  if (k.part !== "forward") {
    s.sums.forEach((x, n) => {
      const by = x.by === "weight" ? `${1 / LIFT}` : "select(1.0 / max(grow, 1e-38), 0.0, grow == 0.0)"
      endSum(f, n, (sums) => `${sums} * ${by}`)
    })
    return
  }
  say(e, "workgroupBarrier();")
  joinRows(e, joined(f), "l", (x, y) => `${x} + ${y}`)
  say(e, "if (tx == 0u) { sf[ty] = 1.0 / max(l0, 1e-30); }", "workgroupBarrier();")
  s.sums.forEach((_, n) => endSum(f, n, (sums) => `${sums} * sf[row]`))
  if (!k.stores.some((x) => accOf(x.value) === 1)) return
  finishRow(e, k, s)
  const found = `m0 + ${need(e, "o_log")}(max(l0, 1e-30))`
  say(e, `if (tx == 0u) { finishRow(z, o0 + ty, select(${literal(e, "f32", nothing)}, ${found}, l0 > 0.0)); }`)
}

/** Writes an attention for matrix units. */
export const attendUnit = (k: Attend, b: Build, t: UnitTile): Shader => {
  const s = sidesOf(k)
  const all = s.scores.reduce((n, x) => n + deep(x.own), 0)
  return shader(b, (e): Entry => {
    const unit = b.capability.units === "emulated" ? emulated(all, t.down * t.across) : hardware
    const f: Scene = { e, b, k, s, t, unit }
    e.globals.push(
      ...arrays(f),
      ...labelled(f).map((l) => `var<workgroup> x${l.name}: array<vec4<${l.type}>, ${t.other / WIDTH}>;`),
      ...(joined(f).team < t.lanes ? [`var<workgroup> sr: array<f32, ${t.own * t.lanes}>;`] : []),
      "var<workgroup> most: atomic<u32>;",
      "var<workgroup> agreed: u32;",
      ...functionsOf(e, k),
    )
    say(e, ...unit.head, `let me = sg * ${LANES}u + sl;`, `let tx = me % ${t.lanes}u;`, `let ty = me / ${t.lanes}u;`)
    say(e, `let dr = sg / ${t.across}u;`, `let dc = sg % ${t.across}u;`)
    locate(e, k, s, t)
    bounds(e, k, s, t)
    openSums(f)
    say(e, ...k.part === "forward" ? [`var m0 = ${literal(e, "f32", nothing)};`, "var l0 = 0.0;"] : ["var grow = 0.0;"])
    if (s.other.count > 0) {
      say(e, "if (me == 0u) { atomicStore(&most, 0u); }")
      ownLabels(e, k, s, t)
      spans(e, k, t)
      const kept = keepOwn(f)
      walk(e, k, s, t, (masked) => block(f, masked, kept))
    }
    end(f)
    e.globals.push(...unit.globals())
    const { directives, attribute, builtins } = unit
    return { size: t.size, groups: groupsOf(s, t), directives, attribute, builtins }
  })
}
