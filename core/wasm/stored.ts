/**
 * Elements between memory and lanes. In registers everything is four lanes of 32 bits: f32, i32, u32, and for `bool` a
 * mask of ones or zeros. Raw lanes are what is stored, widened with zeros.
 * @module
 */
import type { DType } from "../tensor/dtype.ts"
import type { Code, Value } from "./assembler.ts"
import { f32x4, i16x8, type I32, i32, i32x4, i8x16, type V128, v128 } from "./instructions.ts"
import type { Writer } from "./writer.ts"

/** How the elements of one size are read and written. */
export interface Width {
  /** Four neighbours, raw. */
  readonly four: (address: I32, offset: number) => V128
  /** One element in all lanes, raw. */
  readonly splat: (address: I32, offset: number) => V128
  /** One element in lane 0, raw; the others hold anything. */
  readonly one: (address: I32, offset: number) => V128
  /** One element into that lane, raw. */
  readonly lane: (address: I32, into: V128, lane: number, offset: number) => V128
  /** Stores raw lanes to four neighbours. */
  readonly storeFour: (address: I32, raw: V128, offset: number) => Code
  /** Stores one raw lane. */
  readonly storeLane: (address: I32, raw: V128, lane: number, offset: number) => Code
}

const zeros = (): V128 => v128.constI32(0, 0, 0, 0)
const narrow16 = (raw: V128): V128 => i16x8.narrowU(raw, zeros())
const small = (load: (address: I32, offset: number) => Value<"i32">): Pick<Width, "splat" | "one" | "lane"> => ({
  splat: (a, o) => i32x4.splat(load(a, o)),
  one: (a, o) => i32x4.splat(load(a, o)),
  lane: (a, into, l, o) => i32x4.replace(into, l, load(a, o)),
})

/** By bytes of an element. */
export const widths: { readonly [bytes: number]: Width } = {
  4: {
    four: (a, o) => v128.load(a, o),
    splat: (a, o) => v128.load32Splat(a, o),
    one: (a, o) => v128.load32Zero(a, o),
    lane: (a, into, l, o) => v128.load32Lane(a, into, l, o),
    storeFour: (a, raw, o) => v128.store(a, raw, o),
    storeLane: (a, raw, l, o) => v128.store32Lane(a, raw, l, o),
  },
  2: {
    ...small((a, o) => i32.load16U(a, o)),
    four: (a, o) => v128.load16x4U(a, o),
    storeFour: (a, raw, o) => v128.store64Lane(a, narrow16(raw), 0, o),
    storeLane: (a, raw, l, o) => v128.store16Lane(a, raw, 2 * l, o),
  },
  1: {
    ...small((a, o) => i32.load8U(a, o)),
    four: (a, o) => i32x4.extendLowU(i16x8.extendLowU(v128.load32Zero(a, o))),
    storeFour: (a, raw, o) => v128.store32Lane(a, i8x16.narrowU(narrow16(raw), zeros()), 0, o),
    storeLane: (a, raw, l, o) => v128.store8Lane(a, raw, 4 * l, o),
  },
}

/** f16 bits as f32: shifted into place and scaled, which is exact for subnormals too; the top exponent is made 255. */
const fromHalf = (w: Writer, raw: V128): V128 => {
  const h = w.keep(raw)
  const e = w.keep(i32x4.shl(v128.and(h, w.i32(0x7fff)), 13))
  const top = v128.and(i32x4.geS(e, w.i32(0x0f800000)), w.i32(0x7f800000))
  const size = v128.or(f32x4.mul(e, w.f32(2 ** 112)), top)
  return v128.or(size, i32x4.shl(v128.and(h, w.i32(0x8000)), 16))
}

/** f32 to f16 bits, nearest, ties to even; subnormals by adding 1/2, whose last place is theirs. */
const toHalf = (w: Writer, value: V128): V128 => {
  const x = w.keep(value)
  const a = w.keep(v128.and(x, w.i32(0x7fffffff)))
  const tie = v128.and(i32x4.shrU(a, 13), w.i32(1))
  const normal = i32x4.shrU(i32x4.add(i32x4.add(a, w.i32(0xc8000fff)), tie), 13)
  const tiny = i32x4.sub(f32x4.add(a, w.f32(0.5)), w.i32(0x3f000000))
  const finite = v128.bitselect(tiny, normal, i32x4.ltS(a, w.i32(0x38800000)))
  const nan = v128.and(i32x4.gtS(a, w.i32(0x7f800000)), w.i32(0x0200))
  const large = v128.or(w.i32(0x7c00), nan)
  const size = v128.bitselect(large, finite, i32x4.geS(a, w.i32(0x47800000)))
  return v128.or(size, v128.and(i32x4.shrU(x, 16), w.i32(0x8000)))
}

/** f32 to bf16 bits, nearest, ties to even; a NaN becomes the quiet one of its sign. */
const toBfloat = (w: Writer, value: V128): V128 => {
  const x = w.keep(value)
  const tie = v128.and(i32x4.shrU(x, 16), w.i32(1))
  const near = i32x4.shrU(i32x4.add(i32x4.add(x, w.i32(0x7fff)), tie), 16)
  const nan = v128.or(v128.and(i32x4.shrU(x, 16), w.i32(0x8000)), w.i32(0x7fc0))
  return v128.bitselect(nan, near, f32x4.ne(x, x))
}

type Change = (w: Writer, x: V128) => V128

const same: Change = (_, x) => x

/** Raw lanes to values. */
export const decode: { readonly [D in DType]: Change } = {
  f32: same,
  i32: same,
  u32: same,
  u8: same,
  f16: fromHalf,
  bf16: (_, raw) => i32x4.shl(raw, 16),
  bool: (w, raw) => i32x4.ne(raw, w.i32(0)),
}

/** Values to raw lanes. */
export const encode: { readonly [D in DType]: Change } = {
  f32: same,
  i32: same,
  u32: same,
  u8: (w, x) => v128.and(x, w.i32(255)),
  f16: toHalf,
  bf16: toBfloat,
  bool: (w, x) => v128.and(x, w.i32(1)),
}
