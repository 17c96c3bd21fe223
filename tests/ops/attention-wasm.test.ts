/** Attention and decoding on WebAssembly: what their graphs mean, compiled. */
import * as Effect from "effect/Effect"
import { suite } from "uvu"
import { make } from "../../core/device/device.ts"
import { wasm } from "../../core/wasm/backend.ts"
import { agree, type Tolerance } from "../core/device/compiled.ts"
import { attentionGraphs, decodingGraphs } from "./attention-graphs.ts"

const it = suite("attention on wasm")

/** Only the order of sums differs. */
const exact: Tolerance = () => 1e-5

/** What is appended to a cache of halves is rounded, which the meaning of the graph leaves out. */
const stored: Tolerance = () => 2 ** -8

it("means what its graph means, with gradients", () =>
  Effect.runPromise(Effect.scoped(Effect.gen(function* () {
    const device = yield* make(yield* wasm({ memory: 2 ** 28, threads: 2 }))
    yield* Effect.promise(() => agree(device, attentionGraphs, 40, 7, exact))
  }))))

it("decodes from a cache of any storage", () =>
  Effect.runPromise(Effect.scoped(Effect.gen(function* () {
    const device = yield* make(yield* wasm({ memory: 2 ** 28, threads: 2 }))
    yield* Effect.promise(() => agree(device, decodingGraphs, 40, 8, stored))
  }))))

it.run()
