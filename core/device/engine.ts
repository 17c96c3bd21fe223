/**
 * What moves blocks between ranks: one engine a process. Programs with collectives are run by `Device` in parts, and
 * between two parts the engine starts and finishes what the program says.
 *
 * All ranks run the same program, so they start the same collectives in the same order; an engine may rely on it.
 * @module
 */
import type * as Effect from "effect/Effect"
import type { Collective } from "../graph/collective.ts"
import type { DType, HostArray } from "../tensor/dtype.ts"

/** Something that ranks could not do together. */
export interface MeshFault {
  readonly _tag: "MeshFault"
  readonly reason: "unavailable" | "shape" | "lost" | "input"
  /** What, where, which rank, expected, got, what to try. */
  readonly message: string
}

/** Makes a fault. */
export const meshFault = (reason: MeshFault["reason"], message: string): MeshFault => ({
  _tag: "MeshFault",
  reason,
  message,
})

/** Sizes of a mesh's axes for a sentence: `{ data: 2, ring: 4 }`. */
export const shapeText = (shape: Engine["shape"]): string => {
  const axes = Object.entries(shape).map(([axis, size]) => `${axis}: ${size}`)
  return axes.length === 0 ? "{}" : `{ ${axes.join(", ")} }`
}

/** A block that is sent or filled: its elements in stored form (float64 where the device computes in that). */
export interface Block {
  readonly dtype: DType
  readonly data: HostArray
}

/** A collective under way. */
export interface Pending {
  /**
   * Waits until `to` is filled and `from` may be written again. It may be interrupted, and called again after that.
   * After a fault neither array is touched any more.
   */
  readonly finish: Effect.Effect<void, MeshFault>
}

/** Moves blocks between ranks. */
export interface Engine {
  /** Sizes of the mesh's axes, in order: `{ data: 2, ring: 4 }`; the last axis is the fastest. */
  readonly shape: { readonly [axis: string]: number }
  /** Which rank this is, 0 to the product of the sizes. */
  readonly rank: number
  /**
   * Starts a collective. `from` must not be written, nor `to` read, until it is finished; both arrays stay where they
   * are. What is started is finished in any order. The sum of an all-reduce is the same bits on all ranks.
   */
  readonly start: (c: Collective, from: Block, to: Block) => Effect.Effect<Pending, MeshFault>
  /**
   * This rank gives up for good, as after a run that failed between two collectives: it is out of step with the others.
   * What is under way and what is started later then ends with a fault, on all ranks, that names this one. Done twice
   * it is done once.
   */
  readonly leave: (why: string) => Effect.Effect<void>
}
