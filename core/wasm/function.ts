/**
 * The functions of kernel expressions on four lanes, as tables by what they compute on.
 * @module
 */
import type { BinaryFn, ReduceFn, UnaryFn } from "../graph/node.ts"
import type { Compute } from "../tensor/dtype.ts"
import { f32x4, i32x4, type V128, v128 } from "./instructions.ts"
import { called } from "./called.ts"
import { cos, erf, exp, log, sigmoid, sign, sin, tanh } from "./math.ts"
import type { Writer } from "./writer.ts"

type One = (w: Writer, x: V128) => V128
type Two = (w: Writer, x: V128, y: V128) => V128
type Unaries = { readonly [F in UnaryFn]?: One }
type Binaries = { readonly [F in BinaryFn]?: Two }

const plain1 = (f: (x: V128) => V128): One => (_, x) => f(x)
const plain2 = (f: (x: V128, y: V128) => V128): Two => (_, x, y) => f(x, y)
const twice = (f: (w: Writer, x: V128) => V128): One => (w, x) => f(w, w.keep(x))
const not2 = (f: (x: V128, y: V128) => V128): Two => (_, x, y) => v128.not(f(x, y))

const floats1: Unaries = {
  neg: plain1(f32x4.neg),
  abs: plain1(f32x4.abs),
  sign,
  exp,
  log,
  sqrt: plain1(f32x4.sqrt),
  rsqrt: (w, x) => f32x4.div(w.f32(1), f32x4.sqrt(x)),
  recip: (w, x) => f32x4.div(w.f32(1), x),
  sin,
  cos,
  tanh,
  erf,
  sigmoid,
  floor: plain1(f32x4.floor),
  ceil: plain1(f32x4.ceil),
  round: plain1(f32x4.nearest),
  trunc: plain1(f32x4.trunc),
  isnan: twice((_, x) => f32x4.ne(x, x)),
  isfinite: (w, x) => f32x4.lt(f32x4.abs(x), w.f32(Infinity)),
}

const wholes1: Unaries = {
  neg: plain1(i32x4.neg),
  not: plain1(v128.not),
  floor: (_, x) => x,
  ceil: (_, x) => x,
  round: (_, x) => x,
  trunc: (_, x) => x,
  isnan: (w) => w.i32(0),
  isfinite: (w) => w.i32(-1),
}

const unaries: { readonly [C in Compute]: Unaries } = {
  f32: floats1,
  i32: {
    ...wholes1,
    abs: plain1(i32x4.abs),
    sign: (w, x) => i32x4.maxS(i32x4.minS(x, w.i32(1)), w.i32(-1)),
  },
  u32: { ...wholes1, abs: (_, x) => x, sign: (w, x) => i32x4.minU(x, w.i32(1)) },
  bool: { ...wholes1, neg: (_, x) => x, abs: (_, x) => x, sign: (_, x) => x },
}

const bits: Binaries = { and: plain2(v128.and), or: plain2(v128.or), xor: plain2(v128.xor) }

const wholes2: Binaries = {
  ...bits,
  add: plain2(i32x4.add),
  sub: plain2(i32x4.sub),
  mul: plain2(i32x4.mul),
  shl: plain2(called.shl),
  eq: plain2(i32x4.eq),
  ne: plain2(i32x4.ne),
}

const binaries: { readonly [C in Compute]: Binaries } = {
  f32: {
    add: plain2(f32x4.add),
    sub: plain2(f32x4.sub),
    mul: plain2(f32x4.mul),
    div: plain2(f32x4.div),
    min: plain2(f32x4.min),
    max: plain2(f32x4.max),
    eq: plain2(f32x4.eq),
    ne: plain2(f32x4.ne),
    lt: plain2(f32x4.lt),
    le: plain2(f32x4.le),
    gt: plain2(f32x4.gt),
    ge: plain2(f32x4.ge),
    pow: plain2(called.pow),
    rem: plain2(called.rem),
  },
  i32: {
    ...wholes2,
    div: plain2(called.divS),
    rem: plain2(called.remS),
    pow: plain2(called.powS),
    shr: plain2(called.shrS),
    min: plain2(i32x4.minS),
    max: plain2(i32x4.maxS),
    lt: plain2(i32x4.ltS),
    le: plain2(i32x4.leS),
    gt: plain2(i32x4.gtS),
    ge: plain2(i32x4.geS),
  },
  u32: {
    ...wholes2,
    div: plain2(called.divU),
    rem: plain2(called.remU),
    pow: plain2(called.powU),
    shr: plain2(called.shrU),
    min: plain2(i32x4.minU),
    max: plain2(i32x4.maxU),
    lt: plain2(i32x4.ltU),
    le: plain2(i32x4.leU),
    gt: plain2(i32x4.gtU),
    ge: plain2(i32x4.geU),
  },
  bool: {
    ...bits,
    add: plain2(v128.or),
    mul: plain2(v128.and),
    min: plain2(v128.and),
    max: plain2(v128.or),
    eq: not2(v128.xor),
    ne: plain2(v128.xor),
    gt: plain2(v128.andnot),
    lt: (_, x, y) => v128.andnot(y, x),
    ge: (_, x, y) => v128.or(x, v128.not(y)),
    le: (_, x, y) => v128.or(v128.not(x), y),
  },
}

const missing = (what: string): never => {
  throw new Error(`wasm: a kernel uses ${what}, which that dtype lacks`)
}

/** The function of one value on four lanes. */
export const unaryOn = (fn: UnaryFn, of: Compute): One => unaries[of][fn] ?? missing(`${fn} of ${of}`)

/** The function of two values on four lanes. */
export const binaryOn = (fn: BinaryFn, of: Compute): Two => binaries[of][fn] ?? missing(`${fn} of ${of}`)

const asNumber = (w: Writer, x: V128): V128 => v128.and(x, w.i32(1))

const casts: { readonly [F in Compute]: { readonly [T in Compute]: One } } = {
  f32: {
    f32: (_, x) => x,
    i32: plain1(i32x4.truncSatS),
    u32: plain1(i32x4.truncSatU),
    bool: (w, x) => f32x4.ne(x, w.f32(0)),
  },
  i32: { f32: plain1(f32x4.convertS), i32: (_, x) => x, u32: (_, x) => x, bool: (w, x) => i32x4.ne(x, w.i32(0)) },
  u32: { f32: plain1(f32x4.convertU), i32: (_, x) => x, u32: (_, x) => x, bool: (w, x) => i32x4.ne(x, w.i32(0)) },
  bool: { f32: (w, x) => v128.and(x, w.f32(1)), i32: asNumber, u32: asNumber, bool: (_, x) => x },
}

/** Value conversion on four lanes. */
export const castOn = (from: Compute, to: Compute): One => casts[from][to]

/** The same value in all lanes. */
export const constantOn = (w: Writer, of: Compute, value: number): V128 =>
  of === "f32" ? w.f32(value) : w.i32(of === "bool" ? (value === 0 ? 0 : -1) : value)

type Plain = Exclude<ReduceFn, "argmax" | "argmin">

const extremes: { readonly [C in Compute]: readonly [number, number] } = {
  f32: [-Infinity, Infinity],
  i32: [-0x80000000, 0x7fffffff],
  u32: [0, 0xffffffff],
  bool: [0, 1],
}

/** What a fold over nothing gives. */
export const emptyFold = (fn: Plain, of: Compute): number =>
  fn === "sum" ? 0 : fn === "prod" ? 1 : extremes[of][fn === "max" ? 0 : 1]

const steps: { readonly [F in Plain]: BinaryFn } = { sum: "add", prod: "mul", max: "max", min: "min" }

/** One step of a fold on four lanes. */
export const foldOn = (fn: Plain, of: Compute): Two => binaryOn(steps[fn], of)
