/**
 * The nearest code as WGSL: a workgroup has a tile of vectors and walks over all codes, a tile of them after the other,
 * as a contraction does; each lane looks at its sums while they are in registers and keeps the least score of each of its
 * vectors, and at the end the lanes of a vector are compared. Norms of codes are summed beside the products, by every lane
 * in the order of the depth, so equal codes have equal scores. A number that is stored was counted within the codes,
 * whatever an adapter makes of NaN.
 * @module
 */
import { sizesOf } from "../kernel/expression.ts"
import type { Contract, Nearest } from "../kernel/kernel.ts"
import type { Capability, Tile } from "./capability.ts"
import { bring, sidesOf } from "./contract-operand.ts"
import { type Emitter, need, nest, outside, say, top } from "./emitter.ts"
import { store, value } from "./expression.ts"
import { bound, type Build, decode, type Entry, idle, type Shader, shader } from "./shader.ts"

const product = (xs: ReadonlyArray<number>): number => xs.reduce((a, b) => a * b, 1)
const range = (n: number): ReadonlyArray<number> => Array.from({ length: n }, (_, i) => i)

/** Largest first, as few vectors must fill the device: the fewer vectors, the more codes at once. The last fits anywhere. */
const tiles: ReadonlyArray<Tile> = [
  { rows: 128, cols: 64, depth: 16, m: 8, n: 4 },
  { rows: 64, cols: 64, depth: 16, m: 4, n: 4 },
  { rows: 32, cols: 64, depth: 16, m: 4, n: 4 },
  { rows: 16, cols: 64, depth: 16, m: 2, n: 4 },
  { rows: 8, cols: 32, depth: 8, m: 2, n: 4 },
]

const lanesOf = (t: Tile): number => (t.rows / t.m) * (t.cols / t.n)

const fits = (t: Tile, c: Capability): boolean =>
  lanesOf(t) <= Math.min(c.maxInvocations, c.maxSizeX) &&
  4 * t.depth * (t.rows + 4 + t.cols) + 8 * lanesOf(t) <= c.workgroupBytes

/** The first tile that leaves enough workgroups. */
export const searchTile = (b: Build, vectors: number, codes: number, batch: number): Tile => {
  const able = tiles.filter((t) => fits(t, b.capability))
  const useful = able.filter((t) => t.rows < 2 * vectors && t.cols < 2 * codes)
  return useful.find((t) => Math.ceil(vectors / t.rows) * batch >= b.tuning.groups) ?? useful.at(-1) ?? tiles.at(-1)!
}

/** Writes `finish(z, r, code)`: the stores of a vector. */
const finish = (e: Emitter, k: Nearest, rows: ReadonlyArray<number>): void => {
  const sizes = sizesOf(k)
  const define = (id: number, names: ReadonlyArray<string>): void => {
    top(e).vars.set(id, names)
  }
  const body = outside(e, () => {
    decode(e, "z", range(k.batch.length), sizes, define)
    decode(e, "r", rows, sizes, define)
    top(e).accs.set(0, ["code"])
    const values = k.stores.map((t) => value(e, t.value, 0))
    k.stores.forEach((t, i) => store(e, t.buffer, t.at, [values[i]!]))
  })
  e.globals.push("fn finish(z: u32, r: u32, code: i32) {", ...body.map((l) => "  " + l), "}")
}

/** Writes a search for the nearest code. */
export const nearest = (k: Nearest, b: Build): Shader => {
  const [m, n, deep, batch] = [product(k.rows), k.codes, product(k.depth), product(k.batch)]
  if (m * batch === 0) return idle
  const sums: Contract = { ...k, tag: "contract", dtype: "f32", cols: [n], stores: [] }
  const s = sidesOf(sums)
  const sizes = sizesOf(sums)
  const { rows: BM, cols: BN, depth: BK, m: TM, n: TN } = searchTile(b, m, n, batch)
  const [cx, cy] = [BN / TN, BM / TM]
  const size = cx * cy
  const tilesM = Math.ceil(m / BM)
  const pitch = BM + 4
  const [left, right] = [range(TM), range(TN / 4)]

  return shader(b, (e): Entry => {
    e.globals.push(
      `var<workgroup> sa: array<f32, ${BK * pitch}>;`,
      `var<workgroup> sb: array<vec4<f32>, ${BK * BN / 4}>;`,
      `var<workgroup> scores: array<f32, ${size}>;`,
      `var<workgroup> codes: array<i32, ${size}>;`,
    )
    say(e, `let tx = lid % ${cx}u;`, `let ty = lid / ${cx}u;`)
    say(e, `let r0 = (gid % ${tilesM}u) * ${BM}u;`, `let z = gid / ${tilesM}u;`)
    decode(e, "z", s.batch, sizes, (id, names) => top(e).vars.set(id, names))
    for (const i of left) say(e, `var best${i} = ${need(e, "o_inf")}();`, `var code${i} = 0;`)
    nest(e, `for (var c0 = 0u; c0 < ${bound(b, n)}; c0 = c0 + ${BN}u)`, () => {
      for (const j of right) {
        say(e, `var n${j} = vec4<f32>();`)
        for (const i of left) say(e, `var c${i}_${j} = vec4<f32>();`)
      }
      nest(e, `for (var k0 = 0u; k0 < ${bound(b, deep)}; k0 = k0 + ${BK}u)`, () => {
        const slice = { along: s.depth, deep, depth: BK, size, type: "f32" } as const
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
          putSide: (kk, x, vs) => `sb[${kk} * ${BN / 4}u + (${x} >> 2u)] = vec4<f32>(${vs.join(", ")});`,
        })
        say(e, "workgroupBarrier();")
        nest(e, `for (var k = 0u; k < ${bound(b, BK)}; k = k + 1u)`, () => {
          for (const j of right) {
            say(e, `let b${j}_ = sb[k * ${BN / 4}u + tx + ${j * cx}u];`, `n${j} = fma(b${j}_, b${j}_, n${j});`)
          }
          for (const i of left) {
            say(e, `let a${i}_ = vec4<f32>(sa[k * ${pitch}u + ty * ${TM}u + ${i}u]);`)
            for (const j of right) say(e, `c${i}_${j} = fma(a${i}_, b${j}_, c${i}_${j});`)
          }
        })
        say(e, "workgroupBarrier();")
      })
      for (const j of right) {
        say(e, `let at${j} = c0 + (tx + ${j * cx}u) * 4u;`)
        for (const i of left) {
          nest(e, "", () => {
            say(e, `let score = n${j} - 2.0 * c${i}_${j};`)
            for (const l of range(4)) {
              const there = n % BN === 0 ? "" : `at${j} + ${l}u < ${n}u && `
              say(
                e,
                `if (${there}score.${"xyzw"[l]} < best${i}) { best${i} = score.${
                  "xyzw"[l]
                }; code${i} = i32(at${j}) + ${l}; }`,
              )
            }
          })
        }
      }
    })
    finish(e, k, s.rows.ids)
    for (const i of left) {
      say(e, `scores[lid] = best${i};`, `codes[lid] = code${i};`, "workgroupBarrier();")
      nest(e, `if (lid < ${cy}u && r0 + lid * ${TM}u + ${i}u < ${m}u)`, () => {
        say(e, `var best = scores[lid * ${cx}u];`, `var code = codes[lid * ${cx}u];`)
        nest(e, `for (var x = 1u; x < ${bound(b, cx)}; x = x + 1u)`, () => {
          say(e, `let score = scores[lid * ${cx}u + x];`, `let other = codes[lid * ${cx}u + x];`)
          say(e, "if (score < best || (score == best && other < code)) { best = score; code = other; }")
        })
        say(e, `finish(z, r0 + lid * ${TM}u + ${i}u, code);`)
      })
      if (i + 1 < TM) say(e, "workgroupBarrier();")
    }
    return { size, groups: tilesM * batch }
  })
}
