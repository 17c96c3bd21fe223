/**
 * A compiled program: data that can be printed, hashed, sent to a worker and forecast before it runs.
 * @module
 */
import type { Collective } from "../graph/collective.ts"
import type { Kernel } from "../kernel/kernel.ts"
import { type DType, dtypes } from "../tensor/dtype.ts"

/** Where a buffer lies. */
export type Place =
  /** In the program's arena, from that byte (a multiple of 256). Arena buffers whose lives do not meet may overlap. */
  | { readonly tag: "arena"; readonly offset: number }
  /** The array given for that input. */
  | { readonly tag: "input"; readonly index: number }
  /** The array made for that output. */
  | { readonly tag: "output"; readonly index: number }
  /** Literal elements (as numbers, row-major), in the program for good. */
  | { readonly tag: "constant"; readonly values: ReadonlyArray<number> }

/** A flat array of elements. */
export interface Buffer {
  readonly dtype: DType
  readonly elements: number
  readonly place: Place
}

/** One input or output. */
export interface Slot {
  /** Path in the tree, `weights.layers.0.query`. */
  readonly path: string
  readonly dtype: DType
  readonly axes: ReadonlyArray<string>
  readonly shape: ReadonlyArray<number>
  /** Number of its buffer in `Program.buffers`. */
  readonly buffer: number
  /** Outputs: number of the input whose array it takes over (donation). Then it shares the input's buffer. */
  readonly donated?: number
}

/** What happens, in order. */
export type Step =
  /** Runs kernel number `kernel` with its buffers 0.. bound to these program buffers. */
  | { readonly tag: "dispatch"; readonly kernel: number; readonly buffers: ReadonlyArray<number> }
  /** Runs the steps `times` times; `turn` counts 0, 1, ... or down to 0 if `reverse`. */
  | { readonly tag: "repeat"; readonly times: number; readonly reverse: boolean; readonly steps: ReadonlyArray<Step> }

/**
 * What ranks do together with two of a program's buffers, between steps of its top level: it is started before step
 * number `start`, when `from` is whole, and finished, so that `to` is filled, before step number `finish`; in between
 * neither buffer is written, nor `to` read. Between two steps, exchanges are done in the order of their numbers: each is
 * started if it is its time, then finished if it is its time. The order is the same on all ranks.
 */
export interface Exchange {
  readonly collective: Collective
  /** Numbers of the buffers that are read and written. */
  readonly from: number
  readonly to: number
  readonly start: number
  readonly finish: number
}

/**
 * Known before anything runs. Bytes are what every device allocates for the program's arrays, no more and no less; what
 * a device's kernels need besides is its own, and `Device.forecast` adds it.
 */
export interface Forecast {
  readonly inputs: number
  readonly outputs: number
  readonly constants: number
  readonly arena: number
  /** inputs + outputs not donated + constants + arena. */
  readonly peak: number
  readonly flops: number
  /** Bytes that the kernels read and write, each load and store once. */
  readonly traffic: number
  readonly dispatches: number
  /** Number of kernels on the longest chain of dependent steps. */
  readonly depth: number
  /** Bytes that this rank sends to others. */
  readonly sent: number
}

/** A program of version 2. */
export interface Program {
  readonly version: 2
  readonly inputs: ReadonlyArray<Slot>
  readonly outputs: ReadonlyArray<Slot>
  readonly buffers: ReadonlyArray<Buffer>
  /** Distinct kernels; steps name them by number. */
  readonly kernels: ReadonlyArray<Kernel>
  readonly steps: ReadonlyArray<Step>
  /** Collectives, in the order in which they are started. */
  readonly exchanges: ReadonlyArray<Exchange>
  readonly arena: number
  readonly forecast: Forecast
}

/** The steps before which something is exchanged, from 0 to the number of steps: between two of them lies a part. */
export const boundaries = (p: Pick<Program, "steps" | "exchanges">): ReadonlyArray<number> => {
  const all = [0, p.steps.length, ...p.exchanges.flatMap((e) => [e.start, e.finish])]
  return [...new Set(all)].sort((a, b) => a - b)
}

/** Bytes that an array takes on every device, by which forecasts and devices count: stored form, rounded up to 4. */
export const bufferBytes = (dtype: DType, elements: number): number =>
  Math.ceil((elements * dtypes[dtype].bytes) / 4) * 4
