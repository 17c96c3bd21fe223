/**
 * One rank of a training under MPI, over two ranks of data and two of a ring: `mpi-rank.ts FOLDER [DIES]`. All ranks see
 * the folder; rank 1 kills itself when it makes the rows of step DIES, which is some steps before it takes them.
 * @module
 */
import { writeSync } from "node:fs"
import process from "node:process"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { Device, make } from "../../../core/device/device.ts"
import { processes } from "../../../core/mesh/mesh.ts"
import { mpi } from "../../../core/mesh/mpi/engine.ts"
import { wasm } from "../../../core/wasm/backend.ts"
import { spreadOver } from "../../../models/llama/plan.ts"
import type { Batches } from "../../../tasks/data/example.ts"
import { events, heardBy } from "../../../tasks/events.ts"
import { folder } from "../../../tasks/store.ts"
import { train } from "../../../tasks/train/loop.ts"
import { Trained } from "../../../tasks/train/training.ts"
import { journalIn, recipe, training } from "./tiny.ts"

const [out = "", dies] = process.argv.slice(2)
const shape = { data: 2, ring: 2 }

await Effect.runPromise(
  Effect.scoped(Effect.gen(function* () {
    const engine = yield* mpi(shape)
    const device = Layer.effect(
      Device,
      make(yield* wasm({ memory: 2 ** 28, threads: 1, blas: false }), "a rank", engine),
    )
    const mesh = processes(spreadOver(shape), engine, "mpi")
    const dying = engine.rank === 1 && dies !== undefined
    const batches: Batches = {
      from: (position) =>
        Stream.tap(training.batches.from(position), ({ after }) =>
          Effect.sync(() => {
            // rows are read ahead: the rank dies before it takes these
            if (dying && after === Number(dies) + 1) process.kill(process.pid, "SIGKILL")
          })),
    }
    const t = { ...training, recipe: { ...recipe, steps: 8 }, save: 2, batches }
    const trained = yield* heardBy(train(t, yield* journalIn), [
      (e) => Effect.sync(() => e._tag === "Resumed" ? void writeSync(1, `resumed ${e.step}\n`) : undefined),
    ]).pipe(Effect.provide(Layer.mergeAll(events, Layer.provideMerge(mesh, device))))
    writeSync(1, `trained ${JSON.stringify(Trained.encode(trained))}\n`)
  })).pipe(Effect.provide(folder(out))),
)
