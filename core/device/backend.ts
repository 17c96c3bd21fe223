/**
 * What a device must be able to do, and no more. `device.ts` builds the Device service on it: handles, donation,
 * scopes and the conversion of host arrays. Arrays hold each dtype's stored form; byte sizes are rounded up to 4.
 * @module
 */
import type * as Effect from "effect/Effect"
import type { DType, HostArray } from "../tensor/dtype.ts"
import { boundaries, type Program } from "../plan/program.ts"

/** Something that a device could not do. */
export interface DeviceFault {
  readonly _tag: "DeviceFault"
  readonly reason: "unavailable" | "lost" | "memory" | "limit" | "compile" | "input" | "consumed" | "mesh"
  /** What, where, expected, got, what to try. */
  readonly message: string
}

/** Makes a fault. */
export const deviceFault = (reason: DeviceFault["reason"], message: string): DeviceFault => ({
  _tag: "DeviceFault",
  reason,
  message,
})

/** What a device is and can do. */
export interface DeviceInfo {
  readonly kind: "webgpu" | "wasm" | "oracle"
  /** One line for people: "wasm: 2 threads, SIMD with relaxed multiply-add". */
  readonly description: string
  /** Buffers that one kernel may bind. */
  readonly maxBindings: number
  /** Bytes of the largest buffer that a kernel may bind. */
  readonly maxBufferBytes: number
  /** Features in use, for reports and cache keys. */
  readonly features: ReadonlyArray<string>
}

/** An array on the device; `H` is the device's own handle. */
export interface Allocation<H = unknown> {
  readonly dtype: DType
  readonly elements: number
  readonly handle: H
}

/** A program made ready: arena and constants allocated, kernels compiled. */
export interface Executable<H = unknown> {
  /** Bytes it holds: arena, constants and workspace. */
  readonly bytes: number
  /** Runs all steps of a program without exchanges. `outputs[i]` is ignored where output i is donated. */
  readonly run: (
    inputs: ReadonlyArray<Allocation<H>>,
    outputs: ReadonlyArray<Allocation<H>>,
  ) => Effect.Effect<void, DeviceFault>
  readonly dispose: Effect.Effect<void>
  /**
   * Runs one part, from step `start` up to step `end` of the top level, which are two neighbours of the program's
   * `boundaries`. The parts of a run are done in their order.
   */
  readonly part: (
    inputs: ReadonlyArray<Allocation<H>>,
    outputs: ReadonlyArray<Allocation<H>>,
    start: number,
    end: number,
  ) => Effect.Effect<void, DeviceFault>
  /**
   * One of the program's buffers as an array on this device, for `read` and `write` between parts. Where the device's
   * memory is the host's, `data` are its very elements, so that nothing is copied. It is not to be freed.
   */
  readonly buffer: (
    number: number,
    inputs: ReadonlyArray<Allocation<H>>,
    outputs: ReadonlyArray<Allocation<H>>,
  ) => Allocation<H> & { readonly data?: HostArray }
}

/** What is wrong with a part that a device is asked to run, if anything. */
export const partFault = (program: Program, start: number, end: number): DeviceFault | undefined => {
  const cuts = boundaries(program)
  const at = cuts.indexOf(start)
  if (at >= 0 && (cuts[at + 1] ?? start) === end) return undefined
  const message = `a part from step ${start} to ${end}, but the parts of this program end at ${cuts.join(", ")}; ` +
    (program.exchanges.length === 0 ? "run it whole" : "run it with an engine, which does its exchanges between them")
  return deviceFault("mesh", message)
}

/** The whole contract. */
export interface Backend<H = unknown> {
  readonly info: DeviceInfo
  /** Bytes allocated now, what programs hold included, and the most there ever were. */
  readonly memory: Effect.Effect<{ readonly bytes: number; readonly peak: number }>
  readonly allocate: (dtype: DType, elements: number) => Effect.Effect<Allocation<H>, DeviceFault>
  readonly free: (a: Allocation<H>) => Effect.Effect<void>
  /** `data` in stored form: halves as Uint16Array, u8 and bool as Uint8Array. The oracle takes Float64Array for floats. */
  readonly write: (a: Allocation<H>, data: HostArray) => Effect.Effect<void, DeviceFault>
  /** A copy of all elements in stored form; the oracle gives floats as Float64Array. */
  readonly read: (a: Allocation<H>) => Effect.Effect<HostArray, DeviceFault>
  readonly prepare: (program: Program) => Effect.Effect<Executable<H>, DeviceFault>
  /**
   * Bytes that preparing and running a program takes on this device beside the program's own arrays and arena: known
   * before it is prepared, held until it is disposed of.
   */
  readonly workspace: (program: Program) => number
}
