/**
 * Packing: a panel of a few lanes (rows of a or cols of b) becomes `[depth][lane]` without gaps, as 32-bit elements.
 * Halves are widened on the way. Three ways: lanes side by side are copied, depth side by side is transposed in blocks
 * of 4 x 4, and all else is gathered element by element with counters over the parts of the depth.
 * @module
 */
import type { DType } from "../tensor/dtype.ts"
import { branchIf, type Code, type Func, func, type Local, loop, type Scope, type Value, when } from "./assembler.ts"
import { single, type Strides } from "./contract-operand.ts"
import { forUp } from "./emit.ts"
import { i32, i32x4, type V128, v128 } from "./instructions.ts"

/** dtypes that are packed as they are or by shifts. */
export const packable: ReadonlySet<DType> = new Set<DType>(["f32", "i32", "u32", "bf16", "u8", "bool"])

/** What is packed. */
export interface PanelSource {
  readonly dtype: DType
  readonly bytes: number
  readonly lane: Strides
  readonly depth: Strides
}

/** Four elements side by side as 32-bit lanes. */
export const loadFour = (dtype: DType, at: Value<"i32">, offset: number): Value<"v128"> => {
  if (dtype === "bf16") return i32x4.shl(v128.load16x4U(at, offset), 16)
  return v128.load(at, offset)
}

/** One element as its 32 bits. */
export const loadOne = (dtype: DType, at: Value<"i32">, offset: number): Value<"i32"> => {
  if (dtype === "bf16") return i32.shl(i32.load16U(at, offset), 16)
  return dtype === "u8" || dtype === "bool" ? i32.load8U(at, offset) : i32.load(at, offset)
}

const range = (n: number): ReadonlyArray<number> => Array.from({ length: n }, (_, i) => i)

/** Columns of a 4 x 4 block whose rows are given. */
export const transposed = (
  scope: Scope,
  rows: ReadonlyArray<V128>,
): { readonly code: Code; readonly out: ReadonlyArray<V128> } => {
  const names = range(4).map((i) => scope.local("v128", `t${i}`))
  const [t0, t1, t2, t3] = names as [Local<"v128">, Local<"v128">, Local<"v128">, Local<"v128">]
  const [r0, r1, r2, r3] = rows as [V128, V128, V128, V128]
  return {
    code: [
      t0.set(v128.shuffle32(r0, r1, 0, 4, 1, 5)),
      t1.set(v128.shuffle32(r2, r3, 0, 4, 1, 5)),
      t2.set(v128.shuffle32(r0, r1, 2, 6, 3, 7)),
      t3.set(v128.shuffle32(r2, r3, 2, 6, 3, 7)),
    ],
    out: [
      v128.shuffle32(t0, t1, 0, 1, 4, 5),
      v128.shuffle32(t0, t1, 2, 3, 6, 7),
      v128.shuffle32(t2, t3, 0, 1, 4, 5),
      v128.shuffle32(t2, t3, 2, 3, 6, 7),
    ],
  }
}

/** Lanes side by side: whole vectors, then single lanes. */
const copying = (p: PanelSource, lanes: number, width: number): Func =>
  func("packCopy", ["i32", "i32", "i32"], [], ({ params }) => {
    const [from, to, depth] = params as ReadonlyArray<Local<"i32">>
    const whole = p.dtype === "u8" || p.dtype === "bool" ? 0 : Math.floor((width === lanes ? lanes : width) / 4)
    const step = (single(p.depth) ?? 0) * p.bytes
    return when(
      depth!,
      loop((again) => [
        range(whole).map((j) => v128.store(to!, loadFour(p.dtype, from!, 4 * j * p.bytes), 16 * j)),
        range(width - 4 * whole).map((l) => 4 * whole + l).map((l) =>
          i32.store(to!, loadOne(p.dtype, from!, Math.min(l, lanes - 1) * p.bytes), 4 * l)
        ),
        from!.set(i32.add(from!, step)),
        to!.set(i32.add(to!, 4 * width)),
        branchIf(again, depth!.tee(i32.sub(depth!, 1))),
      ]),
    )
  })

/** Depth side by side: blocks of 4 x 4 are transposed, the rest is moved one by one. */
const transposing = (p: PanelSource, lanes: number, width: number): Func =>
  func("packTranspose", ["i32", "i32", "i32"], [], (scope) => {
    const [from, to, depth] = scope.params as ReadonlyArray<Local<"i32">>
    const stride = (single(p.lane) ?? 0) * p.bytes
    const at = (l: number): number => Math.min(l, lanes - 1) * stride
    const blocks = range(Math.floor(width / 4))
    const rest = range(width % 4).map((l) => 4 * blocks.length + l)
    const loaded = range(4).map((i) => scope.local("v128", `r${i}`))
    const blockOfFour = (j: number): Code => {
      const { code, out } = transposed(scope, loaded)
      return [
        loaded.map((r, l) => r.set(loadFour(p.dtype, from!, at(4 * j + l)))),
        code,
        out.map((v, k) => v128.store(to!, v, 4 * (k * width + 4 * j))),
      ]
    }
    const singles = (l: number): Code => [
      loaded[0]!.set(loadFour(p.dtype, from!, at(l))),
      range(4).map((k) => v128.store32Lane(to!, loaded[0]!, k, 4 * (k * width + l))),
    ]
    return [
      when(
        i32.geU(depth!, 4),
        loop((again) => [
          blocks.map(blockOfFour),
          rest.map(singles),
          from!.set(i32.add(from!, 4 * p.bytes)),
          to!.set(i32.add(to!, 16 * width)),
          branchIf(again, i32.geU(depth!.tee(i32.sub(depth!, 4)), 4)),
        ]),
      ),
      when(
        depth!,
        loop((again) => [
          range(width).map((l) => i32.store(to!, loadOne(p.dtype, from!, at(l)), 4 * l)),
          from!.set(i32.add(from!, p.bytes)),
          to!.set(i32.add(to!, 4 * width)),
          branchIf(again, depth!.tee(i32.sub(depth!, 1))),
        ]),
      ),
    ]
  })

/** Any strides: `from` is the address of lane 0, `offsets` of the others; counters walk over the parts of the depth. */
const gathering = (p: PanelSource, lanes: number, width: number): Func =>
  func("packGather", ["i32", "i32", "i32", "i32"], [], (scope) => {
    const [from, to, depth, first] = scope.params as ReadonlyArray<Local<"i32">>
    const lane = range(width).map((l) => scope.local("i32", `lane${l}`))
    const counts = p.depth.map((_, d) => scope.local("i32", `count${d}`))
    const number = scope.local("i32")
    const laneOffset = (l: number): Code => {
      const rest = scope.local("i32")
      return [
        rest.set(i32.add(first!, Math.min(l, lanes - 1))),
        lane[l]!.set(from!),
        [...p.lane].reverse().map(({ size, stride }, i, all): Code => [
          lane[l]!.set(
            i32.add(lane[l]!, i32.mul(i === all.length - 1 ? rest : i32.remU(rest, size), stride * p.bytes)),
          ),
          i === all.length - 1 ? [] : rest.set(i32.divU(rest, size)),
        ]),
      ]
    }
    /** Moves on by one along the depth: the innermost counter, and outer ones where it is full. */
    const advance = (d: number): Code => {
      const part = p.depth[d]
      if (part === undefined) return []
      const move = (by: number): Code => lane.map((l) => l.set(i32.add(l, by * p.bytes)))
      return [
        move(part.stride),
        d === 0 ? [] : [
          counts[d]!.set(i32.add(counts[d]!, 1)),
          when(i32.eq(counts[d]!, part.size), [
            counts[d]!.set(i32.const(0)),
            move(-part.stride * part.size),
            advance(d - 1),
          ]),
        ],
      ]
    }
    return [
      range(width).map(laneOffset),
      forUp(number, 0, depth!, 1, [
        range(width).map((l) => i32.store(to!, loadOne(p.dtype, lane[l]!, 0), 4 * l)),
        to!.set(i32.add(to!, 4 * width)),
        advance(p.depth.length - 1),
      ]),
    ]
  })

/** Packs a panel of `width` lanes of which `lanes` are there. */
export interface Packer {
  /** Calls it: from the address of lane and depth 0, lane `first`, the whole depth. */
  readonly pack: (
    origin: Value<"i32">,
    first: Value<"i32">,
    to: Value<"i32">,
    depth: number,
  ) => { readonly func: Func; readonly args: ReadonlyArray<Value<"i32">> }
}

/** The packer for a source. */
export const packer = (p: PanelSource, lanes: number, width: number): Packer => {
  const lane = single(p.lane), depth = single(p.depth)
  const narrow = p.dtype === "u8" || p.dtype === "bool"
  if (lane === undefined || depth === undefined || (lane !== 1 && (depth !== 1 || narrow))) {
    const func = gathering(p, lanes, width)
    return { pack: (origin, first, to, n) => ({ func, args: [origin, to, i32.const(n), first] }) }
  }
  const func = lane === 1 ? copying(p, lanes, width) : transposing(p, lanes, width)
  return {
    pack: (origin, first, to, n) => ({
      func,
      args: [i32.add(origin, i32.mul(first, lane * p.bytes)), to, i32.const(n)],
    }),
  }
}
