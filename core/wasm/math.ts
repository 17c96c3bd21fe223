/**
 * Functions of four f32 at once. Constants stand in locals, nothing branches but the reduction of huge angles, and what
 * would underflow becomes 0 (WebAssembly cannot flush denormals, which are slow). Bounds, tested against float64:
 *
 * | function | error | notes |
 * | --- | --- | --- |
 * | exp | 2e-7 relative | 0 below -87.3365, infinite above 88.7228 |
 * | log | 2e-7 relative, or 1e-7 near 1 | denormals are taken as they are |
 * | sin, cos | 2e-7 absolute | every angle: above 1e5 reduced by a 64-bit fraction of a turn |
 * | tanh | 4e-7 relative | |
 * | sigmoid | 3e-7 relative | |
 * | erf | 6e-7 absolute, 4e-7 relative near 0 | |
 * | rsqrt, recip, sqrt, div | 2e-7 relative | two roundings at most |
 * | pow | 2e-7 relative | in float64: see `called.ts` |
 * | rem | exact | every quotient; ditto |
 *
 * exp, log, sin, cos: after Cephes (S. Moshier); tanh, erf: rational functions as in Eigen.
 * @module
 */
import { type Func, func, type Local, result, select, when } from "./assembler.ts"
import { f32, f32x4, f64, i32, i32x4, i64, type V128, v128 } from "./instructions.ts"
import type { Writer } from "./writer.ts"

/** A function of four f32. */
export type Lanes1 = (w: Writer, x: V128) => V128

/** Highest power first. */
const polynomial = (w: Writer, x: V128, coefficients: ReadonlyArray<number>): V128 =>
  coefficients.slice(1).reduce<V128>((sum, c) => w.madd(sum, x, w.f32(c)), w.f32(coefficients[0]!))

/** 1.5 * 2^23: adding it rounds to an integer, which then stands in the low bits. */
const magic = 12582912

/**
 * exp(x) = 2^n * exp(r), n the integer nearest to x / ln 2, which is added to the exponent's bits. Both ends are masked:
 * what would be below the least normal number is 0, what is above the greatest is infinite; NaN fails both comparisons.
 */
export const exp: Lanes1 = (w, given) => {
  const x = w.keep(given)
  const t = w.keep(w.madd(x, w.f32(1.4426950408889634), w.f32(magic)))
  const n = w.keep(f32x4.sub(t, w.f32(magic)))
  const r = w.keep(w.nmadd(n, w.f32(-2.12194440e-4), w.nmadd(n, w.f32(0.693359375), x)))
  const p = polynomial(w, r, [
    1.9875691500e-4,
    1.3981999507e-3,
    8.3334519073e-3,
    4.1665795894e-2,
    1.6666665459e-1,
    5.0000001201e-1,
  ])
  const e = w.madd(p, f32x4.mul(r, r), f32x4.add(r, w.f32(1)))
  const scaled = i32x4.add(e, i32x4.shl(t, 23))
  const bounded = v128.bitselect(w.f32(Infinity), scaled, f32x4.gt(x, w.f32(88.72283172607422)))
  return v128.andnot(bounded, f32x4.lt(x, w.f32(-87.33654022216797)))
}

/**
 * 2^x for x up to 128, where it is infinite; below -100 it is 0, so that products with it are no denormals. 2e-7 relative.
 */
export const power2: Lanes1 = (w, given) => {
  const x = w.keep(given)
  const t = w.keep(f32x4.add(x, w.f32(magic)))
  const r = w.keep(f32x4.sub(x, f32x4.sub(t, w.f32(magic))))
  const p = polynomial(w, r, [
    0.001326472731307149,
    0.009671512991189957,
    0.05550733581185341,
    0.24022242426872253,
    0.6931470036506653,
    1,
  ])
  return v128.andnot(i32x4.add(p, i32x4.shl(t, 23)), f32x4.lt(x, w.f32(-100)))
}

/** log(x) = k ln 2 + log(1 + f) with 1 + f between the roots of 1/2 and 2. */
export const log: Lanes1 = (w, given) => {
  const x = w.keep(given)
  const small = w.keep(f32x4.lt(x, w.f32(1.17549435e-38)))
  const big = w.keep(v128.bitselect(f32x4.mul(x, w.f32(8388608)), x, small))
  const u = w.keep(i32x4.sub(big, w.i32(0x3f3504f3)))
  const k = w.keep(f32x4.sub(f32x4.convertS(i32x4.shrS(u, 23)), v128.and(small, w.f32(23))))
  const f = w.keep(f32x4.sub(i32x4.add(v128.and(u, w.i32(0x7fffff)), w.i32(0x3f3504f3)), w.f32(1)))
  const z = w.keep(f32x4.mul(f, f))
  const p = polynomial(w, f, [
    7.0376836292e-2,
    -1.1514610310e-1,
    1.1676998740e-1,
    -1.2420140846e-1,
    1.4249322787e-1,
    -1.6668057665e-1,
    2.0000714765e-1,
    -2.4999993993e-1,
    3.3333331174e-1,
  ])
  const tail = w.nmadd(z, w.f32(0.5), w.madd(k, w.f32(-2.12194440e-4), f32x4.mul(f32x4.mul(p, f), z)))
  const r = w.madd(k, w.f32(0.693359375), f32x4.add(f, tail))
  const proper = v128.and(f32x4.gt(x, w.f32(0)), f32x4.lt(x, w.f32(Infinity)))
  const nan = v128.or(x, v128.and(f32x4.lt(x, w.f32(0)), w.i32(0x7fc00000)))
  const special = v128.bitselect(w.f32(-Infinity), nan, f32x4.eq(x, w.f32(0)))
  return v128.bitselect(r, special, proper)
}

const odd = (w: Writer, x: Local<"v128">, z: V128, p: ReadonlyArray<number>, q: ReadonlyArray<number>): V128 =>
  f32x4.div(f32x4.mul(x, polynomial(w, z, p)), polynomial(w, z, q))

const clamped = (w: Writer, x: V128, limit: number): Local<"v128"> =>
  w.keep(f32x4.pmin(f32x4.pmax(x, w.f32(-limit)), w.f32(limit)))

/** tanh: x P(x^2) / Q(x^2) up to 7.9, where it is 1 in f32; tiny arguments are their own tanh. */
export const tanh: Lanes1 = (w, given) => {
  const x = w.keep(given)
  const y = clamped(w, x, 7.90531110763549805)
  const z = w.keep(f32x4.mul(y, y))
  const r = odd(w, y, z, [
    -2.76076847742355e-16,
    2.00018790482477e-13,
    -8.60467152213735e-11,
    5.12229709037114e-08,
    1.48572235717979e-05,
    6.37261928875436e-04,
    4.89352455891786e-03,
  ], [1.19825839466702e-06, 1.18534705686654e-04, 2.26843463243900e-03, 4.89352518554385e-03])
  return v128.bitselect(x, r, f32x4.lt(f32x4.abs(x), w.f32(0.0004)))
}

/** erf: x P(x^2) / Q(x^2) up to 4, where it is 1 in f32. */
export const erf: Lanes1 = (w, given) => {
  const y = clamped(w, given, 4)
  const z = w.keep(f32x4.mul(y, y))
  return odd(w, y, z, [
    -2.72614225801306e-10,
    2.77068142495902e-08,
    -2.10102402082508e-06,
    -5.69250639462346e-05,
    -7.34990630326855e-04,
    -2.95459980854025e-03,
    -1.60960333262415e-02,
  ], [
    -1.45660718464996e-05,
    -2.13374055278905e-04,
    -1.68282697438203e-03,
    -7.37332916720468e-03,
    -1.42647390514189e-02,
  ])
}

/** 1 / (1 + exp(-x)) */
export const sigmoid: Lanes1 = (w, x) => f32x4.div(w.f32(1), f32x4.add(w.f32(1), exp(w, f32x4.neg(x))))

/** Where the fraction of a turn of 2^e begins, e from -7: 1 / (2 pi) shifted, 64 bits of each. */
const turnWords = (): ReadonlyArray<number> => {
  const bits = 320n
  const one = 1n << bits
  const arctan = (inverse: bigint): bigint => {
    let [sum, term] = [0n, one / inverse]
    for (let n = 1n; term !== 0n; n += 2n) {
      sum += (n % 4n === 1n ? term : -term) / n
      term /= inverse * inverse
    }
    return sum
  }
  const pi = 4n * (4n * arctan(5n) - arctan(239n))
  const turn = one * one / (2n * pi)
  return Array.from({ length: 112 }, (_, i) => {
    const word = (turn >> (bits - 64n - BigInt(i - 7))) & 0xffffffffffffffffn
    return [Number(word & 0xffffffffn), Number(word >> 32n)]
  }).flat()
}

const fastAngle = 1e5

/**
 * The angle in -pi .. pi of an f32 above 1e5; smaller ones stay. The f32 is m * 2^e with a whole m below 2^24, so m times
 * the 64-bit fraction of 2^e in turns, modulo 2^64, is its own fraction to 40 bits (after Payne and Hanek).
 */
const reduceAngle: Func = func("reduceAngle", ["f32", "i32"], ["f32"], (s) => {
  const [x, table] = s.params as [Local<"f32">, Local<"i32">]
  const bits = s.local("i32")
  const fraction = s.local("i64")
  const m = i32.or(i32.and(bits, 0x7fffff), 0x800000)
  const row = i32.add(table, i32.shl(i32.sub(i32.and(i32.shrU(bits, 23), 255), 143), 3))
  const angle = f64.mul(f64.convertS(i32.wrap(i64.shrS(fraction, i64.const(32)))), f64.const(2 * Math.PI / 2 ** 32))
  const huge = select(f32.lt(x, f32.const(0)), f32.neg(f32.demote(angle)), f32.demote(angle))
  return [
    when(f32.le(f32.abs(x), f32.const(fastAngle)), [x.code, 0x0f]),
    when(i32.eqz(f32.lt(f32.abs(x), f32.const(Infinity))), [f32.sub(x, x).code, 0x0f]),
    bits.set(i32.reinterpret(x)),
    fraction.set(i64.mul(i64.extendU(m), i64.load(row))),
    huge.code,
  ]
})

/** pi/2 in parts of 8 bits: products with whole numbers up to 2^16 are exact, and so are the differences. */
const quarterParts = (): ReadonlyArray<number> => {
  const parts: Array<number> = []
  let rest = Math.PI / 2
  for (let i = 0; i < 4; i++) {
    const unit = 2 ** (Math.floor(Math.log2(rest)) - 7)
    parts.push(Math.floor(rest / unit) * unit)
    rest -= parts.at(-1)!
  }
  return [...parts, rest]
}

const parts = quarterParts()

const circular = (w: Writer, given: V128, cosine: boolean): V128 => {
  const x = w.fresh("v128")
  w.put(x.set(given))
  const size = w.keep(f32x4.abs(x))
  const table = i32.add(w.constants, w.pool.words(turnWords()))
  const reduced = [0, 1, 2, 3].reduce<V128>(
    (v, l) => f32x4.replace(v, l, result("f32", reduceAngle, f32x4.extract(x, l), table)),
    x,
  )
  w.put(when(v128.anyTrue(f32x4.gt(size, w.f32(fastAngle))), x.set(reduced)))
  const t = w.keep(w.madd(x, w.f32(2 / Math.PI), w.f32(magic)))
  const n = w.keep(f32x4.sub(t, w.f32(magic)))
  const r = w.keep(parts.reduce<V128>((rest, part) => w.nmadd(n, w.f32(part), rest), x))
  const z = w.keep(f32x4.mul(r, r))
  // (1 + ...) r, not r + ... r: the zero keeps its sign
  const s = f32x4.mul(w.madd(polynomial(w, z, [-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1]), z, w.f32(1)), r)
  const c = w.madd(
    f32x4.mul(polynomial(w, z, [2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2]), z),
    z,
    w.nmadd(z, w.f32(0.5), w.f32(1)),
  )
  const swap = w.keep(i32x4.shrS(i32x4.shl(t, 31), 31))
  const quarter = cosine ? i32x4.add(t, w.i32(1)) : t
  const sign = i32x4.shl(v128.and(quarter, w.i32(2)), 30)
  const [plain, swapped] = cosine ? [c, s] : [s, c]
  return v128.xor(v128.bitselect(swapped, plain, swap), sign)
}

/** sin(x) */
export const sin: Lanes1 = (w, x) => circular(w, x, false)

/** cos(x) */
export const cos: Lanes1 = (w, x) => circular(w, x, true)

/** -1, 0 or 1, signed zero and NaN as they are. */
export const sign: Lanes1 = (w, given) => {
  const x = w.keep(given)
  const one = v128.or(v128.and(x, w.i32(-0x80000000)), w.f32(1))
  return v128.bitselect(one, x, f32x4.gt(f32x4.abs(x), w.f32(0)))
}
