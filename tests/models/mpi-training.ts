/**
 * One rank of a training under MPI: `mpi-training.ts SHAPE STEPS`.
 * @module
 */
import process from "node:process"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Device, make } from "../../core/device/device.ts"
import { mpi } from "../../core/mesh/mpi/engine.ts"
import { processes } from "../../core/mesh/mesh.ts"
import type { Shape } from "../../core/mesh/shape.ts"
import { wasm } from "../../core/wasm/backend.ts"
import { spreadOver } from "../../models/llama/plan.ts"
import { train } from "./mesh-training.ts"

const [shapeText = "", steps = ""] = process.argv.slice(2)
const shape = JSON.parse(shapeText) as Shape

const main = Effect.scoped(Effect.gen(function* () {
  const engine = yield* mpi(shape)
  const backend = yield* wasm({ memory: 2 ** 28, threads: 1, blas: false })
  const device = Layer.effect(Device, make(backend, "a rank", engine))
  const mesh = processes(spreadOver(shape), engine, "mpi")
  const values = yield* train(Number(steps), "layer").pipe(Effect.provide(Layer.provideMerge(mesh, device)))
  if (engine.rank === 0) process.stdout.write(`values ${JSON.stringify(values)}\n`)
}))

await Effect.runPromise(main as Effect.Effect<void>)
