/** Tuning on the device gives a tuning that the device can run. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { openGpu } from "../../../core/device/webgpu/open.ts"
import { tune } from "../../../core/device/webgpu/tune.ts"
import { within } from "../../../core/wgsl/capability.ts"
import { needs } from "../../skip.ts"

const it = suite("tuning")

const implementation = "gpu" in (globalThis.navigator ?? {}) ? "navigator" : "dawn"
const found = await Effect.runPromiseExit(Effect.scoped(openGpu({ implementation })))
const gpu = needs(it, Exit.isSuccess(found), "no adapter", "bash .ci/vulkan installs a software Vulkan")

gpu(
  "measures every candidate and keeps within the limits",
  () =>
    Effect.runPromise(Effect.scoped(Effect.gen(function* () {
      const open = yield* openGpu({ implementation })
      const { tuning, trials } = yield* tune(open, { edge: 16, elements: 2048, span: 0 })
      assert.equal(within(tuning, open.capability), tuning)
      assert.ok(tuning.tiles.length > 0)
      for (const choice of ["tile", "map", "row", "perLane"]) {
        const some = trials.filter((t) => t.choice === choice)
        assert.ok(some.length >= 4, `${choice}: ${some.length} candidates`)
        for (const t of some) assert.ok(Number.isFinite(t.seconds) && t.seconds > 0, JSON.stringify(t))
      }
      assert.ok(trials.filter((t) => t.choice === "held" && Number.isFinite(t.seconds)).length >= 2)
      const areas = tuning.tiles.map((t) => t.rows * t.cols)
      assert.equal(areas, [...areas].sort((a, b) => b - a), "largest first")
    }))),
)

it.run()
