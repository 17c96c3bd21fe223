/** Attention with gradients, and decoding from a cache of any storage, compiled for the webgpu device. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { suite } from "uvu"
import { make } from "../../../core/device/device.ts"
import { webgpu } from "../../../core/device/webgpu.ts"
import { attentionGraphs, decodingGraphs } from "../../ops/attention-graphs.ts"
import { needs } from "../../skip.ts"
import { agree, type Tolerance } from "./compiled.ts"

const it = suite("attention compiled for webgpu")

const implementation = "gpu" in (globalThis.navigator ?? {}) ? "navigator" : "dawn"
const opened = webgpu({ implementation })
const found = await Effect.runPromiseExit(Effect.scoped(Effect.map(opened, (b) => b.info)))
const remedy = "bash .ci/vulkan installs a software Vulkan"
const gpu = needs(it, Exit.isSuccess(found), `${implementation} finds no adapter`, remedy)

/** Only the order of sums and the device's functions differ; its exp may be off by a few units. */
const close: Tolerance = () => 1e-4

/** What is appended to a cache of halves is rounded, which the meaning of the graph leaves out. */
const stored: Tolerance = () => 2 ** -8

gpu("means what its graph means, with gradients", () =>
  Effect.runPromise(Effect.scoped(Effect.gen(function* () {
    const device = yield* make(yield* opened)
    yield* Effect.promise(() => agree(device, attentionGraphs, 3, 7, close))
  }))))

gpu("decodes from a cache of any storage", () =>
  Effect.runPromise(Effect.scoped(Effect.gen(function* () {
    const device = yield* make(yield* opened)
    yield* Effect.promise(() => agree(device, decodingGraphs, 4, 8, stored))
  }))))

it.run()
