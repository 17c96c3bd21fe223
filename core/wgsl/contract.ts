/**
 * Contractions as WGSL: a workgroup computes a tile of rows x cols, walking the depth in slices that all lanes bring into
 * workgroup memory together; each lane keeps a block of the tile in registers. Operands are any expressions of any
 * strides: each is brought in along the direction in which it lies in memory, four elements at a time where they lie so.
 * The epilogue works on registers. A product with one row or one column is a fold along the depth instead: `loop.ts`.
 * @module
 */
import type { Contract, Loop } from "../kernel/kernel.ts"
import { sizesOf } from "../kernel/expression.ts"
import type { Compute } from "../tensor/dtype.ts"
import type { Tile } from "./capability.ts"
import { epilogue } from "./contract-epilogue.ts"
import { bring, sidesOf } from "./contract-operand.ts"
import { nest, say, top } from "./emitter.ts"
import { loop } from "./loop.ts"
import { bound, type Build, decode, type Entry, idle, type Shader, shader } from "./shader.ts"
import { matrixUnit, unitFor } from "./unit.ts"

const product = (xs: ReadonlyArray<number>): number => xs.reduce((a, b) => a * b, 1)
const range = (n: number): ReadonlyArray<number> => Array.from({ length: n }, (_, i) => i)

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

/** Chooses a tile: the first that leaves enough workgroups, else the last. */
export const chooseTile = (tiles: ReadonlyArray<Tile>, groups: number, m: number, n: number, batch: number): Tile => {
  const count = (t: Tile): number => Math.ceil(m / t.rows) * Math.ceil(n / t.cols) * batch
  // a tile much larger than the product wastes most of its lanes
  const useful = tiles.filter((t) => t.rows < 2 * m && t.cols < 2 * n)
  return useful.find((t) => count(t) >= groups) ?? tiles[tiles.length - 1]!
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

    nest(e, `for (var k0 = 0u; k0 < ${bound(b, deep)}; k0 = k0 + ${BK}u)`, () => {
      const slice = { along: s.depth, deep, depth: BK, size, type }
      bring(e, b, sizes, {
        ...slice,
        side: s.rows,
        first: "r0",
        extent: BM,
        put: (kk, x, v) => `sa[${kk} * ${pitch}u + ${x}] = ${v};`,
      })
      bring(e, b, sizes, {
        ...slice,
        side: s.cols,
        first: "c0",
        extent: BN,
        put: (kk, x, v) => `sb[${kk} * ${BN / 4}u + (${x} >> 2u)][${x} & 3u] = ${v};`,
        putSide: (kk, x, vs) => `sb[${kk} * ${BN / 4}u + (${x} >> 2u)] = vec4<${type}>(${vs.join(", ")});`,
      })
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
    epilogue(e, k, s, type)
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

/** Writes a contraction: thin ones as folds, the others in tiles. */
export const contract = (k: Contract, b: Build): Shader => {
  const [m, n, batch] = [product(k.rows), product(k.cols), product(k.batch)]
  if (m * n * batch === 0) return idle
  if (Math.min(m, n) <= 2 || b.tuning.tiles.length === 0 || k.dtype === "bool") return loop(asLoop(k), b)
  const s = sidesOf(k)
  const unit = unitFor(k, b)
  if (unit !== undefined) return matrixUnit(k, b, unit)
  return tiled(k, b, chooseTile(b.tuning.tiles, b.tuning.groups, s.rows.count, s.cols.count, batch))
}
