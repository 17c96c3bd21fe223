/**
 * Which blocks of the other side a tile of an attention walks through, as WGSL: those that it sees nothing of are left
 * out, and of the others it is known whether it sees them whole. Positions that are the places themselves bound the walk
 * before anything is loaded; other positions and segments are looked through, some blocks at a time.
 * @module
 */
import { isPlaced } from "../kernel/attend.ts"
import type { Attend } from "../kernel/kernel.ts"
import { chunked, isMark, labelsOf, openFour, present, readFour } from "./attend-mask.ts"
import type { Cut, Sides } from "./attend-side.ts"
import { rowsOf } from "./attend-tile.ts"
import { type Emitter, nest, say, WIDTH } from "./emitter.ts"

/** Can a block be told to be unseen or seen whole only by looking at its labels? */
export const looked = (k: Attend): boolean =>
  k.querySegment !== undefined || (!isPlaced(k) && (k.causal > 0 || k.window > 0))

/** Names `span0` to `span3`: the least and the greatest position and segment of the tile. */
export const spans = (e: Emitter, k: Attend, t: Cut): void => {
  if (!looked(k)) return
  e.globals.push(
    "var<workgroup> spans: array<atomic<i32>, 4>;",
    "var<workgroup> told: atomic<u32>;",
    "var<workgroup> verdict: u32;",
  )
  nest(e, "if (me == 0u)", () => {
    say(e, "atomicStore(&spans[0], 2147483647);", "atomicStore(&spans[1], i32(-2147483648));")
    say(e, "atomicStore(&spans[2], 2147483647);", "atomicStore(&spans[3], i32(-2147483648));")
    say(e, "atomicStore(&told, 0u);")
  })
  say(e, "workgroupBarrier();")
  const kinds = [...(k.causal > 0 || k.window > 0 ? [["op", 0] as const] : []), ...(k.querySegment ? [["os", 2]] : [])]
  nest(e, "if (tx == 0u)", () => {
    for (const i of rowsOf(t)) {
      for (const [name, at] of kinds as ReadonlyArray<readonly [string, number]>) {
        say(e, `atomicMin(&spans[${at}], ${name}${i});`, `atomicMax(&spans[${at + 1}], ${name}${i});`)
      }
    }
  })
  say(e, "workgroupBarrier();")
  for (const i of [0, 1, 2, 3]) say(e, `let span${i} = vec4<i32>(atomicLoad(&spans[${i}]));`)
}

/** Lanes that have the labels of a block between them, four places each. */
export const lookers = (t: Cut): number => t.other / WIDTH

/** Blocks that all lanes together look at: two bits of a word each. */
const ahead = (t: Cut): number => Math.max(1, Math.min(16, Math.floor(t.size / lookers(t))))

/** Looks at the blocks from `g0` on. Of block i bit 2i of `said` tells that something is seen, bit 2i + 1 that not all is. */
const look = (e: Emitter, k: Attend, s: Sides, t: Cut): void => {
  const [low, high] = [chunked(k, "span0"), chunked(k, "span1")]
  const some = [
    "nc",
    ...(k.causal > 0 ? [s.queries ? `(${high} >= nb)` : `(nb >= ${low})`] : []),
    ...(k.window > 0 ? ["near(np, clamp(np, span0, span1))"] : []),
    ...(k.querySegment ? ["(ns >= span2)", "(ns <= span3)"] : []),
  ]
  const every = [
    "nc",
    ...(k.causal > 0 ? [s.queries ? `(${low} >= nb)` : `(nb >= ${high})`] : []),
    ...(k.window > 0 ? ["near(np, span0)", "near(np, span1)"] : []),
    ...(k.querySegment ? ["(ns == span2)", "(ns == span3)"] : []),
  ]
  const marks = labelsOf(k, !s.queries).filter(isMark)
  const busy = ahead(t) * lookers(t)
  nest(e, busy < t.size ? `if (me < ${busy}u)` : "", () => {
    say(e, `let g = me / ${lookers(t)}u;`, `let n = g0 + g * ${t.other}u + me % ${lookers(t)}u * ${WIDTH}u;`)
    say(e, `let nc = ${present(s, "n")};`)
    openFour(e, k, marks)
    readFour(e, k, s, marks)
    say(e, `let a = select(0u, 1u, any(${some.join(" & ")}));`)
    say(e, `let b = select(2u, 0u, all(${every.join(" & ")}));`)
    say(e, "atomicOr(&told, (a | b) << (2u * g));")
  })
  say(e, "workgroupBarrier();")
  say(e, "if (me == 0u) { verdict = atomicLoad(&told); atomicStore(&told, 0u); }")
  // barriers on both sides of it are part of the load
  say(e, "let said = workgroupUniformLoad(&verdict);")
}

/** Names `low` and `high`, between which the tile sees the other side: all of it, but where places bound it. */
export const bounds = (e: Emitter, k: Attend, s: Sides, t: Cut): void => {
  const { causal: c, window: w } = k
  const { own, other } = s
  if (!isPlaced(k) || (c === 0 && w === 0)) {
    return say(e, "let low = 0u;", `let high = ${other.count}u;`)
  }
  const places = other.count / other.per
  say(e, `let p0 = o0 / ${own.per}u;`, `let p1 = min(o0 + ${t.own - 1}u, ${own.count - 1}u) / ${own.per}u;`)
  const near = w > 0 ? `select(0u, p0 + 1u - ${w}u, p0 + 1u > ${w}u)` : "0u"
  const low = c > 0 && !s.queries ? `max(p0 / ${c}u * ${c}u, ${near})` : near
  const ends = [
    `${places}u`,
    ...(c > 0 && s.queries ? [`(p1 / ${c}u + 1u) * ${c}u`] : []),
    ...(w > 0 ? [`p1 + ${w}u`] : []),
  ]
  const high = ends.reduce((x, y) => `min(${x}, ${y})`)
  say(e, `let low = ${low === "0u" ? low : `${low} * ${other.per}u`};`, `let high = ${high} * ${other.per}u;`)
}

/** Could a block begin anywhere but at a whole number of blocks, or reach beyond the other side? */
export const raggedBlocks = (k: Attend, s: Sides, t: Cut): boolean =>
  s.other.count % t.other !== 0 || (isPlaced(k) && (k.causal > 0 || k.window > 0))

/**
 * Walks through the blocks: `body` is written once, with `n0`, the first place of the block, and, where it is told so,
 * `whole`: does every pair of the block see each other?
 */
export const walk = (e: Emitter, k: Attend, s: Sides, t: Cut, body: (masked: boolean) => void): void => {
  if (looked(k)) {
    const many = ahead(t)
    return nest(e, `for (var g0 = low; g0 < high; g0 = g0 + ${many * t.other}u)`, () => {
      look(e, k, s, t)
      nest(e, `for (var i = 0u; i < ${many}u; i = i + 1u)`, () => {
        nest(e, "if (((said >> (2u * i)) & 1u) != 0u)", () => {
          say(e, `let n0 = g0 + i * ${t.other}u;`, "let whole = ((said >> (2u * i)) & 2u) == 0u;")
          body(true)
        })
      })
    })
  }
  const { causal: c, window: w } = k
  const [n0, n1] = [`n0 / ${s.other.per}u`, `(n0 + ${t.other - 1}u) / ${s.other.per}u`]
  const conditions = [
    ...(raggedBlocks(k, s, t) ? [`n0 + ${t.other}u <= ${s.other.count}u`] : []),
    ...(c > 0 ? [s.queries ? `p0 / ${c}u >= ${n1} / ${c}u` : `${n0} / ${c}u >= p1 / ${c}u`] : []),
    ...(w > 0 ? [`i32(${n1}) - i32(p0) < ${w}`, `i32(p1) - i32(${n0}) < ${w}`] : []),
  ]
  nest(e, `for (var n0 = low; n0 < high; n0 = n0 + ${t.other}u)`, () => {
    if (conditions.length > 0) say(e, `let whole = ${conditions.join(" && ")};`)
    body(conditions.length > 0)
  })
}
