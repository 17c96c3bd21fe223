/**
 * What commands have in common: the flags that name a pipeline, a folder and a device, and what stages are provided with.
 * @module
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { either as E } from "fp-ts"
import { createInterface } from "node:readline/promises"
import process from "node:process"
import type { DeviceFault } from "../../core/device/backend.ts"
import { asked, choose } from "../../core/device/choose.ts"
import { Device, make } from "../../core/device/device.ts"
import { type Engine, type MeshFault, meshFault } from "../../core/device/engine.ts"
import { sentence } from "../../core/graph/fault.ts"
import { local, type Mesh, processes } from "../../core/mesh/mesh.ts"
import { mpi } from "../../core/mesh/mpi/engine.ts"
import { type Launch, launchOf } from "../../core/mesh/mpi/library.ts"
import type { Spread } from "../../core/mesh/shape.ts"
import { standard, type Terminal } from "../progress.ts"
import { type Recipe, recipeNamed, recipes, recipesFrom, type Told } from "../recipes/registry.ts"
import { adjustedBy, readSaid, type Said } from "../recipes/adjust.ts"
import { type StageFault, stageFault } from "../stage/fault.ts"
import { type Flag, oneOf, text, yes } from "./flags.ts"
import { mesh } from "./mesh.ts"

// ---- types -----------------------------------------------------------------

/** Devices by name. */
export type Kind = "webgpu" | "wasm" | "oracle"

/** The world around a command; tests give another. */
export interface Surroundings {
  readonly terminal: Terminal
  /** What went wrong goes there, one sentence a line. */
  readonly complain: (text: string) => void
  readonly recipes: ReadonlyArray<Recipe>
  readonly device: (asked: Kind | undefined, engine?: Engine) => Layer.Layer<Device, DeviceFault>
  /** How MPI has started this process, if it did. */
  readonly launch: Launch | undefined
  /** Asks a person. */
  readonly confirm: (question: string) => Effect.Effect<boolean>
}

// ---- flags ---------------------------------------------------------------------

/** Flags that several commands have. */
export type Shared = {
  readonly root: Flag<string>
  readonly from: Flag<string>
  readonly stage: Flag<string>
  readonly with: Flag<Said>
  readonly quick: Flag<true>
  readonly device: Flag<Kind>
  readonly mesh: Flag<Spread>
}

/** The flags. */
export const shared: Shared = {
  root: text("FOLDER", "where stages keep what they make (runs)"),
  from: text("FILE", "a module that exports pipelines of your own"),
  stage: text("NAME", "this stage alone, and what it needs"),
  with: {
    hint: "NAME=VALUE,..",
    about: "settings of the pipeline: its data, its weights; one that it has not is answered by those that it has",
    read: readSaid,
  },
  quick: yes("the same as --with=scale=quick: every stage at smaller targets, in minutes"),
  device: oneOf(["webgpu", "wasm", "oracle"], "where it runs; without it the best that works is taken"),
  mesh: mesh(
    "ranks, and how sequences lie around the ring: a layout may follow (zigzag).\n" +
      "All in this process; started by mpirun, one rank a process",
  ),
}

/** Where stages keep what they make. */
export const rootOf = (root: string | undefined): string => root ?? "runs"

// ---- what there is ---------------------------------------------------------------

/** The pipelines of the house, and those of a module that `--from` names; of one name the latter. */
export const known = (
  around: Surroundings,
  from: string | undefined,
): Effect.Effect<ReadonlyArray<Recipe>, StageFault> =>
  from === undefined ? Effect.succeed(around.recipes) : Effect.map(recipesFrom(from), (own) => {
    const [hidden, rest] = [true, false].map((is) =>
      around.recipes.filter((r) => own.some((o) => o.name === r.name) === is)
    )
    for (const { name } of hidden!) {
      around.complain(
        `${name}: the pipeline of ${from} stands in the place of the one of the house; rename it to have both\n`,
      )
    }
    return [...own, ...rest!]
  })

/** Smaller runs of a pipeline that has such scales: `world-quick` of `world`. */
const smaller = (recipe: Recipe): ReadonlyArray<Recipe> =>
  (recipe.adjust === undefined ? [] : ["quick", "tiny"]).flatMap((scale) => {
    const made = adjustedBy(recipe, { scale })
    return E.isRight(made) && made.right.name !== recipe.name ? [made.right] : []
  })

/** The pipelines that may be named: those that are known, and their smaller runs by the names of these. */
export const nameable = (
  around: Surroundings,
  from: string | undefined,
): Effect.Effect<ReadonlyArray<Recipe>, StageFault> =>
  Effect.map(known(around, from), (all) => [...all, ...all.flatMap(smaller)])

/** What is said of settings, by `--with` and by `--quick`. */
export const saidBy = (
  { with: said, quick }: { readonly with?: Said | undefined; readonly quick?: true | undefined },
): Said | undefined => quick === true ? { ...said, scale: "quick" } : said

/** The pipelines that are meant: the named one, with its settings, or all. */
export const meant = (
  around: Surroundings,
  from: string | undefined,
  name: string | undefined,
  said?: Said,
): Effect.Effect<ReadonlyArray<Recipe>, StageFault> =>
  Effect.flatMap(name === undefined ? known(around, from) : nameable(around, from), (all) => {
    if (name === undefined) {
      const why = "settings are those of one pipeline: name it"
      return said === undefined ? Effect.succeed(all) : Effect.fail(stageFault("settings", "--with", why))
    }
    const found = E.flatMap((recipe: Recipe): E.Either<StageFault, Recipe> =>
      said === undefined ? E.right(recipe) : adjustedBy(recipe, said)
    )(recipeNamed(all, name))
    return E.isRight(found) ? Effect.succeed([found.right]) : Effect.fail(found.left)
  })

// ---- faults --------------------------------------------------------------------

/** A fault for people. */
const toldText = (fault: Told): string => "message" in fault ? fault.message : fault.map(sentence).join("\n")

/** Tells what went wrong; the exit code is 1. */
export const failure = (around: Surroundings) => (fault: Told): Effect.Effect<number> =>
  Effect.sync(() => {
    around.complain(`${toldText(fault)}\n`)
    return 1
  })

// ---- services --------------------------------------------------------------------

const meshOfMpi = (spread: Spread | undefined, { launcher, size }: Launch): E.Either<MeshFault, Spread> =>
  spread !== undefined ? E.right(spread) : E.left(meshFault(
    "shape",
    `${launcher} started ${size ?? "several"} ranks; say how they lie, as by --mesh=ring=${size ?? "N"}`,
  ))

/** What is left to provide. */
type Rest<R> = Exclude<R, Device | Mesh>

/** Provides the device, and the mesh where one is asked for: in this process, or over those that MPI has started. */
export const provided = <A, X, R>(
  act: Effect.Effect<A, X, R>,
  around: Surroundings,
  { device, mesh }: { readonly device?: Kind | undefined; readonly mesh?: Spread | undefined },
): Effect.Effect<A, X | DeviceFault | MeshFault, Rest<R>> => {
  const { launch } = around
  const plain = act as Effect.Effect<A, X, Device | Mesh>
  const whole = Effect.scoped(Effect.gen(function* () {
    if (launch === undefined) {
      const ranks = mesh === undefined ? act as Effect.Effect<A, X, Device> : Effect.provide(plain, local(mesh))
      return yield* Effect.provide(ranks, around.device(device))
    }
    const spread = meshOfMpi(mesh, launch)
    if (E.isLeft(spread)) return yield* Effect.fail(spread.left)
    const engine = yield* mpi(spread.right.shape) // first: MPI begins before the device does
    const ranks = Effect.provide(plain, processes(spread.right, engine, launch.launcher))
    return yield* Effect.provide(ranks, around.device(device, engine))
  }))
  return whole as Effect.Effect<A, X | DeviceFault | MeshFault, Rest<R>>
}

// ---- this process ----------------------------------------------------------------

const deviceLayer: Surroundings["device"] = (kind, engine) =>
  Layer.effect(
    Device,
    Effect.flatMap(
      choose(kind ?? asked()),
      ({ backend, reason }) => make(backend, kind === undefined ? reason : "asked for by --device", engine),
    ),
  )

const confirmed: Surroundings["confirm"] = (question) =>
  Effect.promise(async () => {
    const lines = createInterface({ input: process.stdin, output: process.stdout })
    try {
      return /^y(es)?$/i.test((await lines.question(`${question} [y/N] `)).trim())
    } finally {
      lines.close()
    }
  })

/**
 * Whoever read what we write may leave (`| head`): what is written then is lost, the work goes on, and that is no fault. Any
 * other fault of the output is thrown.
 */
export const unheard = (): void => {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (e: { readonly code?: string }) => {
      if (e.code !== "EPIPE") throw e
    })
  }
}

/** The process that we are in. */
export const here = (): Surroundings => {
  const launch = launchOf((name) => process.env[name])
  return {
    terminal: standard(),
    complain: (text) => void process.stderr.write(text),
    recipes,
    device: deviceLayer,
    launch: E.isRight(launch) ? launch.right : undefined,
    confirm: confirmed,
  }
}
