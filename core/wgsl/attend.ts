/**
 * Attention on a GPU. A workgroup keeps a tile of one side and walks the other in blocks (Dao, 2023): it scores the block
 * (operands pass through workgroup memory in slices of their features, each lane has a small block of scores in
 * registers), makes weights of the scores, lays them down in workgroup memory, and sums the other side's features by
 * them, again in registers. In the forward part a row's largest score so far is its reference, and what was summed is
 * scaled when it grows; the backward parts know the log-sum-exp and scale nothing. Sums are f32 and in a fixed order.
 * @module
 */
import { nothing } from "../graph/attention.ts"
import type { Attend } from "../kernel/kernel.ts"
import { endSum, finish, finishRow, joinRows } from "./attend-end.ts"
import { functionsOf, isMark, labelsOf, openFour, ownLabels, present, readFour, sees } from "./attend-mask.ts"
import { slope, soften } from "./attend-mask.ts"
import { type Frame, keep, openSums, score, sum } from "./attend-product.ts"
import { accOf, groupsOf, locate, type Sides, sidesOf } from "./attend-side.ts"
import { beside, rowsOf, type Tile, tileOf } from "./attend-tile.ts"
import { unitTileOf, unrounded } from "./attend-unit-tile.ts"
import { attendUnit } from "./attend-unit.ts"
import { bounds, spans, walk } from "./attend-walk.ts"
import { need, nest, say } from "./emitter.ts"
import { subgroupEntry } from "./fold.ts"
import { literal } from "./function.ts"
import { type Build, type Entry, idle, type Shader, shader } from "./shader.ts"

const range = (n: number): ReadonlyArray<number> => Array.from({ length: n }, (_, i) => i)
const product = (xs: ReadonlyArray<number>): number => xs.reduce((a, b) => a * b, 1)

const hidden = (f: Frame, masked: boolean, i: number, name: string, instead: string): void => {
  if (masked) {
    say(f.e, `if (!whole) { ${name}${i} = select(vec4<f32>(${instead}), ${name}${i}, ${sees(f.k, f.s, i)}); }`)
  }
}

/** What becomes of a block of scores in the forward part. */
const forward = (f: Frame, masked: boolean): void => {
  const { e, t } = f
  for (const i of rowsOf(t)) {
    hidden(f, masked, i, "s", literal(e, "f32", nothing))
    say(e, `var t${i} = max(max(s${i}.x, s${i}.y), max(s${i}.z, s${i}.w));`)
  }
  joinRows(e, t, "t", (x, y) => `max(${x}, ${y})`)
  for (const i of rowsOf(t)) {
    say(e, `let r${i} = max(m${i}, t${i});`, `let a${i} = fade(m${i} - r${i});`, `m${i} = r${i};`)
    say(e, `s${i} = weigh(s${i} - vec4<f32>(r${i}));`)
    hidden(f, masked, i, "s", "0.0")
    say(e, `l${i} = fma(l${i}, a${i}, (s${i}.x + s${i}.y) + (s${i}.z + s${i}.w));`)
    t.columns.forEach((columns, n) => {
      for (const c of range(Math.ceil(columns / beside(t, columns)))) {
        say(e, `w${n}_${i}_${c} = w${n}_${i}_${c} * a${i};`)
      }
    })
  }
}

/** What becomes of it in the backward parts: the weights `s`, and the cotangents of the products `g`. */
const backward = (f: Frame, masked: boolean): void => {
  const { e, k, s, t } = f
  const row = (name: string, i: number): string => s.queries ? `vec4<f32>(o${name}${i})` : `n${name}`
  for (const i of rowsOf(t)) {
    say(e, `s${i} = weigh(s${i} - ${row("l", i)});`)
    hidden(f, masked, i, "s", "0.0")
    if (s.scores.length < 2) continue
    say(e, `g${i} = s${i} * (g${i} - ${row("d", i)}) * ${slope(e, k, i)};`)
  }
}

/** What lanes know of their four other places: marks only where masks ask for them. */
const labels = ({ e, k, s }: Frame, masked: boolean): void => {
  say(e, `let n = n0 + tx * 4u;`)
  const all = labelsOf(k, !s.queries)
  const rest = all.filter((l) => !isMark(l))
  openFour(e, k, masked ? all : rest)
  readFour(e, k, s, rest)
  if (!masked) return
  say(e, `let nc = ${present(s, "n")};`)
  const marks = all.filter(isMark)
  if (marks.length > 0) nest(e, "if (!whole)", () => readFour(e, k, s, marks))
}

const block = (f: Frame, masked: boolean): void => {
  const { e, k, s, t } = f
  labels(f, masked)
  score(f, 0, "s")
  if (s.scores.length > 1) score(f, 1, "g")
  soften(e, k, s, rowsOf(t).map((i) => ({ own: `x${i}`, other: "n" })))
  if (k.part === "forward") forward(f, masked)
  else backward(f, masked)
  s.sums.forEach((x, n) => sum(f, n, x.by === "weight" ? "s" : "g"))
}

const end = (f: Frame): void => {
  const { e, b, k, s, t } = f
  s.sums.forEach((x) => finish(e, k, s, x.acc, x.of))
  if (k.part !== "forward") return s.sums.forEach((x, n) => endSum(e, b, t, n, x.acc, (sum) => sum))
  say(e, "workgroupBarrier();")
  joinRows(e, t, "l", (x, y) => `${x} + ${y}`)
  s.sums.forEach((x, n) => endSum(e, b, t, n, x.acc, (sum, i) => `${sum} * (1.0 / max(l${i}, 1e-30))`))
  if (!k.stores.some((x) => accOf(x.value) === 1)) return
  finishRow(e, k, s)
  nest(e, `if (tx == 0u${t.chunks > 1 ? " && piece == 0u" : ""})`, () => {
    for (const i of rowsOf(t)) {
      const found = `m${i} + ${need(e, "o_log")}(max(l${i}, 1e-30))`
      say(
        e,
        `finishRow(z, o0 + ty * ${t.rows}u + ${i}u, select(${literal(e, "f32", nothing)}, ${found}, l${i} > 0.0));`,
      )
    }
  })
}

/** Writes an attention with a given cut. */
export const attendTiled = (k: Attend, b: Build, s: Sides, t: Tile): Shader => {
  const grouped = t.team > 1
  return shader(b, (e): Entry => {
    const f: Frame = { e, b, k, s, t }
    e.globals.push(
      `var<workgroup> sm: array<vec4<f32>, ${t.vectors}>;`,
      `var<workgroup> sr: array<f32, ${t.scalars}>;`,
      ...functionsOf(e, k),
    )
    // which lanes make up a subgroup is the adapter's affair: lanes are counted by it where subgroups exchange
    say(e, grouped ? "let me = sg * ss + sl;" : "let me = lid;")
    say(e, `let tx = me % ${t.across}u;`, `let ty = me / ${t.across}u;`)
    locate(e, k, s, t)
    t.columns.forEach((c, n) => say(e, `let c${n} = ${t.chunks > 1 ? `piece * ${c}u` : "0u"};`))
    bounds(e, k, s, t)
    openSums(f)
    if (k.part === "forward") {
      for (const i of rowsOf(t)) say(e, `var m${i} = ${literal(e, "f32", nothing)};`, `var l${i} = 0.0;`)
    }
    if (s.other.count > 0) {
      ownLabels(e, k, s, t)
      spans(e, k, t)
      keep(f)
      walk(e, k, s, t, (masked) => block(f, masked))
    }
    end(f)
    return { size: t.size, groups: groupsOf(s, t), ...(grouped ? subgroupEntry : {}) }
  })
}

/** The shader of an attention kernel. */
export const attend = (k: Attend, b: Build): Shader => {
  const s = sidesOf(k)
  if (product(k.batch) * s.own.count === 0 || k.stores.length === 0) return idle
  const unit = unitTileOf(k, s, b)
  return unit === undefined ? attendTiled(k, b, s, tileOf(k, s, b)) : attendUnit(unrounded(k), b, unit)
}
