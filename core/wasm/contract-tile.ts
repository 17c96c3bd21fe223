/**
 * The innermost code of a contraction: a tile of rows x vectors of sums held in registers while the depth runs by. One
 * vector of b is loaded for each of the tile's vectors and one element of a is spread over a vector for each row.
 * Operands may be packed or lie as they are: only strides differ, and they are constants.
 * @module
 */
import type { Compute } from "../tensor/dtype.ts"
import { branchIf, type Code, type Func, func, type Local, loop, type Value, when } from "./assembler.ts"
import { f32x4, i32, i32x4, type V128, v128 } from "./instructions.ts"
import type { Features } from "./kernel.ts"

/** How a tile walks over its operands, in bytes. */
export interface TileAccess {
  /** From one element of the depth to the next, of a and of b. */
  readonly aStep: number
  readonly bStep: number
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

/**
 * `(a, b, c, row stride of c in bytes, depth, more)`: c = sums, or c += sums where `more` is not 0. With `more` the
 * last vector of c must be whole.
 */
export const tile = (
  dtype: Compute,
  features: Features,
  shape: TileShape,
  access: TileAccess,
): Func =>
  func(`tile${shape.rows}x${shape.vectors}`, ["i32", "i32", "i32", "i32", "i32", "i32"], [], ({ params, local }) => {
    const [a, b, c, stride, depth, more] = params as ReadonlyArray<Local<"i32">>
    const fuse = multiplyAdd(dtype, features)
    const range = (n: number): ReadonlyArray<number> => Array.from({ length: n }, (_, i) => i)
    const rows = range(shape.rows), vectors = range(shape.vectors)
    const sums = rows.map((i) => vectors.map((j) => local("v128", `c${i}_${j}`)))
    const right = vectors.map((j) => local("v128", `b${j}`))
    const left = local("v128", "a")
    const end = local("i32", "end")
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
      b!.set(i32.add(b!, access.bStep)),
    ]
    return [
      when(more!, atRows((i) => vectors.map((j) => sums[i]![j]!.set(v128.load(row, 16 * j))))),
      end.set(i32.add(a!, i32.mul(depth!, access.aStep))),
      when(
        depth!,
        loop((again) => [step, branchIf(again, i32.ne(a!.tee(i32.add(a!, access.aStep)), end))]),
      ),
      atRows((i) => vectors.map((j) => storeSome(row, sums[i]![j]!, j === last ? shape.last : 4, 16 * j))),
    ]
  })
