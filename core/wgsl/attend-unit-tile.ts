/**
 * How an attention is cut for matrix units, and which attentions go there: those whose products take halves by the
 * program's own word. Subgroups lie in a grid of `down` x `across`: 16 places of the own side each down, and across a
 * share of the block's scores and of the features that are summed.
 * @module
 */
import { withOperands } from "../kernel/attend.ts"
import type { Attend, Expr } from "../kernel/kernel.ts"
import { type Cut, groupsOf, type Operand, type Sides } from "./attend-side.ts"
import { WIDTH } from "./emitter.ts"
import { AREA, FRAGMENT, LANES } from "./matrix.ts"
import type { Build } from "./shader.ts"

/** A grid of subgroups and the block that it walks in. */
export interface UnitGrid {
  readonly down: number
  readonly across: number
  readonly other: number
}

/** A cut that fits the adapter. */
export interface UnitTile extends UnitGrid, Cut {
  /** Lanes that share a row of scores, and vectors of a row that each of them has. */
  readonly lanes: number
  readonly vectors: number
  /** Elements from row to row of scores, of weights, and of each operand of the other side that is brought in. */
  readonly scored: number
  readonly weighed: number
  readonly pitches: ReadonlyArray<number>
  readonly bytes: number
}

/** Operands that go into the unit. */
const halves = ["q", "k", "v", "cotangent"] as const

const isHalf = (x: Expr | undefined): boolean => x === undefined || x.tag === "round" && x.to === "f16"

/** Are the operands of all products halves? */
export const takesHalves = (k: Attend): boolean => halves.every((name) => isHalf(k[name]))

/** The kernel with operands as they are before they are rounded, which the unit's own conversion does. */
export const unrounded = (k: Attend): Attend =>
  withOperands(k, (x, name) => (halves as ReadonlyArray<string>).includes(name) && x.tag === "round" ? x.x : x)

/** Fragments along the features of an operand. */
export const deep = (o: Operand): number => Math.ceil(o.size / FRAGMENT)

/** The operands of the other side that a block needs, each once. */
export const brought = (s: Sides): ReadonlyArray<Operand> => [
  ...new Set([...s.scores.map((x) => x.other), ...s.sums.map((x) => x.of)]),
]

/** The grids, largest first. */
const grids: ReadonlyArray<UnitGrid> = [
  { down: 8, across: 1, other: 32 },
  { down: 4, across: 2, other: 32 },
  { down: 4, across: 1, other: 32 },
  { down: 2, across: 2, other: 32 },
  { down: 2, across: 1, other: 32 },
  { down: 1, across: 1, other: 32 },
]

/** 32-bit words that a lane may hold in fragments and scores. */
const MOST = 200

const cut = (s: Sides, b: Build, g: UnitGrid): UnitTile | undefined => {
  const { capability } = b
  const { down, across, other } = g
  const own = down * FRAGMENT
  const size = down * across * LANES
  const lanes = size / own
  const vectors = other / (lanes * WIDTH)
  const [scored, weighed] = [other + 4, other + 8]
  const pitches = brought(s).map((o) => deep(o) * FRAGMENT + 8)
  const kept = s.scores.reduce((n, x) => n + deep(x.own), 0)
  const sums = s.sums.reduce((n, x) => n + Math.ceil(deep(x.of) / across), 0)
  const words = kept * 4 + (sums + other / FRAGMENT / across) * 8 + vectors * WIDTH * s.scores.length
  const emulating = capability.units === "emulated" ? kept * down * across * AREA * 2 + own * lanes * 4 : 0
  const bytes = 4 * own * scored + 2 * own * weighed + 2 * other * pitches.reduce((n, p) => n + p, 0) +
    4 * own + 5 * 4 * other + 64 + emulating
  const fits = bytes <= capability.workgroupBytes && size <= Math.min(capability.maxInvocations, capability.maxSizeX)
  return words > MOST || !fits ? undefined : {
    ...g,
    ...{ size, own, rows: 1, chunks: 1, lanes, vectors, scored, weighed, pitches, bytes },
  }
}

/** The cut of an attention for units; undefined where it is not for them. */
export const unitTileOf = (k: Attend, s: Sides, b: Build): UnitTile | undefined => {
  if (b.capability.units === undefined || !b.capability.attends || !b.capability.f16 || !takesHalves(k)) {
    return undefined
  }
  if (Math.min(k.head, k.value) < FRAGMENT || s.own.count < FRAGMENT || s.other.count < FRAGMENT) return undefined
  const tiles = grids.flatMap((g) => {
    const t = cut(s, b, g)
    return t === undefined ? [] : [t]
  })
  const [own] = s.queries ? [k.queryBlock] : [k.keyBlock]
  const useful = tiles.filter((t) => t.own < 2 * s.own.count && (own === 0 || t.own <= own * s.own.per))
  return useful.find((t) => groupsOf(s, t) >= b.tuning.groups) ?? useful.at(-1) ?? tiles.at(-1)
}
