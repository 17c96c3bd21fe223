/**
 * How an attention kernel is cut: lanes of a workgroup lie in a grid of `down` x `across`; a lane scores `rows` places of
 * the own side against four of the other. Workgroup memory holds slices of both operands while scores are made, and after
 * that, in the same place, the weights and a piece of what is summed by them.
 * @module
 */
import type { Attend } from "../kernel/kernel.ts"
import { type Cut, groupsOf, type Sides } from "./attend-side.ts"
import { WIDTH } from "./emitter.ts"
import type { Build } from "./shader.ts"

/** A grid of lanes. */
export interface Shape {
  readonly rows: number
  readonly down: number
  readonly across: number
}

/** A cut that fits the adapter; sizes in memory count vectors of four. */
export interface Tile extends Shape, Cut {
  /** Vectors of features that are scored at a time. */
  readonly depth: number
  /** Places of the other side that are summed at a time. */
  readonly turn: number
  /** The own side stays in workgroup memory: where each of its operands begins there. */
  readonly kept: ReadonlyArray<number> | undefined
  /** Vectors of each sum that one workgroup has. */
  readonly columns: ReadonlyArray<number>
  /** Lanes of a row that exchange in a subgroup: 1 where they do not. */
  readonly team: number
  readonly vectors: number
  readonly scalars: number
}

/** The most vectors of a result that one workgroup sums. */
const MOST = 64

/** Grids to choose from, largest first; the last fits every adapter, with any kernel. */
const grids: ReadonlyArray<Shape> = [
  { rows: 8, down: 8, across: 16 },
  { rows: 4, down: 16, across: 16 },
  { rows: 4, down: 8, across: 16 },
  { rows: 2, down: 16, across: 16 },
  { rows: 2, down: 8, across: 16 },
  { rows: 4, down: 8, across: 8 },
  { rows: 2, down: 8, across: 8 },
  { rows: 1, down: 8, across: 16 },
  { rows: 1, down: 8, across: 8 },
  { rows: 2, down: 8, across: 4 },
  { rows: 1, down: 8, across: 4 },
  { rows: 1, down: 4, across: 4 },
  { rows: 1, down: 1, across: 4 },
]

/** Few places of the own side: one tile, and as many lanes as fit along the other. */
const fewer = (count: number): ReadonlyArray<Shape> =>
  count > 16
    ? []
    : [8, 4, 2, 1].filter((rows) => rows < 2 * count).flatMap((rows) =>
      [64, 32, 16, 8].map((across) => ({ rows, down: powerUp(count / rows), across }))
    )

const range = (n: number): ReadonlyArray<number> => Array.from({ length: n }, (_, i) => i)
const powerUp = (n: number): number => 2 ** Math.ceil(Math.log2(Math.max(1, n)))

/** Lanes side by side that have the columns of a sum; the rest of a row takes other places of the block. */
export const beside = (t: Shape, columns: number): number => Math.min(t.across, powerUp(columns))

/** A length in memory that neighbouring rows do not reach by whole turns of the banks. */
export const odd = (n: number): number => n | 1

/** f32 numbers that a lane holds. */
const held = (s: Sides, g: Shape, columns: ReadonlyArray<number>): number =>
  columns.reduce((sum, c) => sum + Math.ceil(c / beside(g, c)), s.scores.length) * g.rows * WIDTH

/** The cut of a grid, as deep as memory allows; undefined where it does not fit. */
const fit = (s: Sides, b: Build, g: Shape): Tile | undefined => {
  const { capability, tuning } = b
  const size = g.down * g.across
  const [own, other] = [g.rows * g.down, g.across * WIDTH]
  const chunks = s.sums.reduce((n, x) => Math.max(n, Math.ceil(x.of.vectors / MOST)), 1)
  const columns = s.sums.map((x) => Math.ceil(x.of.vectors / chunks))
  if (size > Math.min(tuning.row, capability.maxInvocations, capability.maxSizeX)) return undefined
  if (g.rows > 1 && held(s, g, columns) > tuning.held) return undefined
  const whole = capability.subgroups && capability.subgroupMin > 1 && size % capability.subgroupMax === 0
  const team = whole ? Math.min(g.across, capability.subgroupMin) : 1
  const scalars = own * g.across / team
  const room = Math.floor((capability.workgroupBytes - 4 * scalars - 64) / 16)
  const weights = own * (g.across + 1)
  const widest = Math.max(0, ...columns)
  const deepest = Math.max(1, ...s.scores.map((x) => x.own.vectors))
  const kept = s.scores.reduce((n, x) => n + own * odd(x.own.vectors), 0)
  const summing = (turn: number): number => columns.length === 0 ? 0 : weights + turn * widest + g.across
  const scoring = (depth: number, keep: boolean): number => (other + (keep ? 0 : own)) * odd(depth)
  for (const keep of [true, false]) {
    for (const depth of [8, 4, 2, 1]) {
      if (depth > 1 && depth >= 2 * deepest) continue
      for (const turn of [32, 16, 8, 4]) {
        if (turn > other) continue
        const shared = Math.max(size, summing(turn), scoring(depth, keep))
        const vectors = shared + (keep ? kept : 0)
        if (vectors > room || keep && (depth < 4 || turn < 8) && deepest > depth) continue
        const starts = s.scores.map((_, i) =>
          shared + s.scores.slice(0, i).reduce((n, x) => n + own * odd(x.own.vectors), 0)
        )
        return {
          ...g,
          ...{ size, own, other, depth, turn, chunks, columns, team, vectors, scalars },
          kept: keep ? starts : undefined,
        }
      }
    }
  }
  return undefined
}

/** How a kernel is cut: by its wishes as far as they fit, else as large as leaves enough workgroups. */
export const tileOf = (k: Attend, s: Sides, b: Build): Tile => {
  const fits = (shapes: ReadonlyArray<Shape>): ReadonlyArray<Tile> =>
    shapes.flatMap((g) => {
      const t = fit(s, b, g)
      return t === undefined ? [] : [t]
    })
  const [few, all] = [fits(fewer(s.own.count)), fits(grids)]
  const [own, other] = s.queries ? [k.queryBlock, k.keyBlock] : [k.keyBlock, k.queryBlock]
  const wished = (t: Tile): boolean =>
    (own === 0 || t.own <= own * s.own.per) && (other === 0 || t.other <= other * s.other.per)
  const useful = (t: Tile): boolean => t.own < 2 * s.own.count && t.other < 2 * Math.max(s.other.count, 8)
  const enough = (t: Tile): boolean => groupsOf(s, t) >= b.tuning.groups
  const last = all[all.length - 1]!
  if (own > 0 || other > 0) return [...few, ...all].find((t) => useful(t) && wished(t)) ?? last
  const some = all.filter(useful)
  return few.find(useful) ?? some.find(enough) ?? some.at(-1) ?? last
}

/** Numbers 0 to n - 1: rows of a lane. */
export const rowsOf = (t: Pick<Shape, "rows">): ReadonlyArray<number> => range(t.rows)
