/**
 * A program made ready for a GPU: where its buffers lie, which bindings each dispatch has, its pipelines, and one command
 * buffer per run. Bind groups are made once for a set of input and output arrays and used again.
 * @module
 */
import type { Kernel } from "../../kernel/kernel.ts"
import { indexValues, loadsOf, walk, written } from "../../kernel/expression.ts"
import { boundaries, type Buffer, type Program, type Step } from "../../plan/program.ts"
import { type DType, dtypes } from "../../tensor/dtype.ts"
import { encodeHalf } from "../../tensor/half.ts"
import { wgsl } from "../../wgsl/kernel.ts"
import type { Slot } from "../../wgsl/emitter.ts"
import type { Tuning } from "../../wgsl/capability.ts"
import { splitProgram } from "../../wgsl/split.ts"
import type { Shader } from "../../wgsl/shader.ts"
import { type DeviceFault, deviceFault } from "../backend.ts"
import { bytesOf, type GpuArray, type Memory, tooLarge } from "./memory.ts"
import type { Gpu } from "./open.ts"
import type { Compiled, Pipelines } from "./pipeline.ts"

/** Where a program buffer lies: in a GPU buffer of the program, or in one given for a run. */
interface Site {
  readonly from: "own" | "input" | "output"
  /** Number among the program's own buffers, its inputs or its outputs. */
  readonly index: number
  readonly offset: number
  readonly bytes: number
}

interface Bound {
  readonly site: Site
  readonly write: boolean
}

/** One dispatch, ready but for the arrays that are given. */
interface Ready {
  readonly shader: Shader
  readonly compiled: Compiled
  readonly bound: ReadonlyArray<Bound>
  /** Sites to clear first. */
  readonly clear: ReadonlyArray<Site>
  /** Does it touch arrays that are given? */
  readonly given: boolean
}

type Plan =
  | { readonly tag: "dispatch"; readonly ready: number }
  | { readonly tag: "repeat"; readonly times: number; readonly reverse: boolean; readonly steps: ReadonlyArray<Plan> }

/** Arrays that are given for a run. */
interface Arrays {
  readonly inputs: ReadonlyArray<GPUBuffer>
  readonly outputs: ReadonlyArray<GPUBuffer>
}

/** What a prepared program can do. */
export interface Prepared {
  readonly bytes: number
  /** Encodes and submits the part from step `start` up to `end`. */
  readonly run: (arrays: Arrays, start: number, end: number) => void
  /** Where a buffer of the program lies. */
  readonly place: (number: number, arrays: Arrays) => GpuArray
  readonly dispose: () => void
}

const isFault = (x: object): x is DeviceFault => "_tag" in x && x._tag === "DeviceFault"

/** Elements in stored form. */
const stored = (dtype: DType, values: ReadonlyArray<number>): ArrayBuffer => {
  const out = new ArrayBuffer(bytesOf(dtype, values.length))
  switch (dtype) {
    case "f32":
      new Float32Array(out).set(values)
      break
    case "i32":
      new Int32Array(out).set(values)
      break
    case "u32":
      new Uint32Array(out).set(values)
      break
    case "f16":
    case "bf16":
      new Uint16Array(out).set(encodeHalf(dtype, values))
      break
    case "u8":
    case "bool":
      new Uint8Array(out).set(values)
      break
  }
  return out
}

/** The arena as GPU buffers none of which is larger than the adapter allows; cut only where no array lies across. */
const cutArena = (buffers: ReadonlyArray<Buffer>, arena: number, most: number) => {
  const spans = buffers.flatMap((b) =>
    b.place.tag === "arena"
      ? [{ from: b.place.offset, to: b.place.offset + Math.max(16, bytesOf(b.dtype, b.elements)) }]
      : []
  ).sort((x, y) => x.from - y.from)
  const pieces: Array<{ from: number; to: number }> = []
  let reach = 0
  for (const s of spans) {
    const last = pieces.at(-1)
    if (last !== undefined && (s.from < reach || Math.max(s.to, reach) - last.from <= most)) {
      last.to = Math.max(last.to, s.to)
    } else pieces.push({ ...s })
    reach = Math.max(reach, s.to)
  }
  // what alignment leaves over belongs to the last piece, so that all of them together are the arena
  if (pieces.length > 0) pieces[pieces.length - 1]!.to = Math.max(pieces[pieces.length - 1]!.to, arena)
  return pieces
}

const stepsOf = (steps: ReadonlyArray<Step>): ReadonlyArray<Extract<Step, { tag: "dispatch" }>> =>
  steps.flatMap((s) => s.tag === "dispatch" ? [s] : stepsOf(s.steps))

const mostTurns = (steps: ReadonlyArray<Step>): number =>
  steps.reduce((n, s) => s.tag === "repeat" ? Math.max(n, s.times, mostTurns(s.steps)) : n, 0)

const nameOf = (k: Kernel, n: number): string => `${n} (${k.tag})`

/** The buffers that a kernel reads or writes; a step may name more. */
const touched = (k: Kernel): ReadonlySet<number> => {
  const inPlaces = k.tag === "scatter" || k.tag === "sort" ? walk(indexValues(k.at)) : []
  const loads = [...loadsOf(k), ...inPlaces.flatMap((e) => e.tag === "load" ? [e] : [])]
  return new Set([...written(k), ...loads.map((l) => l.buffer)])
}

/** Bindings of one dispatch: arrays that are one and the same share a binding, what is not touched has none. */
const bindingsOf = (k: Kernel, places: ReadonlyArray<Site>, buffers: ReadonlyArray<Buffer>) => {
  const writes = new Set(written(k))
  const resource = (s: Site): string => `${s.from}${s.index}`
  const dirty = new Set([...writes].map((n) => resource(places[n]!)))
  // empty arrays, which no kernel touches, all share one
  const keys = places.map((s, n) =>
    buffers[n]!.elements === 0 ? "empty" : `${resource(s)}@${s.offset}:${buffers[n]!.elements}:${buffers[n]!.dtype}`
  )
  const used = touched(k)
  const distinct = [...new Set(keys.filter((_, n) => used.has(n)))]
  const slots = places.map((s, n): Slot => ({
    dtype: buffers[n]!.dtype,
    elements: buffers[n]!.elements,
    binding: used.has(n) ? distinct.indexOf(keys[n]!) : -1,
    writable: dirty.has(resource(s)),
  }))
  const bound = distinct.map((key): Bound => {
    const n = keys.findIndex((other, i) => other === key && used.has(i))
    return { site: places[n]!, write: slots[n]!.writable }
  })
  return { slots, bound }
}

/** Bytes of what is bound where an array is empty: no kernel reads or writes it, but a binding must hold something. */
const emptyBytes = 16

const hasEmpty = (program: Program): boolean => program.buffers.some((b) => b.elements === 0)

/** Bytes that a program takes beside its arrays: scratch of folds in two, and a small buffer if an array is empty. */
export const workspaceOf = (program: Program, tuning: Tuning): number =>
  splitProgram(program, tuning).arena - program.arena + (hasEmpty(program) ? emptyBytes : 0)

/** Makes a program ready: memory, constants, pipelines. */
export const prepareProgram = async (
  whole: Program,
  gpu: Gpu,
  memory: Memory,
  pipelines: Pipelines,
  turnTable: (times: number) => { readonly buffer: GPUBuffer; readonly stride: number },
): Promise<Prepared | DeviceFault> => {
  const { device, limits, capability } = gpu
  const program = splitProgram(whole, gpu.tuning)
  const own: Array<{ readonly buffer: GPUBuffer; readonly bytes: number }> = []
  const dispose = (): void => {
    for (const o of own) memory.free(o.buffer, o.bytes)
  }
  const failed = (fault: DeviceFault): DeviceFault => {
    dispose()
    return fault
  }
  const add = async (bytes: number, what: string): Promise<DeviceFault | undefined> => {
    const made = await memory.make(bytes, what)
    if (isFault(made)) return made
    own.push({ buffer: made, bytes })
    return undefined
  }

  const pieces = cutArena(program.buffers, program.arena, limits.maxBufferSize)
  for (const p of pieces) {
    const fault = await add(p.to - p.from, "the arena of a program")
    if (fault) return failed(fault)
  }
  const constants = new Map<number, number>()
  for (const [n, b] of program.buffers.entries()) {
    if (b.place.tag !== "constant") continue
    const data = stored(b.dtype, b.place.values)
    const fault = await add(data.byteLength, `constant ${n}`)
    if (fault) return failed(fault)
    constants.set(n, own.length - 1)
    if (data.byteLength > 0) device.queue.writeBuffer(own.at(-1)!.buffer, 0, data)
  }
  const empty = own.length
  if (hasEmpty(program)) {
    const fault = await add(emptyBytes, "what stands for empty arrays")
    if (fault) return failed(fault)
  }

  const sites = program.buffers.map((b, n): Site => {
    const bytes = bytesOf(b.dtype, b.elements)
    if (b.elements === 0) return { from: "own", index: empty, offset: 0, bytes: emptyBytes }
    const { place } = b
    if (place.tag === "constant") return { from: "own", index: constants.get(n)!, offset: 0, bytes }
    if (place.tag === "input") return { from: "input", index: place.index, offset: 0, bytes }
    if (place.tag === "output") return { from: "output", index: place.index, offset: 0, bytes }
    const piece = pieces.findIndex((p) => place.offset >= p.from && place.offset < p.to)
    return { from: "own", index: piece, offset: place.offset - pieces[piece]!.from, bytes }
  })
  const large = sites.findIndex((s) => s.bytes > capability.bindingBytes)
  if (large >= 0) {
    const what = `array ${large} of the program (${program.buffers[large]!.elements} x ${
      program.buffers[large]!.dtype
    })`
    const most = Math.floor(capability.bindingBytes / dtypes[program.buffers[large]!.dtype].bytes)
    const hint = `at most ${most} elements fit into one binding: cut the tensor along an axis`
    return failed(tooLarge(what, "maxStorageBufferBindingSize", sites[large]!.bytes, capability.bindingBytes, hint))
  }

  // ---- every distinct dispatch once

  const keys = new Map<string, number>()
  const pending: Array<Promise<Ready | DeviceFault>> = []
  const readyOf = (s: Extract<Step, { tag: "dispatch" }>): number => {
    const key = `${s.kernel}:${s.buffers.join()}`
    const known = keys.get(key)
    if (known !== undefined) return known
    keys.set(key, pending.length)
    pending.push(makeReady(s))
    return pending.length - 1
  }
  const makeReady = async (s: Extract<Step, { tag: "dispatch" }>): Promise<Ready | DeviceFault> => {
    const kernel = program.kernels[s.kernel]!
    const places = s.buffers.map((n) => sites[n]!)
    const { slots, bound } = bindingsOf(kernel, places, s.buffers.map((n) => program.buffers[n]!))
    const name = nameOf(kernel, s.kernel)
    if (bound.length > capability.bindings) {
      const message =
        `kernel ${name} binds ${bound.length} buffers, but maxStorageBuffersPerShaderStage of this adapter ` +
        `is ${capability.bindings}; compile with maxBindings: ${capability.bindings}`
      return deviceFault("limit", message)
    }
    const shader = wgsl(kernel, { slots, capability, tuning: gpu.tuning })
    if (shader.grid[1] > capability.maxGroups) {
      const most = capability.maxGroups
      const message = `kernel ${name} needs ${shader.grid[0]} x ${shader.grid[1]} workgroups, but ` +
        `maxComputeWorkgroupsPerDimension of this adapter is ${most}; cut its tensors along an axis`
      return deviceFault("limit", message)
    }
    const compiled = shader.grid[0] === 0
      ? { pipeline: undefined as unknown as GPUComputePipeline, layout: undefined as unknown as GPUBindGroupLayout }
      : await pipelines.compile(shader.code, bound.map((b) => b.write), shader.turns, name)
    if (isFault(compiled)) return compiled
    const clear = shader.clear.map((n) => places[n]!).filter((p) => p.index !== empty || p.from !== "own")
    const given = bound.some((b) => b.site.from !== "own") || clear.some((c) => c.from !== "own")
    return { shader, compiled, bound, clear, given }
  }
  const planOf = (steps: ReadonlyArray<Step>): ReadonlyArray<Plan> =>
    steps.map((s): Plan =>
      s.tag === "dispatch"
        ? { tag: "dispatch", ready: readyOf(s) }
        : { tag: "repeat", times: s.times, reverse: s.reverse, steps: planOf(s.steps) }
    )
  const plan = planOf(program.steps)
  const made = await Promise.all(pending)
  const fault = made.find(isFault)
  if (fault !== undefined) return failed(fault)
  const ready = made as ReadonlyArray<Ready>

  // ---- bind groups: once for a set of arrays

  const deepest = ready.reduce((n, r) => Math.max(n, r.shader.turns), 0)
  const table = deepest > 0 ? turnTable(mostTurns(program.steps)) : undefined
  const turnGroups = new Map<number, GPUBindGroup>()
  const turnGroup = (turns: number): GPUBindGroup => {
    const known = turnGroups.get(turns)
    if (known !== undefined) return known
    const group = device.createBindGroup({
      layout: pipelines.turnLayout(turns),
      entries: Array.from({ length: turns }, (_, binding) => ({
        binding,
        resource: { buffer: table!.buffer, offset: 0, size: 16 },
      })),
    })
    turnGroups.set(turns, group)
    return group
  }
  const bufferAt = (s: Site, a: Arrays): GPUBuffer =>
    s.from === "input" ? a.inputs[s.index]! : s.from === "output" ? a.outputs[s.index]! : own[s.index]!.buffer
  const groupOf = (r: Ready, a: Arrays): GPUBindGroup =>
    device.createBindGroup({
      layout: r.compiled.layout,
      entries: r.bound.map((b, binding) => ({
        binding,
        resource: { buffer: bufferAt(b.site, a), offset: b.site.offset, size: Math.max(4, b.site.bytes) },
      })),
    })
  const none: Arrays = { inputs: [], outputs: [] }
  const fixed = ready.map((r) => r.given || r.shader.grid[0] === 0 ? undefined : groupOf(r, none))
  const sets = new Map<string, ReadonlyArray<GPUBindGroup | undefined>>()
  const KEPT = 8
  const groupsOf = (a: Arrays): ReadonlyArray<GPUBindGroup | undefined> => {
    const key = [...a.inputs, ...a.outputs].map(memory.idOf).join()
    const known = sets.get(key)
    if (known !== undefined) return known
    const groups = ready.map((r, n) => fixed[n] ?? (r.shader.grid[0] === 0 ? undefined : groupOf(r, a)))
    if (sets.size >= KEPT) sets.delete(sets.keys().next().value!)
    sets.set(key, groups)
    return groups
  }

  // ---- a part: one command buffer, one submission

  const cut = boundaries(program)
  const stepAt = new Map(boundaries(whole).map((step, i) => [step, cut[i]!]))
  const run = (arrays: Arrays, start: number, end: number): void => {
    const groups = groupsOf(arrays)
    const encoder = device.createCommandEncoder()
    const state: { pass: GPUComputePassEncoder | undefined; pipeline: GPUComputePipeline | undefined } = {
      pass: undefined,
      pipeline: undefined,
    }
    const dispatch = (n: number, turns: ReadonlyArray<number>): void => {
      const r = ready[n]!
      if (r.clear.length > 0) {
        state.pass?.end()
        state.pass = undefined
        for (const c of r.clear) encoder.clearBuffer(bufferAt(c, arrays), c.offset, c.bytes)
      }
      if (r.shader.grid[0] === 0) return
      if (state.pass === undefined) {
        state.pass = encoder.beginComputePass()
        state.pipeline = undefined
      }
      if (state.pipeline !== r.compiled.pipeline) {
        state.pass.setPipeline(r.compiled.pipeline)
        state.pipeline = r.compiled.pipeline
      }
      state.pass.setBindGroup(0, groups[n]!)
      const depth = r.shader.turns
      if (depth > 0) {
        const offsets = Array.from({ length: depth }, (_, d) => (turns[turns.length - 1 - d] ?? 0) * table!.stride)
        state.pass.setBindGroup(1, turnGroup(depth), offsets)
      }
      state.pass.dispatchWorkgroups(r.shader.grid[0], r.shader.grid[1])
    }
    const walkPlan = (steps: ReadonlyArray<Plan>, turns: ReadonlyArray<number>): void => {
      for (const s of steps) {
        if (s.tag === "dispatch") dispatch(s.ready, turns)
        else for (let i = 0; i < s.times; i++) walkPlan(s.steps, [...turns, s.reverse ? s.times - 1 - i : i])
      }
    }
    walkPlan(plan.slice(stepAt.get(start)!, stepAt.get(end)!), [])
    state.pass?.end()
    device.queue.submit([encoder.finish()])
  }

  return {
    bytes: own.reduce((sum, o) => sum + o.bytes, 0),
    run,
    place: (number, arrays) => ({ buffer: bufferAt(sites[number]!, arrays), offset: sites[number]!.offset }),
    dispose: () => {
      sets.clear()
      dispose()
    },
  }
}
