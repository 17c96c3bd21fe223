/**
 * Sums and greatest values of blocks, element by element from the first block to the last, and rounded once: floats are
 * added in float64, integers wrap.
 * @module
 */
import type { DType, HostArray } from "../tensor/dtype.ts"
import { decodeHalf, encodeHalf } from "../tensor/half.ts"

/** How blocks are joined. */
export type FoldFunction = "sum" | "max"

type Numbers = Float64Array | HostArray

/** Elements that are folded at a time: what is widened of them stays in a cache. */
const piece = 1 << 12

/** `to` becomes the fold of itself, if `onto`, and the blocks. */
type Step = (to: Numbers, onto: boolean, blocks: ReadonlyArray<Numbers>) => void

/** One pass over up to four blocks: numbers are float64 until they are stored. */
const adds: Step = (to, onto, [a, b, c, d]) => {
  const n = to.length
  if (onto) { for (const x of [a, b, c, d]) for (let i = 0; x !== undefined && i < n; i++) to[i] = to[i]! + x[i]! }
  else if (b === undefined) to.set(a!)
  else if (c === undefined) { for (let i = 0; i < n; i++) to[i] = a![i]! + b[i]! }
  else if (d === undefined) { for (let i = 0; i < n; i++) to[i] = a![i]! + b[i]! + c[i]! }
  else for (let i = 0; i < n; i++) to[i] = a![i]! + b[i]! + c[i]! + d[i]!
}

/** A NaN stays one, whoever has it. */
const raises: Step = (to, onto, [first, ...rest]) => {
  if (!onto) to.set(first!)
  for (const x of onto ? [first!, ...rest] : rest) {
    for (let i = 0; i < to.length; i++) to[i] = Math.max(to[i]!, x[i]!)
  }
}

/** Fills `to`, which is none of the blocks. Halves are their 16 bits where the array holds such. */
export const fold = (fn: FoldFunction, dtype: DType, blocks: ReadonlyArray<HostArray>, to: HostArray): void => {
  const half = (dtype === "f16" || dtype === "bf16") && to instanceof Uint16Array ? dtype : undefined
  const step = fn === "sum" && dtype !== "bool" ? adds : raises
  if (half === undefined && blocks.length <= 4) return step(to, false, blocks)
  const wide = new Float64Array(Math.min(piece, to.length))
  for (let start = 0; start < to.length; start += piece) {
    const end = Math.min(start + piece, to.length)
    const parts = blocks.map((block): Numbers => {
      const part = block.subarray(start, end)
      return half === undefined ? part : decodeHalf(half, part as Uint16Array)
    })
    const sum = wide.subarray(0, end - start)
    for (let i = 0; i < parts.length; i += 4) step(sum, i > 0, parts.slice(i, i + 4))
    to.set(half === undefined ? sum : encodeHalf(half, sum), start)
  }
}
