/** Runs in parts: what is done when, what the oracle sees, and how runs end that cannot go on. */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { type Allocation, type Backend, type DeviceFault, deviceFault } from "../../../core/device/backend.ts"
import { type Device, make } from "../../../core/device/device.ts"
import type { Engine } from "../../../core/device/engine.ts"
import { oracle } from "../../../core/device/oracle.ts"
import { dot } from "../../../core/graph/build.ts"
import { lanes } from "../../../core/mesh/lanes.ts"
import { boundaries, type Program } from "../../../core/plan/program.ts"
import { f32 } from "../../../core/tensor/spec.ts"
import { wasm } from "../../../core/wasm/backend.ts"
import { agrees, compiledOf, givenOf, hostOf, onRanks, type Opened, type RankProgram } from "./ranks.ts"
import { programs, ringSum } from "./rings.ts"

const it = suite("programs in parts")

const specs = { k: f32("row col", { row: 4, col: 6 }), w: f32("col out", { col: 6, out: 3 }) }

const ring = (ranks: number): RankProgram => ({ shape: { ring: ranks }, specs, body: ringSum(ranks) })

const home = (p: RankProgram, rank: number): object =>
  Object.fromEntries(Object.entries(givenOf(p, rank, 0)).map(([path, v]) => [path, hostOf(p.specs[path]!, v)]))

/** The backend with something done before each part. */
const watched = (backend: Opened, before: (start: number, end: number) => Effect.Effect<void, DeviceFault>): Opened =>
  Effect.map(backend, (b): Backend => ({
    ...b,
    prepare: (program) =>
      Effect.map(b.prepare(program), (ready) => ({
        ...ready,
        part: (inputs, outputs, start, end) =>
          Effect.andThen(before(start, end), ready.part(inputs, outputs, start, end)),
      })),
  }))

/** The engine, with a list of what is under way. */
const counted = (engine: Engine, said: (what: string) => void = () => undefined) => {
  const open = new Set<number>()
  let next = 0
  const watching: Engine = {
    ...engine,
    start: (c, from, to) => {
      const id = next++
      return Effect.map(engine.start(c, from, to), ({ finish }) => {
        said(`start ${id}`)
        open.add(id)
        const over = (): void => {
          said(`finish ${id}`)
          open.delete(id)
        }
        return { finish: Effect.tapError(Effect.tap(finish, () => Effect.sync(over)), () => Effect.sync(over)) }
      })
    },
  }
  return { watching, open }
}

const faultOf = <A, R>(e: Effect.Effect<A, DeviceFault, R>): Effect.Effect<string, never, R> =>
  Effect.match(e, { onFailure: (f) => `${f.reason}: ${f.message}`, onSuccess: () => "it did not fail" })

it("each collective is under way during the part before its result is read", async () => {
  const said: Array<string> = []
  const logged = watched(oracle, (start, end) => Effect.sync(() => void said.push(`part ${start} to ${end}`)))
  const engines = lanes({ ring: 3 }).map((e) => e.rank === 0 ? counted(e, (what) => said.push(what)).watching : e)
  const plain = { engines }
  const one = (e: Engine): Opened => e.rank === 0 ? logged : oracle
  await Effect.runPromise(
    Effect.forEach(plain.engines, (e) => onRanks(ring(3), one(e), { engines: [e] }), { concurrency: "unbounded" }),
  )
  assert.equal(said, [
    ...["start 0", "part 0 to 1", "finish 0", "start 1", "part 1 to 2", "finish 1", "part 2 to 3"],
  ])
})

it("a program with collectives on a device without an engine says what is lacking", async () => {
  const said = await Effect.runPromise(
    Effect.scoped(Effect.gen(function* () {
      const device = yield* make(yield* oracle)
      return yield* faultOf(device.load(compiledOf(ring(2))))
    })),
  )
  assert.match(said, /^mesh: the program has 1 collective, the first among 2 ranks over 'ring', but this device has no/)
  assert.match(said, /make the device with the engine of a mesh, or compile the program for one rank/)
})

it("a program for another mesh says which it was compiled for", async () => {
  const said = (shape: { readonly [axis: string]: number }): Promise<string> =>
    Effect.runPromise(Effect.scoped(Effect.gen(function* () {
      const device = yield* make(yield* oracle, "given", lanes(shape)[0])
      return yield* faultOf(device.load(compiledOf(ring(3))))
    })))
  assert.match(
    await said({ data: 3, ring: 2 }),
    /^mesh: the program was compiled for 3 ranks over 'ring', but the mesh \{ data: 3, ring: 2 \} has 2 ranks there;/,
  )
  assert.match(await said({ data: 3 }), /but the mesh \{ data: 3 \} has no axis 'ring' there; compile it for this mesh/)
})

it("a rank whose device fails takes the others with it by name, and leaves nothing under way", async () => {
  const failing = watched(
    oracle,
    (start) => start === 1 ? Effect.fail(deviceFault("lost", "the device fell over")) : Effect.void,
  )
  const engines = lanes({ ring: 4 }).map((e) => counted(e))
  const said = await Effect.runPromise(
    Effect.forEach(
      engines,
      ({ watching }) =>
        faultOf(onRanks(ring(4), watching.rank === 2 ? failing : oracle, { engines: [watching] }) as Effect.Effect<
          unknown,
          DeviceFault
        >),
      { concurrency: "unbounded" },
    ),
  )
  assert.is(said[2], "lost: the device fell over")
  for (const r of [0, 1, 3]) {
    assert.match(said[r]!, /^mesh: rank 2 left the mesh, so permute over 'ring' cannot be done; the device fell over/)
  }
  for (const { open } of engines) assert.is(open.size, 0)
})

const alone = (engine: Engine, use: (d: Device) => Effect.Effect<void, DeviceFault>): Promise<void> =>
  Effect.runPromise(Effect.scoped(Effect.flatMap(oracle, (b) => Effect.flatMap(make(b, "given", engine), use))))

it("a run that waits can be interrupted; then the others know, and the device is free", async () => {
  const [mine, other] = lanes({ ring: 2 }) as readonly [Engine, Engine]
  const { watching, open } = counted(mine)
  await alone(watching, (device) =>
    Effect.scoped(Effect.gen(function* () {
      const p = ring(2)
      const run = yield* device.load(compiledOf(p))
      const fiber = yield* Effect.forkChild(run(home(p, 0) as never))
      while (open.size === 0) yield* Effect.sleep(1)
      yield* Effect.sleep(5)
      yield* Fiber.interrupt(fiber)
      assert.is(open.size, 0)
      const plain: RankProgram = { shape: { ring: 1 }, specs, body: ({ k, w }) => ({ y: dot(k!, w!, ["col"]) }) }
      yield* (yield* device.load(compiledOf(plain)))(home(plain, 0) as never)
    })))
  const said = await Effect.runPromise(
    faultOf(onRanks(ring(2), oracle, { engines: [other] }) as Effect.Effect<unknown, DeviceFault>),
  )
  assert.match(said, /^mesh: rank 0 left the mesh, .*; its run of a program was interrupted/)
})

it("inputs that do not fit leave the rank in the mesh", async () => {
  const p = ring(2)
  const engines = lanes({ ring: 2 })
  const sums = await Effect.runPromise(Effect.forEach(engines, (e) =>
    Effect.scoped(Effect.gen(function* () {
      const device = yield* make(yield* oracle, "given", e)
      const run = yield* device.load(compiledOf(p))
      const wrong = e.rank === 0 ? yield* faultOf(run({} as never)) : ""
      yield* run(home(p, e.rank) as never)
      return wrong
    })), { concurrency: "unbounded" }))
  assert.match(sums[0]!, /^input: inputs do not fit/)
})

/** Runs one rank's parts on a backend, without exchanging anything. */
const bare = (program: Program, backend: Opened): Effect.Effect<void, DeviceFault> =>
  Effect.scoped(Effect.gen(function* () {
    const b = yield* backend
    const array = (s: Program["inputs"][number]): Effect.Effect<Allocation, DeviceFault> =>
      b.allocate(s.dtype, program.buffers[s.buffer]!.elements)
    const inputs = yield* Effect.forEach(program.inputs, array)
    const outputs = yield* Effect.forEach(program.outputs, array)
    const ready = yield* b.prepare(program)
    const cuts = boundaries(program)
    for (const [i, end] of cuts.slice(1).entries()) yield* ready.part(inputs, outputs, cuts[i]!, end)
  }))

const dies = async (program: Program): Promise<string> => {
  const exit = await Effect.runPromiseExit(bare(program, oracle))
  return JSON.stringify(exit, (_, v) => v instanceof Error ? v.message : v)
}

const program = compiledOf(ring(4)).program
const changed = (...exchanges: ReadonlyArray<readonly [number, Partial<Program["exchanges"][number]>]>): Program => ({
  ...program,
  exchanges: program.exchanges.map((e, i) => ({ ...e, ...exchanges.find(([at]) => at === i)?.[1] })),
})

it("the oracle sees a kernel that reads what is on its way, or stores to what is sent or comes", async () => {
  assert.match(await dies(program), /"Success"/)
  assert.match(await dies(changed([0, { finish: 2 }], [1, { start: 2 }])), /load of what an exchange under way fills/)
  const [step] = program.steps
  const made = step!.tag === "dispatch" ? step!.buffers.at(-1)! : 0
  assert.match(await dies(changed([0, { to: made }])), /store to what an exchange under way uses/)
})

it("the oracle sees what is sent unmade, and what fills what another uses", async () => {
  assert.match(await dies(changed([0, { from: 7 }])), /a collective sends what is not whole: exchange 0, buffer 7/)
  assert.match(
    await dies(changed([1, { start: 0, from: 0, to: program.exchanges[0]!.to }])),
    /fills what another under way/,
  )
})

it("a device runs parts, and no others", async () => {
  const threaded: Opened = Effect.map(wasm({ memory: 2 ** 28, threads: 2, blas: false }), (b) => b as Backend)
  for (const backend of [oracle, threaded]) {
    const said = await Effect.runPromise(Effect.scoped(Effect.gen(function* () {
      const ready = yield* (yield* backend).prepare({ ...program, inputs: [], outputs: [] })
      return [yield* faultOf(ready.run([], [])), yield* faultOf(ready.part([], [], 0, 2))]
    })))
    assert.match(said[0]!, /^mesh: a part from step 0 to 4, but the parts of this program end at 0, 1, 2, 3, 4;/)
    assert.match(said[1]!, /^mesh: a part from step 0 to 2.*run it with an engine/)
  }
})

/** The backend as one whose memory is not the host's, with a count of what is read. */
const afar = (backend: Opened, read: () => void): Opened =>
  Effect.map(backend, (b): Backend => ({
    ...b,
    read: (a) => Effect.andThen(Effect.sync(read), b.read(a)),
    prepare: (program) =>
      Effect.map(b.prepare(program), (ready) => ({
        ...ready,
        buffer: (n, inputs, outputs) => {
          const { data: _, ...allocation } = ready.buffer(n, inputs, outputs)
          return allocation
        },
      })),
  }))

it("on a device with its own memory, a block that only goes on is read once", async () => {
  let reads = 0
  const [engine, ...others] = lanes({ ring: 4 })
  const runs = [
    onRanks(ring(4), afar(oracle, () => reads++), { engines: [engine!] }),
    ...others.map((e) => onRanks(ring(4), oracle, { engines: [e] })),
  ]
  const got = await Effect.runPromise(Effect.all(runs, { concurrency: "unbounded" }))
  // the block itself, and the result
  assert.is(reads, 2)
  const want = await Effect.runPromise(onRanks(ring(4), oracle))
  assert.equal(got.map(([one]) => one), want)
})

it("on a device with its own memory, all programs give the same", async () => {
  for (const [, of] of programs) {
    await agrees({ shape: { ring: 3 }, ...of(3) }, afar(oracle, () => undefined), 1e-12, 2)
  }
})

it("threads run parts too", async () => {
  const threaded: Opened = Effect.map(wasm({ memory: 2 ** 28, threads: 2, blas: false }), (b) => b as Backend)
  const [got, want] = await Promise.all([
    Effect.runPromise(onRanks(ring(2), threaded)),
    Effect.runPromise(onRanks(ring(2), oracle)),
  ])
  for (const [r, { sum }] of want.entries()) {
    sum!.forEach((x, i) => assert.ok(Math.abs(x - got[r]!["sum"]![i]!) < 1e-5))
  }
})

it.run()
