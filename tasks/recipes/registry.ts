/**
 * The pipelines that `deno task list`, `plan`, `run` and `clean` know. A module of one's own is named by `--from`: whatever
 * pipelines it exports are known then, too.
 * @module
 */
import * as Effect from "effect/Effect"
import { either as E } from "fp-ts"
import { resolve } from "node:path"
import { pathToFileURL } from "node:url"
import { stripVTControlCharacters } from "node:util"
import type { Device } from "../../core/device/device.ts"
import type { Faults } from "../../core/graph/fault.ts"
import type { Events } from "../events.ts"
import { type StageFault, stageFault } from "../stage/fault.ts"
import type { Pipeline, Stage } from "../stage/stage.ts"
import type { Store } from "../store.ts"
import type { Adjustment } from "./adjust.ts"
import { world } from "./desk/world.ts"
import { example } from "./example.ts"
import { lwm7b } from "./lwm/pipeline.ts"
import { studio } from "./studio.ts"

// ---- types -----------------------------------------------------------------

/** A fault that a command can tell people. */
export type Told = { readonly message: string } | Faults

/** What commands provide to stages. Where `--mesh` is said or MPI has started the process, also `Mesh`. */
export type Around = Device | Store | Events

/** Stages that a command can run. */
export interface Runnable {
  // deno-lint-ignore no-explicit-any -- whatever they make
  readonly [name: string]: Stage<any, Told, Around>
}

/** A pipeline that a command can run; some have settings that `--with` says. */
export type Recipe = Pipeline<Runnable> & { readonly adjust?: Adjustment<Runnable> }

// ---- what there is ---------------------------------------------------------------

/** The pipelines of the house. */
export const recipes: ReadonlyArray<Recipe> = [world, example, studio, lwm7b]

const isRecipe = (x: unknown): x is Recipe =>
  typeof x === "object" && x !== null && "stages" in x && "name" in x && "about" in x && typeof x.name === "string" &&
  typeof x.stages === "object" && x.stages !== null

/** What a module exports: pipelines, and lists of them. */
const exported = (module: object): ReadonlyArray<Recipe> => [...new Set(Object.values(module).flat().filter(isRecipe))]

/** What to do where a module's packages are not found: they are looked for from where it lies, not from here. */
const lostHint = (why: string): string =>
  /not a dependency|import map|Cannot find (package|module)|deno add/i.test(why)
    ? ". A module finds packages where it lies: put it into this project, or into one whose deno.json or package.json " +
      'has the package, or write its version out (import "npm:effect@4.1.0", in Deno)'
    : ""

/** The first sentence of what a runtime says: its own hints mean another project. */
const reasonOf = (e: unknown): string => {
  const why = stripVTControlCharacters(e instanceof Error ? e.message : String(e))
  return why.split(/\n\s*(hint|If you want)/i)[0]! + lostHint(why)
}

/** The pipelines of a module of one's own, by its path. */
export const recipesFrom = (path: string): Effect.Effect<ReadonlyArray<Recipe>, StageFault> =>
  Effect.flatMap(
    Effect.tryPromise({
      try: () => import(pathToFileURL(resolve(path)).href) as Promise<object>,
      catch: (e) => stageFault("unknown", path, `the module cannot be read: ${reasonOf(e)}`),
    }),
    (module) => {
      const found = exported(module)
      const why = "the module exports no pipeline; export what `pipeline(name, about, stages)` gives"
      const twice = found.find(({ name }, i) => found.findIndex((p) => p.name === name) < i)
      if (twice !== undefined) {
        const both = `${path} exports two pipelines of this name; rename one of them`
        return Effect.fail(stageFault("twice", twice.name, both))
      }
      return found.length > 0 ? Effect.succeed(found) : Effect.fail(stageFault("unknown", path, why))
    },
  )

/** A pipeline by its name. */
export const recipeNamed = (all: ReadonlyArray<Recipe>, name: string): E.Either<StageFault, Recipe> => {
  const found = all.find((r) => r.name === name)
  if (found !== undefined) return E.right(found)
  return E.left(
    stageFault("unknown", name, `there is no such pipeline; there are ${all.map((r) => r.name).join(", ")}`),
  )
}
