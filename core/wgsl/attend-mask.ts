/**
 * Scores of an attention and which pairs see each other, as WGSL: labels of both sides (positions, segments, and what
 * rows bring to the backward parts), masks of four pairs at a time, caps and biases. Distances are unsigned, so that none
 * overflows.
 * @module
 */
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

/** What masks are made of, and what else is known of rows. */
export const isMark = (l: Label): boolean => typeOf(l.name) === "i32"

/** Gives `n<label>` what four other places have, from place `n` on, and names the blocks of their positions, `nb`. */
export const readFour = (e: Emitter, k: Attend, s: Sides, labels: ReadonlyArray<Label>): void => {
  if (labels.length === 0) return
  for (const j of [0, 1, 2, 3]) {
    nest(e, "", () => {
      say(e, `let at = min(n + ${j}u, ${s.other.count - 1}u);`)
      placed(e, s, s.other, "at")
      for (const l of labels) say(e, `n${l.name}.${"xyzw"[j]} = ${tame(l.name, value(e, l.expr, 0))};`)
    })
  }
  if (k.causal > 0 && labels.some((l) => l.name === "p")) say(e, `nb = ${chunked(k, "np")};`)
}

/** Declares what `readFour` gives. */
export const openFour = (e: Emitter, k: Attend, labels: ReadonlyArray<Label>): void => {
  for (const l of labels) say(e, `var n${l.name}: vec4<${typeOf(l.name)}>;`)
  if (k.causal > 0 && labels.some((l) => l.name === "p")) say(e, "var nb: vec4<i32>;")
}

/** Which of four places from `first` on are there. */
export const present = (s: Sides, first: string): string =>
  `(vec4<u32>(0u, 1u, 2u, 3u) + vec4<u32>(${first}) < vec4<u32>(${s.other.count}u))`

/** Which of the four pairs of own place `i` see each other: a vector of truths. `j` tells fours of a lane apart. */
export const sees = (k: Attend, s: Sides, i: number, j: string = ""): string =>
  [
    `nc${j}`,
    ...(k.causal > 0 ? [s.queries ? `(ob${i} >= nb${j})` : `(nb${j} >= ob${i})`] : []),
    ...(k.window > 0 ? [`near(vec4<i32>(op${i}), np${j})`] : []),
    ...(k.querySegment ? [`(vec4<i32>(os${i}) == ns${j})`] : []),
  ].join(" & ")

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
