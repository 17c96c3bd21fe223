/**
 * Models that stages have made, found in the store without making anything. A stage has a model if its output says all of it
 * (`ModelFiles`), or if it is a training: then its settings hold the config, and a stage `tokenizer` that it needs, or a
 * name in the settings, says which tokenizer.
 * @module
 */
import * as Effect from "effect/Effect"
import { either as E } from "fp-ts"
import * as t from "io-ts"
import type { FileFault } from "../../core/files/codec.ts"
import type { DataFault } from "../data/fault.ts"
import { FileRef } from "../objects.ts"
import { type StageFault, stageFault } from "../stage/fault.ts"
import { filesIn } from "../stage/files.ts"
import { type Kept, readWhole } from "../stage/kept.ts"
import { inOrder, keyOf, stageNamed } from "../stage/key.ts"
import type { AnyStage, Json, Pipeline } from "../stage/stage.ts"
import type { Store, StoreFault } from "../store.ts"
import { readParameters } from "../train/parameters.ts"
import { ConfigCodec } from "../train/settings.ts"
import { type Model, ModelFiles, modelOf, named, whole } from "./model.ts"

/** What may be wrong. */
export type StagedFault = StageFault | StoreFault | FileFault | DataFault

// ---- what is there -------------------------------------------------------------

/** What a stage and all that it needs have left in the store; undefined where something is missing. */
type Outputs = ReadonlyMap<AnyStage, Kept | undefined>

/** What stages have left in the store, each after what it needs. */
export const outputsOf = (stages: ReadonlyArray<AnyStage>): Effect.Effect<Outputs, StageFault | StoreFault, Store> =>
  Effect.gen(function* () {
    const found = new Map<AnyStage, Kept | undefined>()
    for (const s of stages) {
      const needs = Object.entries(s.needs).map(([name, need]) => [name, found.get(need)?.digest] as const)
      if (needs.some(([, digest]) => digest === undefined)) continue
      const key = yield* keyOf(s, Object.fromEntries(needs) as { readonly [name: string]: string })
      const kept = yield* readWhole("output", s.name, key, "size")
      if (kept !== undefined && E.isRight(kept)) found.set(s, kept.right)
    }
    return found
  })

const Learned = t.type({ parameters: FileRef })
const Settings = t.type({ config: ConfigCodec })

const isTraining = (s: AnyStage, { value }: Kept): boolean => Learned.is(value) && Settings.is(s.settings)

const hasModel = (s: AnyStage, kept: Kept): boolean => ModelFiles.is(kept.value) || isTraining(s, kept)

// ---- tokenizers ------------------------------------------------------------------

/** A tokenizer's name somewhere in settings. */
const nameIn = (settings: Json): string | undefined => {
  if (settings === null || typeof settings !== "object") return undefined
  const own = Array.isArray(settings) ? undefined : (settings as { readonly [key: string]: Json })["tokenizer"]
  if (typeof own === "string") return own
  for (const part of Object.values(settings)) {
    const found = nameIn(part as Json)
    if (found !== undefined) return found
  }
  return undefined
}

/** The tokenizer of a training: the file that a stage has made, or a name. */
const wordsOf = (s: AnyStage, outputs: Outputs): FileRef | string | undefined => {
  const all = inOrder({ s })
  const made = all.filter((x) => x.name === "tokenizer").flatMap((x) => filesIn(outputs.get(x)?.value ?? null))
  return made[0] ?? all.toReversed().map((x) => nameIn(x.settings)).find((name) => name !== undefined)
}

// ---- models ----------------------------------------------------------------------

const modelFrom = (
  name: string,
  s: AnyStage,
  outputs: Outputs,
  other: string | undefined,
): Effect.Effect<Model, StagedFault, Store> =>
  Effect.gen(function* () {
    const { value } = outputs.get(s)!
    if (other === undefined && ModelFiles.is(value)) return yield* modelOf(name, value)
    const { parameters } = value as unknown as { readonly parameters: FileRef }
    const { config } = (ModelFiles.is(value) ? value : s.settings) as unknown as t.TypeOf<typeof Settings>
    const words = other ?? wordsOf(s, outputs)
    if (words === undefined) {
      const message = "its tokenizer is not known: it needs no stage 'tokenizer', and its settings name none; give " +
        "--tokenizer=bytes, llama2 or the path of a tokenizer.json"
      return yield* Effect.fail(stageFault("unknown", name, message))
    }
    if (typeof words !== "string") return yield* modelOf(name, { config, parameters, tokenizer: words })
    const tokenizer = yield* named(words, config)
    return yield* whole({ name, config, tokenizer, parameters: yield* readParameters(config, parameters) })
  })

/** Stages that are only there to compare with, by their names, and all that an ablation is made of. */
export const comparisons = (stages: ReadonlyArray<AnyStage>): ReadonlySet<AnyStage> => {
  const ablations = stages.filter(({ name }) => /ablat/i.test(name))
  const under = ablations.flatMap((s) => inOrder({ s }))
  return new Set([...under, ...stages.filter(({ name }) => /control|ablat|naive/i.test(name))])
}

/** Is it one to talk to rather than the others, if nothing is said? Chat first; what is only there to compare with, last. */
const rank = (compared: ReadonlySet<AnyStage>) => (s: AnyStage): number =>
  /chat/i.test(s.name) ? 2 : compared.has(s) ? 0 : 1

/**
 * The model of a stage of a pipeline; without a name, the one to talk to: the last that chat was learned in, else the last.
 * `words` names another tokenizer than its own. Faults: there is no such stage, it is not made yet, it has no model.
 */
export const modelOfStage = (
  pipeline: Pipeline,
  name?: string,
  words?: string,
): Effect.Effect<Model, StagedFault, Store> =>
  Effect.gen(function* () {
    const make = `deno task run ${pipeline.name}`
    if (name !== undefined) {
      const s = stageNamed(pipeline, name)
      if (E.isLeft(s)) return yield* Effect.fail(s.left)
      const outputs = yield* outputsOf(inOrder({ s: s.right }))
      const kept = outputs.get(s.right)
      const fail = (why: string) => Effect.fail(stageFault("unknown", `${pipeline.name}/${name}`, why))
      if (kept === undefined) {
        return yield* fail(`it is not made yet, or not whole; make it with ${make} --stage=${name}`)
      }
      if (!hasModel(s.right, kept)) return yield* fail("it makes no model; name a training")
      return yield* modelFrom(`${pipeline.name}/${name}`, s.right, outputs, words)
    }
    const all = inOrder(pipeline.stages)
    const outputs = yield* outputsOf(all)
    const models = all.filter((s) => outputs.get(s) !== undefined && hasModel(s, outputs.get(s)!))
    const of = rank(comparisons(all))
    const best = models.reduce<AnyStage | undefined>(
      (a, s) => a === undefined || of(s) >= of(a) ? s : a,
      undefined,
    )
    if (best === undefined) {
      return yield* Effect.fail(stageFault("unknown", pipeline.name, `it has made no model yet; ${make} makes one`))
    }
    return yield* modelFrom(`${pipeline.name}/${best.name}`, best, outputs, words)
  })
