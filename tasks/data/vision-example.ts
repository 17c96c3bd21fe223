/**
 * Examples of text and pictures: tokens of two vocabularies, and rows of them.
 * @module
 */
import type { Host } from "../../core/tensor/host.ts"
import type { Example, Rows } from "./example.ts"

/** An example some of whose tokens are of the vision vocabulary. A token is an id of its own vocabulary. */
export interface VisionExample extends Example {
  /** 1 where a token is of the vision vocabulary: a code, a frame's end, a video's end. */
  readonly vision: Uint8Array
  /** What it teaches: `text-image`. Loss may weigh tasks. */
  readonly task?: string
}

/** Rows of such examples, and of which vocabulary their tokens and targets are. */
export interface VisionRows extends Rows {
  /** 1 where the token is of the vision vocabulary. */
  readonly vision: Host<"i32", ["batch", "time"]>
  /** 1 where the target is. */
  readonly visionTargets: Host<"i32", ["batch", "time"]>
}

/** How much counts what. */
export interface Balance {
  /** Shares of the two losses: their sum, each times its share, is the loss. They are settings of the model's step. */
  readonly vision: number
  readonly text: number
  /** How much an example of a task counts; 1 where nothing is said. They are settings of the packing. */
  readonly tasks: { readonly [task: string]: number }
}

/** LWM's: half of each loss, every example as much as any other (`lwm/train.py`). */
export const paperBalance: Balance = { vision: 0.5, text: 0.5, tasks: {} }

/** Text alone, as an example of two vocabularies. */
export const textAlone = (example: Example): VisionExample => ({
  ...example,
  vision: new Uint8Array(example.tokens.length),
})
