/**
 * 16-bit floats on the host: `f16` (5 bits of exponent, 10 of fraction) and `bf16` (8 and 7), as their bits. Rounding is
 * to the nearest, ties to even, from the float64 in one step; subnormals, signed zeros and infinities are kept, a NaN
 * becomes the quiet NaN of its sign.
 * @module
 */

/** The 16-bit dtypes. */
export type Half = "f16" | "bf16"

/** f32 bits of a number, rounded to odd, so that the next rounding sees what this one dropped. */
const oddBits = (floats: Float32Array, bits: Uint32Array, x: number): number => {
  floats[0] = x
  const near = floats[0]!
  const u = bits[0]!
  if (near === x || near !== near) return u
  return (Math.abs(near) > Math.abs(x) ? u - 1 : u) | 1
}

/** Drops `by` low bits, to nearest, ties to even. */
const roundOff = (bits: number, by: number): number => (bits + (1 << (by - 1)) - 1 + ((bits >>> by) & 1)) >>> by

const bfloat = (u: number): number => {
  const sign = (u >>> 16) & 0x8000
  const abs = u & 0x7fffffff
  return sign | (abs > 0x7f800000 ? 0x7fc0 : roundOff(abs, 16))
}

const binary16 = (u: number): number => {
  const sign = (u >>> 16) & 0x8000
  const abs = u & 0x7fffffff
  if (abs > 0x7f800000) return sign | 0x7e00
  if (abs >= 0x47800000) return sign | 0x7c00
  if (abs >= 0x38800000) return sign | roundOff(abs - 0x38000000, 13)
  const shift = 126 - (abs >>> 23)
  return sign | (shift > 25 ? 0 : roundOff((abs & 0x7fffff) | 0x800000, shift))
}

/** Bits of the numbers. */
export const encodeHalf = (dtype: Half, values: ArrayLike<number>): Uint16Array => {
  const floats = new Float32Array(1)
  const bits = new Uint32Array(floats.buffer)
  const out = new Uint16Array(values.length)
  const round = dtype === "f16" ? binary16 : bfloat
  for (let i = 0; i < out.length; i++) out[i] = round(oddBits(floats, bits, values[i]!))
  return out
}

/** Writes numbers as f32 bits; the 1023 subnormals of each sign are written as numbers. */
const fromBinary16 = (halves: ArrayLike<number>, floats: Float32Array, bits: Uint32Array): void => {
  for (let i = 0; i < floats.length; i++) {
    const h = halves[i]!
    const exponent = h & 0x7c00
    if (exponent === 0) floats[i] = (h & 0x8000 ? -1 : 1) * (h & 1023) * 2 ** -24
    else {bits[i] = (h & 0x8000) << 16 | (exponent === 0x7c00 ? 0x7f800000 : (exponent << 13) + 0x38000000) |
        (h & 1023) << 13}
  }
}

/** Numbers of the bits, exactly. */
export const decodeHalf = (dtype: Half, halves: ArrayLike<number>): Float32Array => {
  const out = new Float32Array(halves.length)
  const bits = new Uint32Array(out.buffer)
  if (dtype === "f16") fromBinary16(halves, out, bits)
  else for (let i = 0; i < out.length; i++) bits[i] = halves[i]! << 16
  return out
}
