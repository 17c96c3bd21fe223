/**
 * Contractions as WGSL: a workgroup computes a tile of rows x cols, walking the depth in slices that all lanes bring into
 * workgroup memory together; each lane keeps a block of the tile in registers. Operands are any expressions of any
 * strides: each is brought in along the direction in which it lies in memory, four elements at a time where they lie so.
 * The epilogue works on registers. A product with one row or one column is a fold along the depth instead: `loop.ts`.
 * @module
 */
import type { Contract, Expr, Index, Loop } from "../kernel/kernel.ts"
import { sizesOf, walk } from "../kernel/expression.ts"
import type { Compute } from "../tensor/dtype.ts"
import type { Tile } from "./capability.ts"
import { type Emitter, inside, lie, nest, say, sideBySide, top, WIDTH } from "./emitter.ts"
import { store, value } from "./expression.ts"
import { loop } from "./loop.ts"
import { bound, type Build, decode, type Entry, idle, type Shader, shader } from "./shader.ts"

const product = (xs: ReadonlyArray<number>): number => xs.reduce((a, b) => a * b, 1)
const range = (n: number, from: number = 0): ReadonlyArray<number> => Array.from({ length: n }, (_, i) => from + i)

/** The same contraction as a loop with a fold: for thin products. */
export const asLoop = (k: Contract): Loop => ({
  tag: "loop",
  dims: [...k.batch, ...k.rows, ...k.cols],
  over: k.depth,
  stages: [
    {
      tag: "fold",
      folds: [{
        id: 0,
        fn: "sum",
        dtype: k.dtype,
        value: { tag: "binary", dtype: k.dtype, fn: "mul", x: k.a, y: k.b },
      }],
    },
    { tag: "point", stores: k.stores },
  ],
})

/** One side of a contraction: its variables and its operand. */
interface Side {
  readonly ids: ReadonlyArray<number>
  readonly count: number
  readonly operand: Expr
}

/** The variables by what they are, and the two sides; `rows` lie along y of the tile, `cols` along x, four together. */
export interface Sides {
  readonly batch: ReadonlyArray<number>
  readonly depth: ReadonlyArray<number>
  readonly rows: Side
  readonly cols: Side
}

const loads = (x: Expr): ReadonlyArray<Index> => walk([x]).flatMap((e) => e.tag === "load" ? [e.at] : [])

/** Rows and columns change places where the stores lie along the rows. */
export const sidesOf = (k: Contract): Sides => {
  const sizes = sizesOf(k)
  const [b, r, c, d] = [k.batch.length, k.rows.length, k.cols.length, k.depth.length]
  const rows: Side = { ids: range(r, b), count: product(k.rows), operand: k.a }
  const cols: Side = { ids: range(c, b + r), count: product(k.cols), operand: k.b }
  const alongOf = (s: Side): number => {
    const last = s.ids.at(-1)
    if (last === undefined) return 0
    return k.stores.filter((t) => lie(t.at, last, 1).lanes === "unit").length * 2 +
      (sizes[last]! % WIDTH === 0 && k.stores.some((t) => sideBySide(t, last, WIDTH)) ? 1 : 0)
  }
  const swap = alongOf(rows) > alongOf(cols)
  return {
    batch: range(b),
    depth: range(d, b + r + c),
    rows: swap ? cols : rows,
    cols: swap ? rows : cols,
  }
}

/** Chooses a tile: the first that leaves enough workgroups, else the last. */
export const chooseTile = (tiles: ReadonlyArray<Tile>, groups: number, m: number, n: number, batch: number): Tile => {
  const count = (t: Tile): number => Math.ceil(m / t.rows) * Math.ceil(n / t.cols) * batch
  // a tile much larger than the product wastes most of its lanes
  const useful = tiles.filter((t) => t.rows < 2 * m && t.cols < 2 * n)
  return useful.find((t) => count(t) >= groups) ?? tiles[tiles.length - 1]!
}

/** In which direction an operand is brought in, and how many elements at once. */
interface Fetch {
  readonly along: "side" | "depth"
  readonly width: 1 | 4
}

const fetchOf = (s: Side, depth: ReadonlyArray<number>, sizes: ReadonlyArray<number>): Fetch => {
  const at = loads(s.operand)
  const score = (id: number | undefined, width: number): number =>
    id === undefined ? 0 : at.filter((i) => {
      const l = lie(i, id, width)
      return l.lanes === "unit" && l.multiple === width
    }).length
  const [side, deep] = [s.ids.at(-1), depth.at(-1)]
  const along = score(side, 1) > score(deep, 1) ? "side" : "depth"
  const id = along === "side" ? side : deep
  return { along, width: id !== undefined && sizes[id]! % WIDTH === 0 && score(id, WIDTH) > 0 ? 4 : 1 }
}

/** Writes a contraction with a given tile. */
export const tiled = (k: Contract, b: Build, tile: Tile): Shader => {
  const sizes = sizesOf(k)
  const s = sidesOf(k)
  const [m, n, deep, batch] = [s.rows.count, s.cols.count, product(k.depth), product(k.batch)]
  const { rows: BM, cols: BN, depth: BK, m: TM, n: TN } = tile
  const [cx, cy] = [BN / TN, BM / TM]
  const size = cx * cy
  const [tilesM, tilesN] = [Math.ceil(m / BM), Math.ceil(n / BN)]
  const type: Compute = k.dtype
  const pitch = BM + 4

  return shader(b, (e): Entry => {
    const define = (id: number, names: ReadonlyArray<string>): void => {
      top(e).vars.set(id, names)
    }
    e.globals.push(
      `var<workgroup> sa: array<${type}, ${BK * pitch}>;`,
      `var<workgroup> sb: array<vec4<${type}>, ${BK * BN / 4}>;`,
    )
    say(e, `let tx = lid % ${cx}u;`, `let ty = lid / ${cx}u;`)
    say(e, `let c0 = (gid % ${tilesN}u) * ${BN}u;`)
    say(e, `let r0 = ((gid / ${tilesN}u) % ${tilesM}u) * ${BM}u;`, `let z = gid / ${tilesM * tilesN}u;`)
    decode(e, "z", s.batch, sizes, define)
    const acc = (i: number, j: number): string => `c${i}_${j}`
    for (const i of range(TM)) for (const j of range(TN / 4)) say(e, `var ${acc(i, j)} = vec4<${type}>();`)

    // brings one slice of an operand into workgroup memory, k-major
    const bring = (
      side: Side,
      first: string,
      count: number,
      extent: number,
      put: (k: string, x: string, v: string) => string,
    ) => {
      const f = fetchOf(side, s.depth, sizes)
      const [wd, ws] = f.along === "depth" ? [f.width, 1] : [1, f.width]
      const [cells, inRow] = [BK / wd * (extent / ws), f.along === "depth" ? BK / wd : extent / ws]
      nest(e, `for (var q = lid; q < ${bound(b, cells)}; q = q + ${size}u)`, () => {
        const [fast, slow] = [`(q % ${inRow}u)`, `(q / ${inRow}u)`]
        say(e, `let kk = ${f.along === "depth" ? `${fast} * ${wd}u` : slow};`)
        say(e, `let xx = ${f.along === "depth" ? slow : `${fast} * ${ws}u`};`)
        const checks = [
          ...(deep % BK === 0 ? [] : [`k0 + kk < ${deep}u`]),
          ...(count % extent === 0 ? [] : [`${first} + xx < ${count}u`]),
        ]
        if (checks.length > 0) say(e, `let has = ${checks.join(" && ")};`)
        const safe = (text: string): string => checks.length > 0 ? `select(0u, ${text}, has)` : text
        say(e, `let dk = (${safe("k0 + kk")})${wd > 1 ? ` / ${wd}u` : ""};`)
        say(e, `let dx = (${safe(`${first} + xx`)})${ws > 1 ? ` / ${ws}u` : ""};`)
        const lanes = Math.max(wd, ws)
        const wide = (f.along === "depth" ? s.depth : side.ids).at(-1)
        e.lane = lanes > 1 && wide !== undefined ? { id: wide, width: WIDTH, varying: new Map() } : undefined
        // the linear number of a wide group counts groups, and so does its last variable
        decode(e, "dk", s.depth, sizes, define)
        decode(e, "dx", side.ids, sizes, define)
        const values = range(lanes).map((l) => value(e, side.operand, l))
        e.lane = undefined
        const type0 = `${type}(0)`
        values.forEach((v, l) => {
          const kept = checks.length > 0 ? `select(${type0}, ${v}, has)` : v
          say(e, put(wd > 1 ? `(kk + ${l}u)` : "kk", ws > 1 ? `(xx + ${l}u)` : "xx", kept))
        })
      })
    }
    nest(e, `for (var k0 = 0u; k0 < ${bound(b, deep)}; k0 = k0 + ${BK}u)`, () => {
      bring(s.rows, "r0", m, BM, (kk, x, v) => `sa[${kk} * ${pitch}u + ${x}] = ${v};`)
      bring(s.cols, "c0", n, BN, (kk, x, v) => `sb[${kk} * ${BN / 4}u + (${x} >> 2u)][${x} & 3u] = ${v};`)
      say(e, "workgroupBarrier();")
      nest(e, `for (var k = 0u; k < ${bound(b, BK)}; k = k + 1u)`, () => {
        for (const j of range(TN / 4)) say(e, `let b${j}_ = sb[k * ${BN / 4}u + tx + ${j * cx}u];`)
        for (const i of range(TM)) {
          say(e, `let a${i}_ = vec4<${type}>(sa[k * ${pitch}u + ty * ${TM}u + ${i}u]);`)
          for (const j of range(TN / 4)) {
            const c = acc(i, j)
            say(e, type === "f32" ? `${c} = fma(a${i}_, b${j}_, ${c});` : `${c} = ${c} + a${i}_ * b${j}_;`)
          }
        }
      })
      say(e, "workgroupBarrier();")
    })
    epilogue(e, k, s, type, m, n)
    const last = (i: string, j: string, c: string): string =>
      `finish(z, r0 + ty * ${TM}u + ${i}, c0 + (tx + ${j} * ${cx}u) * 4u, ${c});`
    const all = range(TM).flatMap((i) => range(TN / 4).map((j) => acc(i, j)))
    if (b.tuning.unroll) {
      for (const i of range(TM)) for (const j of range(TN / 4)) say(e, last(`${i}u`, `${j}u`, acc(i, j)))
    } else {
      say(e, `var all = array<vec4<${type}>, ${all.length}>(${all.join(", ")});`)
      nest(e, `for (var o = 0u; o < ${bound(b, all.length)}; o = o + 1u)`, () => {
        say(e, last(`o / ${TN / 4}u`, `(o % ${TN / 4}u)`, "all[o]"))
      })
    }
    return { size, groups: tilesM * tilesN * batch }
  })
}

/** A function of its own: what is done with four sums side by side. Checks the edges of the tile. */
export const epilogue = (e: Emitter, k: Contract, s: Sides, type: Compute, m: number, n: number): void => {
  const sizes = sizesOf(k)
  const last = s.cols.ids.at(-1)
  const wide = last !== undefined && sizes[last]! % WIDTH === 0
  const outside = e.blocks.splice(0, e.blocks.length)
  e.blocks.push({
    lines: [],
    names: new Map(),
    values: range(WIDTH).map(() => new Map()),
    vars: new Map(),
    accs: new Map(),
  })
  const write = (lanes: number): void => {
    const define = (id: number, names: ReadonlyArray<string>): void => {
      top(e).vars.set(id, names)
    }
    decode(e, "z", s.batch, sizes, define)
    decode(e, "r", s.rows.ids, sizes, define)
    decode(e, "w", s.cols.ids, sizes, define)
    const values = k.stores.map((t) => range(lanes).map((l) => value(e, t.value, l)))
    k.stores.forEach((t, i) => store(e, t.buffer, t.at, values[i]!))
  }
  if (m > 0) say(e, `if (r >= ${m}u || c >= ${n}u) { return; }`)
  if (wide) {
    say(e, "let w = c / 4u;")
    top(e).accs.set(0, range(WIDTH).map((l) => `acc.${"xyzw"[l]}`))
    e.lane = { id: last, width: WIDTH, varying: new Map() }
    write(WIDTH)
    e.lane = undefined
  } else {
    for (const l of range(WIDTH)) {
      nest(e, l === 0 ? "" : `if (c + ${l}u < ${n}u)`, () => {
        top(e).accs.set(0, [`acc.${"xyzw"[l]}`])
        say(e, `let w = c + ${l}u;`)
        write(1)
      })
    }
  }
  const lines = inside(e, () => {})
  const body = e.blocks.pop()!.lines
  e.blocks.push(...outside)
  e.depths = new Map()
  e.globals.push(
    `fn finish(z: u32, r: u32, c: u32, acc: vec4<${type}>) {`,
    ...[...body, ...lines].map((l) => "  " + l),
    "}",
  )
}

/** Writes a contraction: thin ones as folds, the others in tiles. */
export const contract = (k: Contract, b: Build): Shader => {
  const [m, n, batch] = [product(k.rows), product(k.cols), product(k.batch)]
  if (m * n * batch === 0) return idle
  if (Math.min(m, n) <= 2 || b.tuning.tiles.length === 0 || k.dtype === "bool") return loop(asLoop(k), b)
  const s = sidesOf(k)
  return tiled(k, b, chooseTile(b.tuning.tiles, b.tuning.groups, s.rows.count, s.cols.count, batch))
}
