/**
 * Which pairs of an attention see each other, as WGSL: labels of both sides (positions, segments, and what rows bring to
 * the backward parts), the part of the other side that a tile can see at all, blocks that it sees nothing of, and blocks
 * that it sees whole. Positions that are the places themselves bound the walk before anything is loaded; other positions
 * and segments are looked through block by block. Distances are unsigned, so that none overflows.
 * @module
 */
import { isPlaced } from "../kernel/attend.ts"
import type { Attend, Expr } from "../kernel/kernel.ts"
import { type Cut, placed, type Sides } from "./attend-side.ts"
import { rowsOf } from "./attend-tile.ts"
import { type Emitter, need, nest, say } from "./emitter.ts"
import { value } from "./expression.ts"
import { literal } from "./function.ts"

/** What a place of a side is asked for: `p` positions, `s` segments, `l` log-sum-exp, `d` delta. */
export interface Label {
  readonly name: "p" | "s" | "l" | "d"
  readonly expr: Expr
}

/** What the places of a side are asked for. */
export const labelsOf = (k: Attend, queries: boolean): ReadonlyArray<Label> => {
  const some = (name: Label["name"], expr: Expr | undefined): ReadonlyArray<Label> =>
    expr === undefined ? [] : [{ name, expr }]
  const far = k.causal > 0 || k.window > 0
  return [
    ...some("p", far ? (queries ? k.queryPosition : k.keyPosition) : undefined),
    ...some("s", queries ? k.querySegment : k.keySegment),
    ...(queries && k.part !== "forward" ? [...some("l", k.lse), ...some("d", k.delta)] : []),
  ]
}

/** The type of a label. */
export const typeOf = (name: Label["name"]): "i32" | "f32" => name === "p" || name === "s" ? "i32" : "f32"

/** The log-sum-exp of a row that sees nothing is put away: no pair of it has a weight. */
const tame = (name: Label["name"], text: string): string =>
  name === "l" ? `select(${text}, 0.0, ${text} < -1e38)` : text

/** Can a block be told to be unseen or seen whole only by looking at its labels? */
export const looked = (k: Attend): boolean =>
  k.querySegment !== undefined || (!isPlaced(k) && (k.causal > 0 || k.window > 0))

/** The functions that weights and masks call. */
export const functionsOf = (e: Emitter, k: Attend): ReadonlyArray<string> => [
  // exp of what is not above 0, or not by much; far below it is 0, and nothing on the way is infinite
  "fn weigh(x: vec4<f32>) -> vec4<f32> { return exp2(max(x, vec4<f32>(-128.0)) * 1.44269504f); }",
  "fn fade(x: f32) -> f32 { return exp2(max(x, -128.0) * 1.44269504f); }",
  ...(k.cap > 0
    ? [
      "fn bend(x: vec4<f32>) -> vec4<f32> {",
      `  return vec4<f32>(${[..."xyzw"].map((c) => `${need(e, "o_tanh")}(x.${c})`).join(", ")});`,
      "}",
    ]
    : []),
  ...(k.causal > 1
    ? [
      "fn stretch(p: vec4<i32>) -> vec4<i32> {",
      `  return select(p / ${k.causal}, (p + 1) / ${k.causal} - 1, p < vec4<i32>());`,
      "}",
    ]
    : []),
  ...(k.window > 0
    ? [
      "fn near(x: vec4<i32>, y: vec4<i32>) -> vec4<bool> {",
      `  return bitcast<vec4<u32>>(max(x, y)) - bitcast<vec4<u32>>(min(x, y)) < vec4<u32>(${k.window}u);`,
      "}",
    ]
    : []),
]

/** The blocks of positions that see each other. */
export const chunked = (k: Attend, x: string): string => k.causal > 1 ? `stretch(${x})` : x

/** Names the labels of the own places: `op0` and so on, and the blocks of their positions, `ob0`. */
export const ownLabels = (e: Emitter, k: Attend, s: Sides, t: Cut): void => {
  for (const i of rowsOf(t)) {
    const labels = labelsOf(k, s.queries)
    if (labels.length === 0) return
    for (const l of labels) say(e, `var o${l.name}${i}: ${typeOf(l.name)};`)
    nest(e, "", () => {
      say(e, `let at = x${i};`)
      placed(e, s, s.own, "at")
      for (const l of labels) say(e, `o${l.name}${i} = ${tame(l.name, value(e, l.expr, 0))};`)
    })
    if (k.causal > 0) say(e, `let ob${i} = ${chunked(k, `vec4<i32>(op${i})`)};`)
  }
}

/** Names the labels of the four other places of a lane, `np` and so on, the blocks `nb`, and which are there, `nc`. */
export const otherLabels = (e: Emitter, k: Attend, s: Sides, t: Cut): void => {
  say(e, `let n = n0 + ${t.four};`, `let nc = vec4<u32>(n, n + 1u, n + 2u, n + 3u) < vec4<u32>(${s.other.count}u);`)
  const labels = labelsOf(k, !s.queries)
  if (labels.length === 0) return
  for (const l of labels) say(e, `var n${l.name}: vec4<${typeOf(l.name)}>;`)
  for (const j of [0, 1, 2, 3]) {
    nest(e, "", () => {
      say(e, `let at = min(n + ${j}u, ${s.other.count - 1}u);`)
      placed(e, s, s.other, "at")
      for (const l of labels) say(e, `n${l.name}.${"xyzw"[j]} = ${tame(l.name, value(e, l.expr, 0))};`)
    })
  }
  if (k.causal > 0) say(e, `let nb = ${chunked(k, "np")};`)
}

/** Which of the four pairs of own place `i` see each other: a vector of truths. `j` tells fours of a lane apart. */
export const sees = (k: Attend, s: Sides, i: number, j: string = ""): string =>
  [
    `nc${j}`,
    ...(k.causal > 0 ? [s.queries ? `(ob${i} >= nb${j})` : `(nb${j} >= ob${i})`] : []),
    ...(k.window > 0 ? [`near(vec4<i32>(op${i}), np${j})`] : []),
    ...(k.querySegment ? [`(vec4<i32>(os${i}) == ns${j})`] : []),
  ].join(" & ")

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

/** Looks through the labels of a block: `seen` (does anything see anything) and `whole`, the same in all lanes. */
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
  nest(e, `if (${t.leads})`, () => {
    say(e, `let a = select(0u, 1u, any(${some.join(" & ")}));`)
    say(e, `let b = select(2u, 0u, all(${every.join(" & ")}));`)
    say(e, "atomicOr(&told, a | b);")
  })
  say(e, "workgroupBarrier();")
  say(e, "if (me == 0u) { verdict = atomicLoad(&told); atomicStore(&told, 0u); }")
  // barriers on both sides of it are part of the load
  say(
    e,
    "let said = workgroupUniformLoad(&verdict);",
    "let seen = (said & 1u) != 0u;",
    "let whole = (said & 2u) == 0u;",
  )
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
 * Names `whole`: does every pair of this block see each other? And what is known before it runs: the condition under which
 * the block counts at all, and whether any block is not whole.
 */
export const verdict = (
  e: Emitter,
  k: Attend,
  s: Sides,
  t: Cut,
): { readonly counts: string; readonly masked: boolean } => {
  if (looked(k)) {
    look(e, k, s, t)
    return { counts: "seen", masked: true }
  }
  const { causal: c, window: w } = k
  const [n0, n1] = [`n0 / ${s.other.per}u`, `(n0 + ${t.other - 1}u) / ${s.other.per}u`]
  const conditions = [
    ...(raggedBlocks(k, s, t) ? [`n0 + ${t.other}u <= ${s.other.count}u`] : []),
    ...(c > 0 ? [s.queries ? `p0 / ${c}u >= ${n1} / ${c}u` : `${n0} / ${c}u >= p1 / ${c}u`] : []),
    ...(w > 0 ? [`i32(${n1}) - i32(p0) < ${w}`, `i32(p1) - i32(${n0}) < ${w}`] : []),
  ]
  if (conditions.length > 0) say(e, `let whole = ${conditions.join(" && ")};`)
  return { counts: "", masked: conditions.length > 0 }
}

/** Four scores of a lane: an own place, and the first of four other places side by side. */
export interface Four {
  readonly own: string
  readonly other: string
}

/** From products to scores, `s<number>`; where there is a cap, `bent<number>` tells what it leaves of a score's growth. */
export const soften = (e: Emitter, k: Attend, s: Sides, fours: ReadonlyArray<Four>): void =>
  fours.forEach(({ own, other }, i) => {
    if (k.cap > 0) {
      say(e, `let bent${i} = bend(s${i} * ${literal(e, "f32", k.scale / k.cap)});`)
      say(e, `s${i} = bent${i} * ${literal(e, "f32", k.cap)};`)
    } else say(e, `s${i} = s${i} * ${literal(e, "f32", k.scale)};`)
    const { bias } = k
    if (bias === undefined) return
    nest(e, "", () => {
      say(e, `let at = ${own};`)
      placed(e, s, s.own, "at")
      for (const j of [0, 1, 2, 3]) {
        nest(e, "", () => {
          say(e, `let bt = min(${other} + ${j}u, ${s.other.count - 1}u);`)
          placed(e, s, s.other, "bt")
          say(e, `s${i}.${"xyzw"[j]} = s${i}.${"xyzw"[j]} + ${value(e, bias, 0)};`)
        })
      }
    })
  })

/** What a product adds to its score, as a factor of four. */
export const slope = (e: Emitter, k: Attend, i: number): string => {
  const scale = literal(e, "f32", k.scale)
  return k.cap > 0 ? `(${scale} * (vec4<f32>(1.0) - bent${i} * bent${i}))` : scale
}
