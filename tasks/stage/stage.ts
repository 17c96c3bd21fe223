/**
 * A stage is a value: a name, a version, settings, the stages it needs, and the effect that makes its output. Its key is
 * the digest of all that the output depends on, so running it twice is reading it once. A pipeline is a named set of
 * stages. Declaring runs nothing.
 *
 * ```ts
 * import * as Effect from "effect/Effect"
 * import * as t from "io-ts"
 * import { pipeline, stage } from "./stage.ts"
 *
 * const Count = t.strict({ words: t.number })
 * const count = stage({
 *   name: "count",
 *   version: "1",
 *   codec: t.strict({ text: t.string }),
 *   settings: { text: "call me Ishmael" },
 *   needs: {},
 *   output: Count,
 *   make: (_, { text }) => Effect.succeed({ words: text.split(" ").length }),
 * })
 * const double = stage({
 *   name: "double",
 *   version: "1",
 *   codec: t.null,
 *   settings: null,
 *   needs: { count },
 *   output: Count,
 *   make: ({ count }) => Effect.succeed({ words: 2 * count.words }),
 * })
 * const words = pipeline("words", "Counts words, twice", { count, double })
 * ```
 * @module
 */
import type * as Effect from "effect/Effect"
import { either as E } from "fp-ts"
import type * as t from "io-ts"
import { type FileFault, report } from "../../core/files/codec.ts"
import type { Faults as GraphFaults } from "../../core/graph/fault.ts"
import type { StoreFault } from "../store.ts"
import { type StageFault, stageFault } from "./fault.ts"
import { canonical, type Json } from "./json.ts"

export type { Json } from "./json.ts"

// ---- types -------------------------------------------------------------------

/** What a stage has done so far when it was stopped. A state names its tensors' files; it does not hold them. */
export interface Journal {
  /** The state that was saved last, if it and all files that it names are whole. */
  readonly last: <A>(codec: t.Type<A, unknown>) => Effect.Effect<A | undefined, StoreFault | FileFault>
  /** Saves a state, whole or not at all; then it is the last. */
  readonly save: <A>(codec: t.Type<A, unknown>, state: A) => Effect.Effect<void, StoreFault | FileFault>
}

/** What is known of a stage before it runs, for `deno task plan`: all of it computed, nothing measured. */
export interface Expectation {
  /** Tokens that it reads in all, rows times length times steps. */
  readonly tokens?: number
  readonly steps?: number
  /** Tokens in a row. */
  readonly context?: number
  /** Floating-point operations in all. */
  readonly flops?: number
  /** The most bytes that each rank will have allocated. */
  readonly memory?: number
  /** Ranks that it is planned for, as text: `ring=4,data=8`. */
  readonly mesh?: string
  /** What a person should know: `theta 10M`, `4M tokens a step`. */
  readonly notes?: ReadonlyArray<string>
}

/** The stages that a stage needs, by the names that its effect knows them by. */
export interface Needs {
  readonly [name: string]: AnyStage
}

/** What the needed stages make. */
export type Outputs<N extends Needs> = {
  readonly [K in keyof N]: N[K] extends Stage<infer A, infer _X, infer _R> ? A : never
}

/** What the needed stages may fail with. */
export type FaultsOf<N extends Needs> = {
  [K in keyof N]: N[K] extends Stage<infer _A, infer X, infer _R> ? X : never
}[keyof N]

/** What the needed stages need around them. */
export type ServicesOf<N extends Needs> = {
  [K in keyof N]: N[K] extends Stage<infer _A, infer _X, infer R> ? R : never
}[keyof N]

/** A declared stage: `A` is what it makes, `X` its faults and `R` its services, those of what it needs included. */
export interface Stage<A, X = never, R = never> {
  readonly name: string
  /** Raised by hand when the effect means something else. */
  readonly version: string
  /** One line for `deno task list`. */
  readonly about: string
  /** The settings, encoded by their codec. */
  readonly settings: Json
  /** What is wrong with the declaration; it does not run then. */
  readonly faults: ReadonlyArray<StageFault>
  /** Seeds of everything random in it. */
  readonly seeds: ReadonlyArray<number>
  /** Digests of the graphs that it runs, so that another model or another rule of training is another key. */
  readonly graphs: () => E.Either<GraphFaults, ReadonlyArray<string>>
  readonly needs: Needs
  readonly output: t.Type<A, unknown>
  readonly expects: () => E.Either<GraphFaults, Expectation>
  /** Only `make` runs; what it is given is what `needs` made. */
  readonly make: (inputs: never, journal: Journal) => Effect.Effect<A, X, R>
}

// deno-lint-ignore no-explicit-any -- a stage of any output, fault and service
export type AnyStage = Stage<any, any, any>

/** What `stage` is given. */
export interface Declaration<A, X, R, S, N extends Needs> {
  readonly name: string
  readonly version: string
  readonly about?: string
  /** How settings are written down; they are checked when the stage is declared. */
  readonly codec: t.Type<S, unknown>
  readonly settings: S
  readonly seeds?: ReadonlyArray<number>
  readonly graphs?: () => E.Either<GraphFaults, ReadonlyArray<string>>
  readonly needs: N
  readonly output: t.Type<A, unknown>
  readonly expects?: () => E.Either<GraphFaults, Expectation>
  readonly make: (inputs: Outputs<N>, settings: S, journal: Journal) => Effect.Effect<A, X, R>
}

/** Stages under a name. The last one is what it is for; all of them are made. */
export interface Pipeline<N extends Needs = Needs> {
  readonly name: string
  readonly about: string
  readonly stages: N
}

// ---- constructors --------------------------------------------------------------

const right = <A>(value: A) => (): E.Either<never, A> => ({ _tag: "Right", right: value })

const isName = (name: string): boolean => /^[a-z0-9][a-z0-9._-]{0,63}$/i.test(name) && !name.endsWith(".")

/** What is wrong with the name of a stage or a pipeline, if anything: folders are called by it. */
export const nameFaults = (name: string): ReadonlyArray<StageFault> =>
  isName(name) ? [] : [stageFault(
    "name",
    name,
    "the name is also that of a folder; take up to 64 letters, digits, '-', '_' and '.', the first a letter or a digit",
  )]

/** The settings as JSON that their codec reads back to the same, or why they are not. */
const encoded = <S>(
  name: string,
  codec: t.Type<S, unknown>,
  settings: S,
): E.Either<ReadonlyArray<StageFault>, Json> => {
  const wrong = (why: string) => E.left([stageFault("settings", name, why)])
  // a codec is the user's, and may throw
  const attempt = <A>(act: () => A): E.Either<string, A> =>
    E.tryCatch(act, (e) => e instanceof Error ? e.message : String(e))
  const json = attempt((): unknown => codec.encode(settings))
  if (E.isLeft(json)) return wrong(`the settings cannot be written by ${codec.name}: ${json.left}; mend the codec`)
  const text = attempt(() => canonical(json.right))
  if (E.isLeft(text)) return wrong(`the settings cannot be looked at: ${text.left}`)
  if (E.isLeft(text.right)) return wrong(`in the settings ${text.right.left}; leave it out or give another value`)
  const read = attempt(() => {
    const value = codec.decode(json.right)
    return E.isLeft(value) ? value : E.right(canonical(codec.encode(value.right)))
  })
  if (E.isLeft(read)) return wrong(`${codec.name} does not read the settings back: ${read.left}; mend the codec`)
  if (E.isLeft(read.right)) {
    return wrong(`in the settings ${report(read.right.left).map((f) => f.message).join("; ")}`)
  }
  const again = read.right.right
  return E.isRight(again) && again.right === text.right.right
    ? E.right(json.right as Json)
    : wrong(`${codec.name} reads the settings back as others; mend the codec`)
}

/** Declares a stage; nothing runs. What is wrong with it is kept in it. */
export const stage = <A, X, R, S, const N extends Needs>(
  d: Declaration<A, X, R, S, N>,
): Stage<A, X | FaultsOf<N>, R | ServicesOf<N>> => {
  const settings = encoded(d.name, d.codec, d.settings)
  return {
    name: d.name,
    version: d.version,
    about: d.about ?? "",
    settings: E.isRight(settings) ? settings.right : null,
    faults: [...nameFaults(d.name), ...(E.isLeft(settings) ? settings.left : [])],
    seeds: d.seeds ?? [],
    graphs: d.graphs ?? right([]),
    needs: d.needs,
    output: d.output,
    expects: d.expects ?? right({}),
    make: (inputs, journal) => d.make(inputs, d.settings, journal),
  }
}

/** Names stages together. */
export const pipeline = <const N extends Needs>(name: string, about: string, stages: N): Pipeline<N> => ({
  name,
  about,
  stages,
})
