/**
 * The programs that read a model and go on with it: so many rows with so much room, read in chunks or one token at a time.
 * What the model is, a record of graph functions says. Pure: memory and work are known before anything runs.
 * @module
 */
import type { either as E } from "fp-ts"
import type { Values } from "../../core/device/device.ts"
import type { Faults } from "../../core/graph/fault.ts"
import { sizeOf } from "../../core/graph/node.ts"
import { compile, type Compiled } from "../../core/plan/compile.ts"
import type { Axes } from "../../core/tensor/axes.ts"
import { f32, i32 } from "../../core/tensor/spec.ts"
import type { F32, I32, Tensor } from "../../core/tensor/tensor.ts"
import type { Specs } from "../../models/learn/tree.ts"
import type { Config } from "../../models/llama/config.ts"
import { type Caches, cacheSpecs, type ReadOn, readOn, type Room } from "../../models/llama/decode.ts"
import { type Parameters, specs } from "../../models/llama/parameters.ts"
import type { Storage } from "../../ops/cache.ts"
import { dot } from "../../ops/contraction.ts"
import type { DecodeOptions } from "../../ops/decode.ts"
import { take } from "../../ops/indexing.ts"
import { linearCrossEntropy } from "../../ops/linear-cross-entropy.ts"
import { constant } from "../../ops/literal.ts"
import { argmax } from "../../ops/reduction.ts"

// ---- types -------------------------------------------------------------------

type Whole = Tensor<"i32" | "f32", Axes>

/** The last stream of each row, normalised: what heads read. */
export type Last = F32<"batch model">

/** What is said of it; some hear a number beside it, such as how far guidance goes. */
export type Says<P> = (p: P, last: Last, scale: F32) => Whole

/** A model that can be read: tokens go into caches, and of the last stream something is said, by names `K`. */
export interface Readable<P, K extends string> {
  readonly config: Config
  readonly specs: Specs<P>
  readonly readOn: (
    options: DecodeOptions<Room>,
  ) => (p: P, caches: Caches, tokens: I32<"batch time">, place: I32<"batch">) => ReadOn<Storage>
  /** The head whose losses are told. */
  readonly head: (p: P) => F32<"model vocab">
  readonly says: { readonly [Name in K]: Says<P> }
  /** Those of `K` that hear a number. */
  readonly scaled?: ReadonlyArray<K>
}

/** What is said of a text: the likeliest token after it, or the logits of all. */
export type OfText = "ids" | "logits"

/**
 * What a program does: `read` tokens into the caches, or read one and say something of what comes next, or read tokens and
 * give the `losses` of those after them.
 */
export type Kind<K extends string = OfText> = "read" | "losses" | K

/** What a program is made for. */
export interface Shape<K extends string = OfText> {
  readonly kind: Kind<K>
  readonly rows: number
  /** Tokens that each row has room for. */
  readonly capacity: number
  /** Tokens of each row that are read at once. */
  readonly time: number
}

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

interface Given<P> {
  readonly parameters: P
  readonly caches: Caches
  readonly tokens: I32<"batch time">
  readonly place: I32<"batch">
  readonly targets?: I32<"batch time">
  readonly scale?: F32
}

// ---- Llama -----------------------------------------------------------------------

/** What is said of a text by any model that has its head. */
export const ofText = <P>(head: Readable<P, OfText>["head"]): Readable<P, OfText>["says"] => ({
  ids: (p, last) => argmax(dot(last, head(p), "model"), "vocab"),
  logits: (p, last) => dot(last, head(p), "model"),
})

/** A Llama. */
export const readableLlama = (c: Config): Readable<Parameters, OfText> => {
  const head = (p: Parameters): Parameters["head"] => p.head
  return { config: c, specs: specs(c), readOn: (options) => readOn(c, options), head, says: ofText(head) }
}

// ---- the programs --------------------------------------------------------------

/** Keys in a split where one token is read. */
const split = 512

const hears = <P, K extends string>({ scaled }: Readable<P, K>, kind: Kind<K>): boolean =>
  scaled?.some((name) => name === kind) === true

const inputsOf = <P, K extends string>(m: Readable<P, K>, storage: Storage, s: Shape<K>) => {
  const { kind, rows, capacity, time } = s
  return {
    parameters: m.specs,
    caches: cacheSpecs(m.config, { batch: rows, capacity, storage }),
    tokens: i32("batch time", { batch: rows, time }),
    place: i32("batch", { batch: rows }),
    ...(kind === "losses" ? { targets: i32("batch time", { batch: rows, time }) } : {}),
    ...(hears(m, kind) ? { scale: f32() } : {}),
  }
}

const body = <P, K extends string>(m: Readable<P, K>, { kind, capacity, time }: Shape<K>) => (x: Given<P>): Said => {
  const says = kind === "read" || kind === "losses" ? undefined : m.says[kind as K]
  // many queries look at the blocks that they see; few are shared out over splits of the keys
  const options = { split: says === undefined ? capacity : split }
  const { caches, stream } = m.readOn(options)(x.parameters, x.caches, x.tokens, x.place)
  if (says !== undefined) {
    const last: Last = take(stream, constant((sizeOf(x.tokens, "time") ?? time) - 1, "i32"), "time")
    return { caches, result: says(x.parameters, last, x.scale ?? constant(1)) }
  }
  if (x.targets === undefined) return { caches }
  const about = { feature: "model", vocab: "vocab", along: "time" } as const
  return { caches, result: linearCrossEntropy(stream, m.head(x.parameters), x.targets, about).losses }
}

/** Compiles one. Faults: sizes that do not fit each other, a kernel that needs more bindings than there are. */
export const programOf = <P, K extends string>(
  m: Readable<P, K>,
  storage: Storage,
  shape: Shape<K>,
  maxBindings: number,
): E.Either<Faults, Compiled<unknown, Said>> =>
  compile(body(m, shape) as never, inputsOf(m, storage, shape), { donate: ["caches"], maxBindings }) as E.Either<
    Faults,
    Compiled<unknown, Said>
  >
