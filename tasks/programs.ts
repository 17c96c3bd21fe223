/**
 * The three programs of the world task, compiled from the settings: a step of training, the score of held-out windows,
 * and the logits of the next byte. Pure: their memory and work are known before anything runs.
 * @module
 */
import { either as E } from "fp-ts"
import type { Device } from "../core/device/device.ts"
import type { Faults } from "../core/graph/fault.ts"
import { count } from "../core/graph/node.ts"
import { compile, type Compiled } from "../core/plan/compile.ts"
import { bufferBytes } from "../core/plan/program.ts"
import { hostKey } from "../core/random/host.ts"
import { f32, i32, type Spec } from "../core/tensor/spec.ts"
import type { F32 } from "../core/tensor/tensor.ts"
import type { Tensors } from "../core/tensor/tree.ts"
import { next } from "../models/llama/llama.ts"
import { score } from "../models/llama/loss.ts"
import { type Hosts, type Parameters, type Specs, specs } from "../models/llama/parameters.ts"
import { begin, examples, type Metrics, type State, step } from "../models/llama/train.ts"
import type { Expected } from "./events.ts"
import type { Settings } from "./settings.ts"

/** Inputs of the step of training. */
export interface TrainInputs {
  readonly state: Hosts<State>
  readonly batch: ReturnType<typeof examples>
}

/** Inputs of the score: windows, and what counts in them. */
export interface ScoreInputs {
  readonly parameters: Specs<Parameters>
  readonly tokens: Spec<"i32", ["batch", "time"]>
  readonly targets: Spec<"i32", ["batch", "time"]>
  readonly counted: Spec<"f32", ["batch", "time"]>
}

/** Inputs of the next byte's logits: one row, and the place in it that is read. */
export interface NextInputs {
  readonly parameters: Specs<Parameters>
  readonly tokens: Spec<"i32", ["batch", "time"]>
  readonly place: Spec<"i32", []>
}

/** All that runs. */
export interface Programs {
  readonly train: Compiled<Tensors<TrainInputs>, { readonly state: State; readonly metrics: Metrics }>
  readonly score: Compiled<Tensors<ScoreInputs>, { readonly nats: F32 }>
  readonly next: Compiled<Tensors<NextInputs>, { readonly logits: F32<"batch vocab"> }>
}

/** Windows that are scored at once. */
export const windowRows = 16

const trainOf = (s: Settings, maxBindings: number): E.Either<Faults, Programs["train"]> => {
  const inputs: TrainInputs = { state: begin(s.model, hostKey(s.seed)), batch: examples(s.recipe) }
  return compile(step(s.model, s.recipe), inputs, { donate: ["state"], maxBindings })
}

const scoreOf = (s: Settings, maxBindings: number): E.Either<Faults, Programs["score"]> => {
  const sizes = { batch: windowRows, time: s.recipe.time }
  const inputs: ScoreInputs = {
    parameters: specs(s.model),
    tokens: i32("batch time", sizes),
    targets: i32("batch time", sizes),
    counted: f32("batch time", sizes),
  }
  return compile((x) => ({ nats: score(s.model)(x.parameters, x.tokens, x.targets, x.counted) }), inputs, {
    maxBindings,
  })
}

const nextOf = (s: Settings, maxBindings: number): E.Either<Faults, Programs["next"]> => {
  const inputs: NextInputs = {
    parameters: specs(s.model),
    tokens: i32("batch time", { batch: 1, time: s.recipe.time }),
    place: i32(),
  }
  return compile((x) => ({ logits: next(s.model)(x.parameters, x.tokens, x.place) }), inputs, {
    maxBindings,
  })
}

/** Compiles all three. Faults: sizes that do not fit each other, a kernel that needs more bindings than there are. */
export const programs = (s: Settings, maxBindings: number): E.Either<Faults, Programs> => {
  const [train, scoring, following] = [trainOf(s, maxBindings), scoreOf(s, maxBindings), nextOf(s, maxBindings)]
  if (E.isLeft(train)) return train
  if (E.isLeft(scoring)) return scoring
  return E.isLeft(following) ? following : E.right({ train: train.right, score: scoring.right, next: following.right })
}

/** What each will take on the device, and all of them loaded at once: they share the parameters. */
export const expected = (p: Programs, forecast: Device["forecast"]): ReadonlyArray<Expected> => {
  const one = <I, O>(program: string, compiled: Compiled<I, O>): Expected => {
    const { peak, arena, flops, traffic, dispatches } = forecast(compiled)
    return { program, peak, arena, flops, traffic, dispatches }
  }
  const each = [one("train", p.train), one("score", p.score), one("next", p.next)]
  const sum = (of: (x: Expected) => number): number => each.reduce((n, x) => n + of(x), 0)
  const shared = p.next.program.inputs.filter((s) => s.path.startsWith("parameters."))
    .reduce((n, s) => n + bufferBytes(s.dtype, count(s.shape)), 0)
  const peak = sum((x) => x.peak) - (each.length - 1) * shared
  return [...each, { program: "together", peak, arena: sum((x) => x.arena), flops: 0, traffic: 0, dispatches: 0 }]
}
