/** Attention and decoding on a GPU: what their graphs mean, compiled. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { suite } from "uvu"
import { make } from "../../core/device/device.ts"
import { webgpu } from "../../core/device/webgpu.ts"
import { agree, type Tolerance } from "../core/device/compiled.ts"
import { needs } from "../skip.ts"
import { attentionGraphs, decodingGraphs } from "./attention-graphs.ts"

const it = suite("attention on webgpu")

const implementation = "gpu" in (globalThis.navigator ?? {}) ? "navigator" : "dawn"
const found = await Effect.runPromiseExit(Effect.scoped(webgpu({ implementation })))
const gpu = needs(it, Exit.isSuccess(found), "no adapter", "bash .ci/vulkan installs a software Vulkan")

/** Only the order of sums differs, and the exponential in its last bits. */
const exact: Tolerance = () => 1e-5

/** What is appended to a cache of halves is rounded, which the meaning of the graph leaves out. */
const stored: Tolerance = () => 2 ** -8

gpu("means what its graph means, with gradients", () =>
  Effect.runPromise(Effect.scoped(Effect.gen(function* () {
    const device = yield* make(yield* webgpu({ implementation }))
    yield* Effect.promise(() => agree(device, attentionGraphs, 6, 7, exact))
  }))))

gpu("decodes from a cache of any storage", () =>
  Effect.runPromise(Effect.scoped(Effect.gen(function* () {
    const device = yield* make(yield* webgpu({ implementation }))
    yield* Effect.promise(() => agree(device, decodingGraphs, 10, 8, stored))
  }))))

it.run()
