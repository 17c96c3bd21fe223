/**
 * Functions of two times four lanes that are called, not written out where they are used: powers of floats (in
 * float64, 2e-7 relative), remainders of floats (exact), quotients, remainders, powers and shifts of integers, which have no SIMD form.
 * Their meaning at the edges is that of `core/graph/scalar.ts`.
 * @module
 */
import {
  branchIf,
  type Code,
  type Func,
  func,
  type Local,
  loop,
  result,
  type Scope,
  select,
  type Value,
  when,
} from "./assembler.ts"
import { f32x4, f64, f64x2, i32, i32x4, i64x2, type V128, v128 } from "./instructions.ts"
import { type Writer, writer } from "./writer.ts"

/** Two f64 of lanes 0 and 1, and of 2 and 3. */
const halves = (w: Writer, x: V128): readonly [V128, V128] => {
  const v = w.keep(x)
  return [f64x2.promoteLow(v), f64x2.promoteLow(v128.shuffle32(v, v, 2, 3, 2, 3))]
}

const joined = (low: V128, high: V128): V128 => v128.shuffle32(f32x4.demote(low), f32x4.demote(high), 0, 1, 4, 5)

const two = (x: number): V128 => f64x2.splat(f64.const(x))

/** x^y of two positive f64: 2^(y log2 x), log2 by the series of artanh. */
const pow64 = (w: Writer, x: V128, y: V128): V128 => {
  const a = w.keep(x)
  const root = i64x2.shl(v128.constI32(0x3fe6a09e, 0, 0x3fe6a09e, 0), 32)
  const e = w.keep(i64x2.shrS(i64x2.sub(a, root), 52))
  const m = w.keep(i64x2.sub(a, i64x2.shl(e, 52)))
  const s = w.keep(f64x2.div(f64x2.sub(m, two(1)), f64x2.add(m, two(1))))
  const z = w.keep(f64x2.mul(s, s))
  const series = [13, 11, 9, 7, 5, 3, 1].map((n) => two(2 / Math.LN2 / n))
  const p = series.slice(1).reduce<V128>((sum, c) => f64x2.add(f64x2.mul(sum, z), c), series[0]!)
  const whole = f64x2.convertLowS(v128.shuffle32(e, e, 0, 2, 0, 2))
  const t = w.keep(
    f64x2.pmin(f64x2.pmax(f64x2.mul(w.keep(y), f64x2.add(whole, f64x2.mul(s, p))), two(-200)), two(200)),
  )
  const n = w.keep(f64x2.nearest(t))
  const r = w.keep(f64x2.mul(f64x2.sub(t, n), two(Math.LN2)))
  let power = two(1 / 362880)
  for (const c of [40320, 5040, 720, 120, 24, 6, 2, 1, 1]) power = f64x2.add(f64x2.mul(power, r), two(1 / c))
  const scale = i64x2.shl(f64x2.add(n, two(6755399441055744 + 1023)), 52)
  return f64x2.mul(power, scale)
}

/** The body of a function of two times four lanes. */
const helper = (
  name: string,
  relaxed: boolean,
  write: (w: Writer, x: Local<"v128">, y: Local<"v128">, s: Scope) => V128,
): Func =>
  func(name, ["v128", "v128"], ["v128"], (s) => {
    const [x, y] = s.params as [Local<"v128">, Local<"v128">]
    const inline = (values: ReadonlyArray<number>): V128 =>
      v128.constI32(values[0]!, values[1]!, values[2]!, values[3]!)
    const base = writer(s, { relaxed, revectorize: false, blas: false }, noPool, i32.const(0))
    const w: Writer = {
      ...base,
      f32: (c) => v128.constF32(c, c, c, c),
      i32: (c) => v128.constI32(c, c, c, c),
      lanes: inline,
    }
    const value = write(w, x, y, s)
    return [w.body(), value.code]
  })

const noPool = { f32: () => 0, i32: () => 0, words: () => 0, bytes: () => new Uint8Array(0) }

const any = (...masks: ReadonlyArray<V128>): V128 => masks.reduce((a, b) => v128.or(a, b))

/** x^y with the special cases of IEEE 754's pow. */
const powHelper: Func = helper("pow", false, (w, x, y) => {
  const base = w.keep(f32x4.abs(x))
  const [x0, x1] = halves(w, base)
  const [y0, y1] = halves(w, y)
  const size = joined(pow64(w, x0, y0), pow64(w, x1, y1))
  const zero = w.keep(f32x4.eq(base, w.f32(0)))
  const infinite = w.keep(f32x4.eq(base, w.f32(Infinity)))
  const up = any(
    v128.and(zero, f32x4.lt(y, w.f32(0))),
    v128.and(infinite, f32x4.gt(y, w.f32(0))),
  )
  const edge = v128.and(w.f32(Infinity), up)
  const one = f32x4.eq(base, w.f32(1))
  const plain = v128.bitselect(w.f32(1), v128.bitselect(edge, size, any(zero, infinite)), one)
  const whole = w.keep(f32x4.eq(f32x4.trunc(y), y))
  const half = f32x4.trunc(f32x4.mul(y, w.f32(0.5)))
  const oddPower = v128.and(whole, f32x4.ne(f32x4.add(half, half), y))
  const signed = w.keep(v128.or(plain, v128.and(oddPower, v128.and(x, w.i32(-0x80000000)))))
  const undefinedRoot = v128.and(
    v128.andnot(f32x4.lt(x, w.f32(0)), whole),
    f32x4.lt(base, w.f32(Infinity)),
  )
  const bad = any(undefinedRoot, f32x4.ne(x, x), f32x4.ne(y, y))
  const r = v128.bitselect(w.f32(NaN), signed, bad)
  return v128.bitselect(w.f32(1), r, any(f32x4.eq(x, w.f32(1)), f32x4.eq(y, w.f32(0))))
})

/** The upper 29 bits of an f64's 53. */
const upper = v128.constI32(-0x1000000, -1, -0x1000000, -1)

/**
 * The remainder of two f32, exact: in float64, r = r - y n until r < y, where n is the quotient cut to 29 bits. y n has
 * at most 53, and every r at most 24, since it is a multiple of the last place of x or of y n; r / y is at least 2^-24 of
 * its size away from a cut that it does not meet, so rounding never carries it there. One turn does for quotients below
 * 2^29, ten for all. A NaN ends it.
 */
const remHelper: Func = helper("rem", false, (w, x, y) => {
  const part = (a: V128, b: V128): V128 => {
    const size = w.fresh("v128")
    w.put(size.set(f64x2.abs(a)))
    const q = w.keep(f64x2.abs(b))
    w.put(loop((again) => [
      size.set(f64x2.sub(size, f64x2.mul(q, v128.and(f64x2.trunc(f64x2.div(size, q)), upper)))),
      branchIf(again, v128.anyTrue(f64x2.le(q, size))),
    ]))
    return size
  }
  const [x0, x1] = halves(w, x)
  const [y0, y1] = halves(w, y)
  const size = joined(part(x0, y0), part(x1, y1))
  const finite = f32x4.lt(f32x4.abs(x), w.f32(Infinity))
  const whole = v128.and(f32x4.eq(f32x4.abs(y), w.f32(Infinity)), finite)
  const magnitude = v128.bitselect(f32x4.abs(x), size, whole)
  return v128.or(magnitude, v128.and(x, w.i32(-0x80000000)))
})

const eachLane = (x: V128, y: V128, f: (a: Value<"i32">, b: Value<"i32">) => Value<"i32">): V128 =>
  [0, 1, 2, 3].reduce<V128>(
    (v, l) => i32x4.replace(v, l, f(i32x4.extract(x, l), i32x4.extract(y, l))),
    v128.constI32(0, 0, 0, 0),
  )

/** Quotient or remainder of each lane; by 0 it is 0, and the least i32 by -1 wraps to itself. */
const divider = (name: "divS" | "divU" | "remS" | "remU"): Func =>
  helper(name, false, (w, x, y) => {
    const signed = name.endsWith("S")
    return eachLane(x, y, (p, q) => {
      const [a, b] = [w.keep(p), w.keep(q)]
      const zero = i32.eqz(b)
      const minus = i32.eq(b, -1)
      const value = i32[name](a, select(signed ? i32.or(zero, minus) : zero, i32.const(1), b))
      const wrapped = signed && name.startsWith("div") ? select(minus, i32.sub(0, a), value) : value
      return select(zero, i32.const(0), wrapped)
    })
  })

/** x^y of whole numbers, wrapped; the sign matters for negative powers only. */
const wholePower = (name: string, signed: boolean): Func => {
  const one = func(name, ["i32", "i32"], ["i32"], (s) => {
    const [x, y] = s.params as [Local<"i32">, Local<"i32">]
    const power = s.local("i32")
    const negative = select(
      i32.eq(x, 1),
      i32.const(1),
      select(i32.eq(x, -1), select(i32.and(y, 1), i32.const(-1), i32.const(1)), i32.const(0)),
    )
    const step: Code = [
      when(i32.and(y, 1), power.set(i32.mul(power, x))),
      x.set(i32.mul(x, x)),
      y.set(i32.shrU(y, 1)),
    ]
    return [
      signed ? when(i32.ltS(y, 0), [negative.code, 0x0f]) : [],
      power.set(i32.const(1)),
      Array.from({ length: 32 }, () => step),
      power.code,
    ]
  })
  return helper(`${name}4`, false, (_w, x, y) => eachLane(x, y, (p, q) => result("i32", one, p, q)))
}

const shifter = (name: "shl" | "shrS" | "shrU"): Func =>
  helper(name, false, (_w, x, y) => eachLane(x, y, (p, q) => i32[name](p, q)))

/** Functions of two times four lanes that are called, not written out. */
export const called: {
  readonly [
    K in "pow" | "rem" | "divS" | "divU" | "remS" | "remU" | "powS" | "powU" | "shl" | "shrS" | "shrU"
  ]: (x: V128, y: V128) => V128
} = {
  pow: (x, y) => result("v128", powHelper, x, y),
  rem: (x, y) => result("v128", remHelper, x, y),
  ...(() => {
    const [divS, divU, remS, remU] = [divider("divS"), divider("divU"), divider("remS"), divider("remU")]
    const [powS, powU] = [wholePower("powS", true), wholePower("powU", false)]
    const [shl, shrS, shrU] = [shifter("shl"), shifter("shrS"), shifter("shrU")]
    const all = { divS, divU, remS, remU, powS, powU, shl, shrS, shrU }
    const of = (f: Func) => (x: V128, y: V128): V128 => result("v128", f, x, y)
    return Object.fromEntries(Object.entries(all).map(([k, f]) => [k, of(f)])) as {
      readonly [K in keyof typeof all]: (x: V128, y: V128) => V128
    }
  })(),
}
