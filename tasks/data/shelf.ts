/**
 * Examples as bytes: several that follow each other are one blob, their tokens in two bytes or four, then a bit for each
 * that says whether it counts.
 * @module
 */
import { either as E } from "fp-ts"
import { type FileFault, fileFault } from "../../core/files/codec.ts"
import type { Example } from "./example.ts"

/** Bytes of a token: two where the vocabulary allows. */
export type Width = 2 | 4

/** The width that holds all ids of a vocabulary. */
export const widthOf = (vocab: number): Width => vocab <= 1 << 16 ? 2 : 4

const littleEndian = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1

/** Ids in the machine's order as ids in little-endian order, or back. */
const ordered = (bytes: Uint8Array, width: Width): Uint8Array => {
  if (littleEndian) return bytes
  const turned = bytes.slice()
  for (let i = 0; i < turned.length; i += width) turned.subarray(i, i + width).reverse()
  return turned
}

/** Bytes that a blob of so many tokens has. */
const blobSize = (tokens: number, width: Width): number => tokens * width + Math.ceil(tokens / 8)

/** Examples as one blob. */
export const pack = (examples: ReadonlyArray<Example>, width: Width): Uint8Array => {
  const count = examples.reduce((n, { tokens }) => n + tokens.length, 0)
  const ids = width === 2 ? new Uint16Array(count) : new Uint32Array(count)
  const blob = new Uint8Array(blobSize(count, width))
  const bits = blob.subarray(count * width)
  examples.reduce((at, { tokens, counted }) => {
    ids.set(tokens, at)
    for (let i = 0; i < counted.length; i++) if (counted[i] !== 0) bits[(at + i) >> 3]! |= 1 << ((at + i) & 7)
    return at + tokens.length
  }, 0)
  blob.set(ordered(new Uint8Array(ids.buffer), width))
  return blob
}

/** Where an example lies in a blob of so many tokens. */
export interface Spot {
  readonly at: number
  readonly length: number
  readonly tokens: number
}

/** An example of a blob. */
export const unpack = (
  blob: Uint8Array,
  width: Width,
  { at, length, tokens: all }: Spot,
): E.Either<FileFault, Example> => {
  const size = blobSize(all, width)
  if (blob.length !== size) {
    const message =
      `a blob of examples has ${blob.length} bytes, not ${size}; remove the list that names it and run again`
    return E.left(fileFault("truncated", "examples", message))
  }
  const bytes = ordered(blob.slice(at * width, (at + length) * width), width)
  const tokens = Int32Array.from(width === 2 ? new Uint16Array(bytes.buffer) : new Int32Array(bytes.buffer))
  const bits = blob.subarray(all * width)
  const counted = new Uint8Array(length)
  for (let i = 0; i < length; i++) counted[i] = (bits[(at + i) >> 3]! >> ((at + i) & 7)) & 1
  return E.right({ tokens, counted })
}
