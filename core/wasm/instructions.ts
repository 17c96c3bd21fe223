/**
 * The instructions, by type, as functions from values to values. Tables of opcodes: the names are those of the
 * WebAssembly specification in camel case. An `i32` argument may be a plain number. Memory instructions take a constant
 * `offset` in bytes. One of 0 or more is added without wrap-around: the address itself must not be negative. One below 0,
 * which the format does not have, is added to the address first.
 * @module
 */
import { type Code, signed, type Type, unsigned, type Value } from "./assembler.ts"

/** An i32, or the number it is. */
export type I32 = Value<"i32"> | number
export type I64 = Value<"i64">
export type F32 = Value<"f32">
export type F64 = Value<"f64">
export type V128 = Value<"v128">

const asI32 = (x: I32): Value<"i32"> => typeof x === "number" ? { type: "i32", code: [0x41, signed(x)] } : x

/** The address, with an offset below 0. */
const based = (address: I32, offset: number): Code =>
  offset < 0 ? [asI32(address).code, 0x41, signed(offset), 0x6a] : asI32(address).code

/** An offset of 0 or more, as it is written. */
const above = (offset: number): Code => unsigned(Math.max(0, offset))

const made = <T extends Type>(type: T, ...code: ReadonlyArray<Code>): Value<T> => ({ type, code })

type Unary<A extends Type, R extends Type> = (x: Value<A>) => Value<R>
type Binary<A extends Type, R extends Type> = (x: Value<A>, y: Value<A>) => Value<R>
type Load<R extends Type> = (address: I32, offset?: number) => Value<R>
type Store<A extends Type> = (address: I32, value: Value<A>, offset?: number) => Code

const unaryOf = <K extends string, A extends Type, R extends Type>(
  _: A,
  to: R,
  opcodes: { readonly [P in K]: Code },
): { readonly [P in K]: Unary<A, R> } => each(opcodes, (op): Unary<A, R> => (x) => made(to, x.code, op))

const binaryOf = <K extends string, A extends Type, R extends Type>(
  _: A,
  to: R,
  opcodes: { readonly [P in K]: Code },
): { readonly [P in K]: Binary<A, R> } => each(opcodes, (op): Binary<A, R> => (x, y) => made(to, x.code, y.code, op))

const loads = <K extends string, R extends Type>(
  to: R,
  opcodes: { readonly [P in K]: readonly [Code, number] },
): { readonly [P in K]: Load<R> } =>
  each(
    opcodes,
    ([op, align]): Load<R> => (address, offset = 0) => made(to, based(address, offset), op, align, above(offset)),
  )

const stores = <K extends string, A extends Type>(
  _: A,
  opcodes: { readonly [P in K]: readonly [Code, number] },
): { readonly [P in K]: Store<A> } =>
  each(
    opcodes,
    ([op, align]): Store<A> => (address, value, offset = 0) => [
      based(address, offset),
      value.code,
      op,
      align,
      above(offset),
    ],
  )

const each = <K extends string, A, B>(
  table: { readonly [P in K]: A },
  f: (a: A) => B,
): { readonly [P in K]: B } =>
  Object.fromEntries(Object.entries<A>(table).map(([k, a]) => [k, f(a)])) as { readonly [P in K]: B }

/** A SIMD opcode. */
const simd = (opcode: number): Code => [0xfd, unsigned(opcode)]
const atomic = (opcode: number): Code => [0xfe, opcode]
const bits = (view: (d: DataView) => void, bytes: number): ReadonlyArray<number> => {
  const data = new DataView(new ArrayBuffer(bytes))
  view(data)
  return Array.from({ length: bytes }, (_, i) => data.getUint8(i))
}

type I32Binary =
  | "add"
  | "sub"
  | "mul"
  | "divS"
  | "divU"
  | "remS"
  | "remU"
  | "and"
  | "or"
  | "xor"
  | "shl"
  | "shrS"
  | "shrU"
  | "rotl"
  | "rotr"
  | "eq"
  | "ne"
  | "ltS"
  | "ltU"
  | "gtS"
  | "gtU"
  | "leS"
  | "leU"
  | "geS"
  | "geU"
type I32Unary = "eqz" | "clz" | "ctz" | "popcnt" | "extend8S" | "extend16S"
type I32Load = "load" | "load8S" | "load8U" | "load16S" | "load16U" | "atomicLoad"
type I32Store = "store" | "store8" | "store16" | "atomicStore"
type AtomicChange = "atomicAdd" | "atomicSub" | "atomicOr" | "atomicExchange"

const i32Binary: { readonly [K in I32Binary]: number } = {
  add: 0x6a,
  sub: 0x6b,
  mul: 0x6c,
  divS: 0x6d,
  divU: 0x6e,
  remS: 0x6f,
  remU: 0x70,
  and: 0x71,
  or: 0x72,
  xor: 0x73,
  shl: 0x74,
  shrS: 0x75,
  shrU: 0x76,
  rotl: 0x77,
  rotr: 0x78,
  eq: 0x46,
  ne: 0x47,
  ltS: 0x48,
  ltU: 0x49,
  gtS: 0x4a,
  gtU: 0x4b,
  leS: 0x4c,
  leU: 0x4d,
  geS: 0x4e,
  geU: 0x4f,
}

/** i32: plain numbers are allowed everywhere; comparisons give 1 or 0; atomics need aligned addresses. */
export const i32:
  & { readonly [K in I32Binary]: (x: I32, y: I32) => Value<"i32"> }
  & { readonly [K in I32Unary]: (x: I32) => Value<"i32"> }
  & { readonly [K in I32Load]: Load<"i32"> }
  & { readonly [K in I32Store]: (address: I32, value: I32, offset?: number) => Code }
  & { readonly [K in AtomicChange]: (address: I32, value: I32, offset?: number) => Value<"i32"> }
  & {
    readonly const: (value: number) => Value<"i32">
    /** What was there; replaced if it was `expected`. */
    readonly atomicCompareExchange: (address: I32, expected: I32, value: I32) => Value<"i32">
    /** Sleeps while the word is `expected`, for at most so many nanoseconds: 0 woken, 1 not equal, 2 timed out. */
    readonly atomicWait: (address: I32, expected: I32, nanoseconds: I64) => Value<"i32">
    /** Wakes at most `count`; gives how many. */
    readonly atomicNotify: (address: I32, count: I32) => Value<"i32">
    readonly wrap: Unary<"i64", "i32">
    /** Truncates; saturates; NaN gives 0. */
    readonly truncSatF32S: Unary<"f32", "i32">
    readonly truncSatF32U: Unary<"f32", "i32">
    readonly truncSatF64S: Unary<"f64", "i32">
    readonly truncSatF64U: Unary<"f64", "i32">
    readonly reinterpret: Unary<"f32", "i32">
  } = {
    ...each(i32Binary, (op) => (x: I32, y: I32) => made("i32", asI32(x).code, asI32(y).code, op)),
    ...each<I32Unary, Code, (x: I32) => Value<"i32">>(
      { eqz: 0x45, clz: 0x67, ctz: 0x68, popcnt: 0x69, extend8S: 0xc0, extend16S: 0xc1 },
      (op) => (x) => made("i32", asI32(x).code, op),
    ),
    ...loads("i32", {
      load: [0x28, 2],
      load8S: [0x2c, 0],
      load8U: [0x2d, 0],
      load16S: [0x2e, 1],
      load16U: [0x2f, 1],
      atomicLoad: [atomic(0x10), 2],
    }),
    ...each<I32Store, readonly [Code, number], (address: I32, value: I32, offset?: number) => Code>(
      { store: [0x36, 2], store8: [0x3a, 0], store16: [0x3b, 1], atomicStore: [atomic(0x17), 2] },
      ([op, align]) => (address, value, offset = 0) => [
        based(address, offset),
        asI32(value).code,
        op,
        align,
        above(offset),
      ],
    ),
    ...each<AtomicChange, number, (address: I32, value: I32, offset?: number) => Value<"i32">>(
      { atomicAdd: 0x1e, atomicSub: 0x25, atomicOr: 0x33, atomicExchange: 0x41 },
      (op) => (address, value, offset = 0) =>
        made("i32", based(address, offset), asI32(value).code, atomic(op), 2, above(offset)),
    ),
    const: (value) => asI32(value),
    atomicCompareExchange: (address, expected, value) =>
      made("i32", asI32(address).code, asI32(expected).code, asI32(value).code, atomic(0x48), 2, 0),
    atomicWait: (address, expected, nanoseconds) =>
      made("i32", asI32(address).code, asI32(expected).code, nanoseconds.code, atomic(0x01), 2, 0),
    atomicNotify: (address, count) => made("i32", asI32(address).code, asI32(count).code, atomic(0x00), 2, 0),
    ...unaryOf("i64", "i32", { wrap: 0xa7 }),
    ...unaryOf("f32", "i32", { truncSatF32S: [0xfc, 0], truncSatF32U: [0xfc, 1], reinterpret: 0xbc }),
    ...unaryOf("f64", "i32", { truncSatF64S: [0xfc, 2], truncSatF64U: [0xfc, 3] }),
  }

type I64Binary = "add" | "sub" | "mul" | "divU" | "remU" | "and" | "or" | "xor" | "shl" | "shrS" | "shrU"
type I64Compare = "eq" | "ne" | "ltS" | "ltU" | "gtS" | "gtU"

/** i64, as far as 64-bit products and control words need it. */
export const i64:
  & { readonly [K in I64Binary]: Binary<"i64", "i64"> }
  & { readonly [K in I64Compare]: Binary<"i64", "i32"> }
  & { readonly [K in "load" | "atomicLoad"]: Load<"i64"> }
  & { readonly [K in "store" | "atomicStore"]: Store<"i64"> }
  & {
    /** A constant that fits into 32 bits with sign. */
    readonly const: (value: number) => Value<"i64">
    readonly extendS: (x: I32) => Value<"i64">
    readonly extendU: (x: I32) => Value<"i64">
    readonly atomicCompareExchange: (address: I32, expected: I64, value: I64) => Value<"i64">
  } = {
    ...binaryOf("i64", "i64", {
      add: 0x7c,
      sub: 0x7d,
      mul: 0x7e,
      divU: 0x80,
      remU: 0x82,
      and: 0x83,
      or: 0x84,
      xor: 0x85,
      shl: 0x86,
      shrS: 0x87,
      shrU: 0x88,
    }),
    ...binaryOf("i64", "i32", { eq: 0x51, ne: 0x52, ltS: 0x53, ltU: 0x54, gtS: 0x55, gtU: 0x56 }),
    ...loads("i64", { load: [0x29, 3], atomicLoad: [atomic(0x11), 3] }),
    ...stores("i64", { store: [0x37, 3], atomicStore: [atomic(0x18), 3] }),
    const: (value) => made("i64", 0x42, signed(value)),
    extendS: (x) => made("i64", asI32(x).code, 0xac),
    extendU: (x) => made("i64", asI32(x).code, 0xad),
    atomicCompareExchange: (address, expected, value) =>
      made("i64", asI32(address).code, expected.code, value.code, atomic(0x49), 3, 0),
  }

type FloatUnary = "abs" | "neg" | "ceil" | "floor" | "trunc" | "nearest" | "sqrt"
type FloatBinary = "add" | "sub" | "mul" | "div" | "min" | "max" | "copysign"
type FloatCompare = "eq" | "ne" | "lt" | "gt" | "le" | "ge"

/** f32. `nearest` rounds half to even; `min` and `max` give NaN if either is. */
export const f32:
  & { readonly [K in FloatUnary]: Unary<"f32", "f32"> }
  & { readonly [K in FloatBinary]: Binary<"f32", "f32"> }
  & { readonly [K in FloatCompare]: Binary<"f32", "i32"> }
  & { readonly load: Load<"f32">; readonly store: Store<"f32"> }
  & {
    readonly const: (value: number) => Value<"f32">
    readonly convertS: (x: I32) => Value<"f32">
    readonly convertU: (x: I32) => Value<"f32">
    readonly reinterpret: (x: I32) => Value<"f32">
    readonly demote: Unary<"f64", "f32">
  } = {
    ...unaryOf("f32", "f32", {
      abs: 0x8b,
      neg: 0x8c,
      ceil: 0x8d,
      floor: 0x8e,
      trunc: 0x8f,
      nearest: 0x90,
      sqrt: 0x91,
    }),
    ...binaryOf("f32", "f32", {
      add: 0x92,
      sub: 0x93,
      mul: 0x94,
      div: 0x95,
      min: 0x96,
      max: 0x97,
      copysign: 0x98,
    }),
    ...binaryOf("f32", "i32", { eq: 0x5b, ne: 0x5c, lt: 0x5d, gt: 0x5e, le: 0x5f, ge: 0x60 }),
    ...loads("f32", { load: [0x2a, 2] }),
    ...stores("f32", { store: [0x38, 2] }),
    const: (value) => made("f32", 0x43, bits((d) => d.setFloat32(0, value, true), 4)),
    convertS: (x) => made("f32", asI32(x).code, 0xb2),
    convertU: (x) => made("f32", asI32(x).code, 0xb3),
    reinterpret: (x) => made("f32", asI32(x).code, 0xbe),
    ...unaryOf("f64", "f32", { demote: 0xb6 }),
  }

/** f64, for range reduction and exact checks. */
export const f64:
  & { readonly [K in FloatUnary]: Unary<"f64", "f64"> }
  & { readonly [K in FloatBinary]: Binary<"f64", "f64"> }
  & { readonly [K in FloatCompare]: Binary<"f64", "i32"> }
  & { readonly load: Load<"f64">; readonly store: Store<"f64"> }
  & {
    readonly const: (value: number) => Value<"f64">
    readonly convertS: (x: I32) => Value<"f64">
    readonly convertU: (x: I32) => Value<"f64">
    readonly promote: Unary<"f32", "f64">
  } = {
    ...unaryOf("f64", "f64", {
      abs: 0x99,
      neg: 0x9a,
      ceil: 0x9b,
      floor: 0x9c,
      trunc: 0x9d,
      nearest: 0x9e,
      sqrt: 0x9f,
    }),
    ...binaryOf("f64", "f64", {
      add: 0xa0,
      sub: 0xa1,
      mul: 0xa2,
      div: 0xa3,
      min: 0xa4,
      max: 0xa5,
      copysign: 0xa6,
    }),
    ...binaryOf("f64", "i32", { eq: 0x61, ne: 0x62, lt: 0x63, gt: 0x64, le: 0x65, ge: 0x66 }),
    ...loads("f64", { load: [0x2b, 3] }),
    ...stores("f64", { store: [0x39, 3] }),
    const: (value) => made("f64", 0x44, bits((d) => d.setFloat64(0, value, true), 8)),
    convertS: (x) => made("f64", asI32(x).code, 0xb7),
    convertU: (x) => made("f64", asI32(x).code, 0xb8),
    ...unaryOf("f32", "f64", { promote: 0xbb }),
  }

type VectorLoad =
  | "load"
  | "load8x8S"
  | "load8x8U"
  | "load16x4S"
  | "load16x4U"
  | "load8Splat"
  | "load16Splat"
  | "load32Splat"
  | "load64Splat"
  | "load32Zero"
  | "load64Zero"
type LaneLoad = "load8Lane" | "load16Lane" | "load32Lane" | "load64Lane"
type LaneStore = "store8Lane" | "store16Lane" | "store32Lane" | "store64Lane"

/** v128 as bits: memory, shuffles, logic. Alignment 4 is promised at most, so any element address will do. */
export const v128:
  & { readonly [K in VectorLoad]: Load<"v128"> }
  & { readonly store: Store<"v128"> }
  & { readonly [K in LaneLoad]: (address: I32, value: V128, lane: number, offset?: number) => Value<"v128"> }
  & { readonly [K in LaneStore]: (address: I32, value: V128, lane: number, offset?: number) => Code }
  & { readonly [K in "and" | "andnot" | "or" | "xor"]: Binary<"v128", "v128"> }
  & {
    readonly not: Unary<"v128", "v128">
    readonly anyTrue: Unary<"v128", "i32">
    /** Bits of x where `mask` is 1, of y where it is 0. */
    readonly bitselect: (x: V128, y: V128, mask: V128) => Value<"v128">
    /** Four f32 constants. In a hot loop load them from the kernel's constants instead. */
    readonly constF32: (a: number, b: number, c: number, d: number) => Value<"v128">
    /** Four i32 constants. */
    readonly constI32: (a: number, b: number, c: number, d: number) => Value<"v128">
    /** Sixteen bytes picked from x (0-15) and y (16-31). */
    readonly shuffle: (x: V128, y: V128, lanes: ReadonlyArray<number>) => Value<"v128">
    /** Four 32-bit lanes picked from x (0-3) and y (4-7). */
    readonly shuffle32: (x: V128, y: V128, a: number, b: number, c: number, d: number) => Value<"v128">
    readonly swizzle: Binary<"v128", "v128">
  } = {
    ...loads("v128", {
      load: [simd(0), 2],
      load8x8S: [simd(1), 0],
      load8x8U: [simd(2), 0],
      load16x4S: [simd(3), 1],
      load16x4U: [simd(4), 1],
      load8Splat: [simd(7), 0],
      load16Splat: [simd(8), 1],
      load32Splat: [simd(9), 2],
      load64Splat: [simd(10), 2],
      load32Zero: [simd(0x5c), 2],
      load64Zero: [simd(0x5d), 2],
    }),
    ...stores("v128", { store: [simd(11), 2] }),
    ...each<
      LaneLoad,
      readonly [number, number],
      (address: I32, value: V128, lane: number, offset?: number) => Value<"v128">
    >(
      { load8Lane: [0x54, 0], load16Lane: [0x55, 1], load32Lane: [0x56, 2], load64Lane: [0x57, 2] },
      ([op, align]) => (address, value, lane, offset = 0) =>
        made("v128", based(address, offset), value.code, simd(op), align, above(offset), lane),
    ),
    ...each<LaneStore, readonly [number, number], (address: I32, value: V128, lane: number, offset?: number) => Code>(
      { store8Lane: [0x58, 0], store16Lane: [0x59, 1], store32Lane: [0x5a, 2], store64Lane: [0x5b, 2] },
      ([op, align]) => (address, value, lane, offset = 0) => [
        based(address, offset),
        value.code,
        simd(op),
        align,
        above(offset),
        lane,
      ],
    ),
    ...binaryOf("v128", "v128", {
      and: simd(0x4e),
      andnot: simd(0x4f),
      or: simd(0x50),
      xor: simd(0x51),
      swizzle: simd(0x0e),
    }),
    ...unaryOf("v128", "v128", { not: simd(0x4d) }),
    ...unaryOf("v128", "i32", { anyTrue: simd(0x53) }),
    bitselect: (x, y, mask) => made("v128", x.code, y.code, mask.code, simd(0x52)),
    constF32: (...values) => made("v128", simd(12), values.map((v) => bits((d) => d.setFloat32(0, v, true), 4))),
    constI32: (...values) => made("v128", simd(12), values.map((v) => bits((d) => d.setInt32(0, v, true), 4))),
    shuffle: (x, y, lanes) => made("v128", x.code, y.code, simd(13), lanes),
    shuffle32: (x, y, ...lanes) =>
      made("v128", x.code, y.code, simd(13), lanes.map((l) => [l * 4, l * 4 + 1, l * 4 + 2, l * 4 + 3])),
  }

type F32x4Unary = "abs" | "neg" | "sqrt" | "ceil" | "floor" | "trunc" | "nearest" | "convertS" | "convertU" | "demote"
type F32x4Binary =
  | "add"
  | "sub"
  | "mul"
  | "div"
  | "min"
  | "max"
  | "pmin"
  | "pmax"
  | "eq"
  | "ne"
  | "lt"
  | "gt"
  | "le"
  | "ge"
  | "relaxedMin"
  | "relaxedMax"

/** Four f32. Comparisons give lanes of ones or zeros. `relaxed...`, `madd`, `nmadd` need the relaxed feature. */
export const f32x4:
  & { readonly [K in F32x4Unary]: Unary<"v128", "v128"> }
  & { readonly [K in F32x4Binary]: Binary<"v128", "v128"> }
  & {
    readonly splat: Unary<"f32", "v128">
    readonly extract: (x: V128, lane: number) => Value<"f32">
    readonly replace: (x: V128, lane: number, value: F32) => Value<"v128">
    /** x * y + z, rounded once or twice. */
    readonly madd: (x: V128, y: V128, z: V128) => Value<"v128">
    /** -(x * y) + z */
    readonly nmadd: (x: V128, y: V128, z: V128) => Value<"v128">
  } = {
    ...unaryOf("v128", "v128", {
      abs: simd(0xe0),
      neg: simd(0xe1),
      sqrt: simd(0xe3),
      ceil: simd(0x67),
      floor: simd(0x68),
      trunc: simd(0x69),
      nearest: simd(0x6a),
      convertS: simd(0xfa),
      convertU: simd(0xfb),
      demote: simd(0x5e),
    }),
    ...binaryOf("v128", "v128", {
      add: simd(0xe4),
      sub: simd(0xe5),
      mul: simd(0xe6),
      div: simd(0xe7),
      min: simd(0xe8),
      max: simd(0xe9),
      pmin: simd(0xea),
      pmax: simd(0xeb),
      eq: simd(0x41),
      ne: simd(0x42),
      lt: simd(0x43),
      gt: simd(0x44),
      le: simd(0x45),
      ge: simd(0x46),
      relaxedMin: simd(0x10d),
      relaxedMax: simd(0x10e),
    }),
    ...unaryOf("f32", "v128", { splat: simd(0x13) }),
    extract: (x, lane) => made("f32", x.code, simd(0x1f), lane),
    replace: (x, lane, value) => made("v128", x.code, value.code, simd(0x20), lane),
    madd: (x, y, z) => made("v128", x.code, y.code, z.code, simd(0x105)),
    nmadd: (x, y, z) => made("v128", x.code, y.code, z.code, simd(0x106)),
  }

type I32x4Unary =
  | "abs"
  | "neg"
  | "truncSatS"
  | "truncSatU"
  | "extendLowS"
  | "extendHighS"
  | "extendLowU"
  | "extendHighU"
type I32x4Binary =
  | "add"
  | "sub"
  | "mul"
  | "minS"
  | "minU"
  | "maxS"
  | "maxU"
  | "eq"
  | "ne"
  | "ltS"
  | "ltU"
  | "gtS"
  | "gtU"
  | "leS"
  | "leU"
  | "geS"
  | "geU"

/** Four i32 or u32. `extend...` widen halves of eight 16-bit lanes. */
export const i32x4:
  & { readonly [K in I32x4Unary]: Unary<"v128", "v128"> }
  & { readonly [K in I32x4Binary]: Binary<"v128", "v128"> }
  & { readonly [K in "shl" | "shrS" | "shrU"]: (x: V128, count: I32) => Value<"v128"> }
  & { readonly [K in "allTrue" | "bitmask"]: Unary<"v128", "i32"> }
  & {
    readonly splat: (x: I32) => Value<"v128">
    readonly extract: (x: V128, lane: number) => Value<"i32">
    readonly replace: (x: V128, lane: number, value: I32) => Value<"v128">
    /** Lanes of x where `mask` is all ones, of y where it is all zeros; needs the relaxed feature. */
    readonly relaxedLaneselect: (x: V128, y: V128, mask: V128) => Value<"v128">
    /** Truncation of values known to be in range; needs the relaxed feature. */
    readonly relaxedTruncS: Unary<"v128", "v128">
  } = {
    ...unaryOf("v128", "v128", {
      abs: simd(0xa0),
      neg: simd(0xa1),
      truncSatS: simd(0xf8),
      truncSatU: simd(0xf9),
      extendLowS: simd(0xa7),
      extendHighS: simd(0xa8),
      extendLowU: simd(0xa9),
      extendHighU: simd(0xaa),
      relaxedTruncS: simd(0x101),
    }),
    ...binaryOf("v128", "v128", {
      add: simd(0xae),
      sub: simd(0xb1),
      mul: simd(0xb5),
      minS: simd(0xb6),
      minU: simd(0xb7),
      maxS: simd(0xb8),
      maxU: simd(0xb9),
      eq: simd(0x37),
      ne: simd(0x38),
      ltS: simd(0x39),
      ltU: simd(0x3a),
      gtS: simd(0x3b),
      gtU: simd(0x3c),
      leS: simd(0x3d),
      leU: simd(0x3e),
      geS: simd(0x3f),
      geU: simd(0x40),
    }),
    ...each<"shl" | "shrS" | "shrU", number, (x: V128, count: I32) => Value<"v128">>(
      { shl: 0xab, shrS: 0xac, shrU: 0xad },
      (op) => (x, count) => made("v128", x.code, asI32(count).code, simd(op)),
    ),
    ...unaryOf("v128", "i32", { allTrue: simd(0xa3), bitmask: simd(0xa4) }),
    splat: (x) => made("v128", asI32(x).code, simd(0x11)),
    extract: (x, lane) => made("i32", x.code, simd(0x1b), lane),
    replace: (x, lane, value) => made("v128", x.code, asI32(value).code, simd(0x1c), lane),
    relaxedLaneselect: (x, y, mask) => made("v128", x.code, y.code, mask.code, simd(0x10b)),
  }

/** Eight 16-bit lanes, for halves and bytes. `extend...` widen halves of sixteen bytes, `narrow...` saturate i32 lanes. */
export const i16x8:
  & {
    readonly [K in "extendLowS" | "extendHighS" | "extendLowU" | "extendHighU"]: Unary<"v128", "v128">
  }
  & { readonly [K in "add" | "sub" | "mul" | "narrowS" | "narrowU"]: Binary<"v128", "v128"> }
  & { readonly [K in "shl" | "shrS" | "shrU"]: (x: V128, count: I32) => Value<"v128"> }
  & {
    readonly splat: (x: I32) => Value<"v128">
    readonly extractU: (x: V128, lane: number) => Value<"i32">
  } = {
    ...unaryOf("v128", "v128", {
      extendLowS: simd(0x87),
      extendHighS: simd(0x88),
      extendLowU: simd(0x89),
      extendHighU: simd(0x8a),
    }),
    ...binaryOf("v128", "v128", {
      add: simd(0x8e),
      sub: simd(0x91),
      mul: simd(0x95),
      narrowS: simd(0x85),
      narrowU: simd(0x86),
    }),
    ...each<"shl" | "shrS" | "shrU", number, (x: V128, count: I32) => Value<"v128">>(
      { shl: 0x8b, shrS: 0x8c, shrU: 0x8d },
      (op) => (x, count) => made("v128", x.code, asI32(count).code, simd(op)),
    ),
    splat: (x) => made("v128", asI32(x).code, simd(0x10)),
    extractU: (x, lane) => made("i32", x.code, simd(0x19), lane),
  }

/** Sixteen bytes. `narrow...` saturate 16-bit lanes. */
export const i8x16:
  & { readonly [K in "narrowS" | "narrowU"]: Binary<"v128", "v128"> }
  & { readonly splat: (x: I32) => Value<"v128"> } = {
    ...binaryOf("v128", "v128", { narrowS: simd(0x65), narrowU: simd(0x66) }),
    splat: (x) => made("v128", asI32(x).code, simd(0x0f)),
  }

/** Two f64. */
export const f64x2:
  & { readonly [K in "add" | "sub" | "mul" | "div" | "pmin" | "pmax" | "lt" | "le"]: Binary<"v128", "v128"> }
  & {
    readonly [K in "promoteLow" | "convertLowS" | "convertLowU" | "nearest" | "trunc" | "abs"]: Unary<"v128", "v128">
  }
  & {
    readonly splat: Unary<"f64", "v128">
    readonly extract: (x: V128, lane: number) => Value<"f64">
  } = {
    ...binaryOf("v128", "v128", {
      add: simd(0xf0),
      sub: simd(0xf1),
      mul: simd(0xf2),
      div: simd(0xf3),
      pmin: simd(0xf6),
      pmax: simd(0xf7),
      lt: simd(0x49),
      le: simd(0x4b),
    }),
    ...unaryOf("v128", "v128", {
      promoteLow: simd(0x5f),
      convertLowS: simd(0xfe),
      convertLowU: simd(0xff),
      nearest: simd(0x94),
      trunc: simd(0x7a),
      abs: simd(0xec),
    }),
    ...unaryOf("f64", "v128", { splat: simd(0x14) }),
    extract: (x, lane) => made("f64", x.code, simd(0x21), lane),
  }

/** Two i64, for 32 x 32 -> 64-bit products of counter-based random numbers. */
export const i64x2:
  & { readonly [K in "add" | "sub" | "mul" | "extmulLowU" | "extmulHighU"]: Binary<"v128", "v128"> }
  & { readonly [K in "shl" | "shrS" | "shrU"]: (x: V128, count: I32) => Value<"v128"> } = {
    ...binaryOf("v128", "v128", {
      add: simd(0xce),
      sub: simd(0xd1),
      mul: simd(0xd5),
      extmulLowU: simd(0xde),
      extmulHighU: simd(0xdf),
    }),
    ...each<"shl" | "shrS" | "shrU", number, (x: V128, count: I32) => Value<"v128">>(
      { shl: 0xcb, shrS: 0xcc, shrU: 0xcd },
      (op) => (x, count) => made("v128", x.code, asI32(count).code, simd(op)),
    ),
  }

/** Copies bytes within memory, overlap allowed. */
export const memoryCopy = (to: I32, from: I32, bytes: I32): Code => [
  asI32(to).code,
  asI32(from).code,
  asI32(bytes).code,
  [0xfc, 0x0a, 0, 0],
]

/** Sets bytes of memory to one value. */
export const memoryFill = (to: I32, value: I32, bytes: I32): Code => [
  asI32(to).code,
  asI32(value).code,
  asI32(bytes).code,
  [0xfc, 0x0b, 0],
]

/** Calls function number `index` of the module's table; all of its functions take `args` and give nothing. */
export const callTable = (index: I32, type: number, ...args: ReadonlyArray<Value<Type>>): Code => [
  args.map((a) => a.code),
  asI32(index).code,
  0x11,
  unsigned(type),
  0,
]
