/**
 * `deno task explain`: programs as one page with pictures and as text, before anything runs.
 * @module
 */
import * as Effect from "effect/Effect"
import { either as E } from "fp-ts"
import type { Faults } from "../../core/graph/fault.ts"
import { ranksOf } from "../../core/mesh/shape.ts"
import { explain as inWords, explainMemory } from "../../core/plan/explain.ts"
import { memoryOf } from "../../core/plan/memory.ts"
import type { Program } from "../../core/plan/program.ts"
import type { Plan } from "../../models/llama/plan.ts"
import { type Preset, presets } from "../../models/llama/presets.ts"
import { decodeProgram, other, stepProgram } from "../explain/asked.ts"
import { explanation, type Part } from "../explain/picture.ts"
import type { Told } from "../recipes/registry.ts"
import { type StageFault, stageFault } from "../stage/fault.ts"
import { stageNamed } from "../stage/key.ts"
import { declared } from "../train/declared.ts"
import type { Stepping } from "../train/step.ts"
import { failure, meant, type Shared, shared, type Surroundings } from "./around.ts"
import { writeText } from "../named.ts"
import { type Asked, type Command, count, type Flag, oneOf, text } from "./flags.ts"
import { mesh } from "./mesh.ts"

type ExplainFlags = Pick<Shared, "from" | "mesh"> & {
  readonly program: Flag<"train" | "decode">
  readonly stage: Flag<string>
  readonly preset: Flag<Preset>
  readonly time: Flag<number>
  readonly batch: Flag<number>
  readonly where: Flag<"local" | "processes">
  readonly chunk: Flag<number>
  readonly remat: Flag<Plan["remat"]>
  readonly bindings: Flag<number>
  readonly out: Flag<string>
}

/** What may be asked of it. */
export const command: Command<ExplainFlags> = {
  call: "deno task explain [flags]",
  about: "Draws the programs of a training: work, traffic and memory of every kernel, before anything runs.",
  names: 0,
  flags: {
    program: oneOf(["train", "decode"], "its step, or the next token of what it learns; without it both"),
    stage: text("PIPELINE/STAGE", "the training (world/base)"),
    from: shared.from,
    preset: oneOf(Object.keys(presets) as ReadonlyArray<Preset>, "a model of LWM's in the place of its own"),
    time: count("N", "tokens in a row", 1),
    batch: count("N", "rows in a step, or rows that go on together", 1),
    mesh: mesh("the ranks that a step is spread over"),
    where: oneOf(["local", "processes"], "all ranks in one program, or one rank's program of many (processes)"),
    chunk: count("N", "tokens that a layer and the loss work on at once", 1),
    remat: oneOf(["none", "layer", "all"], "what the backward pass computes again"),
    bindings: count("N", "buffers that a kernel may bind: 8 is what WebGPU promises, wasm binds 256 (256)", 4),
    out: text("FILE", "where the page goes (runs/explain.html)"),
  },
}

/** The training that is meant. */
const trainingOf = (
  around: Surroundings,
  { stage = "world/base", from }: Asked<ExplainFlags>["values"],
): Effect.Effect<Stepping, StageFault> =>
  Effect.gen(function* () {
    const [pipeline = "", name = ""] = stage.split("/")
    const found = stageNamed((yield* meant(around, from, pipeline))[0]!, name)
    if (E.isLeft(found)) return yield* Effect.fail(found.left)
    const known = declared(found.right)
    return known ?? (yield* Effect.fail(stageFault("unknown", stage, "it is no training; name one")))
  })

/** Programs by their names. Ranks and chunks are those of a step; then it alone is meant, if nothing is said. */
const programsOf = (
  s: Stepping,
  { program, where = "processes", batch, bindings = 256, ...values }: Asked<ExplainFlags>["values"],
): E.Either<Faults, ReadonlyArray<Part & { readonly memory?: string }>> => {
  const ranks = ranksOf(s.plan.spread.shape)
  const step = (): E.Either<Faults, Part & { readonly memory: string }> =>
    E.map((p: Program) => ({
      title: "The step of a training",
      program: p,
      memory: explainMemory(memoryOf(p), where === "local" || ranks === 1 ? "this program" : "one rank"),
    }))(stepProgram(s, where, bindings))
  const decode = (): E.Either<Faults, Part> =>
    E.map((p: Program) => ({ title: "The next token", program: p }))(decodeProgram(s, batch ?? 1, bindings))
  const both = [values.preset, values.mesh, values.chunk, values.remat].every((v) => v === undefined)
  const asked = program === "decode" ? [decode] : program === "train" || !both ? [step] : [step, decode]
  return E.sequenceArray(asked.map((make) => make()))
}

const explained = (around: Surroundings, { values }: Asked<ExplainFlags>): Effect.Effect<number, Told> =>
  Effect.gen(function* () {
    const { out = "runs/explain.html", stage = "world/base", preset } = values
    const training = other(yield* trainingOf(around, values), values)
    const made = programsOf(training, values)
    if (E.isLeft(made)) return yield* Effect.fail(made.left)
    yield* writeText(out, explanation(preset === undefined ? stage : `${stage}, with a model of ${preset}`, made.right))
    const parts = made.right.map(({ title, program, memory }) =>
      [title, "", inWords(program), ...(memory === undefined ? [] : ["", memory]), "", ""].join("\n")
    )
    around.terminal.write(`${parts.join("")}drawn in ${out}\n`)
    return 0
  })

/** Runs it; gives the exit code. */
export const explain = (around: Surroundings, asked: Asked<ExplainFlags>): Effect.Effect<number> =>
  explained(around, asked).pipe(Effect.catch(failure(around)))
