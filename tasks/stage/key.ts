/**
 * The key of a stage: the digest of all that its output depends on. Of what it needs the digests of the _outputs_ count,
 * not the keys: where something is made anew and comes out the same, nothing after it is made again.
 * @module
 */
import * as Effect from "effect/Effect"
import { either as E } from "fp-ts"
import { digest, utf8 } from "../store.ts"
import { type StageFault, stageFault } from "./fault.ts"
import { graphsOf } from "./guard.ts"
import { canonical } from "./json.ts"
import type { AnyStage, Needs, Pipeline } from "./stage.ts"
import { nameFaults } from "./stage.ts"

// ---- keys --------------------------------------------------------------------

/** Raised when keys come to mean something else: then all is made again. */
const meaning = 1

/** The key of a stage whose needs made outputs of these digests, by the names that it knows them by. */
export const keyOf = (
  s: AnyStage,
  needs: { readonly [name: string]: string },
): Effect.Effect<string, StageFault> =>
  Effect.gen(function* () {
    if (s.faults.length > 0) return yield* Effect.fail(s.faults[0]!)
    const graphs = graphsOf(s)
    if (E.isLeft(graphs)) return yield* Effect.fail(graphs.left)
    const { name, version, settings, seeds } = s
    const text = canonical({ meaning, name, version, settings, seeds, graphs: graphs.right, needs })
    if (E.isLeft(text)) return yield* Effect.fail(stageFault("settings", s.name, text.left))
    return yield* digest(utf8(text.right))
  })

// ---- what is declared -----------------------------------------------------------

/** Stages and all that they need, each once, what is needed before what needs it. */
export const inOrder = (stages: Needs): ReadonlyArray<AnyStage> => {
  const seen = new Set<AnyStage>()
  const visit = (s: AnyStage): ReadonlyArray<AnyStage> => {
    if (seen.has(s)) return []
    seen.add(s)
    return [...Object.values(s.needs).flatMap(visit), s]
  }
  return Object.values(stages).flatMap(visit)
}

/** The names along a way from a stage to itself through what is needed; undefined where there is none. */
const cycleOf = (stages: Needs): ReadonlyArray<string> | undefined => {
  const clear = new Set<AnyStage>()
  const visit = (s: AnyStage, way: ReadonlyArray<AnyStage>): ReadonlyArray<string> | undefined => {
    if (clear.has(s)) return undefined
    const back = way.indexOf(s)
    if (back >= 0) return [...way.slice(back), s].map(({ name }) => name)
    for (const need of Object.values(s.needs)) {
      const found = visit(need, [...way, s])
      if (found !== undefined) return found
    }
    clear.add(s)
    return undefined
  }
  for (const s of Object.values(stages)) {
    const found = visit(s, [])
    if (found !== undefined) return found
  }
  return undefined
}

/** Stages by number: two that are declared alike, but perhaps for their graphs, have the same. */
const likeness = (stages: ReadonlyArray<AnyStage>): ReadonlyMap<AnyStage, number> => {
  const known = new Map<AnyStage, number>()
  const numbers = new Map<string, number>()
  for (const s of stages) {
    const needs = Object.entries(s.needs).map(([n, need]) => [n, known.get(need)]).sort()
    const text = JSON.stringify([s.name, s.version, s.settings, s.seeds, needs])
    numbers.set(text, numbers.get(text) ?? numbers.size)
    known.set(s, numbers.get(text)!)
  }
  return known
}

/** What is wrong with stages and with their being together. */
export const stageFaults = (stages: Needs): ReadonlyArray<StageFault> => {
  const all = inOrder(stages)
  const cycle = cycleOf(stages)
  const like = likeness(all)
  const names = [...new Set(all.map((s) => s.name))]
  const twice = names.filter((name) => new Set(all.filter((s) => s.name === name).map((s) => like.get(s))).size > 1)
  return [
    ...all.flatMap((s) => s.faults),
    ...(cycle === undefined ? [] : [stageFault(
      "cycle",
      cycle[0]!,
      `needs form no cycle, and these do: ${cycle.join(" -> ")}; take one of the needs away`,
    )]),
    ...twice.map((name) =>
      stageFault("twice", name, "two different stages have this name, and people could not tell them apart; rename one")
    ),
  ]
}

/** Folders of the store that a pipeline may not be called by. */
const taken: ReadonlySet<string> = new Set(["stages", "tensors", "blobs", "examples", "rates"])

/** What is wrong with a pipeline. */
export const pipelineFaults = (p: Pipeline): ReadonlyArray<StageFault> => [
  ...nameFaults(p.name),
  ...(taken.has(p.name) ? [stageFault("name", p.name, "a folder of the store is called so; rename the pipeline")] : []),
  ...stageFaults(p.stages),
]

/** A stage of a pipeline, or one that its stages need, by its name. */
export const stageNamed = (p: Pipeline, name: string): E.Either<StageFault, AnyStage> => {
  const all = inOrder(p.stages)
  const found = all.find((s) => s.name === name)
  return found !== undefined ? E.right(found) : E.left(stageFault(
    "unknown",
    name,
    `the pipeline ${p.name} has no such stage; it has ${[...new Set(all.map((s) => s.name))].join(", ")}`,
  ))
}
