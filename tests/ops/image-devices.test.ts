/**
 * Group norm, other sizes and likeness of images as programs: values and gradients on every device are what the graph means.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { type Device, make } from "../../core/device/device.ts"
import { oracle } from "../../core/device/oracle.ts"
import { webgpu } from "../../core/device/webgpu.ts"
import { linearise } from "../../core/grad/linearise.ts"
import { count, type Node } from "../../core/graph/node.ts"
import { type F32, typed } from "../../core/tensor/tensor.ts"
import { wasm } from "../../core/wasm/backend.ts"
import { psnr, ssim } from "../../ops/image.ts"
import { groupNorm, groupNormSilu } from "../../ops/norm.ts"
import { averagePool, downsample, resize, upsample } from "../../ops/resample.ts"
import { differs, nearly, type Tolerance } from "../core/device/compiled.ts"
import type { Given, RandomGraph } from "../core/device/graphs.ts"
import { needs } from "../skip.ts"
import { noise } from "./updates.ts"

const it = suite("images on devices")

type Image = F32<"batch row col feature">
type Channels = F32<"feature">

const given = (path: string, axes: string, shape: ReadonlyArray<number>, seed: number): Given => ({
  ...{ path, dtype: "f32", axes: axes.split(" "), shape },
  values: noise(count(shape), seed).map(Math.fround),
})

const image = (path: string, shape: ReadonlyArray<number>, seed: number): Given =>
  given(path, "batch row col feature", shape, seed)

type Function = (inputs: ReadonlyArray<Node>) => Node

/** The value and the gradients of all inputs; `again` asks for the gradients of these, too. `ct` is the last input. */
const graph = (f: Function, inputs: ReadonlyArray<Given>, again: boolean = false): RandomGraph => ({
  inputs,
  donate: [],
  maxBindings: 8,
  build: (nodes) => {
    const [own, ct] = [nodes.slice(0, -1), nodes.at(-1)!]
    const y = f(own)
    const first = linearise([y], own).pullback([ct]).map((x) => x!)
    const second = again ? linearise(first, own).pullback(own) : []
    const named = (name: string, list: ReadonlyArray<Node | undefined>) =>
      Object.fromEntries(list.flatMap((x, i) => x === undefined ? [] : [[`${name}${i}`, x]]))
    return { y, ...named("d", first), ...named("dd", second) }
  },
})

type Norm = (x: Image, weight: Channels, bias: Channels, groups: number) => Image

const plain: Norm = (x, w, b, groups) => groupNorm(x, w, b, "feature", groups, "row col", 1e-2)
const curved: Norm = (x, w, b, groups) => groupNormSilu(x, w, b, "feature", groups, "row col", 1e-2)

const normed = (op: Norm, shape: ReadonlyArray<number>, groups: number, again = false): RandomGraph => {
  const features = shape.at(-1)!
  const f: Function = ([x, w, b]) => op(typed<Image>(x!), typed<Channels>(w!), typed<Channels>(b!), groups)
  const [w, b] = [given("w", "feature", [features], 2), given("b", "feature", [features], 3)]
  return graph(f, [image("x", shape, 1), w, b, image("ct", shape, 4)], again)
}

const sized = (f: (x: Image) => Image, from: ReadonlyArray<number>, to: ReadonlyArray<number>): RandomGraph =>
  graph(([x]) => f(typed<Image>(x!)), [image("x", from, 5), image("ct", to, 6)])

const halved: RandomGraph = graph(
  ([x, w]) =>
    downsample(
      typed<Image>(x!),
      typed<F32<"drow dcol feature out">>(w!),
      { row: "drow", col: "dcol" },
      "feature",
    ),
  [
    image("x", [2, 6, 4, 3], 7),
    given("w", "drow dcol feature out", [3, 3, 3, 5], 8),
    given("ct", "batch row col out", [2, 3, 2, 5], 9),
  ],
)

const likened: RandomGraph = {
  inputs: [image("x", [2, 12, 13, 3], 10), image("y", [2, 12, 13, 3], 11)],
  donate: [],
  maxBindings: 8,
  build: (nodes) => {
    const [x, y] = [typed<Image>(nodes[0]!), typed<Image>(nodes[1]!)]
    return { psnr: psnr(x, y, "row col feature", 2), ssim: ssim(x, y, { row: "row", col: "col" }, 2) }
  },
}

type Graphs = { readonly [name: string]: RandomGraph }

/** Sizes that fill vectors and leave some over. */
const graphs: Graphs = {
  "group norm": normed(plain, [2, 5, 3, 12], 4),
  "group norm and silu": normed(curved, [3, 4, 5, 8], 2),
  upsample: sized((x) => upsample(x, { row: 2, col: 3 }), [2, 3, 2, 5], [2, 6, 6, 5]),
  "average pool": sized((x) => averagePool(x, { row: 2, col: 3 }), [2, 5, 7, 3], [2, 2, 2, 3]),
  "resize to less": sized((x) => resize(x, { row: 3, col: 5 }), [2, 7, 8, 3], [2, 3, 5, 3]),
  "halving convolution": halved,
  likeness: likened,
}

/** Groups of one channel, one group, a single place; gradients of gradients. */
const further: Graphs = {
  "group norm of one group": normed(plain, [1, 3, 3, 5], 1, true),
  "group norm of single channels": normed(plain, [2, 4, 4, 6], 6),
  "group norm and silu at one place": normed(curved, [2, 1, 1, 8], 2, true),
  "resize to more": sized((x) => resize(x, { row: 9, col: 4 }), [1, 4, 3, 3], [1, 9, 4, 3]),
  "resize to the nearest": sized((x) => resize(x, { row: 5, col: 2 }, "nearest"), [1, 4, 3, 3], [1, 5, 2, 3]),
}

const holds = async (device: Device, of: Graphs, within: Tolerance): Promise<void> => {
  for (const [name, g] of Object.entries(of)) {
    assert.is(await differs(device, g, within), undefined, name)
  }
}

/** Only the order of sums differs. */
const rounded: Tolerance = () => 2e-5

it("mean the same on the oracle", async () => {
  await holds(await Effect.runPromise(Effect.flatMap(oracle, make)), { ...graphs, ...further }, nearly)
})

it("mean the same on wasm", () =>
  Effect.runPromise(Effect.scoped(Effect.gen(function* () {
    const device = yield* Effect.flatMap(wasm({ memory: 2 ** 28, threads: 2 }), make)
    yield* Effect.promise(() => holds(device, { ...graphs, ...further }, rounded))
  }))))

const implementation = "gpu" in (globalThis.navigator ?? {}) ? "navigator" : "dawn"
const found = await Effect.runPromiseExit(Effect.scoped(webgpu({ implementation })))
const gpu = needs(it, Exit.isSuccess(found), "no adapter", "bash .ci/vulkan installs a software Vulkan")

gpu("mean the same on webgpu", () =>
  Effect.runPromise(Effect.scoped(Effect.gen(function* () {
    const device = yield* make(yield* webgpu({ implementation }))
    yield* Effect.promise(() => holds(device, graphs, rounded))
  }))))

it.run()
