/**
 * Which world model is meant: a folder, what a stage has made, or the last one of the main pipeline. Nothing is made here.
 * @module
 */
import * as Effect from "effect/Effect"
import { either as E } from "fp-ts"
import { comparisons, outputsOf } from "../language/staged.ts"
import { type StageFault, stageFault } from "../stage/fault.ts"
import { inOrder, stageNamed } from "../stage/key.ts"
import type { Pipeline } from "../stage/stage.ts"
import type { Store } from "../store.ts"
import { orFirst } from "../known.ts"
import { frameModelIn } from "./frame-model.ts"
import { type ModelFault, pairFaults, WorldFiles, worldIn, type WorldModel, worldOf } from "./model.ts"

/** What may be wrong. */
export type StagedWorldFault = ModelFault | StageFault

/**
 * The world model of a stage of a pipeline; without a name, the last one that it has made, if it is not only there to compare
 * with. Faults: there is no such stage, it is not made yet, it makes no world model.
 */
export const worldOfStage = (
  pipeline: Pipeline,
  name?: string,
): Effect.Effect<WorldModel, StagedWorldFault, Store> =>
  Effect.gen(function* () {
    const make = `deno task run ${pipeline.name}`
    const where = name === undefined ? pipeline.name : `${pipeline.name}/${name}`
    const fail = (why: string) => Effect.fail(stageFault("unknown", where, why))
    if (name !== undefined) {
      const s = stageNamed(pipeline, name)
      if (E.isLeft(s)) return yield* Effect.fail(s.left)
      const kept = (yield* outputsOf(inOrder({ s: s.right }))).get(s.right)
      if (kept === undefined) {
        return yield* fail(`it is not made yet, or not whole; make it with ${make} --stage=${name}`)
      }
      const value: unknown = kept.value
      if (!WorldFiles.is(value)) {
        return yield* fail("it makes no world model: no config, parameters, tokenizer and vqgan in its output")
      }
      return yield* worldOf(where, value)
    }
    const all = inOrder(pipeline.stages)
    const outputs = yield* outputsOf(all)
    const made = all.flatMap((s) => {
      const value: unknown = outputs.get(s)?.value
      return WorldFiles.is(value) ? [[s, value] as const] : []
    })
    const compared = comparisons(all)
    const last = made.findLast(([s]) => !compared.has(s)) ?? made.at(-1)
    if (last === undefined) {
      return yield* fail(`it has made no world model; if it trains one, ${make} makes it; or give --model=FOLDER`)
    }
    return yield* worldOf(`${pipeline.name}/${last[0].name}`, last[1])
  })

/** What was said. */
export interface WorldChoice {
  readonly model?: string | undefined
  /** `pipeline` or `pipeline/stage`. */
  readonly stage?: string | undefined
  /** The folder of another VQGAN than the model's own. */
  readonly vqgan?: string | undefined
}

/** The model that is meant: a folder, a stage, else what `world` has made. Faults: it is not there; another codebook. */
export const chosenWorld = (
  { model, stage, vqgan }: WorldChoice,
  pipelines: ReadonlyArray<Pipeline>,
): Effect.Effect<WorldModel, StagedWorldFault, Store> =>
  Effect.gen(function* () {
    const [name = "", ...rest] = (stage ?? "world").split("/")
    const pipeline = pipelines.find((p) => p.name === name)
    if (model === undefined && pipeline === undefined) {
      const message = `there is no such pipeline; there are ${pipelines.map((p) => p.name).join(", ")}: give ` +
        "--stage=PIPELINE/STAGE, or --model=FOLDER"
      return yield* Effect.fail(stageFault("unknown", name, message))
    }
    const found = model !== undefined
      ? yield* worldIn(model)
      : yield* worldOfStage(pipeline!, rest.length === 0 ? undefined : rest.join("/"))
    if (vqgan === undefined) return found
    const other = yield* frameModelIn(vqgan)
    const apart = pairFaults(found.name, found.config, other.config)
    if (apart.length > 0) return yield* orFirst(E.left(apart))
    return { ...found, vqgan: { config: other.config, parameters: other.parameters } }
  })
