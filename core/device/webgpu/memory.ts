/**
 * GPU memory: buffers with an account of their bytes, and reading back through a small ring of staging buffers, which
 * are made once and used again. The ring (at most three buffers of 8 MiB) and the tables of turns are the device's own
 * and do not stand in the account, which is of arrays and of what programs hold.
 * @module
 */
import { type DType, dtypes, type HostArray } from "../../tensor/dtype.ts"
import { type DeviceFault, deviceFault } from "../backend.ts"
import type { Gpu } from "./open.ts"

/** Usages of buffers and map modes; WebGPU's numbers, which not every runtime has as globals. */
export const usage = { mapRead: 1, copySource: 4, copyTarget: 8, uniform: 64, storage: 128 } as const

/** Bytes of an array: its elements in stored form, up to a multiple of 4. */
export const bytesOf = (dtype: DType, elements: number): number => Math.ceil(elements * dtypes[dtype].bytes / 4) * 4

/** Where an array lies: it has a GPU buffer of its own, from 0, or is a part of a program's arena. */
export interface GpuArray {
  readonly buffer: GPUBuffer
  /** In bytes, a multiple of 4. */
  readonly offset: number
}

/** Buffers and their account. */
export interface Memory {
  readonly make: (bytes: number, what: string) => Promise<GPUBuffer | DeviceFault>
  readonly free: (buffer: GPUBuffer, bytes: number) => void
  readonly read: (from: GpuArray, bytes: number) => Promise<ArrayBuffer>
  readonly account: () => { readonly bytes: number; readonly peak: number }
  /** A number for each buffer, never used twice. */
  readonly idOf: (buffer: GPUBuffer) => number
  readonly dispose: () => void
}

interface Staging {
  buffer: GPUBuffer
  size: number
}

const CHUNK = 8 << 20
const RING = 3

const inUnits = (bytes: number): string =>
  bytes >= 2 ** 30
    ? `${(bytes / 2 ** 30).toFixed(2)} GiB`
    : bytes >= 2 ** 20
    ? `${(bytes / 2 ** 20).toFixed(1)} MiB`
    : `${bytes} bytes`

/** A fault for something larger than the adapter allows. */
export const tooLarge = (what: string, limit: string, got: number, most: number, hint: string): DeviceFault =>
  deviceFault("limit", `${what} has ${inUnits(got)}, but ${limit} of this adapter is ${inUnits(most)}; ${hint}`)

/** The memory of a GPU. */
export const gpuMemory = (gpu: Gpu): Memory => {
  const { device, limits } = gpu
  const account = { bytes: 0, peak: 0 }
  const ids = new WeakMap<GPUBuffer, number>()
  const counter = { next: 1 }
  const idle: Array<Staging> = []
  const waiting: Array<(s: Staging) => void> = []
  const ring = { made: 0 }
  const all = new Set<GPUBuffer>()

  const make = async (bytes: number, what: string): Promise<GPUBuffer | DeviceFault> => {
    if (bytes > limits.maxBufferSize) {
      const hint = `at most ${Math.floor(limits.maxBufferSize / 4)} f32 elements fit: cut it along an axis`
      return tooLarge(what, "maxBufferSize", bytes, limits.maxBufferSize, hint)
    }
    device.pushErrorScope("out-of-memory")
    const buffer = device.createBuffer({
      size: Math.max(16, bytes),
      usage: usage.storage | usage.copySource | usage.copyTarget,
    })
    const error = await device.popErrorScope()
    if (error !== null) {
      buffer.destroy()
      const held = `${inUnits(account.bytes)} are in use`
      return deviceFault("memory", `no memory for ${what} of ${inUnits(bytes)}: ${held}; ${error.message}`)
    }
    ids.set(buffer, counter.next++)
    all.add(buffer)
    account.bytes += bytes
    account.peak = Math.max(account.peak, account.bytes)
    return buffer
  }

  const take = (size: number): Promise<Staging> => {
    const found = idle.pop()
    if (found !== undefined) {
      if (found.size >= size) return Promise.resolve(found)
      found.buffer.destroy()
      return Promise.resolve(stage(size))
    }
    if (ring.made < RING) {
      ring.made++
      return Promise.resolve(stage(size))
    }
    return new Promise((resolve) => waiting.push(resolve)).then((s) => {
      const staging = s as Staging
      if (staging.size >= size) return staging
      staging.buffer.destroy()
      return stage(size)
    })
  }
  const stage = (size: number): Staging => {
    const whole = Math.min(CHUNK, 2 ** Math.ceil(Math.log2(Math.max(4096, size))))
    return { buffer: device.createBuffer({ size: whole, usage: usage.mapRead | usage.copyTarget }), size: whole }
  }
  const give = (s: Staging): void => {
    const next = waiting.shift()
    if (next !== undefined) next(s)
    else idle.push(s)
  }

  const chunk = async (from: GpuArray, at: number, size: number, out: Uint8Array): Promise<void> => {
    const s = await take(size)
    try {
      const encoder = device.createCommandEncoder()
      encoder.copyBufferToBuffer(from.buffer, from.offset + at, s.buffer, 0, size)
      device.queue.submit([encoder.finish()])
      await s.buffer.mapAsync(usage.mapRead, 0, size)
      out.set(new Uint8Array(s.buffer.getMappedRange(0, size)), at)
      s.buffer.unmap()
    } finally {
      give(s)
    }
  }

  return {
    make,
    free: (buffer, bytes) => {
      if (!all.delete(buffer)) return
      buffer.destroy()
      account.bytes -= bytes
    },
    read: async (from, bytes) => {
      const out = new Uint8Array(bytes)
      const jobs: Array<Promise<void>> = []
      for (let at = 0; at < bytes; at += CHUNK) jobs.push(chunk(from, at, Math.min(CHUNK, bytes - at), out))
      await Promise.all(jobs)
      return out.buffer
    },
    account: () => ({ ...account }),
    idOf: (buffer) => ids.get(buffer) ?? 0,
    dispose: () => {
      for (const s of idle) s.buffer.destroy()
      for (const b of all) b.destroy()
    },
  }
}

/** The host array of a dtype over bytes. */
export const viewOf = (dtype: DType, bytes: ArrayBuffer, elements: number): HostArray => {
  switch (dtype) {
    case "f32":
      return new Float32Array(bytes, 0, elements)
    case "i32":
      return new Int32Array(bytes, 0, elements)
    case "u32":
      return new Uint32Array(bytes, 0, elements)
    case "f16":
    case "bf16":
      return new Uint16Array(bytes, 0, elements)
    case "u8":
    case "bool":
      return new Uint8Array(bytes, 0, elements)
  }
}
