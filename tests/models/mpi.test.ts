/** The same training under a real MPI: the losses of one process, on two and four ranks, over ring and data. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { Device, make } from "../../core/device/device.ts"
import { together } from "../../core/mesh/lanes.ts"
import { processes, single } from "../../core/mesh/mesh.ts"
import type { Shape } from "../../core/mesh/shape.ts"
import { wasm } from "../../core/wasm/backend.ts"
import { spreadOver } from "../../models/llama/plan.ts"
import { type Ended, launch, launcherOf } from "../core/mesh/mpi/launch.ts"
import { needs } from "../skip.ts"
import { train } from "./mesh-training.ts"

const it = suite("models/mpi")
const module = "tests/models/mpi-training.ts"
const steps = 3
const shown = ({ code, out, err }: Ended): string => `code ${code}\n${out}\n${err}`

let known: Promise<ReadonlyArray<number>> | undefined
const expected = (): Promise<ReadonlyArray<number>> =>
  known ??= Effect.runPromise(Effect.scoped(
    train(steps).pipe(
      Effect.provide(Layer.provideMerge(
        single,
        Layer.effect(Device, Effect.flatMap(wasm({ memory: 2 ** 28, threads: 1, blas: false }), (b) => make(b))),
      )),
    ),
  ))

const test = needs(it, launcherOf("openmpi") !== undefined, "there is no Open MPI here", "install openmpi-bin")

for (const shape of [{ data: 1, ring: 2 }, { data: 1, ring: 4 }, { data: 2, ring: 2 }]) {
  const ranks = shape.data * shape.ring
  test(`mpirun -n ${ranks} with data ${shape.data} and ring ${shape.ring} gives the losses of one process`, async () => {
    const ended = await launch({
      ...{ kind: "openmpi", ranks, module, args: [JSON.stringify(shape), String(steps)], seconds: 90 },
    })
    assert.is(ended.code, 0, shown(ended))
    const got = JSON.parse(/^values (.*)$/m.exec(ended.out)?.[1] ?? "[]") as ReadonlyArray<number>
    const wanted = await expected()
    assert.is(got.length, wanted.length, shown(ended))
    wanted.forEach((x, i) => assert.ok(Math.abs(got[i]! - x) <= 2e-5, `value ${i}: expected ${x}, got ${got[i]}`))
  })
}

/** The same on fibers of this process. */
const lanes = (shape: Shape): Promise<ReadonlyArray<ReadonlyArray<number>>> =>
  Effect.runPromise(together(shape, (engine) =>
    Effect.scoped(Effect.gen(function* () {
      const device = Layer.effect(
        Device,
        make(yield* wasm({ memory: 2 ** 28, threads: 1, blas: false }), "a rank", engine),
      )
      const mesh = processes(spreadOver(shape), engine, "lanes")
      return yield* train(steps).pipe(Effect.provide(Layer.provideMerge(mesh, device)))
    })) as never)) as unknown as Promise<ReadonlyArray<ReadonlyArray<number>>>

const other = needs(it, launcherOf("mpich") !== undefined, "there is no MPICH here", "install mpich")

other("under MPICH it is, to the last bit, what fibers of one process learn", async () => {
  const shape = { data: 1, ring: 2 }
  const ended = await launch({
    kind: "mpich",
    ranks: 2,
    module,
    args: [JSON.stringify(shape), String(steps)],
    seconds: 90,
  })
  assert.is(ended.code, 0, shown(ended))
  assert.equal(JSON.parse(/^values (.*)$/m.exec(ended.out)?.[1] ?? "[]"), (await lanes(shape))[0])
})

it.run()
