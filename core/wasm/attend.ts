/**
 * Attention on the CPU: a flash attention (Dao, 2023) in tiles; see `attend-plan.ts` for how it is cut. A task owns a
 * block of lanes and with it all results of theirs, and rows are folded in one order: results do not depend on the number
 * of threads.
 * @module
 */
import { nothing } from "../graph/attention.ts"
import type { Attend, Expr, Store } from "../kernel/kernel.ts"
import { blockOf, featureSide, laneSide, rowSide, type Side, type Sides, storesOf } from "./attend-block.ts"
import { interval } from "./attend-mask.ts"
import { finishPass, scorePass, slopePass, softPass } from "./attend-pass.ts"
import { type AttendPlan, attendPlan, lseStores } from "./attend-plan.ts"
import { type AttendScratch, attendScratch } from "./attend-scratch.ts"
import { attendPhase } from "./attend-task.ts"
import type { Inner, LowerLoop } from "./contract-loop.ts"
import type { Placed } from "./contract.ts"
import { constantPool, type KernelCode, type KernelContext } from "./kernel.ts"

/** Loops over blocks by the size of the block. */
export type SizedBlocks = ReadonlyMap<number, Placed>

/** Operands that blocks are written of. */
type Name =
  | "first"
  | "second"
  | "low"
  | "high"
  | "segment"
  | "laneLse"
  | "laneDelta"
  | "rowPosition"
  | "rowSegment"
  | "rowLse"
  | "rowDelta"
  | "rows"
  | "values"
  | "bias"

/** All loops around an attention. */
export interface Blocks {
  readonly sized: { readonly [N in Name]?: SizedBlocks } & { readonly first: SizedBlocks }
  readonly stores: ReadonlyArray<{ readonly sized: SizedBlocks; readonly at: number }>
}

const times = (x: Expr, by: number): Expr =>
  by === 1 ? x : { tag: "binary", dtype: "f32", fn: "mul", x, y: { tag: "const", dtype: "f32", value: by } }

/** In units of log 2; a query that sees nothing gives weights 0 whatever this is. */
const lseOf = (e: Expr): Expr => ({
  tag: "select",
  dtype: "f32",
  c: { tag: "binary", dtype: "bool", fn: "gt", x: e, y: { tag: "const", dtype: "f32", value: nothing / 2 } },
  x: times(e, Math.LOG2E),
  y: { tag: "const", dtype: "f32", value: 0 },
})

const sizesAlong = (count: number, block: number): ReadonlyArray<number> =>
  [...new Set([Math.min(block, count), count % block === 0 ? block : count % block])].filter((n) => n > 0)

const blocksOf = (p: AttendPlan, at: AttendScratch, place: (i: Inner) => Placed, lowerLoop: LowerLoop): Blocks => {
  const { k } = p
  const laneSizes = sizesAlong(p.laneCount, p.laneBlock), rowSizes = sizesAlong(p.rowCount, p.rowBlock)
  const each = (sizes: ReadonlyArray<number>, of: (n: number) => Inner): SizedBlocks =>
    new Map(sizes.map((n) => [n, place(of(n))]))
  const lanes = (value: Expr, features?: Side): SizedBlocks =>
    each(laneSizes, (n) => {
      const sides: Sides = [...(features === undefined ? [] : [[features, p.pitch] as const]), [laneSide(p, n), 1]]
      return blockOf(p, value, sides, lowerLoop)
    })
  const rows = (value: Expr, features?: Side): SizedBlocks =>
    each(rowSizes, (n) => {
      const width = features?.sizes[0] ?? 1
      const sides: Sides = [[rowSide(p, n), width], ...(features === undefined ? [] : [[features, 1] as const])]
      return blockOf(p, value, sides, lowerLoop)
    })
  const head = featureSide(p.ids.head, k.head), value = featureSide(p.ids.value, k.value)
  const scale = k.cap > 0 ? k.scale / k.cap : k.scale * Math.LOG2E
  const backward = k.part !== "forward"
  const atLanes = p.lane === "query"
  const sees = p.ranged || p.segmented ? interval(p) : undefined
  const [laneSegment, rowSegment] = atLanes ? [k.querySegment, k.keySegment] : [k.keySegment, k.querySegment]
  const stores = (list: ReadonlyArray<Store>, from: number, sides: (n: number) => Sides, done: (e: Expr) => Expr) =>
    list.length === 0 ? [] : [{ sized: each(laneSizes, (n) => storesOf(p, list, sides(n), done, lowerLoop)), at: from }]
  return {
    sized: {
      first: lanes(times(atLanes ? k.q : k.k, scale), head),
      ...(backward ? { second: lanes(atLanes ? k.cotangent! : k.v, value) } : {}),
      ...(p.ranged
        ? {
          low: lanes(sees!.low),
          high: lanes(sees!.high),
          rowPosition: rows(atLanes ? k.keyPosition : k.queryPosition),
        }
        : {}),
      ...(p.segmented ? { segment: lanes(laneSegment!), rowSegment: rows(rowSegment!) } : {}),
      ...(!backward ? {} : atLanes ? { laneLse: lanes(lseOf(k.lse!)), laneDelta: lanes(k.delta!) } : {
        rowLse: rows(lseOf(k.lse!)),
        rowDelta: rows(k.delta!),
      }),
      ...(p.first.plain === undefined ? { rows: rows(p.first.value, head) } : {}),
      ...(p.second.plain === undefined ? { values: rows(p.second.value, value) } : {}),
      ...(k.bias === undefined ? {} : {
        bias: new Map(
          laneSizes.flatMap((l) =>
            rowSizes.map((r) => [
              2048 * l + r,
              place(blockOf(p, times(k.bias!, Math.LOG2E), [[rowSide(p, r), p.pitch], [laneSide(p, l), 1]], lowerLoop)),
            ])
          ),
        ),
      }),
    },
    stores: [
      ...p.sums.flatMap((s) =>
        stores(
          s.stores,
          at.sums[s.acc]!,
          (n) => [[featureSide(s.feature, s.features), p.pitch], [laneSide(p, n), 1]],
          (e) => s.of === "slopes" ? times(e, k.scale) : e,
        )
      ),
      ...stores(lseStores(p), at.top, (n) => [[laneSide(p, n), 1]], (e) => e),
    ],
  }
}

/** The code of an attention kernel. */
export const attendCode = (k: Attend, context: KernelContext, lowerLoop: LowerLoop): KernelCode => {
  const p = attendPlan(k, context)
  const at = attendScratch(p)
  let constantBytes = 0, scratch = at.bytes
  const constants: Array<Uint8Array> = []
  const add = (bytes: Uint8Array): number => {
    const offset = constantBytes
    constants.push(bytes)
    constantBytes += Math.ceil(bytes.length / 64) * 64
    return offset
  }
  let most = 0
  const place = (inner: Inner): Placed => {
    most = Math.max(most, inner.scratch)
    return { inner, constants: add(inner.code.constants), scratch }
  }
  const empty = [...k.batch, ...k.share, p.laneCount].includes(0)
  if (empty) return { phases: [], scratch: 0, shared: 0, constants: new Uint8Array(0) }
  const blocks = blocksOf(p, at, place, lowerLoop)
  scratch += most
  const pool = constantPool()
  const bent = k.cap > 0 || k.bias !== undefined
  const passes = {
    scores: bent ? scorePass(p, at, pool, false) : undefined,
    masked: p.ranged || p.segmented ? scorePass(p, at, pool, true) : undefined,
    weights: k.part === "forward" ? softPass(p, at, pool) : slopePass(p, at, pool),
    finish: k.part === "forward" ? finishPass(p, at, pool) : undefined,
  }
  const phase = attendPhase({ p, at, blocks, passes, constants: constantBytes })
  add(pool.bytes())
  const bytes = new Uint8Array(constantBytes)
  constants.reduce((to, c) => {
    bytes.set(c, to)
    return to + Math.ceil(c.length / 64) * 64
  }, 0)
  return { phases: [phase], scratch, shared: 0, constants: bytes }
}
