/**
 * The device's memory: how it is made, who has which bytes of it, and how much is counted as allocated.
 * @module
 */
import * as Effect from "effect/Effect"
import { type DeviceFault, deviceFault } from "../device/backend.ts"
import { type DType, dtypes, type HostArray } from "../tensor/dtype.ts"
import { heap, rangeBytes } from "./heap.ts"
import { control } from "./walker.ts"

/** Bytes of a page of WebAssembly's memory. */
export const page = 65536
/** Bytes of the largest memory that 32-bit addresses reach. */
export const most: number = 65536 * page
/** Bytes of the smallest memory that makes sense. */
export const least: number = 64 * page

/** What is wrong with a number of bytes that is asked for. */
export const memoryFault = (bytes: number | undefined): string | undefined =>
  bytes === undefined || (Number.isInteger(bytes) && bytes >= least && bytes <= most)
    ? undefined
    : `wasm: the option memory is ${bytes}; expected whole bytes from ${least} to ${most}`

/** Bytes that an array counts for. */
export const bytesOf = (dtype: DType, elements: number): number => Math.ceil(elements * dtypes[dtype].bytes / 4) * 4

const megabytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`

/** The elements at an address, in stored form; a view, not a copy. */
export const view = (memory: WebAssembly.Memory, dtype: DType, address: number, elements: number): HostArray => {
  switch (dtype) {
    case "f32":
      return new Float32Array(memory.buffer, address, elements)
    case "f16":
    case "bf16":
      return new Uint16Array(memory.buffer, address, elements)
    case "i32":
      return new Int32Array(memory.buffer, address, elements)
    case "u32":
      return new Uint32Array(memory.buffer, address, elements)
    case "u8":
    case "bool":
      return new Uint8Array(memory.buffer, address, elements)
  }
}

/** Can other threads have it too? */
export const isShared = (memory: WebAssembly.Memory): boolean =>
  typeof SharedArrayBuffer !== "undefined" && memory.buffer instanceof SharedArrayBuffer

/** The device's memory and who has what of it. */
export interface Store {
  readonly memory: WebAssembly.Memory
  /** Takes so many bytes; `what` goes into the fault. */
  readonly take: (bytes: number, what: string) => Effect.Effect<number, DeviceFault>
  readonly give: (address: number, bytes: number) => void
  /** Counts bytes as allocated (or, negative, freed) for the device's report. */
  readonly count: (bytes: number) => void
  readonly report: () => { readonly bytes: number; readonly peak: number }
}

/** All of a memory after the control words is free. */
export const storeOn = (memory: WebAssembly.Memory): Store => {
  const ranges = heap()
  ranges.give(control.end, memory.buffer.byteLength - control.end)
  let bytes = 0, peak = 0
  return {
    memory,
    take: (wanted, what) =>
      Effect.suspend(() => {
        const address = ranges.take(rangeBytes(wanted))
        if (address !== undefined) return Effect.succeed(address)
        const message = `wasm memory: ${what} needs ${megabytes(wanted)}; ${megabytes(bytes)} are allocated and the ` +
          `largest free range has ${megabytes(ranges.largest())}; the whole memory has ${
            megabytes(memory.buffer.byteLength)
          }. ` +
          "Use smaller sizes, or free arrays first"
        return Effect.fail(deviceFault("memory", message))
      }),
    give: (address, size) => ranges.give(address, rangeBytes(size)),
    count: (change) => {
      bytes += change
      peak = Math.max(peak, bytes)
    },
    report: () => ({ bytes, peak }),
  }
}

/**
 * The largest memory that the engine gives, or one of so many bytes, whole from the start: pages that nobody touches cost
 * nothing, and a memory that never grows has no threads that have not heard of it.
 */
export const newMemory = (shared: boolean, bytes: number | undefined): WebAssembly.Memory | undefined => {
  const pages = Math.ceil((bytes ?? most) / page)
  for (let some = pages; some >= (bytes === undefined ? 1024 : pages); some /= 2) {
    try {
      return new WebAssembly.Memory({ initial: some, maximum: some, shared })
    } catch {
      continue
    }
  }
  return undefined
}
