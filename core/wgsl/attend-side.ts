/**
 * The two sides of an attention kernel. A workgroup keeps a tile of its *own* side and walks through the *other* in
 * blocks: rows of queries through keys in the forward part and for the cotangent of q, keys through rows of queries for
 * those of k and v. Either way there are products of both sides (scores), and sums of the other side weighted by what
 * becomes of the scores. Rows are query and share together, the share heads of a query side by side, so that a key that is
 * brought in serves all heads that share it, and a few queries of many heads are one tile.
 * @module
 */
import { variablesOf } from "../kernel/attend.ts"
import { sizesOf, walk } from "../kernel/expression.ts"
import type { Attend, Expr } from "../kernel/kernel.ts"
import { type Emitter, lie, nest, say, top, WIDTH } from "./emitter.ts"
import { value } from "./expression.ts"
import { bound, type Build, decode } from "./shader.ts"

/** Queries with their share heads, or keys. */
export interface Side {
  /** Its variables, slowest first. */
  readonly ids: ReadonlyArray<number>
  readonly count: number
  /** Rows at one place: share heads of a query. */
  readonly per: number
}

/** An operand with a feature axis, which is taken four at a time. */
export interface Operand {
  readonly expr: Expr
  readonly id: number
  readonly size: number
  readonly vectors: number
}

/** Features of the other side summed with weights: into which result, and which weights. */
export interface Sum {
  readonly acc: number
  readonly by: "weight" | "slope"
  readonly of: Operand
}

/** A kernel by its sides. */
export interface Sides {
  readonly batch: ReadonlyArray<number>
  readonly sizes: ReadonlyArray<number>
  readonly own: Side
  readonly other: Side
  /** Is the own side that of the queries? */
  readonly queries: boolean
  /** Products of own and other features: the scores, then the cotangents of the weights. */
  readonly scores: ReadonlyArray<{ readonly own: Operand; readonly other: Operand }>
  readonly sums: ReadonlyArray<Sum>
}

const product = (xs: ReadonlyArray<number>): number => xs.reduce((a, b) => a * b, 1)

/** The number of the result that a store writes. */
export const accOf = (value: Expr): number => {
  const found = walk([value]).find((x) => x.tag === "acc")
  return found?.tag === "acc" ? found.id : 0
}

/** The sides, and what is computed of them: only what some store wants. */
export const sidesOf = (k: Attend): Sides => {
  const ids = variablesOf(k)
  const operand = (expr: Expr, along: "head" | "value"): Operand => ({
    expr,
    id: ids[along],
    size: k[along],
    vectors: Math.ceil(k[along] / WIDTH),
  })
  const [q, key, v] = [operand(k.q, "head"), operand(k.k, "head"), operand(k.v, "value")]
  const ct = operand(k.cotangent ?? k.v, "value")
  const rows: Side = {
    ids: [ids.query, ...ids.share],
    count: k.query * product(k.share),
    per: product(k.share),
  }
  const keys: Side = { ids: [ids.key], count: k.key, per: 1 }
  const queries = k.part !== "keys"
  const all: { readonly [P in Attend["part"]]: ReadonlyArray<Sum> } = {
    forward: [{ acc: 0, by: "weight", of: v }],
    query: [{ acc: 0, by: "slope", of: key }],
    keys: [{ acc: 1, by: "weight", of: ct }, { acc: 0, by: "slope", of: q }],
  }
  const sums = all[k.part].filter((s) => k.stores.some((t) => accOf(t.value) === s.acc))
  const pair = (x: Operand, y: Operand) => queries ? { own: x, other: y } : { own: y, other: x }
  return {
    batch: ids.batch,
    sizes: sizesOf(k),
    own: queries ? rows : keys,
    other: queries ? keys : rows,
    queries,
    scores: [pair(q, key), ...(sums.some((s) => s.by === "slope") ? [pair(ct, v)] : [])],
    sums,
  }
}

/** Statements that name the variables of a place of a side, which the block must not know yet. */
export const placed = (e: Emitter, s: Sides, side: Side, from: string): void =>
  decode(e, from, side.ids, s.sizes, (id, names) => top(e).vars.set(id, names))

/** How the work is shared out, as far as all cuts know it. */
export interface Cut {
  /** Lanes; own places of a workgroup and of a lane; places of the other side in a block. */
  readonly size: number
  readonly own: number
  readonly rows: number
  readonly other: number
  /** Workgroups that share the features of one place. */
  readonly chunks: number
}

/** Names what a workgroup is to do: its batch `z`, its first own place `o0`, and the own places of a lane, `x0` and so on. */
export const locate = (e: Emitter, k: Attend, s: Sides, t: Cut): void => {
  const tiles = Math.ceil(s.own.count / t.own)
  const rest = t.chunks > 1 ? `gid / ${t.chunks}u` : "gid"
  if (t.chunks > 1) say(e, `let piece = gid % ${t.chunks}u;`)
  // with causal masks the last rows see most: they begin
  const tile = `(${rest}) % ${tiles}u`
  say(e, `let o0 = ${s.queries && k.causal > 0 ? `(${tiles - 1}u - ${tile})` : `(${tile})`} * ${t.own}u;`)
  say(e, `let z = (${rest}) / ${tiles}u;`)
  decode(e, "z", s.batch, s.sizes, (id, names) => top(e).vars.set(id, names))
  for (let i = 0; i < t.rows; i++) say(e, `let x${i} = min(o0 + ty * ${t.rows}u + ${i}u, ${s.own.count - 1}u);`)
}

/** Workgroups of a cut. */
export const groupsOf = (s: Sides, t: Cut): number =>
  Math.ceil(s.own.count / t.own) * s.batch.reduce((n, id) => n * s.sizes[id]!, 1) * t.chunks

/** Names four features from the vector `from` on as lanes; those beyond the last are the last. */
export const features = (e: Emitter, of: Operand, from: string): void => {
  const name = `v${of.id}`
  say(e, `let ${name} = i32(${from}) * ${WIDTH};`)
  const names = [name]
  for (let l = 1; l < WIDTH; l++) {
    const next = `${name} + ${l}`
    say(e, `let ${name}_${l} = ${of.size % WIDTH === 0 ? next : `min(${next}, ${of.size - 1})`};`)
    names.push(`${name}_${l}`)
  }
  top(e).vars.set(of.id, names)
  e.lane = { id: of.id, width: WIDTH, varying: new Map() }
}

/** Do its elements lie side by side along the features? */
const alongFeatures = (of: Operand): boolean =>
  walk([of.expr]).every((x) => x.tag !== "load" || lie(x.at, of.id, 1).lanes === "unit")

/** A piece of an operand: places of a side from `first` on, vectors of features from `from` on. */
export interface Piece {
  readonly side: Side
  readonly of: Operand
  readonly first: string
  readonly extent: number
  readonly from: string
  readonly width: number
  /** Could a place or a feature lie beyond the operand? */
  readonly ragged: boolean
  /** A statement that puts away `v`, the vector `d` of features of place `x`. */
  readonly put: (x: string, d: string, v: string) => string
}

/** All lanes bring a piece into workgroup memory, `size` of them; what lies beyond the operand is 0. */
export const bring = (e: Emitter, b: Build, s: Sides, size: number, p: Piece): void => {
  const deep = alongFeatures(p.of)
  nest(e, `for (var q = me; q < ${bound(b, p.extent * p.width)}; q = q + ${size}u)`, () => {
    say(e, deep ? `let x = q / ${p.width}u;` : `let x = q % ${p.extent}u;`)
    say(e, deep ? `let d = q % ${p.width}u;` : `let d = q / ${p.extent}u;`)
    const checks = [
      ...(p.ragged ? [`${p.first} + x < ${p.side.count}u`] : []),
      ...(p.of.vectors % p.width === 0 ? [] : [`${p.from} + d < ${p.of.vectors}u`]),
    ]
    if (checks.length > 0) say(e, `let has = ${checks.join(" && ")};`)
    const safe = (text: string): string => checks.length > 0 ? `select(0u, ${text}, has)` : text
    say(e, `let at = ${safe(`${p.first} + x`)};`, `let f = ${safe(`${p.from} + d`)};`)
    placed(e, s, p.side, "at")
    features(e, p.of, "f")
    const values = [0, 1, 2, 3].map((l) => value(e, p.of.expr, l))
    e.lane = undefined
    const here = p.of.size % WIDTH === 0
      ? values
      : values.map((x, l) => l === 0 ? x : `select(0.0, ${x}, f * ${WIDTH}u + ${l}u < ${p.of.size}u)`)
    const whole = `vec4<f32>(${here.join(", ")})`
    say(e, p.put("x", "d", checks.length > 0 ? `select(vec4<f32>(), ${whole}, has)` : whole))
  })
}
