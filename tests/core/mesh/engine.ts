/**
 * What every engine must do, whatever carries its blocks. A check is what one rank does: every rank's data follow from its
 * number, so each rank knows by itself what it must get. `conforms` runs all ranks of small meshes in one process; where
 * a rank is a process of its own, it runs `checks` of its mesh with its own engine, as all others do.
 *
 *     for (const { name, body } of checks(engine.shape)) await Effect.runPromise(body(engine))
 * @module
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { either as E } from "fp-ts"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import type { Block, Engine, MeshFault, Pending } from "../../../core/device/engine.ts"
import type { Collective } from "../../../core/graph/collective.ts"
import { type Group, memberOf } from "../../../core/mesh/group.ts"
import { ranksAlong, ranksOf, type Shape } from "../../../core/mesh/shape.ts"
import type { DType, HostArray } from "../../../core/tensor/dtype.ts"
import { load, store } from "../../../core/tensor/host.ts"

/** What one rank does; it dies where it gets something else than it must. */
export interface Check {
  readonly name: string
  readonly body: (engine: Engine) => Effect.Effect<void, MeshFault>
}

/** Runs a body on all ranks of a mesh. */
export type Open = <A>(
  shape: Shape,
  body: (engine: Engine) => Effect.Effect<A, MeshFault>,
) => Effect.Effect<ReadonlyArray<A>, MeshFault>

// -----------------------------------------------------------------------------
// data
// -----------------------------------------------------------------------------

/** How the elements of a block lie. */
interface Form {
  readonly name: string
  readonly dtype: DType
  /** As the oracle holds floats. */
  readonly double?: boolean
  /** In memory that threads share, away from its beginning. */
  readonly shared?: boolean
  /** Smallest and largest number in a block. Sums of floats are exact: whole and small. */
  readonly from: number
  readonly to: number
}

const forms: ReadonlyArray<Form> = [
  { name: "f32", dtype: "f32", from: -20, to: 20 },
  { name: "f16", dtype: "f16", from: -20, to: 20 },
  { name: "bf16", dtype: "bf16", from: -20, to: 20 },
  { name: "f32 in float64", dtype: "f32", double: true, from: -20, to: 20 },
  { name: "bf16 in float64", dtype: "bf16", double: true, from: -20, to: 20 },
  { name: "i32", dtype: "i32", from: -1e6, to: 1e6 },
  { name: "u32", dtype: "u32", from: 0, to: 2 ** 32 - 1 },
  { name: "u8", dtype: "u8", from: 0, to: 255 },
  { name: "bool", dtype: "bool", from: 0, to: 1 },
  { name: "f32 in shared memory", dtype: "f32", shared: true, from: -20, to: 20 },
  { name: "f16 in shared memory", dtype: "f16", shared: true, from: -20, to: 20 },
]

/** Whole numbers that follow from a rank and a seed. */
const numbersOf = ({ from, to }: Form, rank: number, seed: number, n: number): ReadonlyArray<number> => {
  let x = Math.imul(rank + 1, 2654435761) ^ Math.imul(seed + 1, 40503)
  return Array.from({ length: n }, () => {
    x = Math.imul(x, 1664525) + 1013904223 >>> 0
    return from + Math.floor((x / 2 ** 32) * (to - from + 1))
  })
}

/** A block of these numbers. */
const blockOf = ({ dtype, double, shared }: Form, numbers: ReadonlyArray<number>): Block => {
  if (double) return { dtype, data: Float64Array.from(numbers) }
  const data = store(dtype, numbers)
  if (!shared) return { dtype, data }
  const there = new (data.constructor as new (b: SharedArrayBuffer, at: number, n: number) => HostArray)(
    new SharedArrayBuffer(data.byteLength + 128),
    64,
    data.length,
  )
  there.set(data)
  return { dtype, data: there }
}

const same = ({ dtype, data }: Block, want: ReadonlyArray<number>, what: string): void => {
  const got = load(dtype, data)
  const at = want.findIndex((x, i) => x !== got[i])
  assert.ok(got.length === want.length && at < 0, `${what}: element ${at} is ${got[at]}, not ${want[at]}`)
}

/** Sums of the dtype: whole numbers wrap. */
const wrapped = (dtype: DType, x: number): number =>
  dtype === "i32" ? x | 0 : dtype === "u32" ? x >>> 0 : dtype === "u8" ? x & 255 : x

// -----------------------------------------------------------------------------
// what must come
// -----------------------------------------------------------------------------

const modulo = (n: number, m: number): number => ((n % m) + m) % m

/** What the rank at `place` gets when the ranks of its group bring `all`, by place. */
const expected = (
  c: Collective,
  dtype: DType,
  all: ReadonlyArray<ReadonlyArray<number>>,
  place: number,
): ReadonlyArray<number> => {
  const each = (of: (column: ReadonlyArray<number>) => number): ReadonlyArray<number> =>
    all[0]!.map((_, i) => of(all.map((x) => x[i]!)))
  const total = (column: ReadonlyArray<number>): number => wrapped(dtype, column.reduce((a, b) => a + b))
  switch (c.kind) {
    case "permute":
      return all[modulo(place - c.shift, all.length)]!
    case "allReduce":
      return each(c.fn === "sum" ? total : (column) => Math.max(...column))
    case "allGather":
      return all.flat()
    case "reduceScatter": {
      const n = all[0]!.length / all.length
      return each(total).slice(place * n, (place + 1) * n)
    }
    case "broadcast":
      return all[c.root]!
  }
}

/** A collective under way, and what must have come when it is finished. */
interface Begun {
  readonly pending: Pending
  readonly check: () => void
}

const right = <A>(e: E.Either<string, A>): A => {
  if (E.isRight(e)) return e.right
  throw new Error(e.left)
}

/** Starts a collective of `n` elements, or of `n` for each rank where it scatters. */
const begin = (engine: Engine, c: Collective, form: Form, n: number, seed: number): Effect.Effect<Begun, MeshFault> =>
  Effect.gen(function* () {
    const { ranks, place } = right(memberOf(engine.shape, engine.rank, c.over))
    const given = c.kind === "reduceScatter" ? n * c.ranks : n
    const all = ranks.map((rank) => numbersOf(form, rank, seed, given))
    const want = expected(c, form.dtype, all, place)
    const from = blockOf(form, all[place]!)
    const to = blockOf(form, want.map(() => 0))
    const pending = yield* engine.start(c, from, to)
    return {
      pending,
      check: () => {
        same(to, want, `${c.kind} of ${n} ${form.name}, rank ${engine.rank}`)
        same(from, all[place]!, `what is sent in a ${c.kind} stays as it was`)
      },
    }
  })

const through = (engine: Engine, c: Collective, form: Form, n: number, seed = n): Effect.Effect<void, MeshFault> =>
  Effect.gen(function* () {
    const { pending, check } = yield* begin(engine, c, form, n, seed)
    yield* pending.finish
    check()
  })

// -----------------------------------------------------------------------------
// checks
// -----------------------------------------------------------------------------

const lengths = [1, 7, 130]

/** A collective of each kind, by a group of so many ranks. */
const kinds = (over: ReadonlyArray<string>, ranks: number): ReadonlyArray<readonly [string, Collective]> => [
  ["permute by 1", { kind: "permute", over, ranks, shift: 1 }],
  ["all-reduce, sum", { kind: "allReduce", over, ranks, fn: "sum" }],
  ["all-reduce, max", { kind: "allReduce", over, ranks, fn: "max" }],
  ["all-gather", { kind: "allGather", over, ranks, axis: "rank" }],
  ["reduce-scatter", { kind: "reduceScatter", over, ranks, axis: "rank" }],
  ["broadcast from the last", { kind: "broadcast", over, ranks, root: ranks - 1 }],
]

/** The same by all shifts and from all roots. */
const others = (over: ReadonlyArray<string>, ranks: number): ReadonlyArray<Collective> => [
  ...[0, -1, 2, -3, ranks, ranks + 1, -5 * ranks - 2].map((shift) =>
    ({ kind: "permute", over, ranks, shift }) as const
  ),
  ...Array.from({ length: ranks }, (_, root) => ({ kind: "broadcast", over, ranks, root }) as const),
]

const folds = (c: Collective): boolean => c.kind === "allReduce" || c.kind === "reduceScatter"

/** Many at once, of different kinds and sizes, finished in an order that each rank chooses for itself. */
const crowd = (over: ReadonlyArray<string>, ranks: number) => (engine: Engine): Effect.Effect<void, MeshFault> =>
  Effect.gen(function* () {
    const all = [...kinds(over, ranks).map(([, c]) => c), ...others(over, ranks)]
    const begun: Array<Begun> = []
    for (const [i, c] of all.entries()) begun.push(yield* begin(engine, c, forms[0]!, 1 + (37 * i) % 500, i))
    const orders = [begun.length - 1, 1, 7, 3].map((step) =>
      begun.map((_, i) => (i * step + engine.rank) % begun.length)
    )
    const order = [...new Set([...orders[engine.rank % orders.length]!, ...begun.keys()])]
    for (const i of order) yield* begun[i]!.pending.finish
    for (const { check } of begun) check()
  })

/** A ring sum: what came last goes on, while the sum is taken. */
const ring = (over: ReadonlyArray<string>, ranks: number) => (engine: Engine): Effect.Effect<void, MeshFault> =>
  Effect.gen(function* () {
    const { place } = right(memberOf(engine.shape, engine.rank, over)) as Group
    const c: Collective = { kind: "permute", over, ranks, shift: 1 }
    let held: Block = { dtype: "i32", data: Int32Array.of(place, place * place) }
    const sum = [0, 0]
    for (let turn = 0; turn < ranks; turn++) {
      const next: Block = { dtype: "i32", data: new Int32Array(2) }
      const pending = yield* engine.start(c, held, next)
      sum.forEach((_, i) => sum[i]! += held.data[i]!)
      yield* pending.finish
      held = next
    }
    const all = Array.from({ length: ranks }, (_, i) => i)
    assert.equal(sum, [all.reduce((s, x) => s + x, 0), all.reduce((s, x) => s + x * x, 0)])
    assert.equal(Array.from(held.data), [place, place * place], "after a whole turn everybody has his own again")
  })

/** Sums that have to be rounded: near the true sum, and the same bits on all ranks. */
const rounded = (over: ReadonlyArray<string>, ranks: number) => (engine: Engine): Effect.Effect<void, MeshFault> =>
  Effect.gen(function* () {
    const n = 1003
    const group = right(memberOf(engine.shape, engine.rank, over))
    const of = (rank: number): Float32Array =>
      Float32Array.from({ length: n }, (_, i) => Math.sin(1 + i * (rank + 2)) / 3)
    const own = of(engine.rank)
    const to = new Float32Array(n)
    const sum = yield* engine.start(
      { kind: "allReduce", over, ranks, fn: "sum" },
      { dtype: "f32", data: own },
      { dtype: "f32", data: to },
    )
    yield* sum.finish
    const all = group.ranks.map(of)
    const truth = own.map((_, i) => all.reduce((s, x) => s + x[i]!, 0))
    assert.ok(to.every((x, i) => Math.abs(x - truth[i]!) <= ranks * 1e-7), "near the sum")
    const seen = new Uint32Array(n * ranks)
    const gather = yield* engine.start(
      { kind: "allGather", over, ranks, axis: "rank" },
      { dtype: "u32", data: new Uint32Array(to.buffer) },
      { dtype: "u32", data: seen },
    )
    yield* gather.finish
    assert.ok(seen.every((bits, i) => bits === seen[i % n]), "the same bits on all ranks")
  })

/** Waiting may be given up, and begun again. */
const again = (over: ReadonlyArray<string>, ranks: number) => (engine: Engine): Effect.Effect<void, MeshFault> =>
  Effect.gen(function* () {
    const { pending, check } = yield* begin(engine, { kind: "permute", over, ranks, shift: 1 }, forms[0]!, 9, 3)
    const fiber = yield* Effect.forkChild(pending.finish)
    yield* Fiber.interrupt(fiber)
    yield* pending.finish
    yield* pending.finish
    check()
  })

/** The groups of a mesh: over each axis, and over all, in both orders. */
const groups = (shape: Shape): ReadonlyArray<ReadonlyArray<string>> => {
  const axes = Object.keys(shape)
  return axes.length < 2 ? [axes] : [...axes.map((a) => [a]), axes, [...axes].reverse()]
}

/** All that ranks of a mesh of that shape check together. */
export const checks = (shape: Shape): ReadonlyArray<Check> =>
  groups(shape).flatMap((over) => {
    const ranks = ranksAlong(shape, over)
    const among = `${ranks} over ${over.join(", ")}`
    return [
      ...kinds(over, ranks).flatMap(([name, c]): ReadonlyArray<Check> => [{
        name: `${among}: ${name}, all dtypes and lengths`,
        body: (engine) =>
          Effect.gen(function* () {
            for (const form of forms) {
              if (folds(c) && form.dtype === "bool") continue
              for (const n of lengths) yield* through(engine, c, form, n)
            }
          }),
      }]),
      {
        name: `${among}: large blocks`,
        body: (engine: Engine) =>
          Effect.forEach(kinds(over, ranks), ([, c]) => through(engine, c, forms[0]!, 20_011), { discard: true }),
      },
      {
        name: `${among}: all shifts and roots`,
        body: (engine: Engine) =>
          Effect.forEach(others(over, ranks), (c) => through(engine, c, forms[1]!, 7), { discard: true }),
      },
      { name: `${among}: many under way, finished in another order`, body: crowd(over, ranks) },
      { name: `${among}: a ring sum`, body: ring(over, ranks) },
      { name: `${among}: sums are the same bits on all ranks`, body: rounded(over, ranks) },
      { name: `${among}: a wait that is given up and begun again`, body: again(over, ranks) },
    ]
  })

/** Meshes small enough for one process. */
export const shapes: ReadonlyArray<Shape> = [
  { ring: 1 },
  { ring: 2 },
  { ring: 3 },
  { ring: 4 },
  { data: 2, ring: 2 },
  { data: 1, ring: 3 },
]

/** Registers and runs all checks of an engine whose ranks can live in one process. */
export const conforms = (name: string, open: Open): void => {
  const it = suite(`engine: ${name}`)
  for (const shape of shapes) {
    for (const check of checks(shape)) {
      it(`${ranksOf(shape)} ranks, ${check.name}`, () =>
        Effect.runPromise(open(shape, check.body)).then(() => undefined))
    }
  }
  it.run()
}
