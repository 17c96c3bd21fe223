/**
 * One rank of a training under MPI: `mpi-training.ts SHAPE STEPS [FOLDER DIES]`. With a folder, rank 0 saves a checkpoint
 * after every step, and rank 1 kills itself before step DIES.
 * @module
 */
import process from "node:process"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { flatten } from "../../core/tensor/tree.ts"
import type { AnyHost } from "../../core/tensor/host.ts"
import { Device, make } from "../../core/device/device.ts"
import { mpi } from "../../core/mesh/mpi/engine.ts"
import { processes } from "../../core/mesh/mesh.ts"
import type { Shape } from "../../core/mesh/shape.ts"
import { wasm } from "../../core/wasm/backend.ts"
import { spreadOver } from "../../models/llama/plan.ts"
import { save } from "../../tasks/checkpoint.ts"
import { folder } from "../../tasks/store.ts"
import { train } from "./mesh-training.ts"

const [shapeText = "", steps = "", out, dies = "0"] = process.argv.slice(2)
const shape = JSON.parse(shapeText) as Shape

const main = Effect.scoped(Effect.gen(function* () {
  const engine = yield* mpi(shape)
  const backend = yield* wasm({ threads: 1, blas: false })
  const device = Layer.effect(Device, make(backend, "a rank", engine))
  const mesh = processes(spreadOver(shape), engine, "mpi")
  const each = (turn: number, state: unknown): Effect.Effect<void, unknown> => {
    if (out === undefined) return Effect.void
    if (engine.rank === 1 && turn + 1 === Number(dies)) return Effect.sync(() => process.kill(process.pid, "SIGKILL"))
    if (engine.rank !== 0) return Effect.void
    const tensors = (flatten(state) as ReadonlyArray<readonly [string, AnyHost]>).map(([name, h]) => ({
      ...{ name, dtype: h.dtype, shape: h.shape, data: h.data },
    }))
    return Effect.asVoid(Effect.provide(save(turn, "a".repeat(64), tensors, 2), folder(out)))
  }
  const values = yield* train(Number(steps), "layer", each).pipe(Effect.provide(Layer.provideMerge(mesh, device)))
  if (engine.rank === 0) process.stdout.write(`values ${JSON.stringify(values)}\n`)
}))

await Effect.runPromise(main as Effect.Effect<void>)
