/**
 * Contractions on matrix units (`matrix.ts`): operands are rounded to f16, sums are f32. A workgroup computes a tile; its
 * subgroups share it out in a grid, each with some 16 x 16 fragments as accumulators. Slices of both operands pass
 * through workgroup memory, rows padded by 8 halves against bank conflicts. Fragments are opaque, so at the end each is
 * laid down in workgroup memory and the lanes finish it from there.
 * @module
 */
import { sizesOf } from "../kernel/expression.ts"
import type { Contract } from "../kernel/kernel.ts"
import { epilogue } from "./contract-epilogue.ts"
import { bring, sidesOf } from "./contract-operand.ts"
import { nest, say, top } from "./emitter.ts"
import { emulated, FRAGMENT, hardware, LANES, type Place } from "./matrix.ts"
import { bound, type Build, decode, type Entry, type Shader, shader } from "./shader.ts"

/** A tile and the grid of subgroups that shares it. */
export interface UnitTile {
  readonly rows: number
  readonly cols: number
  readonly depth: number
  readonly down: number
  readonly across: number
}

/** The tiles, largest first. */
export const unitTiles: ReadonlyArray<UnitTile> = [
  { rows: 128, cols: 128, depth: 32, down: 2, across: 2 },
  { rows: 64, cols: 64, depth: 32, down: 2, across: 2 },
]

const product = (xs: ReadonlyArray<number>): number => xs.reduce((a, b) => a * b, 1)
const range = (n: number): ReadonlyArray<number> => Array.from({ length: n }, (_, i) => i)

const bytesOf = (t: UnitTile): number =>
  2 * (t.rows * (t.depth + 8) + t.depth * (t.cols + 8)) + 4 * t.down * t.across * FRAGMENT * FRAGMENT

/** Does the tile run within these limits? */
export const unitFits = (t: UnitTile, b: Build): boolean =>
  bytesOf(t) <= b.capability.workgroupBytes && t.down * t.across * LANES <= b.capability.maxInvocations

/** The tile for a contraction, if units are to be used and the product is worth it. */
export const unitFor = (k: Contract, b: Build): UnitTile | undefined => {
  if (b.capability.units === undefined || !b.capability.f16 || k.dtype !== "f32") return undefined
  const [m, n, deep] = [product(k.rows), product(k.cols), product(k.depth)]
  if (Math.min(m, n) < 2 * FRAGMENT || deep < FRAGMENT) return undefined
  const tiles = unitTiles.filter((t) => unitFits(t, b))
  const count = (t: UnitTile): number => Math.ceil(m / t.rows) * Math.ceil(n / t.cols) * product(k.batch)
  return tiles.find((t) => count(t) >= b.tuning.groups) ?? tiles.at(-1)
}

/** Writes a contraction for matrix units. */
export const matrixUnit = (k: Contract, b: Build, tile: UnitTile): Shader => {
  const sizes = sizesOf(k)
  const s = sidesOf(k)
  const [deep, batch] = [product(k.depth), product(k.batch)]
  const { rows: BM, cols: BN, depth: BK, down, across } = tile
  const subgroups = down * across
  const size = subgroups * LANES
  const [tilesM, tilesN] = [Math.ceil(s.rows.count / BM), Math.ceil(s.cols.count / BN)]
  const [pitchA, pitchB] = [BK + 8, BN + 8]
  const [fm, fn] = [BM / down / FRAGMENT, BN / across / FRAGMENT]
  const place = (array: string, offset: string, pitch: number): Place => ({ array, offset, pitch })
  const acc = (i: number, j: number): string => `c${i}_${j}`
  const fragments = range(fm).flatMap((i) => range(fn).map((j) => [i, j] as const))

  return shader(b, (e): Entry => {
    const unit = b.capability.units === "emulated" ? emulated() : hardware
    e.globals.push(
      `var<workgroup> sa: array<f16, ${BM * pitchA}>;`,
      `var<workgroup> sb: array<f16, ${BK * pitchB}>;`,
      `var<workgroup> so: array<f32, ${subgroups * FRAGMENT * FRAGMENT}>;`,
    )
    say(e, ...unit.head, `let rs = (sg / ${across}u) * ${BM / down}u;`, `let cs = (sg % ${across}u) * ${BN / across}u;`)
    say(e, `let c0 = (gid % ${tilesN}u) * ${BN}u;`)
    say(e, `let r0 = ((gid / ${tilesN}u) % ${tilesM}u) * ${BM}u;`, `let z = gid / ${tilesM * tilesN}u;`)
    decode(e, "z", s.batch, sizes, (id, names) => top(e).vars.set(id, names))
    for (const [i, j] of fragments) say(e, `var ${acc(i, j)} = ${unit.zeros};`)
    nest(e, `for (var k0 = 0u; k0 < ${bound(b, deep)}; k0 = k0 + ${BK}u)`, () => {
      const slice = { along: s.depth, deep, depth: BK, size, type: "f32" } as const
      bring(e, b, sizes, {
        ...slice,
        side: s.rows,
        first: "r0",
        extent: BM,
        put: (kk, x, v) => `sa[${x} * ${pitchA}u + ${kk}] = f16(${v});`,
      })
      bring(e, b, sizes, {
        ...slice,
        side: s.cols,
        first: "c0",
        extent: BN,
        put: (kk, x, v) => `sb[${kk} * ${pitchB}u + ${x}] = f16(${v});`,
      })
      say(e, "workgroupBarrier();")
      for (const step of range(BK / FRAGMENT)) {
        nest(e, "", () => {
          const right = range(fn).map((j) => ({
            name: `b${j}_`,
            place: place("sb", `${step * FRAGMENT * pitchB}u + cs + ${j * FRAGMENT}u`, pitchB),
          }))
          for (const r of right) say(e, `let ${r.name} = ${unit.right(r.place)};`)
          for (const i of range(fm)) {
            const at = `(rs + ${i * FRAGMENT}u) * ${pitchA}u + ${step * FRAGMENT}u`
            const left = { name: `a${i}_`, place: place("sa", at, pitchA) }
            say(e, `let ${left.name} = ${unit.left(left.place)};`)
            right.forEach((r, j) => say(e, unit.multiply(left, r, acc(i, j))))
          }
        })
      }
      say(e, "workgroupBarrier();")
    })
    epilogue(e, k, s, "f32")
    // all lanes of a workgroup finish one fragment of each subgroup at a time, four columns a lane
    for (const [i, j] of fragments) {
      const laid = place("so", `sg * ${FRAGMENT * FRAGMENT}u`, FRAGMENT)
      say(e, unit.store(laid, acc(i, j)), "workgroupBarrier();")
      nest(e, `for (var q = lid; q < ${bound(b, subgroups * 64)}; q = q + ${size}u)`, () => {
        say(e, "let part = q / 64u;", "let at = (q % 64u) * 4u;", "let o = part * 256u + at;")
        say(e, `let r = r0 + (part / ${across}u) * ${BM / down}u + ${i * FRAGMENT}u + at / 16u;`)
        say(e, `let c = c0 + (part % ${across}u) * ${BN / across}u + ${j * FRAGMENT}u + at % 16u;`)
        say(e, "finish(z, r, c, vec4<f32>(so[o], so[o + 1u], so[o + 2u], so[o + 3u]));")
      })
      say(e, "workgroupBarrier();")
    }
    e.globals.push(...unit.globals())
    const { directives, attribute, builtins } = unit
    return { size, groups: tilesM * tilesN * batch, directives, attribute, builtins }
  })
}
