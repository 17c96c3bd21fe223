/**
 * The two kinds of products of an attention: scores of both sides over their features, and sums of the other side's
 * features by weights. Operands pass through workgroup memory; results stay in registers, `rows` vectors a lane.
 * @module
 */
import type { Attend } from "../kernel/kernel.ts"
import { raggedBlocks } from "./attend-walk.ts"
import { bring, type Sides } from "./attend-side.ts"
import { beside, odd, rowsOf, type Tile } from "./attend-tile.ts"
import { type Emitter, nest, say } from "./emitter.ts"
import { bound, type Build } from "./shader.ts"

const range = (n: number): ReadonlyArray<number> => Array.from({ length: n }, (_, i) => i)

/** A kernel that is being written. */
export interface Frame {
  readonly e: Emitter
  readonly b: Build
  readonly k: Attend
  readonly s: Sides
  readonly t: Tile
}

const ownPiece = ({ s, t }: Frame, n: number) =>
  ({
    side: s.own,
    of: s.scores[n]!.own,
    first: "o0",
    extent: t.own,
    ragged: s.own.count % t.own !== 0,
  }) as const

/** Brings in the own side for good. */
export const keep = (f: Frame): void => {
  const { e, b, s, t } = f
  if (t.kept === undefined) return
  t.kept.forEach((start, n) => {
    const width = s.scores[n]!.own.vectors
    const put = (x: string, d: string, v: string): string => `sm[${start}u + ${x} * ${odd(width)}u + ${d}] = ${v};`
    bring(e, b, s, t.size, { ...ownPiece(f, n), from: "0u", width, put })
  })
}

/** The products of both sides over their features: a vector `<name><row>` for each row of a lane. */
export const score = (f: Frame, n: number, name: string): void => {
  const { e, b, s, t } = f
  const { own, other } = s.scores[n]!
  const pitch = odd(t.depth)
  const start = t.kept?.[n]
  const behind = t.kept === undefined ? t.own * pitch : 0
  for (const i of rowsOf(t)) say(e, `var ${name}${i} = vec4<f32>();`)
  nest(e, `for (var d0 = 0u; d0 < ${bound(b, own.vectors)}; d0 = d0 + ${t.depth}u)`, () => {
    if (start === undefined) {
      const put = (x: string, d: string, v: string): string => `sm[${x} * ${pitch}u + ${d}] = ${v};`
      bring(e, b, s, t.size, { ...ownPiece(f, n), from: "d0", width: t.depth, put })
    }
    // a lane scores four neighbours; laid down `across` apart, lanes read them without meeting in a bank
    bring(e, b, s, t.size, {
      ...{ side: s.other, of: other, first: "n0", extent: t.other, from: "d0", width: t.depth },
      ragged: raggedBlocks(f.k, s, t),
      put: (x, d, v) => `sm[${behind}u + (${x} % 4u * ${t.across}u + ${x} / 4u) * ${pitch}u + ${d}] = ${v};`,
    })
    say(e, "workgroupBarrier();")
    const deep = own.vectors % t.depth === 0 ? bound(b, t.depth) : `min(${t.depth}u, ${own.vectors}u - d0)`
    nest(e, `for (var d = 0u; d < ${deep}; d = d + 1u)`, () => {
      for (const j of range(4)) say(e, `let k${j} = sm[${behind}u + (tx + ${j * t.across}u) * ${pitch}u + d];`)
      for (const c of "xyzw") say(e, `let k${c} = vec4<f32>(k0.${c}, k1.${c}, k2.${c}, k3.${c});`)
      for (const i of rowsOf(t)) {
        const row = `(ty * ${t.rows}u + ${i}u)`
        const at = start === undefined ? `${row} * ${pitch}u + d` : `${start}u + ${row} * ${odd(own.vectors)}u + d0 + d`
        say(e, `let q${i} = sm[${at}];`)
        for (const c of "xyzw") say(e, `${name}${i} = fma(vec4<f32>(q${i}.${c}), k${c}, ${name}${i});`)
      }
    })
    say(e, "workgroupBarrier();")
  })
}

/** Lays weights down and sums the other side's features by them. */
export const sum = (f: Frame, n: number, name: string): void => {
  const { e, b, s, t } = f
  const { of } = s.sums[n]!
  const columns = t.columns[n]!
  const width = beside(t, columns)
  const parts = t.across / width
  const pitch = t.across + 1
  const begin = t.own * pitch
  const slots = range(Math.ceil(columns / width))
  for (const i of rowsOf(t)) say(e, `sm[(ty * ${t.rows}u + ${i}u) * ${pitch}u + tx] = ${name}${i};`)
  nest(e, `for (var m0 = 0u; m0 < min(${bound(b, t.other)}, high - n0); m0 = m0 + ${t.turn}u)`, () => {
    bring(e, b, s, t.size, {
      ...{ side: s.other, of, first: "n0 + m0", extent: t.turn, from: `c${n}`, width: columns },
      ragged: raggedBlocks(f.k, s, t),
      put: (x, d, v) => `sm[${begin}u + ${x} * ${columns}u + ${d}] = ${v};`,
    })
    say(e, "workgroupBarrier();")
    const first = parts === 1 ? "0u" : `tx / ${width}u`
    nest(e, `for (var j = ${first}; j < ${bound(b, t.turn / 4)}; j = j + ${parts}u)`, () => {
      for (const i of rowsOf(t)) say(e, `let p${i} = sm[(ty * ${t.rows}u + ${i}u) * ${pitch}u + m0 / 4u + j];`)
      for (const c of slots) {
        for (const l of range(4)) {
          say(e, `let u${c}_${l} = sm[${begin}u + (j * 4u + ${l}u) * ${columns}u + tx % ${width}u + ${c * width}u];`)
        }
        for (const i of rowsOf(t)) {
          const w = `w${n}_${i}_${c}`
          for (const l of range(4)) say(e, `${w} = fma(vec4<f32>(p${i}.${"xyzw"[l]}), u${c}_${l}, ${w});`)
        }
      }
    })
    say(e, "workgroupBarrier();")
  })
}

/** Names the sums of a lane. */
export const openSums = ({ e, t }: Frame): void =>
  t.columns.forEach((columns, n) => {
    for (const i of rowsOf(t)) {
      for (const c of range(Math.ceil(columns / beside(t, columns)))) say(e, `var w${n}_${i}_${c} = vec4<f32>();`)
    }
  })
