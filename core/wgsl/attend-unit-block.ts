/**
 * What matrix units do for an attention: the own side kept in fragments, scores laid down in workgroup memory, sums by
 * weights that lanes laid down there, and the way of sums through memory when they are scaled or done.
 * @module
 */
import type { Attend } from "../kernel/kernel.ts"
import { bring, type Operand, type Sides } from "./attend-side.ts"
import { brought, deep, type UnitTile } from "./attend-unit-tile.ts"
import { raggedBlocks } from "./attend-walk.ts"
import { type Emitter, nest, say, WIDTH } from "./emitter.ts"
import { AREA, FRAGMENT, type Fragment, LANES, type MatrixUnit, type Place } from "./matrix.ts"
import { bound, type Build } from "./shader.ts"

const range = (n: number): ReadonlyArray<number> => Array.from({ length: n }, (_, i) => i)

/** A kernel for units that is being written. */
export interface Scene {
  readonly e: Emitter
  readonly b: Build
  readonly k: Attend
  readonly s: Sides
  readonly t: UnitTile
  readonly unit: MatrixUnit
}

/** The arrays in workgroup memory: scores, weights, factors of rows, and operands of the other side. */
export const arrays = ({ s, t }: Scene): ReadonlyArray<string> => [
  `var<workgroup> ss: array<f32, ${t.own * t.scored}>;`,
  `var<workgroup> sp: array<f16, ${t.own * t.weighed}>;`,
  `var<workgroup> sf: array<f32, ${t.own}>;`,
  ...brought(s).map((_, n) => `var<workgroup> tile${n}: array<f16, ${t.other * t.pitches[n]!}>;`),
]

/** A statement that puts four numbers away as halves. */
export const halved = (array: string, at: string, v: string): string =>
  `{ let h = vec4<f16>(${v}); let o = ${at}; ${[..."xyzw"].map((c, l) => `${array}[o + ${l}u] = h.${c};`).join(" ")} }`

/** Keeps the own side in fragments, some features at a time, by way of the array of weights. */
export const keepOwn = (f: Scene): ReadonlyArray<ReadonlyArray<Fragment>> => {
  const { e, b, s, t, unit } = f
  const many = t.other / FRAGMENT
  const before = (n: number): number => s.scores.slice(0, n).reduce((sum, x) => sum + deep(x.own), 0)
  return s.scores.map(({ own }, n) =>
    range(Math.ceil(deep(own) / many)).flatMap((part) => {
      const some = range(Math.min(many, deep(own) - part * many))
      bring(e, b, s, t.size, {
        ...{ side: s.own, of: own, first: "o0", extent: t.own, ragged: s.own.count % t.own !== 0 },
        ...{ from: `${part * t.other / WIDTH}u`, width: some.length * FRAGMENT / WIDTH },
        put: (x, d, v) => halved("sp", `${x} * ${t.weighed}u + ${d} * 4u`, v),
      })
      say(e, "workgroupBarrier();")
      const kept = some.map((j) => {
        const place: Place = {
          array: "sp",
          offset: `dr * ${FRAGMENT * t.weighed}u + ${j * FRAGMENT}u`,
          pitch: t.weighed,
        }
        const [statement, fragment] = unit.keep(before(n) + part * many + j, place)
        say(e, statement)
        return fragment
      })
      say(e, "workgroupBarrier();")
      return kept
    })
  )
}

/** Brings in a block of the other side. */
export const bringOther = ({ e, b, k, s, t }: Scene): void =>
  brought(s).forEach((of, n) =>
    bring(e, b, s, t.size, {
      ...{ side: s.other, of, first: "n0", extent: t.other, from: "0u", width: deep(of) * FRAGMENT / WIDTH },
      ragged: raggedBlocks(k, s, t),
      put: (x, d, v) => halved(`tile${n}`, `${x} * ${t.pitches[n]}u + ${d} * 4u`, v),
    })
  )

const tileOf = ({ s, t }: Scene, of: Operand): readonly [array: string, pitch: number] => {
  const n = brought(s).indexOf(of)
  return [`tile${n}`, t.pitches[n]!]
}

/** Lays the products of both sides down as scores. */
export const score = (f: Scene, n: number, kept: ReadonlyArray<Fragment>): void => {
  const { e, s, t, unit } = f
  const [array, pitch] = tileOf(f, s.scores[n]!.other)
  const share = range(t.other / FRAGMENT / t.across)
  const column = (j: number): string => t.across === 1 ? `${j}u` : `(dc * ${share.length}u + ${j}u)`
  nest(e, "", () => {
    for (const j of share) say(e, `var c${j} = ${unit.zeros};`)
    kept.forEach((left, d) => {
      for (const j of share) {
        const offset = `${column(j)} * ${FRAGMENT * pitch}u + ${d * FRAGMENT}u`
        const right: Fragment = { name: `r${d}_${j}`, place: { array, offset, pitch, turned: true } }
        say(e, `let ${right.name} = ${unit.right(right.place)};`, unit.multiply(left, right, `c${j}`))
      }
    })
    for (const j of share) {
      const offset = `dr * ${FRAGMENT * t.scored}u + ${column(j)} * ${FRAGMENT}u`
      say(e, unit.store({ array: "ss", offset, pitch: t.scored }, `c${j}`))
    }
  })
  say(e, "workgroupBarrier();")
}

/** Fragments of a sum that a subgroup has. */
const slots = ({ s, t }: Scene, n: number): ReadonlyArray<number> => range(Math.ceil(deep(s.sums[n]!.of) / t.across))

/** Text: which fragment of the features slot c is; beyond the last it is the last again. */
const feature = ({ s, t }: Scene, n: number, c: number): string => {
  const all = deep(s.sums[n]!.of)
  const text = t.across === 1 ? `${c}u` : `(${c * t.across}u + dc)`
  return all % t.across === 0 ? text : `min(${text}, ${all - 1}u)`
}

/** Names the sums. */
export const openSums = (f: Scene): void =>
  f.s.sums.forEach((_, n) => {
    for (const c of slots(f, n)) say(f.e, `var w${n}_${c} = ${f.unit.zeros};`)
  })

/** Sums the other side's features by the weights that lie in memory. */
export const sum = (f: Scene, n: number): void => {
  const { e, s, t, unit } = f
  const [array, pitch] = tileOf(f, s.sums[n]!.of)
  for (const j of range(t.other / FRAGMENT)) {
    nest(e, "", () => {
      const offset = `dr * ${FRAGMENT * t.weighed}u + ${j * FRAGMENT}u`
      const left: Fragment = { name: "p", place: { array: "sp", offset, pitch: t.weighed } }
      say(e, `let p = ${unit.left(left.place)};`)
      for (const c of slots(f, n)) {
        const at = `${j * FRAGMENT * pitch}u + ${feature(f, n, c)} * ${FRAGMENT}u`
        const right: Fragment = { name: `r${c}`, place: { array, offset: at, pitch } }
        say(e, `let r${c} = ${unit.right(right.place)};`, unit.multiply(left, right, `w${n}_${c}`))
      }
    })
  }
  say(e, "workgroupBarrier();")
}

/** Where a subgroup lays down one fragment at a time. */
const desk = ({ t }: Scene): Place => ({
  array: "ss",
  offset: `dr * ${FRAGMENT * t.scored}u${t.across === 1 ? "" : ` + dc * ${FRAGMENT}u`}`,
  pitch: t.scored,
})

const onDesk = (f: Scene, row: string, column: string): string => {
  const { offset, pitch } = desk(f)
  return `ss[${offset} + ${row} * ${pitch}u + ${column}]`
}

/** Scales the sums of each row by its factor. All lanes come here together. */
export const rescale = (f: Scene, n: number): void => {
  const { e, b, unit } = f
  for (const c of slots(f, n)) {
    say(e, unit.store(desk(f), `w${n}_${c}`), "workgroupBarrier();")
    nest(e, `for (var q = sl; q < ${bound(b, AREA)}; q = q + ${LANES}u)`, () => {
      const at = onDesk(f, "q / 16u", "q % 16u")
      say(e, `${at} = ${at} * sf[dr * ${FRAGMENT}u + q / 16u];`)
    })
    say(e, "workgroupBarrier();", unit.load(desk(f), `w${n}_${c}`), "workgroupBarrier();")
  }
}

/** Stores the sums, four features a lane; `total` is the text of their last value, of the row `row` of the tile. */
export const endSum = (f: Scene, n: number, total: (sum: string) => string): void => {
  const { e, b, s, t, unit } = f
  const { acc, of } = s.sums[n]!
  for (const c of slots(f, n)) {
    say(e, unit.store(desk(f), `w${n}_${c}`), "workgroupBarrier();")
    const ragged = deep(of) % t.across !== 0 && (c + 1) * t.across > deep(of)
    nest(e, ragged ? `if (${c * t.across}u + dc < ${deep(of)}u)` : "", () => {
      nest(e, `for (var q = sl; q < ${bound(b, AREA / WIDTH)}; q = q + ${LANES}u)`, () => {
        say(e, `let row = dr * ${FRAGMENT}u + q / 4u;`)
        const four = range(WIDTH).map((l) => onDesk(f, "q / 4u", `q % 4u * 4u + ${l}u`))
        const to = `${feature(f, n, c)} * ${FRAGMENT / WIDTH}u + q % 4u`
        say(e, `finish${acc}(z, o0 + row, ${to}, ${total(`vec4<f32>(${four.join(", ")})`)});`)
      })
    })
    say(e, "workgroupBarrier();")
  }
}
