/**
 * Timing of shaders on an open GPU, and the kernels that adapters are tuned and measured by. Many dispatches go into one
 * submission, so that what is measured is the GPU's work and not the way there.
 * @module
 */
import type { Contract, Expr, Index, Loop } from "../../kernel/kernel.ts"
import type { Slot } from "../../wgsl/emitter.ts"
import type { Shader } from "../../wgsl/shader.ts"
import type { DeviceFault } from "../backend.ts"
import { usage } from "./memory.ts"
import type { Gpu } from "./open.ts"
import { gpuPipelines } from "./pipeline.ts"

/** A shader that can be dispatched again and again. */
export interface Timed {
  /** Seconds of one dispatch: the best of `rounds`, each of as many dispatches as take a `span` of seconds. */
  readonly seconds: (rounds: number, span: number) => Promise<number>
  readonly dispose: () => void
}

/** Dispatches of one submission, at most. */
const MOST = 4096

/** Makes a shader ready, with buffers of its own for its slots. */
export const timed = async (gpu: Gpu, shader: Shader, slots: ReadonlyArray<Slot>): Promise<Timed | DeviceFault> => {
  const { device } = gpu
  const compiled = await gpuPipelines(gpu).compile(shader.code, slots.map((s) => s.writable), 0, "measured")
  if ("_tag" in compiled) return compiled
  const buffers = slots.map((s) => device.createBuffer({ size: Math.max(16, s.elements * 4), usage: usage.storage }))
  const group = device.createBindGroup({
    layout: compiled.layout,
    entries: buffers.map((buffer, binding) => ({ binding, resource: { buffer } })),
  })
  const once = async (times: number): Promise<number> => {
    const begun = performance.now()
    const encoder = device.createCommandEncoder()
    const pass = encoder.beginComputePass()
    pass.setPipeline(compiled.pipeline)
    pass.setBindGroup(0, group)
    for (let i = 0; i < times; i++) pass.dispatchWorkgroups(shader.grid[0], shader.grid[1])
    pass.end()
    device.queue.submit([encoder.finish()])
    await device.queue.onSubmittedWorkDone()
    return (performance.now() - begun) / 1000
  }
  return {
    seconds: async (rounds, span) => {
      await once(1)
      // a submission's way there and back can take 10 ms: it must vanish beside the work
      let [times, took] = [1, await once(1)]
      while (took < span && times < MOST) {
        times = Math.min(MOST, times * 4)
        took = await once(times)
      }
      let best = took / times
      for (let r = 1; r < rounds; r++) best = Math.min(best, (await once(times)) / times)
      return best
    },
    dispose: () => {
      for (const b of buffers) b.destroy()
    },
  }
}

/** Sum of coefficients times variables 0, 1, ... */
const along = (...coefs: ReadonlyArray<number>): Index => ({
  base: 0,
  terms: coefs.flatMap((coef, id) => coef === 0 ? [] : [{ coef, atom: { tag: "var", id } as const }]),
})
const load = (buffer: number, at: Index): Expr => ({ tag: "load", dtype: "f32", buffer, at, guards: [] })
const acc = (id: number): Expr => ({ tag: "acc", dtype: "f32", id })
const two = (fn: "add" | "sub" | "mul" | "div", x: Expr, y: Expr): Expr => ({ tag: "binary", dtype: "f32", fn, x, y })
const exp = (x: Expr): Expr => ({ tag: "unary", dtype: "f32", fn: "exp", x })

/** f32 slots of these sizes; the last one is written. */
export const slotsOf = (...sizes: ReadonlyArray<number>): ReadonlyArray<Slot> =>
  sizes.map((elements, binding) => ({ dtype: "f32", elements, binding, writable: binding === sizes.length - 1 }))

/** A kernel to measure: its buffers, and the operations and bytes of one run. */
export interface Subject<K> {
  readonly kernel: K
  readonly slots: ReadonlyArray<Slot>
  readonly flops: number
  readonly bytes: number
}

/** `batch` products of m x k by k x n; `b` may lie transposed. */
export const product = (batch: number, m: number, n: number, k: number, transposed: boolean): Subject<Contract> => ({
  kernel: {
    tag: "contract",
    dtype: "f32",
    batch: [batch],
    rows: [m],
    cols: [n],
    depth: [k],
    a: load(0, along(m * k, k, 0, 1)),
    b: load(1, transposed ? along(n * k, 0, k, 1) : along(n * k, 0, 1, n)),
    stores: [{ buffer: 2, at: along(m * n, n, 1), value: acc(0) }],
  },
  slots: slotsOf(batch * m * k, batch * n * k, batch * m * n),
  flops: 2 * batch * m * n * k,
  bytes: 4 * batch * (m * k + n * k + m * n),
})

/** x * y + x, elements side by side. */
export const fused = (count: number): Subject<Loop> => ({
  kernel: {
    tag: "loop",
    dims: [count],
    over: [],
    stages: [{
      tag: "point",
      stores: [{
        buffer: 2,
        at: along(1),
        value: two("add", two("mul", load(0, along(1)), load(1, along(1))), load(0, along(1))),
      }],
    }],
  },
  slots: slotsOf(count, count, count),
  flops: 2 * count,
  bytes: 12 * count,
})

/** Softmax of rows. */
export const softmax = (rows: number, cols: number): Subject<Loop> => {
  const x = load(0, along(cols, 1))
  const part = exp(two("sub", x, acc(0)))
  return {
    kernel: {
      tag: "loop",
      dims: [rows],
      over: [cols],
      stages: [
        { tag: "fold", folds: [{ id: 0, fn: "max", dtype: "f32", value: x }] },
        { tag: "fold", folds: [{ id: 1, fn: "sum", dtype: "f32", value: part }] },
        { tag: "sweep", stores: [{ buffer: 1, at: along(cols, 1), value: two("div", part, acc(1)) }] },
      ],
    },
    slots: slotsOf(rows * cols, rows * cols),
    flops: 5 * rows * cols,
    bytes: 8 * rows * cols,
  }
}

/** Sums of rows, or of columns. */
export const sums = (rows: number, cols: number, columns: boolean): Subject<Loop> => ({
  kernel: {
    tag: "loop",
    dims: [columns ? cols : rows],
    over: [columns ? rows : cols],
    stages: [
      {
        tag: "fold",
        folds: [{ id: 0, fn: "sum", dtype: "f32", value: load(0, columns ? along(1, cols) : along(cols, 1)) }],
      },
      { tag: "point", stores: [{ buffer: 1, at: along(1), value: acc(0) }] },
    ],
  },
  slots: slotsOf(rows * cols, columns ? cols : rows),
  flops: rows * cols,
  bytes: 4 * (rows * cols + (columns ? cols : rows)),
})
