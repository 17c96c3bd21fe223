/**
 * The programs that read a Llama and go on with it: so many rows with so much room, read in chunks or one token at a time.
 * Pure: their memory and work are known before anything runs.
 * @module
 */
import type { either as E } from "fp-ts"
import type { Values } from "../../core/device/device.ts"
import type { Faults } from "../../core/graph/fault.ts"
import { compile, type Compiled } from "../../core/plan/compile.ts"
import type { Axes } from "../../core/tensor/axes.ts"
import { i32 } from "../../core/tensor/spec.ts"
import type { I32, Tensor } from "../../core/tensor/tensor.ts"
import type { Config } from "../../models/llama/config.ts"
import { type Caches, cacheSpecs, decode, readOn } from "../../models/llama/decode.ts"
import { type Parameters, specs } from "../../models/llama/parameters.ts"
import type { Storage } from "../../ops/cache.ts"
import { linearCrossEntropy } from "../../ops/linear-cross-entropy.ts"
import { argmax } from "../../ops/reduction.ts"

// ---- types -------------------------------------------------------------------

/**
 * What a program does: `read` tokens into the caches, or read one and say the likeliest next (`ids`) or the `logits` of all,
 * or read tokens and give the `losses` of those after them.
 */
export type Kind = "read" | "ids" | "logits" | "losses"

/** What a program is made for. */
export interface Shape {
  readonly kind: Kind
  readonly rows: number
  /** Tokens that each row has room for. */
  readonly capacity: number
  /** Tokens of each row that are read at once. */
  readonly time: number
}

type Whole = Tensor<"i32" | "f32", Axes>

/** What a program gives. */
export interface Said {
  readonly caches: Caches
  readonly result?: Whole
}

/** The same on a device. */
export interface Ran {
  readonly caches: Values<Caches>
  readonly result?: Values<Whole>
}

interface Given {
  readonly parameters: Parameters
  readonly caches: Caches
  readonly tokens: I32<"batch time">
  readonly place: I32<"batch">
  readonly targets?: I32<"batch time">
}

// ---- the programs --------------------------------------------------------------

/** Keys in a split where one token is read. */
const split = 512

const inputsOf = (c: Config, storage: Storage, { kind, rows, capacity, time }: Shape) => ({
  parameters: specs(c),
  caches: cacheSpecs(c, { batch: rows, capacity, storage }),
  tokens: i32("batch time", { batch: rows, time }),
  place: i32("batch", { batch: rows }),
  ...(kind === "losses" ? { targets: i32("batch time", { batch: rows, time }) } : {}),
})

const body = (c: Config, { kind, capacity }: Shape) => (x: Given): Said => {
  // many queries look at the blocks that they see; few are shared out over splits of the keys
  if (kind === "ids" || kind === "logits") {
    const { caches, logits } = decode(c, { split })(x.parameters, x.caches, x.tokens, x.place)
    return { caches, result: kind === "ids" ? argmax(logits, "vocab") : logits }
  }
  const { caches, stream } = readOn(c, { split: capacity })(x.parameters, x.caches, x.tokens, x.place)
  if (x.targets === undefined) return { caches }
  const about = { feature: "model", vocab: "vocab", along: "time" } as const
  return { caches, result: linearCrossEntropy(stream, x.parameters.head, x.targets, about).losses }
}

/** Compiles one. Faults: sizes that do not fit each other, a kernel that needs more bindings than there are. */
export const programOf = (
  c: Config,
  storage: Storage,
  shape: Shape,
  maxBindings: number,
): E.Either<Faults, Compiled<unknown, Said>> =>
  compile(body(c, shape) as never, inputsOf(c, storage, shape), { donate: ["caches"], maxBindings }) as E.Either<
    Faults,
    Compiled<unknown, Said>
  >
