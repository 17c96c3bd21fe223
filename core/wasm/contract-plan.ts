/**
 * How a contraction is cut: the size of tiles, of tasks, and who packs what. Numbers are bytes of caches that every
 * machine of today has (32 KiB and 512 KiB) and work that is worth handing to a thread; none depends on how many
 * threads there are.
 * @module
 */

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
  /** Depth that is done at once. */
  readonly depth: number
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
    depth: e.depth,
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
    depth: e.depth,
    left: "direct",
    right: "direct",
    grain: 1,
  }
}

/** Cuts. */
export const blocksOf = (e: Extent): Blocks => {
  const large = e.rows >= 64 && e.cols >= 64 && e.depth >= 64 && e.rows * e.cols * e.depth >= worthCalling
  if (e.blas && large) return called(e)
  if (e.rows > 0 && e.rows <= 4 && e.depth >= 16 && e.rows4 !== undefined) return fewRows(e, e.rows4)
  const tileRows = tileRowsFor(e.rows, e.wide)
  const tileCols = e.wide && e.cols > 8 ? 16 : 8
  const perRow = Math.max(1, e.cols * e.depth)
  const batched = e.batch >= enough && e.rows * e.depth <= 1 << 17 && e.cols * e.depth <= 1 << 18
  const most = clamp(roundUp(Math.floor((1 << 17) / Math.max(1, e.depth)), tileRows), 2 * tileRows, 32 * tileRows)
  const wanted = Math.max(Math.ceil(e.rows * e.batch / enough), Math.ceil(worth / perRow))
  const huge = e.cols * e.depth > mostShared
  const cut = huge ? 32 * tileRows : clamp(roundUp(wanted, tileRows), tileRows, most)
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
  const depth = e.depth <= 1536 ? e.depth : Math.ceil(e.depth / Math.ceil(e.depth / 1024))
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
    depth,
    left: e.leftDirect && e.cols <= 4 * tileCols ? "direct" : "own",
    right: rightDirect ? "direct" : own ? "own" : "shared",
    grain: Math.max(1, Math.floor(worth / Math.max(1, work))),
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
