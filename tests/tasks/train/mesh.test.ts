/** The loop on meshes: all ranks in one program, ranks on fibers, ranks under MPI; each as one rank would. */
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { either as E } from "fp-ts"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { Device, layer, make } from "../../../core/device/device.ts"
import { oracle } from "../../../core/device/oracle.ts"
import { decode } from "../../../core/files/safetensors.ts"
import { together } from "../../../core/mesh/lanes.ts"
import { type Mesh, processes } from "../../../core/mesh/mesh.ts"
import { wasm } from "../../../core/wasm/backend.ts"
import { spreadOver } from "../../../models/llama/plan.ts"
import { events } from "../../../tasks/events.ts"
import { tensorPath } from "../../../tasks/objects.ts"
import { memory, Store } from "../../../tasks/store.ts"
import { train } from "../../../tasks/train/loop.ts"
import { Trained } from "../../../tasks/train/training.ts"
import { type Ended, launch, launcherOf } from "../../core/mesh/mpi/launch.ts"
import { needs } from "../../skip.ts"
import { inDeno } from "./child.ts"
import { journalIn, recipe, training } from "./tiny.ts"

const it = suite("tasks/train/mesh")

type Files = Map<string, Uint8Array>
type Around = Layer.Layer<Device, unknown> | Layer.Layer<Device | Mesh, unknown>

const cpu = layer(wasm({ memory: 2 ** 28, threads: 1, blas: false }))
const short = { ...training, recipe: { ...recipe, steps: 8 }, save: 2 }
const spread = (shape: { readonly data?: number; readonly ring?: number }): typeof short => ({
  ...short,
  plan: { ...short.plan, spread: spreadOver(shape) },
})

const on = (around: Around, t: typeof short, files: Files = new Map()): Promise<Trained> =>
  Effect.runPromise(
    Effect.flatMap(journalIn, (journal) => train(t, journal)).pipe(
      Effect.provide(Layer.mergeAll(events, memory(files), around as Layer.Layer<Device>)),
    ),
  )

/** All learned values, in the order of the file. */
const valuesOf = (files: Files, { parameters }: Trained): ReadonlyArray<number> => {
  const file = decode(files.get(tensorPath(parameters.digest))!)
  if (E.isLeft(file)) throw new Error(file.left[0]!.message)
  return file.right.tensors.flatMap((x) => Array.from(x.data))
}

const near = (got: ReadonlyArray<number>, want: ReadonlyArray<number>, by: number, what: string): void => {
  assert.is(got.length, want.length)
  want.forEach((x, i) => assert.ok(Math.abs(got[i]! - x) <= by, `${what} ${i}: ${got[i]}, not ${x}`))
}
const losses = ({ curve }: Trained): ReadonlyArray<number> => curve.map((p) => p.loss)

const alone: Files = new Map()
const one = await on(cpu, short, alone)

it("all ranks in one program learn what one rank learns", async () => {
  const files: Files = new Map()
  const got = await on(cpu, spread({ data: 2, ring: 2 }), files)
  near(losses(got), losses(one), 1e-5, "loss")
  near(valuesOf(files, got), valuesOf(alone, one), 1e-5, "value")
})

it("in float64 they are the same to twelve places", async () => {
  const device = layer(oracle)
  const shorter = { ...short, recipe: { ...short.recipe, steps: 2 } }
  const [got, want] = [
    await on(device, { ...spread({ data: 2, ring: 2 }), recipe: shorter.recipe }),
    await on(device, shorter),
  ]
  near(losses(got), losses(want), 1e-12, "loss")
})

/** The training on every rank of fibers, each over its files; says who writes. */
const onLanes = (
  files: (rank: number) => Files,
  writes: Array<number>,
  shape: { readonly data: number; readonly ring: number } = { data: 2, ring: 2 },
): Promise<ReadonlyArray<Trained>> => {
  const rank = (engine: Parameters<Parameters<typeof together>[1]>[0]) =>
    Effect.scoped(Effect.gen(function* () {
      const device = Layer.effect(
        Device,
        make(yield* wasm({ memory: 2 ** 28, threads: 1, blas: false }), "a rank", engine),
      )
      const mesh = processes(spreadOver(shape), engine, "lanes")
      const store = yield* Store
      const counting: Store = {
        ...store,
        write: (p, b) =>
          Effect.suspend(() => {
            writes.push(engine.rank)
            return store.write(p, b)
          }),
      }
      return yield* Effect.flatMap(journalIn, (journal) => train(short, journal)).pipe(
        Effect.provide(Layer.merge(events, Layer.provideMerge(mesh, device))),
        Effect.provideService(Store, counting),
      )
    }))
  return Effect.runPromise(
    together(shape, (engine) => rank(engine).pipe(Effect.provide(memory(files(engine.rank))))) as never,
  )
}

const [lanes, writers]: [Files, Array<number>] = [new Map(), []]
const all = await onLanes(() => lanes, writers)

it("ranks that exchange blocks learn it too; only the first writes", () => {
  for (const got of all) assert.equal(got, all[0], "the same digest on every rank")
  near(losses(all[0]!), losses(one), 1e-5, "loss")
  near(valuesOf(lanes, all[0]!), valuesOf(alone, one), 1e-5, "value")
  assert.equal([...new Set(writers)], [0])
})

it("ranks that see other folders say so, before any of them takes a step", async () => {
  const own = (rank: number): Files => new Map(rank === 0 ? lanes : [])
  const said = await onLanes(own, [], { data: 1, ring: 2 }).then(() => "they trained", (e) => String(e.message ?? e))
  assert.match(said, /rank \d goes on from step \d, other ranks from another state; let all ranks see the same --out/)
})

const module = "tests/tasks/train/mpi-rank.ts"
const test = needs(it, launcherOf("openmpi") !== undefined, "there is no Open MPI here", "install openmpi-bin")
const shown = ({ code, out, err }: Ended): string => `code ${code}\n${out}\n${err}`

// four processes that start twice take long in Node; that it speaks to MPI, tests of the models say
if (inDeno) {
  test("four ranks under MPI learn it, also when one of them is killed between two states", async () => {
    const out = await mkdtemp(join(tmpdir(), "orrery-loop-mpi-"))
    const start = (folder: string, ...dies: ReadonlyArray<string>): Promise<Ended> =>
      launch({ kind: "openmpi", ranks: 4, module, args: [join(out, folder), ...dies], seconds: 60 })
    try {
      const killed = await start("torn", "8")
      assert.ok(killed.code !== undefined && killed.code !== 0, shown(killed))
      assert.match(killed.err, /rank 1 of 4/, shown(killed))
      const ended = await start("torn")
      assert.is(ended.code, 0, shown(ended))
      assert.match(ended.out, /^resumed [24]$/m, shown(ended))
      const texts = [...ended.out.matchAll(/^trained (.*)$/gm)].map(([, text]) => text!)
      assert.is(texts.length, 4, shown(ended))
      assert.is(new Set(texts).size, 1, "the same on every rank")
      const read = Trained.decode(JSON.parse(texts[0]!))
      if (E.isLeft(read)) throw new Error(texts[0])
      near(losses(read.right), losses(one), 1e-5, "loss")
      // to the last bit what fibers of one process learn, which nobody interrupted
      assert.equal(read.right, all[0])
    } finally {
      await rm(out, { recursive: true, force: true })
    }
  })
}

it.run()
