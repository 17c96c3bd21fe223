/**
 * A learner: all that the loop of a training must know of a model. Its step is a function of the graph from state and batch
 * to state and numbers; the rest is what is known before anything runs (sizes, rates, what is counted) and how it begins.
 *
 * ```ts
 * import { f32 } from "../../core/tensor/spec.ts"
 * import type { F32 } from "../../core/tensor/tensor.ts"
 * import { type Objective, type Recipe, stepOf } from "../../models/learn/mod.ts"
 *
 * type Line = { readonly slope: F32<"in"> }
 * type Points = { readonly x: F32<"batch in">; readonly y: F32<"batch"> }
 * declare const recipe: Recipe
 * declare const distance: Objective<Line, Points>
 * const line = learnerOf<Line, Points>({
 *   name: "line",
 *   settings: {},
 *   recipe,
 *   traits: { inputs: () => 0 },
 *   parameters: { slope: f32("in", { in: 3 }) },
 *   batch: { x: f32("batch in", { ...recipe, in: 3 }), y: f32("batch", recipe) },
 *   initialise: () => ({ slope: { ...f32("in", { in: 3 }), data: new Float32Array(3) } }),
 *   step: (spread) => stepOf(recipe, { inputs: () => 0 }, { ...distance, spread }),
 *   counted: { unit: "points", each: recipe.batch },
 * })
 * ```
 * @module
 */
import * as Effect from "effect/Effect"
import { either as E } from "fp-ts"
import type { FileFault } from "../../core/files/codec.ts"
import type { Stored } from "../../core/files/safetensors.ts"
import { digest } from "../../core/graph/digest.ts"
import { fault, type Faults } from "../../core/graph/fault.ts"
import { inputLike } from "../../core/graph/given.ts"
import { leaves } from "../../core/graph/leaves.ts"
import { count, topological } from "../../core/graph/node.ts"
import { alone, localKind, ranksOf, type Spread } from "../../core/mesh/shape.ts"
import { compileOn, type MeshCompiled } from "../../core/mesh/spmd.ts"
import { type HostKey, hostKey } from "../../core/random/host.ts"
import type { AnySpec } from "../../core/tensor/spec.ts"
import type { F32 } from "../../core/tensor/tensor.ts"
import { flatten, map } from "../../core/tensor/tree.ts"
import {
  beginFrom,
  type Hosts,
  type Recipe,
  recipeFaults,
  schedule,
  type Specs,
  type State,
  stateSpecs,
  type Traits,
} from "../../models/learn/mod.ts"
import { rateAt } from "../../ops/schedule.ts"
import { orFirst } from "../known.ts"
import { grouped } from "../numbers.ts"
import { type FileRef, getTensors } from "../objects.ts"
import type { Expectation, Json } from "../stage/stage.ts"
import type { Store, StoreFault } from "../store.ts"
import { ownTensors, type Read, treeOf } from "./parameters.ts"
import { fitted, type Given } from "./rows.ts"
import { type Watch, watchOf } from "./watch.ts"

// ---- types -----------------------------------------------------------------

/** Inputs of a step, whole and without values; both are trees of specs. */
export interface StepInputs {
  readonly state: unknown
  readonly batch: { readonly [name: string]: AnySpec }
}

/** What a step gives: the state in the place of the old one, and numbers (`loss`, `norm` and what else it tells). */
export interface StepOutputs {
  readonly state: unknown
  readonly metrics: { readonly loss: F32; readonly norm: F32 }
}

/** The program of a step. */
export type StepProgram = MeshCompiled<StepInputs, StepOutputs>

/** What a step is made of. */
export interface Steps {
  /** What its numbers say that does not fit together; no graph is made of them then. */
  readonly faults: Faults
  /** The mesh that it lies on. */
  readonly spread: Spread
  readonly inputs: StepInputs
  /** Written for one rank of the mesh, from tensors in the places of the specs. */
  readonly step: (inputs: never) => StepOutputs
}

/** A model that learns; `B` are its rows as a stream gives them. */
export interface Learner<B = Given> extends Steps {
  /** What learns: "llama", "vqgan". */
  readonly name: string
  /** All that its numbers depend on beside the seed and the rows: config, recipe, plan. It is a part of keys. */
  readonly settings: { readonly [name: string]: Json }
  /** The same on another mesh. */
  readonly on: (spread: Spread) => Learner<B>
  /** Rows as inputs of the step. Faults: rows that lack something, or are of another size. */
  readonly given: (rows: B) => Given | FileFault
  /** The state before the first step: from the parameters of a file, or drawn from the seed. */
  readonly first: (seed: number, start: FileRef | undefined) => Effect.Effect<unknown, StoreFault | FileFault, Store>
  /** What of a state was learned: the average where it keeps one. */
  readonly learned: (state: unknown) => unknown
  readonly steps: number
  /** The learning rate of update 0, 1, ... */
  readonly rateAt: (update: number) => number
  /** What is counted, and how much of it a step takes. */
  readonly counted: Counted
  /** Further numbers by their weight for people: a line of progress has room for the first. */
  readonly shown?: ReadonlyArray<string>
  readonly watch: Watch
  /** Does a step without numbers leave all of the state as it was? A loss scale changes. */
  readonly exact: boolean
  /** For `deno task plan`: its size first. */
  readonly notes: ReadonlyArray<string>
  /** Tokens of a row, where it reads tokens. */
  readonly context?: number
  /** What would take less memory, the cheapest first. */
  readonly advice: ReadonlyArray<string>
}

/** What a step takes, in a unit for people: `{ unit: "frames", each: 32 }`. */
export interface Counted {
  readonly unit: string
  readonly each: number
}

/** What a learner of a model with parameters `P` is made of; its state is `S`. */
export interface LearnerOf<P, B, S extends { readonly parameters: P } = State<P>> {
  readonly name: string
  readonly settings: { readonly [name: string]: Json }
  readonly recipe: Recipe
  readonly traits: Traits
  readonly parameters: Specs<P>
  readonly batch: Specs<B>
  readonly initialise: (key: HostKey) => Hosts<P>
  /** For one rank of the mesh. */
  readonly step: (spread: Spread) => (inputs: { readonly state: S; readonly batch: B }) => StepOutputs
  readonly counted: Counted
  /** Specs of the state, and how it begins with parameters; `models/learn`'s if not given. */
  readonly state?: Specs<S>
  readonly begin?: (parameters: Hosts<P>, key: HostKey) => Hosts<S>
  /** Parameters out of a file's tensors; by the paths of the tree if not given. What a file lacks may be drawn from the key. */
  readonly read?: (tensors: ReadonlyArray<Stored>, key: HostKey) => Read<Hosts<P>>
  /** What its numbers say that does not fit together; what every recipe must keep if not given. */
  readonly faults?: ReadonlyArray<FileFault>
  readonly shown?: ReadonlyArray<string>
  readonly notes?: ReadonlyArray<string>
  readonly advice?: ReadonlyArray<string>
  readonly context?: number
  readonly spread?: Spread
  /** What is the same in every step and no batch has. */
  readonly always?: Given
}

// ---- constructors --------------------------------------------------------------

/** How many numbers a tree of specs has. */
export const sizeOfTree = (specs: unknown): number =>
  (flatten(specs) as unknown as ReadonlyArray<readonly [string, AnySpec]>).reduce((n, [, s]) => n + count(s.shape), 0)

/** The average of the parameters where a state keeps one. */
export const averageOr = (state: unknown): unknown => {
  const { average, parameters } = state as { readonly average?: unknown; readonly parameters: unknown }
  return average ?? parameters
}

/** A learner of a model that is trained by `models/learn`; rows are tensors by the names of its batch. */
export const learnerOf = <P, B, S extends { readonly parameters: P } = State<P>>(
  d: LearnerOf<P, B, S>,
): Learner => {
  const { recipe, traits, spread = alone } = d
  const batch = d.batch as unknown as StepInputs["batch"]
  const begin = d.begin ??
    ((parameters: Hosts<P>) => beginFrom(recipe, traits)<P>(d.parameters, parameters) as unknown as Hosts<S>)
  const read = d.read ??
    ((tensors: ReadonlyArray<Stored>) => treeOf<P>(d.parameters, ownTensors(d.parameters, tensors), true))
  return {
    name: d.name,
    settings: d.settings,
    faults: (d.faults ?? recipeFaults(recipe)).map((f) => fault("ValueFault", "training", f.message)),
    spread,
    on: (other) => learnerOf({ ...d, spread: other }),
    inputs: { state: d.state ?? stateSpecs(recipe, traits)<P>(d.parameters), batch },
    step: d.step(spread) as Learner["step"],
    given: fitted(batch, {
      sizes: `batch ${recipe.batch}`,
      lacking: `give batches of ${Object.keys(batch).join(", ")}`,
      ...(d.always === undefined ? {} : { always: d.always }),
    }),
    first: (seed, start) =>
      Effect.map(
        start === undefined
          ? Effect.sync(() => d.initialise(hostKey(seed)))
          : Effect.flatMap(getTensors(start), (tensors) => orFirst(read(tensors, hostKey(seed)))),
        (parameters) => begin(parameters, hostKey(seed)),
      ),
    learned: averageOr,
    steps: recipe.steps,
    rateAt: (update) => rateAt(schedule(recipe), update),
    counted: d.counted,
    ...(d.shown === undefined ? {} : { shown: d.shown }),
    watch: watchOf(recipe),
    exact: recipe.storage !== "f16",
    notes: [`${grouped(sizeOfTree(d.parameters))} parameters`, ...(d.notes ?? [])],
    ...(d.context === undefined ? {} : { context: d.context }),
    advice: d.advice ?? [
      ...(recipe.batch > 1 ? [`take fewer rows in a step (recipe.batch, now ${recipe.batch})`] : []),
      ...(recipe.accumulate === undefined && recipe.batch > 1 ? ["compute them in parts (recipe.accumulate: 2)"] : []),
    ],
  }
}

// ---- the program ---------------------------------------------------------------

/** The state's places are taken over, so that a step works in place. */
export const donated: { readonly donate: ReadonlyArray<string> } = { donate: ["state"] }

/**
 * The digest of the step's graph on one rank, traced without values: the same on every device, with any number of
 * threads. Faults: sizes that do not fit each other.
 */
export const digestOf = ({ faults: wrong, spread, inputs, step }: Steps): E.Either<Faults, string> => {
  if (wrong.length > 0) return E.left(wrong)
  const local = map(inputs, (leaf, path) => inputLike(path, localKind(spread, leaf as AnySpec)))
  const roots = leaves(step(local as never))
  const faults = topological(roots).flatMap((n) => n.faults)
  return faults.length > 0 ? E.left(faults) : E.right(digest(roots))
}

/** The step as a program, each rank a process of its own. Faults: what does not compile. */
const programOf = ({ faults: wrong, spread, inputs, step }: Steps): E.Either<Faults, StepProgram> =>
  wrong.length > 0
    ? E.left(wrong)
    : compileOn(spread, "processes", step as never, inputs, { ...donated, maxBindings: 256 }) as unknown as E.Either<
      Faults,
      StepProgram
    >

/** A mesh as `deno task plan` shows it: `data=2,ring=4`; undefined for one rank. */
const meshText = ({ shape }: Spread): string | undefined => {
  const axes = Object.entries(shape).filter(([, n]) => n > 1).map(([a, n]) => `${a}=${n}`)
  return axes.length === 0 ? undefined : axes.join(",")
}

/** As much of a learner as is known of it before anything runs. */
export type Expecting = Steps & Pick<Learner, "steps" | "counted" | "context">

/**
 * Steps, tokens, operations of all ranks, and the most bytes of arrays that one rank holds, each rank a process of its
 * own; a device's workspace comes on top. Faults: what does not compile.
 */
export const expected = (l: Expecting): E.Either<Faults, Expectation> =>
  E.map(({ program }: StepProgram): Expectation => {
    const mesh = meshText(l.spread)
    const { steps, counted: { unit, each }, context } = l
    return {
      ...(unit === "tokens" ? { tokens: steps * each } : {}),
      steps,
      ...(context === undefined ? {} : { context }),
      flops: program.forecast.flops * ranksOf(l.spread.shape) * steps,
      memory: program.forecast.peak,
      ...(mesh === undefined ? {} : { mesh }),
    }
  })(programOf(l))

/** What a person should know of it: its notes, and how much it reads where that is not tokens. */
export const notesOf = ({ notes, steps, counted: { unit, each } }: Learner<never>): ReadonlyArray<string> =>
  unit === "tokens" ? notes : [...notes, `${grouped(steps * each)} ${unit}`]
