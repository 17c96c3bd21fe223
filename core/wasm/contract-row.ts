/**
 * Products with few rows, which are as fast as the right operand can be read: once, in the order in which it lies. Where
 * cols lie side by side, a few steps of the depth at a time are added to a long row of sums; where the depth does, a few
 * cols at a time are summed in four lanes each.
 * @module
 */
import type { Compute, DType } from "../tensor/dtype.ts"
import { branchIf, call, type Code, type Func, func, type Local, loop, type Value, when } from "./assembler.ts"
import { loadFour, loadOne } from "./contract-pack.ts"
import { multiplyAdd } from "./contract-tile.ts"
import { forUp } from "./emit.ts"
import { f32x4, i32, i32x4, type V128, v128 } from "./instructions.ts"
import type { Features } from "./kernel.ts"

/** What both forms depend on; strides are in bytes. */
export interface RowAccess {
  readonly dtype: Compute
  readonly features: Features
  readonly rows: number
  /** How elements of the right operand are stored. */
  readonly right: DType
  /** From row to row and from step to step of the left operand (32-bit elements). */
  readonly aRow: number
  readonly aStep: number
  /** From row to row of the sums. */
  readonly pitch: number
}

const range = (n: number): ReadonlyArray<number> => Array.from({ length: n }, (_, i) => i)

/** Steps of the depth that a pass over the cols takes. */
export const stepsOf = (rows: number): number => [8, 8, 4, 3, 2][rows] ?? 2

/**
 * `(a, b, sums, cols, more)`: adds `steps` steps of the depth to the sums of all rows and cols, which begin at 0 where
 * `more` is 0. `bStep` is from step to step of the right operand. Cols are rounded up to a multiple of 4.
 */
export const streaming = (s: RowAccess, steps: number, bStep: number, bytes: number): Func =>
  func(`stream${s.rows}x${steps}`, ["i32", "i32", "i32", "i32", "i32"], [], ({ params, local }) => {
    const [a, b, sums, cols, more] = params as ReadonlyArray<Local<"i32">>
    const fuse = multiplyAdd(s.dtype, s.features)
    const left = range(s.rows).map((r) => range(steps).map((k) => local("v128", `a${r}_${k}`)))
    const acc = range(s.rows).map((r) => local("v128", `c${r}`))
    const right = local("v128", "b")
    const end = local("i32", "end")
    const pass = (fresh: boolean): Code =>
      loop((again) => [
        fresh ? [] : acc.map((c, r) => c.set(v128.load(sums!, r * s.pitch))),
        range(steps).map((k) => [
          right.set(loadFour(s.right, b!, k * bStep)),
          acc.map((c, r) => c.set(fuse(left[r]![k]!, right, fresh && k === 0 ? v128.constF32(0, 0, 0, 0) : c))),
        ]),
        acc.map((c, r) => v128.store(sums!, c, r * s.pitch)),
        b!.set(i32.add(b!, 4 * bytes)),
        branchIf(again, i32.ltU(sums!.tee(i32.add(sums!, 16)), end)),
      ])
    return [
      left.map((row, r) => row.map((l, k) => l.set(v128.load32Splat(a!, r * s.aRow + k * s.aStep)))),
      end.set(i32.add(sums!, i32.mul(cols!, 4))),
      when(i32.gtU(cols!, 0), [when(more!, pass(false), pass(true))]),
    ]
  })

/** Cols that are summed at once. */
const colsAtOnce = (rows: number): number => [8, 8, 4, 4, 2][rows] ?? 2

const sumOfLanes = (dtype: Compute, x: Local<"v128">): Code => {
  const add = (y: V128): Value<"v128"> => dtype === "f32" ? f32x4.add(x, y) : i32x4.add(x, y)
  return [x.set(add(v128.shuffle32(x, x, 2, 3, 0, 1))), x.set(add(v128.shuffle32(x, x, 1, 0, 3, 2)))]
}

/** `(a, b, sums)`: the sums over the whole `depth` of `cols` cols that are `bLane` apart, the depth side by side. */
const dots = (s: RowAccess, cols: number, bLane: number, bytes: number, depth: number): Func =>
  func(`dots${s.rows}x${cols}`, ["i32", "i32", "i32"], [], ({ params, local }) => {
    const [a, b, sums] = params as ReadonlyArray<Local<"i32">>
    const fuse = multiplyAdd(s.dtype, s.features)
    const acc = range(s.rows).map((r) => range(cols).map((c) => local("v128", `c${r}_${c}`)))
    const right = local("v128", "b")
    const end = local("i32", "end")
    const whole = depth - depth % 4
    const fused = (r: number, c: number, left: V128): Code => acc[r]![c]!.set(fuse(left, right, acc[r]![c]!))
    const one = (address: Value<"i32">, offset: number, dtype: DType): Value<"v128"> =>
      i32x4.replace(v128.constI32(0, 0, 0, 0), 0, loadOne(dtype, address, offset))
    return [
      end.set(i32.add(a!, 4 * whole)),
      whole === 0 ? [] : loop((again) => [
        range(cols).map((c) => [
          right.set(loadFour(s.right, b!, c * bLane)),
          range(s.rows).map((r) => fused(r, c, v128.load(a!, r * s.aRow))),
        ]),
        b!.set(i32.add(b!, 4 * bytes)),
        branchIf(again, i32.ne(a!.tee(i32.add(a!, 16)), end)),
      ]),
      range(depth % 4).map((k) =>
        range(cols).map((c) => [
          right.set(one(b!, c * bLane + k * bytes, s.right)),
          range(s.rows).map((r) => fused(r, c, one(a!, r * s.aRow + 4 * k, "i32"))),
        ])
      ),
      range(s.rows).map((r) =>
        range(cols).map((c) => [
          sumOfLanes(s.dtype, acc[r]![c]!),
          v128.store32Lane(sums!, acc[r]![c]!, 0, r * s.pitch + 4 * c),
        ])
      ),
    ]
  })

/** `(a, b, sums, cols)`: the sums over the whole depth of any number of cols; the left operand's depth is side by side. */
export const summing = (s: RowAccess, bLane: number, bytes: number, depth: number): Func =>
  func(`sums${s.rows}`, ["i32", "i32", "i32", "i32"], [], ({ params, local }) => {
    const [a, b, sums, cols] = params as ReadonlyArray<Local<"i32">>
    const atOnce = colsAtOnce(s.rows)
    const col = local("i32", "col"), whole = local("i32", "whole")
    const some = (n: number): Code =>
      call(dots(s, n, bLane, bytes, depth), a!, i32.add(b!, i32.mul(col, bLane)), i32.add(sums!, i32.mul(col, 4)))
    return [
      whole.set(i32.sub(cols!, i32.remU(cols!, atOnce))),
      forUp(col, 0, whole, atOnce, some(atOnce)),
      forUp(col, whole, cols!, 1, some(1)),
    ]
  })
