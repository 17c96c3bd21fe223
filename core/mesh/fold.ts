/**
 * Sums and greatest values of blocks, element by element from the first block to the last, and rounded once: floats are
 * added in float64, integers wrap.
 * @module
 */
import type { DType, HostArray } from "../tensor/dtype.ts"
import { decodeHalf, encodeHalf } from "../tensor/half.ts"

/** How blocks are joined. */
export type FoldFunction = "sum" | "max"

/** Elements that are folded at a time: what is widened of them stays in a cache. */
const piece = 1 << 13

const adds = (sum: Float64Array, x: ArrayLike<number>): void => {
  for (let i = 0; i < x.length; i++) sum[i] = sum[i]! + x[i]!
}

/** A NaN stays one, whoever has it. */
const raises = (most: Float64Array, x: ArrayLike<number>): void => {
  for (let i = 0; i < x.length; i++) most[i] = Math.max(most[i]!, x[i]!)
}

/** Fills `to`, which is none of the blocks. Halves are their 16 bits where the array holds such. */
export const fold = (fn: FoldFunction, dtype: DType, blocks: ReadonlyArray<HostArray>, to: HostArray): void => {
  const half = (dtype === "f16" || dtype === "bf16") && to instanceof Uint16Array ? dtype : undefined
  const step = fn === "sum" && dtype !== "bool" ? adds : raises
  const wide = new Float64Array(Math.min(piece, to.length))
  for (let start = 0; start < to.length; start += piece) {
    const end = Math.min(start + piece, to.length)
    const [first, ...rest] = blocks.map((block) => {
      const part = block.subarray(start, end)
      return half === undefined ? part : decodeHalf(half, part as Uint16Array)
    })
    const sum = wide.subarray(0, end - start)
    sum.set(first!)
    for (const x of rest) step(sum, x)
    to.set(half === undefined ? sum : encodeHalf(half, sum), start)
  }
}
