/**
 * Row-major layout: the one layout of a node's buffer.
 * @module
 */
import { addIndex, constantIndex, scaleIndex } from "../kernel/affine.ts"
import type { Index } from "../kernel/kernel.ts"

/** Strides in elements, last axis fastest. */
export const rowMajor = (shape: ReadonlyArray<number>): ReadonlyArray<number> => {
  const strides = new Array<number>(shape.length)
  let next = 1
  for (let d = shape.length - 1; d >= 0; d--) {
    strides[d] = next
    next *= shape[d]!
  }
  return strides
}

/** The index of an element from the indices of its axes, after `start` elements. */
export const flatIndex = (
  shape: ReadonlyArray<number>,
  ix: ReadonlyArray<Index>,
  start: Index = constantIndex(0),
): Index => {
  const strides = rowMajor(shape)
  return ix.reduce((sum, i, d) => addIndex(sum, scaleIndex(i, strides[d]!)), start)
}
