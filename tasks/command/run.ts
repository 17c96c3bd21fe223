/**
 * `deno task run`: makes the stages of a pipeline, or goes on with them. What is there already is not made again.
 * @module
 */
import * as Effect from "effect/Effect"
import { either as E } from "fp-ts"
import { type Event, events, heardBy, logOf, logTo, mendLog } from "../events.ts"
import { orFail } from "../known.ts"
import { printer } from "../progress.ts"
import type { Around, Recipe, Runnable, Told } from "../recipes/registry.ts"
import type { StageFault } from "../stage/fault.ts"
import { pipelineFaults, stageNamed } from "../stage/key.ts"
import { whyOf } from "../stage/guard.ts"
import { writeReport } from "../report/drawing.ts"
import { hasOutline } from "../report/outline.ts"
import { runAll } from "../stage/run.ts"
import { folder, type Store, type StoreFault } from "../store.ts"
import { failure, meant, provided, rootOf, saidBy, type Shared, shared, type Surroundings } from "./around.ts"
import { type Asked, type Command, type Flag, usageOf, yes } from "./flags.ts"

type RunFlags = Shared & { readonly force: Flag<true> }

/** What may be asked of it. */
export const command: Command<RunFlags> = {
  call: "deno task run <pipeline> [flags]",
  about: "Makes the stages of a pipeline, each after what it needs. What is there is not made again.",
  names: 1,
  flags: { ...shared, force: yes("makes it anew though it is there: the stage of --stage, or all of the pipeline") },
  more:
    "It may be stopped at any moment, also by force: run again, it goes on from what was saved last, to the same bytes.\n" +
    "What happens goes to <root>/<pipeline>/log.jsonl, too. Over MPI:\n\n" +
    "    mpirun -n 4 deno run -A tasks/command/main.ts run <pipeline> --mesh=ring=4",
}

/** The stages to make, and those of them that are made anew. */
const chosen = (
  recipe: Recipe,
  name: string | undefined,
  force: boolean,
): E.Either<StageFault, { readonly stages: Runnable; readonly again: ReadonlySet<string> }> => {
  if (name === undefined) {
    const own = Object.values(recipe.stages).map((s) => s.name)
    return E.right({ stages: recipe.stages, again: new Set(force ? own : []) })
  }
  return E.map((stage: Runnable[string]) => ({ stages: { [name]: stage }, again: new Set(force ? [name] : []) }))(
    stageNamed(recipe, name),
  )
}

const check = (recipe: Recipe): Effect.Effect<void, StageFault> => {
  const wrong = pipelineFaults(recipe)
  return wrong.length === 0
    ? Effect.void
    : Effect.fail({ ...wrong[0]!, message: wrong.map((f) => f.message).join("\n") })
}

/** Writes the report of a pipeline that has an outline, whatever came of its stages; who cannot see it is told why. */
const reportOf = (around: Surroundings, recipe: Recipe): Effect.Effect<void, never, Store> =>
  Effect.gen(function* () {
    if (!hasOutline(recipe)) return
    const path = yield* writeReport(recipe)
    around.terminal.write(`report  ${path}\n`)
  }).pipe(Effect.catch((fault) => Effect.asVoid(failure(around)({ message: `no report: ${fault.message}` }))))

type Listener = (event: Event) => Effect.Effect<void, StoreFault, Store>

/** A sentence that names the stage that failed. */
const named = (stage: string | undefined, why: string): string =>
  stage === undefined || why.startsWith(`${stage}: `) ? why : `${stage}: ${why}`

const ran = (around: Surroundings, asked: Asked<RunFlags>): Effect.Effect<number, never, Store> => {
  let broke: string | undefined
  const blame: Listener = (e) => Effect.sync(() => void (e._tag === "StageFailed" && (broke ??= e.stage)))
  return Effect.gen(function* () {
    const { values } = asked
    const all = yield* meant(around, values.from, asked.names[0], saidBy(values))
    const recipe = all[0]
    if (recipe === undefined || all.length > 1) { // where only one is known it need not be named
      around.complain(`name a pipeline: ${all.map((r) => r.name).join(", ")}\n\n${usageOf(command)}`)
      return 2
    }
    yield* check(recipe)
    const { stages, again } = yield* orFail(chosen(recipe, values.stage, values.force === true))
    const leads = (around.launch?.rank ?? 0) === 0
    const log = logOf(recipe.name)
    if (leads) yield* mendLog(log)
    const listeners: ReadonlyArray<Listener> = [blame, ...(leads ? [printer(around.terminal), logTo(log)] : [])]
    const work = heardBy(runAll(stages, { again }) as Effect.Effect<unknown, Told, Around>, listeners)
    const report = leads ? reportOf(around, recipe) : Effect.void
    yield* Effect.ensuring(provided(Effect.provide(work, events), around, values), report)
    return 0
  }).pipe(Effect.catchCause((cause) => failure(around)({ message: named(broke, whyOf(cause)) })))
}

/** Runs it; gives the exit code: 2 where no pipeline is named and several are known. */
export const run = (around: Surroundings, asked: Asked<RunFlags>): Effect.Effect<number> =>
  Effect.provide(ran(around, asked), folder(rootOf(asked.values.root)))
