/** Gradients of convolutions: central differences, and what the compiled programs hold and compute. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { either as E } from "fp-ts"
import { make } from "../../core/device/device.ts"
import { oracle } from "../../core/device/oracle.ts"
import { webgpu } from "../../core/device/webgpu.ts"
import { vjp } from "../../core/grad/grad.ts"
import { linearise } from "../../core/grad/linearise.ts"
import { vmap } from "../../core/grad/vmap.ts"
import { data } from "../../core/graph/build.ts"
import { count, type Node } from "../../core/graph/node.ts"
import { compile } from "../../core/plan/compile.ts"
import { f32 } from "../../core/tensor/spec.ts"
import { type F32, typed } from "../../core/tensor/tensor.ts"
import { wasm } from "../../core/wasm/backend.ts"
import { type Convolution, convolve } from "../../ops/convolution.ts"
import { agree, differs, nearly, type Tolerance } from "../core/device/compiled.ts"
import { agrees, always, draw, tensor, values } from "../core/grad/difference.ts"
import { needs } from "../skip.ts"
import { convolutions, type Drawn, drawn, inputsOf, made, steps } from "./convolution-graphs.ts"

const it = suite("convolution")

it("its gradients are the differences, whatever the stride, dilation and padding", () => {
  always(drawn(2, 2), (d) => {
    const inputs = inputsOf(d)
    agrees(([x, w]) => [made(d, x!, w!)], inputs, inputs.map((x, i) => draw(d.seed + i, count(x.shape))))
  }, 18)
})

it("so are the gradients of the gradients", () => {
  always(drawn(2, 1), (d) => {
    const inputs = inputsOf(d)
    const y = made(d, ...inputs)
    const ct = data("f32", y.axes, y.shape, Float64Array.from(draw(d.seed, count(y.shape))))
    agrees(
      (xs) => linearise([made(d, xs[0]!, xs[1]!)], xs).pullback([ct]),
      inputs,
      inputs.map((x, i) => draw(d.seed + i, count(x.shape))),
    )
  }, 12)
})

type Image = F32<"row col in">
type Kernel = F32<"drow dcol in out">
const ways = { row: "drow", col: "dcol" } as const

it("maps over images and over kernels, gradients too", () => {
  const x = tensor("x", "turn row col in", { turn: 3, row: 4, col: 5, in: 2 })
  const ws = tensor("w", "turn drow dcol in out", { turn: 3, drow: 3, dcol: 2, in: 2, out: 2 })
  const one = (p: { x: Image; w: Kernel }) => vjp((q) => convolve(q.x, q.w, ways, "in", { stride: { row: 2 } }), p)
  const both = vmap("turn", (p: { x: Image; w: Kernel }) => {
    const { value, pullback } = one(p)
    return { value, ...pullback(value) }
  })({ x: typed<F32<"turn row col in">>(x), w: typed<F32<"turn drow dcol in out">>(ws) })
  const [xs, kernels] = [draw(1, 120), draw(2, 72)]
  const got = values([both.value, both.x, both.w], { x: xs, w: kernels })
  for (let turn = 0; turn < 3; turn++) {
    const image = data("f32", ["row", "col", "in"], [4, 5, 2], Float64Array.from(xs.slice(40 * turn, 40 * turn + 40)))
    const part = kernels.slice(24 * turn, 24 * turn + 24)
    const kernel = data("f32", ["drow", "dcol", "in", "out"], [3, 2, 2, 2], Float64Array.from(part))
    const { value, pullback } = one({ x: typed<Image>(image), w: typed<Kernel>(kernel) })
    const back = pullback(value)
    values([value, back.x, back.w]).forEach((want, k) =>
      want.forEach((v, i) => assert.ok(Math.abs(v - got[k]![want.length * turn + i]!) < 1e-9))
    )
  }
})

/** Bytes of a program that are neither inputs nor outputs. */
const room = (how: Convolution, part: "y" | "x" | "w"): number => {
  const sizes = { batch: 2, row: 16, col: 16, in: 8, out: 8, drow: 3, dcol: 3 }
  const specs = { x: f32("batch row col in", sizes), w: f32("drow dcol in out", sizes) }
  const c = compile(({ x, w }) => {
    const { value, pullback } = vjp((p: { x: typeof x; w: typeof w }) => convolve(p.x, p.w, ways, "in", how), { x, w })
    return part === "y" ? value : pullback(value)[part]
  }, specs)
  if (E.isLeft(c)) throw new Error(JSON.stringify(c.left))
  return c.right.program.forecast.arena
}

it("writes no windows out: what it holds is images with zeros around", () => {
  const image = 4 * 2 * 18 * 18 * 8
  for (const how of [{ padding: "same" }, { stride: 2, padding: [0, 1] }] satisfies ReadonlyArray<Convolution>) {
    assert.ok(room(how, "y") <= image + 64)
    for (const part of ["x", "w"] as const) assert.ok(room(how, part) <= 4 * image, `${part}: ${room(how, part)}`)
  }
})

it("where each place has a kernel of its own", () => {
  const x = tensor("x", "row in", { row: 3, in: 2 }),
    w = tensor("w", "row drow in out", { row: 2, drow: 2, in: 2, out: 2 })
  const local = ([a, b]: ReadonlyArray<Node>): ReadonlyArray<Node> => [
    convolve(typed<F32<"row in">>(a!), typed<F32<"row drow in out">>(b!), { row: "drow" }, "in"),
  ]
  agrees(local, [x, w], [draw(1, 6), draw(2, 16)])
})

it("means the same on the oracle", async () => {
  await agree(await Effect.runPromise(Effect.flatMap(oracle, make)), convolutions, 6, 3, nearly)
})

/** Only the order of sums differs. */
const rounded: Tolerance = () => 1e-5

it("means the same on wasm", () =>
  Effect.runPromise(Effect.scoped(Effect.gen(function* () {
    const device = yield* Effect.flatMap(wasm({ memory: 2 ** 28, threads: 1 }), make)
    yield* Effect.promise(() => agree(device, convolutions, 8, 4, rounded))
  }))))

/** Sizes that reach every way in which windows are read: deep, wide, narrow, ragged, runs that are cut. */
const large: ReadonlyArray<Drawn> = ([
  [[[3, 1, 9], [3, 1, 11]], 2, 17, 20],
  [[[3, 1, 9], [3, 1, 13]], 1, 180, 9],
  [[[3, 2, 14], [3, 2, 14]], 2, 8, 16],
  [[[3, 1, 30], [3, 1, 30]], 3, 3, 70],
  [[[3, 1, 30], [3, 1, 30]], 2, 5, 3],
  [[[5, 1, 1600]], 3, 4, 5],
  [[[2, 3, 7], [1, 1, 40]], 3, 4, 18],
] as const).map(([ways, batch, ins, outs], seed): Drawn => ({
  ways: ways.map(([taps, stride, more]) => ({ taps, stride, more, dilation: 1, padding: "same" as const })),
  ...{ batch, group: 1, ins, outs, seed },
}))

it("means the same on wasm, whatever the sizes, with arithmetic around it", () =>
  Effect.runPromise(Effect.scoped(Effect.gen(function* () {
    const device = yield* Effect.flatMap(wasm({ memory: 2 ** 28, threads: 1 }), make)
    for (const d of large) {
      yield* Effect.promise(async () => assert.is(await differs(device, steps(d), rounded), undefined))
    }
  }))))

const implementation = "gpu" in (globalThis.navigator ?? {}) ? "navigator" : "dawn"
const found = await Effect.runPromiseExit(Effect.scoped(webgpu({ implementation })))
const gpu = needs(it, Exit.isSuccess(found), "no adapter", "bash .ci/vulkan installs a software Vulkan")

gpu("means the same on webgpu", () =>
  Effect.runPromise(Effect.scoped(Effect.gen(function* () {
    const device = yield* make(yield* webgpu({ implementation }))
    yield* Effect.promise(() => agree(device, convolutions, 3, 5, rounded))
  }))))

it.run()
