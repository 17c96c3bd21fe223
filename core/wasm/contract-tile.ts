/**
 * The innermost code of a contraction: a tile of rows x vectors of sums held in registers while the depth runs by. One
 * vector of b is loaded for each of the tile's vectors and one element of a is spread over a vector for each row.
 * Operands may be packed or lie as they are: only strides differ, and they are constants.
 * @module
 */
import type { Compute } from "../tensor/dtype.ts"
import { branchIf, type Code, type Func, func, type Local, loop, type Scope, type Value, when } from "./assembler.ts"
import { f32x4, i32, i32x4, type V128, v128 } from "./instructions.ts"
import type { Features } from "./kernel.ts"

/** A part of the depth, and how far a and b move in it. */
export interface TileLevel {
  /** Steps; of the outermost they are an argument. */
  readonly size: number
  readonly aStep: number
  readonly bStep: number
}

/** How a tile walks over its operands, in bytes. */
export interface TileAccess {
  /** Parts of the depth, outermost first; the number of steps in the outermost is an argument. */
  readonly levels: ReadonlyArray<TileLevel>
  /** From row to row of a. */
  readonly aRow: number
}

/** The size of a tile. */
export interface TileShape {
  readonly rows: number
  /** Vectors of four. */
  readonly vectors: number
  /** Elements of the last vector that are stored: 1 to 4. */
  readonly last: number
}

/** acc + a * b for one vector. */
export const multiplyAdd = (dtype: Compute, features: Features): (a: V128, b: V128, acc: V128) => Value<"v128"> => {
  if (dtype !== "f32") return (a, b, acc) => i32x4.add(acc, i32x4.mul(a, b))
  return features.relaxed ? f32x4.madd : (a, b, acc) => f32x4.add(acc, f32x4.mul(a, b))
}

/** Stores the first `count` elements of a vector. */
const storeSome = (address: Value<"i32">, value: V128, count: number, offset: number): Code =>
  count === 4
    ? v128.store(address, value, offset)
    : Array.from({ length: count }, (_, i) => v128.store32Lane(address, value, i, offset + 4 * i))

/** Runs `step` for each element of the depth; `a` and `b` stand where it is. The step moves b, this moves the rest. */
const walked = (
  scope: Scope,
  levels: ReadonlyArray<TileLevel>,
  a: Local<"i32">,
  b: Local<"i32">,
  outermost: Value<"i32">,
  step: Code,
): Code => {
  const level = (n: number): Code => {
    const { size, aStep, bStep } = levels[n]!
    const inner = levels[n + 1]
    if (inner === undefined) {
      const end = scope.local("i32", "end")
      return [
        end.set(i32.add(a, n === 0 ? i32.mul(outermost, aStep) : size * aStep)),
        loop((again) => [step, branchIf(again, i32.ne(a.tee(i32.add(a, aStep)), end))]),
      ]
    }
    const left = scope.local("i32", `left${n}`)
    const back = (from: Local<"i32">, by: number): Code => by === 0 ? [] : from.set(i32.add(from, by))
    return [
      left.set(n === 0 ? outermost : i32.const(size)),
      loop((again) => [
        level(n + 1),
        back(a, aStep - inner.size * inner.aStep),
        back(b, bStep - inner.size * inner.bStep),
        branchIf(again, left.tee(i32.sub(left, 1))),
      ]),
    ]
  }
  return level(0)
}

/**
 * `(a, b, c, row stride of c in bytes, steps of the outermost level, more)`: c = sums, or c += sums where `more` is not
 * 0. With `more` the last vector of c must be whole.
 */
export const tile = (
  dtype: Compute,
  features: Features,
  shape: TileShape,
  access: TileAccess,
): Func =>
  func(`tile${shape.rows}x${shape.vectors}`, ["i32", "i32", "i32", "i32", "i32", "i32"], [], (scope) => {
    const { params, local } = scope
    const [a, b, c, stride, depth, more] = params as ReadonlyArray<Local<"i32">>
    const fuse = multiplyAdd(dtype, features)
    const range = (n: number): ReadonlyArray<number> => Array.from({ length: n }, (_, i) => i)
    const rows = range(shape.rows), vectors = range(shape.vectors)
    const sums = rows.map((i) => vectors.map((j) => local("v128", `c${i}_${j}`)))
    const right = vectors.map((j) => local("v128", `b${j}`))
    const left = local("v128", "a")
    const row = local("i32", "row")
    const last = shape.vectors - 1
    const atRows = (each: (i: number) => Code): Code => [
      row.set(c!),
      rows.map((i) => [each(i), i < shape.rows - 1 ? row.set(i32.add(row, stride!)) : []]),
    ]
    const step: Code = [
      vectors.map((j) => right[j]!.set(v128.load(b!, 16 * j))),
      rows.map((i) => [
        left.set(v128.load32Splat(a!, i * access.aRow)),
        vectors.map((j) => sums[i]![j]!.set(fuse(left, right[j]!, sums[i]![j]!))),
      ]),
      b!.set(i32.add(b!, access.levels.at(-1)!.bStep)),
    ]
    return [
      when(more!, atRows((i) => vectors.map((j) => sums[i]![j]!.set(v128.load(row, 16 * j))))),
      when(depth!, walked(scope, access.levels, a!, b!, depth!, step)),
      atRows((i) => vectors.map((j) => storeSome(row, sums[i]![j]!, j === last ? shape.last : 4, 16 * j))),
    ]
  })
