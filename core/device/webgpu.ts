/**
 * The webgpu device: programs as WGSL, run by Dawn in Node and Deno or by `navigator.gpu` in browsers and Deno. Buffers,
 * pipelines and bind groups are made once per program; a run is one submission; faults are typed, a lost GPU too.
 * @module
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { HostArray } from "../tensor/dtype.ts"
import { type Allocation, type Backend, type DeviceFault, deviceFault, type Executable, partFault } from "./backend.ts"
import { bytesOf, type GpuArray, gpuMemory, usage, viewOf } from "./webgpu/memory.ts"
import { type Gpu, openGpu, type WebgpuOptions } from "./webgpu/open.ts"
import { gpuPipelines } from "./webgpu/pipeline.ts"
import { prepareProgram, workspaceOf } from "./webgpu/program.ts"
import { checkAttention } from "./webgpu/units-attend.ts"
import { checkUnits, offered } from "./webgpu/units.ts"

export type { WebgpuOptions } from "./webgpu/open.ts"

/** Runs that may be under way before the next waits. */
const AHEAD = 2

const isFault = (x: object): x is DeviceFault => "_tag" in x && x._tag === "DeviceFault"

const said = (error: unknown): string => error instanceof Error ? error.message : String(error)

/** Promises of faults or results as effects; what a lost GPU rejects becomes its fault. */
const attempt = <A>(gpu: Gpu, what: string, run: () => Promise<A | DeviceFault>): Effect.Effect<A, DeviceFault> =>
  Effect.suspend(() => {
    const before = gpu.fault()
    if (before !== undefined) {
      gpu.forget()
      return Effect.fail(before)
    }
    return Effect.flatMap(
      Effect.tryPromise({
        try: run,
        catch: (error) => gpu.fault() ?? deviceFault("lost", `${what} failed: ${said(error)}`),
      }),
      (got) => typeof got === "object" && got !== null && isFault(got) ? Effect.fail(got) : Effect.succeed(got as A),
    )
  })

/** A table of turns: entry t holds t, each where a dynamic offset may point. */
const turnTables = (gpu: Gpu) => {
  const stride = Math.max(16, gpu.limits.minUniformBufferOffsetAlignment)
  const made: { buffer: GPUBuffer | undefined; turns: number } = { buffer: undefined, turns: 0 }
  const retired: Array<GPUBuffer> = []
  const table = (times: number): { readonly buffer: GPUBuffer; readonly stride: number } => {
    if (made.buffer === undefined || made.turns < times) {
      // programs prepared before keep the smaller table
      if (made.buffer !== undefined) retired.push(made.buffer)
      made.turns = 2 ** Math.ceil(Math.log2(Math.max(64, times)))
      made.buffer = gpu.device.createBuffer({ size: made.turns * stride, usage: usage.uniform | usage.copyTarget })
      const words = new Int32Array(made.turns * stride / 4)
      for (let t = 0; t < made.turns; t++) words[t * stride / 4] = t
      gpu.device.queue.writeBuffer(made.buffer, 0, words)
    }
    return { buffer: made.buffer, stride }
  }
  const dispose = (): void => {
    for (const b of retired) b.destroy()
    made.buffer?.destroy()
  }
  return { table, dispose }
}

const describe = (gpu: Gpu): string =>
  `webgpu: ${gpu.adapter} by ${gpu.implementation === "dawn" ? "Dawn" : "navigator.gpu"}` +
  (gpu.features.length > 0 ? `, ${gpu.features.join(", ")}` : "")

/** Bytes to send: a whole number of words, in memory that is not shared. */
const sendable = (data: HostArray): Uint8Array<ArrayBuffer> => {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
  const plain = data.buffer instanceof ArrayBuffer && data.byteLength % 4 === 0
  if (plain) return bytes as Uint8Array<ArrayBuffer>
  const copy = new Uint8Array(Math.ceil(data.byteLength / 4) * 4)
  copy.set(bytes)
  return copy
}

type Given = ReadonlyArray<Allocation<GpuArray>>

/** The buffers that are given for a run: each has its own. */
const arraysOf = (inputs: Given, outputs: Given) => ({
  inputs: inputs.map((a) => a.handle.buffer),
  outputs: outputs.map((a) => a.handle.buffer),
})

/** The backend of an open GPU. */
export const webgpuBackend = (
  gpu: Gpu,
  units: string = "",
): { readonly backend: Backend<GpuArray>; readonly dispose: () => void } => {
  const memory = gpuMemory(gpu)
  const pipelines = gpuPipelines(gpu)
  const turns = turnTables(gpu)
  const pending: Array<Promise<unknown>> = []

  const backend: Backend<GpuArray> = {
    info: {
      kind: "webgpu",
      description: describe(gpu) + units,
      maxBindings: gpu.capability.bindings,
      maxBufferBytes: gpu.capability.bindingBytes,
      // features name what changes results: programs and checkpoints are compared by them
      features: [
        ...(gpu.capability.units === undefined ? [] : [`units:${gpu.capability.units}`]),
        gpu.implementation,
        ...(gpu.adapterClass === "software" ? ["software"] : []),
        ...gpu.features,
      ],
    },
    memory: Effect.sync(() => memory.account()),
    allocate: (dtype, elements) =>
      Effect.map(
        attempt(
          gpu,
          "an allocation",
          () => memory.make(bytesOf(dtype, elements), `an array of ${elements} x ${dtype}`),
        ),
        (buffer): Allocation<GpuArray> => ({ dtype, elements, handle: { buffer, offset: 0 } }),
      ),
    free: (a) => Effect.sync(() => memory.free(a.handle.buffer, bytesOf(a.dtype, a.elements))),
    write: (a, data) =>
      attempt(gpu, "a write", () => {
        const want = viewOf(a.dtype, new ArrayBuffer(0), 0).constructor
        if (data.constructor !== want || data.length !== a.elements) {
          const message = `an array of ${a.elements} x ${a.dtype} takes a ${want.name} of that length, ` +
            `got a ${data.constructor.name} of ${data.length}`
          return Promise.resolve(deviceFault("input", message))
        }
        if (data.length > 0) gpu.device.queue.writeBuffer(a.handle.buffer, a.handle.offset, sendable(data))
        return Promise.resolve(undefined)
      }),
    read: (a) =>
      attempt(gpu, "a read", async () => {
        const bytes = await memory.read(a.handle, bytesOf(a.dtype, a.elements))
        return gpu.fault() ?? viewOf(a.dtype, bytes, a.elements)
      }),
    prepare: (program) =>
      Effect.map(
        attempt(gpu, "making a program ready", () => prepareProgram(program, gpu, memory, pipelines, turns.table)),
        (p): Executable<GpuArray> => {
          const part: Executable<GpuArray>["part"] = (inputs, outputs, start, end) =>
            attempt(gpu, "a run", async () => {
              const wrong = partFault(program, start, end)
              if (wrong !== undefined) return wrong
              p.run(arraysOf(inputs, outputs), start, end)
              pending.push(gpu.device.queue.onSubmittedWorkDone().catch(() => undefined))
              if (pending.length > AHEAD) await pending.shift()
              return undefined
            })
          return {
            bytes: p.bytes,
            run: (inputs, outputs) => part(inputs, outputs, 0, program.steps.length),
            part,
            buffer: (number, inputs, outputs) => {
              const { dtype, elements } = program.buffers[number]!
              return { dtype, elements, handle: p.place(number, arraysOf(inputs, outputs)) }
            },
            dispose: Effect.sync(p.dispose),
          }
        },
      ),
    workspace: (program) => workspaceOf(program, gpu.tuning),
  }
  const dispose = (): void => {
    turns.dispose()
    memory.dispose()
  }
  return { backend, dispose }
}

/** The same GPU with its matrix units, if they are asked for, there, and right; and a word on it for the description. */
const withUnits = (gpu: Gpu, o: WebgpuOptions): Effect.Effect<readonly [Gpu, string]> => {
  if (o.precision !== "f16-units") return Effect.succeed([gpu, ""])
  const { units, why } = offered(gpu, o.emulate === true)
  if (units === undefined) return Effect.succeed([gpu, `, no matrix units: ${why}`])
  const able = (attends: boolean): Gpu => ({ ...gpu, capability: { ...gpu.capability, units, attends } })
  const checked = (ready: Gpu, check: typeof checkUnits): Effect.Effect<string | undefined> =>
    Effect.suspend(() => {
      const { backend, dispose } = webgpuBackend(ready)
      return Effect.ensuring(check(backend), Effect.sync(dispose))
    }).pipe(Effect.tap(() => Effect.sync(gpu.forget)))
  const said = units === "emulated" ? "emulated matrix units" : "matrix units"
  return Effect.gen(function* () {
    const wrong = yield* checked(able(false), checkUnits)
    if (wrong !== undefined) return [gpu, `, matrix units failed their check: ${wrong.split("\n")[0]}`] as const
    // what is emulated has no hardware to doubt, and takes software adapters long to compile: its tests run the check
    const attention = units === "emulated" ? undefined : yield* checked(able(true), checkAttention)
    return attention === undefined
      ? [able(true), `, ${said}: f16 operands, f32 sums`] as const
      : [able(false), `, ${said} but for attention (${attention.split("\n")[0]}): f16 operands, f32 sums`] as const
  })
}

/**
 * Opens the webgpu device.
 *
 * Faults: `unavailable` where no adapter is found, with what was tried.
 */
export const webgpu = (options: WebgpuOptions = {}): Effect.Effect<Backend, DeviceFault, Scope.Scope> =>
  Effect.flatMap(Effect.flatMap(openGpu(options), (gpu) => withUnits(gpu, options)), ([gpu, units]) =>
    Effect.map(
      Effect.acquireRelease(
        Effect.sync(() => webgpuBackend(gpu, units)),
        (made) => Effect.sync(made.dispose),
      ),
      (made) => made.backend as Backend,
    ))
