/**
 * How a contraction is cut: the size of tiles, of tasks, and who packs what. Numbers are bytes of caches that every
 * machine of today has (32 KiB and 512 KiB) and work that is worth handing to a thread; none depends on how many
 * threads there are.
 * @module
 */
import { type DepthLevel, levelsOf, type Strides } from "./contract-operand.ts"

/** What the cut depends on. */
export interface Extent {
  readonly batch: number
  readonly rows: number
  readonly cols: number
  readonly depth: number
  /** The engine joins vectors in pairs. */
  readonly wide: boolean
  /** May an operand be read where it lies? It must have one stride along the lanes and one along the depth. */
  readonly leftDirect: boolean
  readonly rightDirect: boolean
  /**
   * Rows of the left operand that have one stride, where it may be read where it lies in runs of so many, whatever the
   * parts of its depth; 0 where not. So windows are read.
   */
  readonly run: number
  /** How operands that are read where they lie move along the depth. */
  readonly leftDepth: Strides
  readonly rightDepth: Strides
  /** The sums go through scratch. */
  readonly buffered: boolean
  /** The left operand is costly to make: make it once. */
  readonly leftOnce: boolean
  /** How the right operand can be read as it lies when there are few rows: cols side by side, or the depth. */
  readonly rows4: "stream" | "dots" | undefined
  /** A system BLAS can do it. */
  readonly blas: boolean
}

/** The cut. */
export interface Blocks {
  /** Rows and cols of a tile. */
  readonly tileRows: number
  readonly tileCols: number
  /** Rows and cols of a task, and how many such blocks there are. */
  readonly rows: number
  readonly cols: number
  readonly rowBlocks: number
  readonly colBlocks: number
  /** Cols of a task that are done at once. */
  readonly part: number
  /** Depth that is done at once: so many steps of that one of its levels. */
  readonly depth: number
  readonly level: number
  readonly levels: ReadonlyArray<DepthLevel>
  /** Rows of a run: tiles stay within one. 0 where all rows have one stride. */
  readonly run: number
  /** Tiles, one of the forms for few rows (`contract-row.ts`), or a system BLAS (`blas.ts`). */
  readonly form: "tiles" | "stream" | "dots" | "blas"
  /** `rowMajor`: by its task, depth side by side. */
  readonly left: "own" | "direct" | "rowMajor"
  readonly right: "shared" | "own" | "direct"
  /** Tasks taken at once. */
  readonly grain: number
}

/** Multiply-adds worth a task of its own. */
const worth = 500_000
/** Elements of a right operand that is packed whole; of a larger one each task packs what it needs. */
const mostShared = 1 << 25
/** Tasks enough for any number of threads. */
const enough = 24

const roundUp = (n: number, to: number): number => Math.ceil(n / to) * to
const clamp = (n: number, low: number, high: number): number => Math.max(low, Math.min(n, high))

const tileRowsFor = (rows: number, wide: boolean): number => {
  if (rows <= 4) return Math.max(1, rows)
  if (!wide) return 6
  return rows % 5 !== 0 && rows % 4 === 0 && rows <= 16 ? 4 : 5
}

/** The cut for few rows: cols are what there is to share out. */
const fewRows = (e: Extent, form: "stream" | "dots"): Blocks => {
  const share = Math.max(Math.ceil(e.cols * e.batch / enough), Math.ceil(worth / 4 / Math.max(1, e.rows * e.depth)))
  const cols = clamp(roundUp(share, 64), 1, Math.max(1, Math.min(e.cols, 4096)))
  return {
    form,
    tileRows: e.rows,
    tileCols: 4,
    rows: e.rows,
    cols,
    rowBlocks: 1,
    colBlocks: Math.ceil(e.cols / cols),
    part: cols,
    ...{ depth: e.depth, level: 0, levels: [], run: 0 },
    left: form === "dots" ? "rowMajor" : e.leftDirect ? "direct" : "own",
    right: "direct",
    grain: Math.max(1, Math.floor(worth / 4 / Math.max(1, e.rows * cols * e.depth))),
  }
}

/** Multiply-adds from which a call of another library pays, and the least sides of a block that it does well. */
const worthCalling = 1 << 22
const side = 160

/** The cut where a library does the blocks: larger ones, as it packs for itself. */
const called = (e: Extent): Blocks => {
  let rowBlocks = Math.ceil(e.rows / 320), colBlocks = Math.ceil(e.cols / 512)
  while (rowBlocks * colBlocks * e.batch < 8) {
    const rows = e.rows / rowBlocks, cols = e.cols / colBlocks
    if (Math.max(rows, cols) < 2 * side) break
    if (rows >= cols) rowBlocks++
    else colBlocks++
  }
  const rows = roundUp(Math.ceil(e.rows / rowBlocks), 4), cols = roundUp(Math.ceil(e.cols / colBlocks), 16)
  return {
    form: "blas",
    tileRows: 4,
    tileCols: 16,
    rows,
    cols,
    rowBlocks: Math.ceil(e.rows / rows),
    colBlocks: Math.ceil(e.cols / cols),
    part: cols,
    ...{ depth: e.depth, level: 0, levels: [], run: 0 },
    left: "direct",
    right: "direct",
    grain: 1,
  }
}

/** Rows of a tile within runs, so that none is left ragged if that can be. */
const tileRowsIn = (run: number, wide: boolean): number => {
  const most = tileRowsFor(run, wide)
  return [most, most - 1, most - 2].find((t) => t >= 3 && heightsOf(run, t).rest === 0) ?? most
}

/** A part of a run that is a run too, where it is long. */
const runOf = (run: number): number => {
  for (let part = 256; run > 1024 && part >= 16; part--) if (run % part === 0) return part
  return run
}

/** How much of the depth is done at once: whole inner levels, and as many steps of the next one as a cache holds. */
const depthBlock = (
  levels: ReadonlyArray<DepthLevel>,
  depth: number,
): { readonly depth: number; readonly level: number } => {
  if (levels.length === 1) {
    return { depth: depth <= 1536 ? depth : Math.ceil(depth / Math.ceil(depth / 1024)), level: 0 }
  }
  // of elements that lie apart each is a line of the cache
  const held = Math.abs(levels.at(-1)!.left) > 8 ? 256 : 1536
  if (depth <= held) return { depth, level: 0 }
  const inner = levels.map((_, n) => levels.slice(n + 1).reduce((product, l) => product * l.size, 1))
  const level = inner.findIndex((n) => n <= held)
  const [size, most] = [levels[level]!.size, Math.max(1, Math.floor(held / inner[level]!))]
  let steps = Math.min(size, most)
  // blocks do not go over the end of a level but the outermost, where the last one may be smaller
  while (level > 0 && size % steps !== 0) steps--
  return { depth: steps * inner[level]!, level }
}

/** Rows of a task that sees all cols: work worth a thread, tasks for many of them, a left block that stays in a cache. */
const taskRows = (e: Extent, tileRows: number): number => {
  const most = clamp(roundUp(Math.floor((1 << 17) / Math.max(1, e.depth)), tileRows), 2 * tileRows, 32 * tileRows)
  const perRow = Math.max(1, e.cols * e.depth)
  const wanted = Math.max(Math.ceil(e.rows * e.batch / enough), Math.ceil(worth / perRow))
  return clamp(roundUp(wanted, tileRows), tileRows, most)
}

/** Cuts. */
export const blocksOf = (e: Extent): Blocks => {
  const large = e.rows >= 64 && e.cols >= 64 && e.depth >= 64 && e.rows * e.cols * e.depth >= worthCalling
  if (e.blas && large) return called(e)
  if (e.rows > 0 && e.rows <= 4 && e.depth >= 16 && e.rows4 !== undefined) return fewRows(e, e.rows4)
  if (e.run > 0) return inRuns(e)
  const tileRows = tileRowsFor(e.rows, e.wide)
  const tileCols = e.wide && e.cols > 8 ? 16 : 8
  const batched = e.batch >= enough && e.rows * e.depth <= 1 << 17 && e.cols * e.depth <= 1 << 18
  const huge = e.cols * e.depth > mostShared
  const cut = huge ? 32 * tileRows : taskRows(e, tileRows)
  const rows = batched || cut >= e.rows ? Math.max(1, e.rows) : cut
  const rowBlocks = Math.ceil(e.rows / rows)
  const small = e.cols * e.depth <= 1 << 14
  const rightDirect = e.rightDirect && (e.rows <= 2 * tileRows || small)
  const own = !rightDirect && (rowBlocks === 1 || huge)
  const tasks = rowBlocks * e.batch
  const perCol = Math.max(1, rows * e.depth)
  const split = !own && (tasks >= enough || e.leftOnce)
    ? e.cols
    : Math.max(Math.ceil(e.cols * tasks / enough), Math.ceil(worth / perCol))
  const fits = own ? Math.floor((1 << 18) / Math.max(1, e.depth)) : e.cols
  const cols = clamp(roundUp(Math.min(split, fits), 4 * tileCols), 1, Math.max(1, e.cols))
  const leftDirect = e.leftDirect && e.cols <= 4 * tileCols
  const levels = levelsOf(
    leftDirect ? e.leftDepth : [{ size: e.depth, stride: 1 }],
    rightDirect ? e.rightDepth : [{ size: e.depth, stride: 1 }],
  )
  const { depth, level } = depthBlock(levels, e.depth)
  const throughScratch = e.buffered || depth < e.depth
  const work = rows * cols * e.depth
  return {
    form: "tiles",
    tileRows,
    tileCols,
    rows,
    cols,
    rowBlocks,
    colBlocks: Math.ceil(e.cols / cols),
    part: throughScratch ? Math.min(cols, 8 * tileCols) : cols,
    ...{ depth, level, levels, run: 0 },
    left: leftDirect ? "direct" : "own",
    right: rightDirect ? "direct" : own ? "own" : "shared",
    grain: Math.max(1, Math.floor(worth / Math.max(1, work))),
  }
}

/** The cut of a search: a task sees all cols, which are packed once for all tasks. */
export const searchBlocks = (e: Extent): Blocks => {
  const tileRows = tileRowsFor(e.rows, e.wide)
  const tileCols = e.wide && e.cols > 8 ? 16 : 8
  const rows = Math.min(Math.max(1, e.rows), taskRows(e, tileRows))
  const packed = [{ size: e.depth, stride: 1 }]
  const levels = levelsOf(packed, packed)
  return {
    form: "tiles",
    ...{ tileRows, tileCols, rows, cols: e.cols, rowBlocks: Math.ceil(e.rows / rows), colBlocks: 1 },
    part: Math.min(e.cols, 8 * tileCols),
    ...depthBlock(levels, e.depth),
    levels,
    run: 0,
    left: "own",
    right: "shared",
    grain: Math.max(1, Math.floor(worth / Math.max(1, rows * e.cols * e.depth))),
  }
}

/** The cut where the left operand is read in runs of its rows, as windows are: it is never packed. */
const inRuns = (e: Extent): Blocks => {
  const run = runOf(e.run)
  const tileRows = tileRowsIn(run, e.wide)
  const tileCols = e.wide && e.cols > 8 ? 16 : 8
  const narrow = e.cols <= 4 * tileCols
  const rightDirect = e.rightDirect && narrow
  const all = e.batch * e.rows
  // what lies under a block of windows is several times smaller than the windows
  const most = Math.floor((1 << 19) / Math.max(1, e.depth))
  const levels = levelsOf(e.leftDepth, rightDirect ? e.rightDepth : [{ size: e.depth, stride: 1 }])
  const { depth, level } = depthBlock(levels, e.depth)
  const throughScratch = e.buffered || depth < e.depth
  const part = throughScratch ? Math.min(e.cols, 8 * tileCols) : e.cols
  const held = throughScratch ? Math.floor((1 << 15) / Math.max(1, part)) : e.rows
  const wanted = Math.max(Math.ceil(all / enough), Math.ceil(worth / Math.max(1, e.cols * e.depth)))
  const rows = Math.min(e.rows, roundUp(clamp(wanted, run, Math.max(run, Math.min(most, held))), run))
  const rowBlocks = Math.ceil(e.rows / rows)
  const shared = !rightDirect && (rowBlocks > 1 || e.batch > 1)
  const split = Math.max(
    Math.ceil(e.cols * rowBlocks * e.batch / enough),
    Math.ceil(worth / Math.max(1, rows * e.depth)),
  )
  const fits = rightDirect || shared ? e.cols : Math.floor((1 << 18) / Math.max(1, e.depth))
  const cols = clamp(roundUp(Math.min(split, fits), 4 * tileCols), 1, Math.max(1, e.cols))
  return {
    form: "tiles",
    ...{ tileRows, tileCols, rows, cols, rowBlocks, colBlocks: Math.ceil(e.cols / cols), part: Math.min(part, cols) },
    ...{ depth, level, levels, run },
    left: "direct",
    right: rightDirect ? "direct" : shared ? "shared" : "own",
    grain: Math.max(1, Math.floor(worth / Math.max(1, rows * cols * e.depth))),
  }
}

/** How many tiles of which heights cover some rows: full ones, ones lower by one, and one of the rest. */
export interface Heights {
  readonly full: number
  readonly lower: number
  readonly rest: number
}

/** Covers without a rest where that is possible. */
export const heightsOf = (rows: number, tileRows: number): Heights => {
  for (let lower = 0; lower < tileRows && tileRows > 2; lower++) {
    const left = rows - lower * (tileRows - 1)
    if (left >= 0 && left % tileRows === 0) return { full: left / tileRows, lower, rest: 0 }
  }
  return { full: Math.floor(rows / tileRows), lower: 0, rest: rows % tileRows }
}
