/**
 * Contractions: sums of products over the depth, in tiles held in registers. The right operand is packed into panels
 * once for all threads, or by each task for itself, or read where it lies; the left one is packed by the task that needs
 * it. Tasks are blocks of the result, never parts of the depth, so every sum is made in one order whatever the number
 * of threads. What is no plain load is first written out by a loop, and what is no plain store is done by a loop over a
 * block of sums in the thread's scratch (`contract-loop.ts`).
 * @module
 */
import type { Contract, Expr } from "../kernel/kernel.ts"
import type { DType } from "../tensor/dtype.ts"
import { type Inner, leftBlock, type LowerLoop, phasesBefore, rightWhole, storeBlock } from "./contract-loop.ts"
import {
  type Groups,
  groupsOf,
  type Plain,
  plainOf,
  plainStore,
  single,
  stridesOf,
  usedBatch,
} from "./contract-operand.ts"
import { packable } from "./contract-pack.ts"
import { type Blocks, blocksOf, type Extent } from "./contract-plan.ts"
import { mainPhase, packPhase, panelBytes, resultOf } from "./contract-task.ts"
import type { KernelCode, KernelContext, Phase } from "./kernel.ts"

/** Parts of some memory, one after another. */
export interface Layout {
  readonly take: (bytes: number) => number
  readonly total: () => number
}

const layout = (): Layout => {
  let total = 0
  return {
    take: (bytes) => {
      const at = total
      total += Math.ceil(bytes / 64) * 64 + 64
      return at
    },
    total: () => total,
  }
}

/** An inner loop and where its constants and scratch are. */
export interface Placed {
  readonly inner: Inner
  readonly constants: number
  readonly scratch: number
}

/** Everything that is decided before code is written. Offsets are in bytes, of the shared or the thread's scratch. */
export interface ContractPlan {
  readonly k: Contract
  readonly context: KernelContext
  readonly groups: Groups
  readonly blocks: Blocks
  readonly left: Plain
  readonly right: Plain
  /** The left operand is written by a loop, to `stage`, for blocks of each number of rows. */
  readonly leftLoops: ReadonlyMap<number, Placed> | undefined
  /** The right operand lies in the shared scratch, there. */
  readonly rightAt: number | undefined
  /** Batch variables that the right operand uses, by position; how many versions of it there are. */
  readonly rightBatch: ReadonlyArray<number>
  readonly rightVersions: number
  readonly store: ReturnType<typeof plainStore>
  /** The stores are done by a loop, for blocks of `rows x cols`. */
  readonly storeLoops: ReadonlyMap<string, Placed> | undefined
  /** Elements from row to row of a block of sums. */
  readonly pitch: number
  /** In the thread's scratch: packed left rows, packed right panels, sums, the left operand as written by a loop. */
  readonly at: { readonly left: number; readonly right: number; readonly sums: number; readonly stage: number }
  /** Packed panels in the shared scratch. */
  readonly panelsAt: number
}

/** Rows and cols changed over, where that puts elements that are stored side by side into one vector. */
const oriented = (k: Contract): { readonly groups: Groups; readonly left: Expr; readonly right: Expr } => {
  const groups = groupsOf(k)
  const at = k.stores[0]?.at ?? { base: 0, terms: [] }
  const unit = (g: Groups["rows"]): boolean => stridesOf(at, g).at(-1)?.stride === 1
  const swap = groups.rows.count > 1 && (groups.cols.count === 1 || (!unit(groups.cols) && unit(groups.rows)))
  return swap
    ? { groups: { ...groups, rows: groups.cols, cols: groups.rows }, left: k.b, right: k.a }
    : { groups, left: k.a, right: k.b }
}

/** Can tiles read it as it lies? The walk along the depth ends at an address, so it must move. */
const direct = (p: Plain | undefined): boolean =>
  p === undefined ||
  (p.bytes === 4 && single(p.lane) !== undefined && single(p.depth) !== undefined && p.depth[0]?.stride !== 0)

/**
 * Rows that lie one stride apart, where runs of them can be read where they lie though neither rows nor depth are one
 * stride throughout, as through windows; else 0.
 */
const runsOf = (p: Plain | undefined): number => {
  const last = p?.lane.at(-1)
  if (p === undefined || last === undefined || p.bytes !== 4 || last.size < 4) return 0
  const whole = single(p.lane) !== undefined && single(p.depth) !== undefined
  return whole || p.depth.length === 0 || p.depth.some(({ stride }) => stride === 0) ? 0 : last.size
}

/** Can tiles read its cols side by side, whatever the parts of its depth? */
const sideBySide = (p: Plain | undefined): boolean =>
  p === undefined ||
  (p.bytes === 4 && single(p.lane) === 1 && p.depth.length > 0 && p.depth.every(({ stride }) => stride !== 0))

/** Is it a matrix as a BLAS knows it: one side next to each other, the other with room between? */
const isMatrix = (p: Plain | undefined, depth: number): boolean => {
  if (p === undefined) return true // as the loop writes it
  const lane = single(p.lane), step = single(p.depth)
  if (p.dtype !== "f32" || lane === undefined || step === undefined) return false
  return (step === 1 && lane >= depth) || (lane === 1 && step >= (p.lane[0]?.size ?? 1))
}

/** Four elements are loaded at once. */
const vectors: ReadonlySet<DType> = new Set<DType>(["f32", "i32", "u32", "bf16"])

const fewRowsForm = (right: Plain | undefined): "stream" | "dots" | undefined => {
  if (right === undefined) return "stream" // as the loop writes it
  if (!vectors.has(right.dtype)) return undefined
  const lane = single(right.lane), depth = single(right.depth)
  if (lane === undefined || depth === undefined) return undefined
  return lane === 1 ? "stream" : depth === 1 ? "dots" : undefined
}

/** Sizes of blocks along one side: the usual one and the last. */
export const sizesAlong = (count: number, block: number): ReadonlyArray<number> =>
  [
    ...new Set([Math.min(block, count), count % block === 0 ? block : count % block]),
  ].filter((n) => n > 0)

/** Cols of the parts that are done at once: of a usual task and of the last. */
const partSizes = (b: Blocks, cols: number): ReadonlyArray<number> => [
  ...new Set(sizesAlong(cols, b.cols).flatMap((c) => sizesAlong(c, b.part))),
]

/** A contraction before the phase that makes its results: the plan, and what other code may add to it. */
export interface Prepared {
  readonly plan: ContractPlan
  readonly before: ReadonlyArray<Phase>
  /** A loop that is called, with a place for its constants and scratch. */
  readonly place: (inner: Inner) => Placed
  readonly scratch: Layout
  readonly shared: Layout
  readonly constants: () => Uint8Array
}

/** Makes the operands of a contraction ready; `cut` says how it is cut, `lowerLoop` lowers the loops around it. */
export const prepare = (
  k: Contract,
  context: KernelContext,
  { groups, left, right }: ReturnType<typeof oriented>,
  cut: (e: Extent) => Blocks,
  lowerLoop: LowerLoop,
): Prepared => {
  const { rows, cols, depth, batch } = groups
  const asPlain = (e: Expr, lane: Groups["rows"]): Plain | undefined => {
    const plain = plainOf(e, lane, depth, context.buffers)
    return plain !== undefined && packable.has(plain.dtype as DType) ? plain : undefined
  }
  const leftPlain = asPlain(left, rows), rightPlain = asPlain(right, cols)
  const store = plainStore(k.stores, groups, k, context.buffers)
  const run = runsOf(leftPlain)
  const blocks = cut({
    batch: batch.count,
    rows: rows.count,
    cols: cols.count,
    depth: depth.count,
    wide: context.features.revectorize && k.dtype === "f32",
    leftDirect: direct(leftPlain),
    rightDirect: run > 0
      ? sideBySide(rightPlain)
      : direct(rightPlain) && (rightPlain === undefined || (single(rightPlain.lane) ?? 0) === 1),
    run,
    leftDepth: leftPlain?.depth ?? [{ size: depth.count, stride: 1 }],
    rightDepth: rightPlain?.depth ?? [{ size: depth.count, stride: cols.count }],
    buffered: store === undefined,
    leftOnce: leftPlain === undefined,
    rows4: fewRowsForm(rightPlain),
    blas: context.features.blas && k.dtype === "f32" && isMatrix(leftPlain, depth.count) &&
      isMatrix(rightPlain, depth.count) && (store === undefined || store.row >= cols.count),
  })
  const shared = layout(), scratch = layout()
  const constants: Array<Uint8Array> = []
  let constantBytes = 0
  const place = (inner: Inner): Placed => {
    const at = constantBytes
    constants.push(inner.code.constants)
    constantBytes += Math.ceil(inner.code.constants.length / 64) * 64
    return { inner, constants: at, scratch: scratch.take(inner.scratch) }
  }
  const whole = rightPlain === undefined ? rightWhole(k, context, right, groups, lowerLoop) : undefined
  const rightPlaced = whole === undefined ? undefined : place(whole.inner)
  const rightAt = whole === undefined ? undefined : shared.take(whole.bytes)
  const rightSource = rightPlain ?? whole!.plain
  const rightBatch = usedBatch(rightSource.origin, batch)
  const rightVersions = rightBatch.reduce((n, d) => n * k.batch[d]!, 1)
  const pitch = Math.ceil(blocks.part / 4) * 4 + 16
  const plan: ContractPlan = {
    k,
    context,
    groups,
    blocks,
    left: leftPlain ?? {
      buffer: -1,
      dtype: k.dtype,
      bytes: 4,
      origin: { base: 0, terms: [] },
      lane: rows.count === 1 ? [] : [{ size: rows.count, stride: depth.count }],
      depth: depth.count === 1 ? [] : [{ size: depth.count, stride: 1 }],
    },
    right: rightSource,
    leftLoops: leftPlain !== undefined ? undefined : new Map(
      sizesAlong(rows.count, blocks.rows).map((n) => [n, place(leftBlock(k, context, left, groups, n, lowerLoop))]),
    ),
    rightAt,
    rightBatch,
    rightVersions,
    store,
    storeLoops: store !== undefined || k.stores.length === 0 ? undefined : new Map(
      sizesAlong(rows.count, blocks.rows).flatMap((r) =>
        partSizes(blocks, cols.count).map((c) =>
          [`${r}x${c}`, place(storeBlock(k, context, groups, r, c, pitch, lowerLoop))] as const
        )
      ),
    ),
    pitch,
    at: {
      left: scratch.take(blocks.left !== "direct" ? 4 * blocks.rows * depth.count : 0),
      right: scratch.take(blocks.right === "own" ? 4 * (Math.ceil(blocks.cols / 4) * 4) * depth.count : 0),
      sums: scratch.take(
        store === undefined || blocks.depth < depth.count ||
          (blocks.form !== "tiles" && (blocks.form !== "blas" || store === undefined))
          ? 4 * blocks.rows * pitch
          : 0,
      ),
      stage: scratch.take(leftPlain === undefined ? 4 * blocks.rows * depth.count : 0),
    },
    panelsAt: 0,
  }
  const panelsAt = shared.take(blocks.right === "shared" ? rightVersions * panelBytes(plan) : 0)
  const final: ContractPlan = { ...plan, panelsAt }
  return {
    plan: final,
    before: [
      ...(rightPlaced === undefined ? [] : phasesBefore(rightPlaced.inner, context, rightAt!, rightPlaced)),
      ...(blocks.right === "shared" ? [packPhase(final)] : []),
    ],
    place,
    scratch,
    shared,
    constants: () => {
      const bytes = new Uint8Array(constantBytes)
      constants.reduce((at, c) => {
        bytes.set(c, at)
        return at + Math.ceil(c.length / 64) * 64
      }, 0)
      return bytes
    },
  }
}

/** Lowers a contraction; `lowerLoop` lowers the loops around it. */
export const lowerContract = (k: Contract, context: KernelContext, lowerLoop: LowerLoop): KernelCode => {
  const sides = oriented(k)
  const { rows, cols, batch } = sides.groups
  if (batch.count * rows.count * cols.count === 0) {
    return { phases: [], scratch: 0, shared: 0, constants: new Uint8Array(0) }
  }
  const { plan, before, scratch, shared, constants } = prepare(k, context, sides, blocksOf, lowerLoop)
  return {
    phases: [...before, mainPhase(plan, "contract", resultOf)],
    scratch: scratch.total(),
    shared: shared.total(),
    constants: constants(),
  }
}
