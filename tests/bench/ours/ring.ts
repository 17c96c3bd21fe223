/**
 * One rank of a ring that attends to a sequence together: ring.ts FOLDER TIME REPEATS RANKS THREADS. With one rank it is
 * started as it is, with more by a launcher of MPI. Prints one line of JSON a rank: of each part and layout how long all,
 * computing and waiting for others took, and how long the same transfers take with nothing beside them.
 * @module
 */
import { closeSync, openSync, writeSync } from "node:fs"
import process from "node:process"
import * as Effect from "effect/Effect"
import type { Allocation, DeviceFault } from "../../../core/device/backend.ts"
import type { Engine } from "../../../core/device/engine.ts"
import { inParts } from "../../../core/device/exchange.ts"
import { valueAndGrad } from "../../../core/grad/grad.ts"
import { mpi, type MpiEngine } from "../../../core/mesh/mpi/engine.ts"
import { type Layout, placesOf, runsOf } from "../../../core/mesh/shape.ts"
import { compile } from "../../../core/plan/compile.ts"
import type { Program } from "../../../core/plan/program.ts"
import type { HostArray } from "../../../core/tensor/dtype.ts"
import { f32, i32 } from "../../../core/tensor/spec.ts"
import type { F32, I32 } from "../../../core/tensor/tensor.ts"
import { wasm } from "../../../core/wasm/backend.ts"
import { mul } from "../../../ops/elementwise.ts"
import { sum } from "../../../ops/reduction.ts"
import { ringAttention } from "../../../ops/ring.ts"
import {
  errorOf,
  type Expected,
  expected,
  fileOf,
  floats,
  head,
  heads,
  type Input,
  type Output,
  outputs,
  type Part,
} from "../attention.ts"
import { must } from "./session.ts"

const [folder = ".", ...numbers] = process.argv.slice(2)
const [time = 2048, repeats = 5, ranks = 1, threads = 1] = numbers.map(Number)
const own = time / ranks

type X = F32<"group time head">
type Wires = { readonly q: X; readonly k: X; readonly v: X }

const x = f32("group time head", { group: heads, time: own, head })
const specs = { q: x, k: x, v: x, positions: i32("time", { time: own }) }

const programs: { readonly [P in Part]: () => Program } = {
  forward: () =>
    must(compile(({ q, k, v, positions }) => ({
      out: ringAttention(q, k, v, { ranks }, { causal: true, positions: positions as I32<"time"> }),
    }), specs)),
  gradient: () =>
    must(compile(({ q, k, v, w, positions }) => {
      const options = { causal: true, positions: positions as I32<"time"> }
      const loss = (x: Wires) => sum(mul(ringAttention(x.q, x.k, x.v, { ranks }, options), w), "group time head")
      const { q: dq, k: dk, v: dv } = valueAndGrad(loss)({ q, k, v }).gradient
      return { dq, dk, dv }
    }, { ...specs, w: x })),
}

// -----------------------------------------------------------------------------
// what this rank has of the sequence
// -----------------------------------------------------------------------------

const given = (layout: Layout, rank: number) => (path: string): HostArray => {
  const places = placesOf(layout, time, ranks, rank)
  if (path === "positions") return Int32Array.from(places)
  const whole = floats(fileOf(folder, time, path as Input)), mine = new Float32Array(heads * own * head)
  for (let h = 0; h < heads; h++) {
    places.forEach((place, i) => {
      mine.set(whole.subarray((h * time + place) * head, (h * time + place + 1) * head), (h * own + i) * head)
    })
  }
  return mine
}

/** Writes this rank's part of a result into the file that all ranks share. */
const leave = (layout: Layout, rank: number, name: Output, data: Float32Array): void => {
  const file = openSync(fileOf(folder, time, name), "r+")
  for (let h = 0; h < heads; h++) {
    let at = 0
    for (const { start, step, count } of runsOf(layout, time, ranks, rank)) {
      const length = step === 1 ? count : 1
      for (let i = 0; i < count; i += length, at += length) {
        const part = data.slice((h * own + at) * head, (h * own + at + length) * head)
        writeSync(file, new Uint8Array(part.buffer), 0, part.byteLength, (h * time + start + i * step) * head * 4)
      }
    }
  }
  closeSync(file)
}

// -----------------------------------------------------------------------------
// a run, and where its time goes
// -----------------------------------------------------------------------------

interface Clock {
  computed: number
  waited: number
}

const timed = <A, F>(add: (milliseconds: number) => void, what: Effect.Effect<A, F>): Effect.Effect<A, F> =>
  Effect.suspend(() => {
    const start = performance.now()
    return Effect.tap(what, () => Effect.sync(() => add(performance.now() - start)))
  })

/** The engine, with what is spent in it on the clock: starting too, as nothing is computed meanwhile. */
const watched = (engine: Engine, clock: Clock): Engine => {
  const add = (milliseconds: number): void => void (clock.waited += milliseconds)
  return {
    ...engine,
    start: (c, from, to) =>
      Effect.map(timed(add, engine.start(c, from, to)), ({ finish }) => ({ finish: timed(add, finish) })),
  }
}

const median = (values: ReadonlyArray<number>): number => [...values].sort((a, b) => a - b)[values.length >> 1]!

const one = (engine: MpiEngine | undefined, part: Part, layout: Layout, rows: () => ReadonlyArray<Expected>) =>
  Effect.scoped(Effect.gen(function* () {
    const rank = engine?.rank ?? 0
    const meet = engine === undefined
      ? Effect.void
      : Effect.mapError(engine.barrier, ({ message }) => new Error(message))
    const program = programs[part](), device = yield* wasm({ threads })
    const inputs: Array<Allocation<{ readonly address: number }>> = [], made: typeof inputs = []
    const read = given(layout, rank)
    for (const { dtype, path, shape } of program.inputs) {
      const place = yield* device.allocate(dtype, shape.reduce((a, b) => a * b, 1))
      yield* device.write(place, read(path))
      inputs.push(place)
    }
    for (const { dtype, shape } of program.outputs) {
      made.push(yield* device.allocate(dtype, shape.reduce((a, b) => a * b, 1)))
    }
    const clock: Clock = { computed: 0, waited: 0 }
    const computed = (milliseconds: number): void => void (clock.computed += milliseconds)
    const ready = yield* device.prepare(program)
    const whole: Effect.Effect<void, DeviceFault> = engine === undefined || program.exchanges.length === 0
      ? timed(computed, ready.run(inputs, made))
      : inParts(program, {
        backend: device as never,
        engine: watched(engine, clock),
        ready: {
          ...ready,
          part: (...args: Parameters<typeof ready.part>) => timed(computed, ready.part(...args)),
        } as never,
      })(inputs, made, (e) => e)
    const runs: Array<{ readonly all: number; readonly used: number } & Readonly<Clock>> = []
    for (let i = 0; i <= repeats; i++) {
      Object.assign(clock, { computed: 0, waited: 0 })
      yield* meet
      const start = performance.now(), before = process.cpuUsage()
      yield* whole
      const { user, system } = process.cpuUsage(before)
      if (i > 0) runs.push({ all: performance.now() - start, used: (user + system) / 1000, ...clock })
    }
    const bare: Array<number> = []
    for (let i = 0; i <= 3 && engine !== undefined; i++) {
      yield* meet
      const start = performance.now()
      for (const { collective, from, to } of program.exchanges) {
        const [a, b] = [from, to].map((n) => {
          const { dtype, elements, data } = ready.buffer(n, inputs, made)
          return { dtype, data: data ?? new Float32Array(elements) }
        })
        yield* Effect.flatMap(engine.start(collective, a!, b!), ({ finish }) => finish)
      }
      if (i > 0) bare.push(performance.now() - start)
    }
    // Sending what lay in the buffers spoils them, so what is checked is computed once more.
    yield* meet
    yield* whole
    for (const [i, name] of outputs[part].entries()) {
      const at = program.outputs.findIndex((o) => o.path === name)
      leave(layout, rank, name, (yield* device.read(made[at < 0 ? i : at]!)) as Float32Array)
    }
    yield* meet
    const error = rank === 0 ? errorOf(folder, time, rows()) : undefined
    yield* meet
    const middle = (of: (run: (typeof runs)[number]) => number): number => median(runs.map(of))
    return {
      ...{ part, layout, error, sent: program.forecast.sent, exchanges: program.exchanges.length },
      all: middle((r) => r.all),
      best: Math.min(...runs.map((r) => r.all)),
      computed: middle((r) => r.computed),
      used: middle((r) => r.used),
      waited: middle((r) => r.waited),
      bare: bare.length === 0 ? 0 : median(bare),
    }
  }))

const main = Effect.scoped(Effect.gen(function* () {
  const engine = ranks === 1 ? undefined : yield* mpi({ ring: ranks })
  const layouts: ReadonlyArray<Layout> = ranks === 1 ? ["contiguous"] : ["contiguous", "zigzag"]
  const results: Array<unknown> = []
  for (const part of ["forward", "gradient"] as const) {
    const known: Array<ReadonlyArray<Expected>> = []
    const rows = (): ReadonlyArray<Expected> => known[0] ??= expected(folder, time, part)
    for (const layout of layouts) results.push(yield* one(engine, part, layout, rows))
  }
  return { version: "0.1.0", rank: engine?.rank ?? 0, with: engine?.description ?? "one process", results }
}))

const line = JSON.stringify(await Effect.runPromise(main as Effect.Effect<unknown, unknown>))
process.stdout.write(line + "\n")
