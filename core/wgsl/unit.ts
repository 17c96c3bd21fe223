/**
 * Contractions on matrix units (`chromium_experimental_subgroup_matrix`): operands are rounded to f16, sums are f32. A
 * workgroup computes a tile; its subgroups share it out in a grid, each with some 16 x 16 fragments as accumulators.
 * Slices of both operands pass through workgroup memory, rows padded by 8 halves against bank conflicts. Fragments are
 * opaque, so at the end each is laid down in workgroup memory and the lanes finish it from there.
 *
 * The unit itself is a record of texts: the hardware's, or an emulation in plain WGSL that has the same layout in memory,
 * so that everything but the unit runs and is tested where there is none.
 * @module
 */
import { sizesOf } from "../kernel/expression.ts"
import type { Contract } from "../kernel/kernel.ts"
import { epilogue } from "./contract-epilogue.ts"
import { bring, sidesOf } from "./contract-operand.ts"
import { nest, say, top } from "./emitter.ts"
import { bound, type Build, decode, type Entry, type Shader, shader } from "./shader.ts"

/** Lanes of a subgroup, and rows, columns and depth of a fragment: the configuration that NVIDIA's units have. */
const LANES = 32
const FRAGMENT = 16

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

/** What a matrix unit is to the generator. */
interface Unit {
  readonly directives: ReadonlyArray<string>
  readonly attribute: string
  readonly builtins: ReadonlyArray<string>
  /** The type of an accumulator, which starts as zeros. */
  readonly zeros: string
  /** Statements at the head: names the subgroup `sg`. */
  readonly head: ReadonlyArray<string>
  readonly globals: ReadonlyArray<string>
  /** A fragment of the left operand from `sa`, of the right one from `sb`. */
  readonly left: (offset: string, pitch: number) => string
  readonly right: (offset: string, pitch: number) => string
  readonly multiply: (a: string, b: string, c: string) => string
  /** Lays an accumulator down in `so`, 16 floats a row. */
  readonly store: (offset: string, c: string) => string
}

const hardware: Unit = {
  directives: [
    "enable subgroups;",
    "enable subgroup_size_control;",
    "enable chromium_experimental_subgroup_matrix;",
    "diagnostic(off, chromium.subgroup_matrix_uniformity);",
  ],
  attribute: `@subgroup_size(${LANES})`,
  builtins: ["@builtin(subgroup_id) sg: u32"],
  zeros: "subgroup_matrix_result<f32, 16, 16>()",
  head: [],
  globals: [],
  left: (offset, pitch) =>
    `subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&sa, ${offset}, ${pitch}u)`,
  right: (offset, pitch) =>
    `subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, row_major>(&sb, ${offset}, ${pitch}u)`,
  multiply: (a, b, c) => `${c} = subgroupMatrixMultiplyAccumulate(${a}, ${b}, ${c});`,
  store: (offset, c) => `subgroupMatrixStore<row_major>(&so, ${offset}, ${c}, 16u);`,
}

/**
 * Lane l of a subgroup holds the elements l, l + 32, ... of an accumulator; operands are read where they lie. Bounds are
 * written so that no compiler knows them: unrolled, a software adapter compiles this for a minute.
 */
const emulated = (pitchA: number, pitchB: number): Unit => ({
  directives: [],
  attribute: "",
  builtins: [],
  zeros: "array<f32, 8>()",
  head: [`let sg = lid / ${LANES}u;`],
  globals: [
    "fn o_multiply(lid: u32, a: u32, b: u32, c: ptr<function, array<f32, 8>>) {",
    "  for (var e = 0u; e < 8u + (lid >> 31u); e = e + 1u) {",
    `    let at = (lid % ${LANES}u) + e * ${LANES}u;`,
    "    var sum = (*c)[e];",
    "    for (var k = 0u; k < 16u + (lid >> 31u); k = k + 1u) {",
    `      sum = sum + f32(sa[a + at / 16u * ${pitchA}u + k]) * f32(sb[b + k * ${pitchB}u + at % 16u]);`,
    "    }",
    "    (*c)[e] = sum;",
    "  }",
    "}",
  ],
  left: (offset) => offset,
  right: (offset) => offset,
  multiply: (a, b, c) => `o_multiply(lid, ${a}, ${b}, &${c});`,
  store: (offset, c) =>
    `for (var e = 0u; e < 8u + (lid >> 31u); e = e + 1u) { so[${offset} + (lid % ${LANES}u) + e * ${LANES}u] = ${c}[e]; }`,
})

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
  const unit = b.capability.units === "emulated" ? emulated(pitchA, pitchB) : hardware
  const acc = (i: number, j: number): string => `c${i}_${j}`
  const fragments = range(fm).flatMap((i) => range(fn).map((j) => [i, j] as const))

  return shader(b, (e): Entry => {
    e.globals.push(
      `var<workgroup> sa: array<f16, ${BM * pitchA}>;`,
      `var<workgroup> sb: array<f16, ${BK * pitchB}>;`,
      `var<workgroup> so: array<f32, ${subgroups * FRAGMENT * FRAGMENT}>;`,
      ...unit.globals,
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
          for (const j of range(fn)) {
            say(e, `let b${j}_ = ${unit.right(`${step * FRAGMENT * pitchB}u + cs + ${j * FRAGMENT}u`, pitchB)};`)
          }
          for (const i of range(fm)) {
            const offset = `(rs + ${i * FRAGMENT}u) * ${pitchA}u + ${step * FRAGMENT}u`
            say(e, `let a${i}_ = ${unit.left(offset, pitchA)};`)
            for (const j of range(fn)) say(e, unit.multiply(`a${i}_`, `b${j}_`, acc(i, j)))
          }
        })
      }
      say(e, "workgroupBarrier();")
    })
    epilogue(e, k, s, "f32")
    // all lanes of a workgroup finish one fragment of each subgroup at a time, four columns a lane
    for (const [i, j] of fragments) {
      say(e, unit.store(`sg * ${FRAGMENT * FRAGMENT}u`, acc(i, j)), "workgroupBarrier();")
      nest(e, `for (var q = lid; q < ${bound(b, subgroups * 64)}; q = q + ${size}u)`, () => {
        say(e, "let part = q / 64u;", "let at = (q % 64u) * 4u;", "let o = part * 256u + at;")
        say(e, `let r = r0 + (part / ${across}u) * ${BM / down}u + ${i * FRAGMENT}u + at / 16u;`)
        say(e, `let c = c0 + (part % ${across}u) * ${BN / across}u + ${j * FRAGMENT}u + at % 16u;`)
        say(e, "finish(z, r, c, vec4<f32>(so[o], so[o + 1u], so[o + 2u], so[o + 3u]));")
      })
      say(e, "workgroupBarrier();")
    }
    return {
      size,
      groups: tilesM * tilesN * batch,
      directives: ["enable f16;", ...unit.directives],
      attribute: unit.attribute,
      builtins: unit.builtins,
    }
  })
}
