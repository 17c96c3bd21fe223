/**
 * `deno task list`: pipelines, their stages, and how they stand. It changes nothing.
 * @module
 */
import * as Effect from "effect/Effect"
import { bytesText } from "../numbers.ts"
import type { Recipe } from "../recipes/registry.ts"
import { pipelineFaults } from "../stage/key.ts"
import { holderText } from "../stage/lock.ts"
import { type Seen, survey } from "../stage/survey.ts"
import { folder, type Store } from "../store.ts"
import { failure, meant, rootOf, type Shared, shared, type Surroundings } from "./around.ts"
import { type Asked, type Command, type Flag, yes } from "./flags.ts"
import { table } from "./table.ts"

type ListFlags = Pick<Shared, "root" | "from" | "with"> & { readonly json: Flag<true> }

/** What may be asked of it. */
export const command: Command<ListFlags> = {
  call: "deno task list [pipeline] [flags]",
  about: "Lists pipelines and their stages, with keys and with what there is of them.",
  names: 1,
  flags: { with: shared.with, root: shared.root, from: shared.from, json: yes("as JSON") },
  more:
    "A key is the digest of all that a stage depends on, so it is known when what it needs is there. cached: its\n" +
    "output is there; interrupted: it goes on from its journal; torn: it will be made again; running: by whom; wrong:\n" +
    "it cannot be made, and a sentence on stderr says why.",
}

/** A stage as it is for people: what it has, or who makes it. */
const remark = ({ state, bytes, holder, why, stage }: Seen): string =>
  state === "running" && holder !== undefined
    ? `by ${holderText(holder)}`
    : state === "torn"
    ? why
    : state === "cached"
    ? bytesText(bytes)
    : state === "unknown"
    ? `needs ${Object.values(stage.needs).map((n) => n.name).join(", ")}`
    : ""

const rows = (seen: ReadonlyArray<Seen>): string =>
  table(
    [{ head: "stage" }, { head: "state" }, { head: "key" }, { head: "" }, { head: "" }],
    seen.map((s) => [s.stage.name, s.state, s.key?.slice(0, 12) ?? "?", remark(s), s.stage.about]),
  )

/** All that is wrong with a pipeline, by what is declared and by what its stages' functions said when they were asked. */
export const wrongWith = (recipe: Recipe, seen: ReadonlyArray<Seen>): ReadonlyArray<string> => {
  const said = seen.flatMap((s) => s.state === "wrong" ? [s.why] : [])
  return [...new Set([...pipelineFaults(recipe).map((f) => f.message), ...said])].map((w) => `${recipe.name}: ${w}`)
}

/** A stage as data. */
const data = ({ stage, state, key, bytes, made, why }: Seen) => ({
  ...{ stage: stage.name, about: stage.about, state, key: key ?? null, bytes, made, why },
  needs: Object.values(stage.needs).map((n) => n.name),
})

const one = (recipe: Recipe, json: boolean) =>
  Effect.map(survey(recipe.stages), (seen) => ({
    wrong: wrongWith(recipe, seen),
    text: json
      ? { pipeline: recipe.name, about: recipe.about, stages: seen.map(data) }
      : `${recipe.name}: ${recipe.about}\n\n${rows(seen).replace(/^/gm, "  ")}\n`,
  }))

const listed = (around: Surroundings, { names, values }: Asked<ListFlags>): Effect.Effect<number, never, Store> =>
  Effect.gen(function* () {
    const json = values.json === true
    const recipes = yield* meant(around, values.from, names[0], values.with)
    const all = yield* Effect.forEach(recipes, (recipe) => one(recipe, json))
    const wrong = all.flatMap((x) => x.wrong)
    for (const why of wrong) around.complain(`${why}\n`)
    const found = all.map((x) => x.text)
    around.terminal.write(json ? `${JSON.stringify(found, null, 2)}\n` : found.join("\n"))
    return wrong.length === 0 ? 0 : 1
  }).pipe(Effect.catch(failure(around)))

/** Runs it; gives the exit code. */
export const list = (around: Surroundings, asked: Asked<ListFlags>): Effect.Effect<number> =>
  Effect.provide(listed(around, asked), folder(rootOf(asked.values.root)))
