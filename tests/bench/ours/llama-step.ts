/**
 * The program of the training step that all frameworks are compared on, and its inputs as the peers read them.
 * @module
 */
import { valueAndGrad } from "../../../core/grad/grad.ts"
import { compile } from "../../../core/plan/compile.ts"
import type { Program } from "../../../core/plan/program.ts"
import type { HostArray } from "../../../core/tensor/dtype.ts"
import type { AnyHost } from "../../../core/tensor/host.ts"
import { flatten } from "../../../core/tensor/tree.ts"
import { loss } from "../../../models/llama/loss.ts"
import { type Parameters, specs } from "../../../models/llama/parameters.ts"
import { type Examples, examples } from "../../../models/llama/train.ts"
import { adamStart, type AdamState, adamW } from "../../../ops/optimiser.ts"
import { adam, parameters as weightsOf, type Size, tokens } from "../training.ts"
import { must } from "./session.ts"

const configOf = ({ model, hidden, layers, heads, vocab, time, theta, epsilon }: Size) => ({
  vocab,
  model,
  hidden,
  layers,
  groups: heads,
  share: 1,
  head: model / heads,
  theta,
  epsilon,
  context: time,
})

/** What a step changes. */
interface State {
  readonly parameters: Parameters
  readonly optimiser: AdamState<Parameters>
}

/** One step: loss, gradient, Adam; the state goes in and comes out in place. */
export const program = (size: Size): Program => {
  const config = configOf(size)
  const step = ({ state, batch }: { readonly state: State; readonly batch: Examples }) => {
    const { value, gradient } = valueAndGrad((p: Parameters) => loss(config)(p, batch.tokens, batch.targets))(
      state.parameters,
    )
    const { params, state: optimiser } = adamW(adam)(state.parameters, gradient, state.optimiser)
    return { state: { parameters: params, optimiser }, loss: value }
  }
  const parameters = specs(config)
  const state = { parameters, optimiser: adamStart(parameters) }
  return must(compile(step, { state, batch: examples(size) }, { donate: ["state"] }))
}

/** What stands in each input at the beginning, by path. */
export const beginning = (size: Size): (path: string) => HostArray => {
  const zeros = new Map(
    flatten({ state: { optimiser: adamStart(specs(configOf(size))) } }).map(([path, leaf]) => [
      path,
      (leaf as unknown as AnyHost).data,
    ]),
  )
  const weights = new Map(weightsOf(size).map((p) => [p.name, p.data]))
  const rows = tokens(size), { batch, time } = size
  const column = (from: number): Int32Array =>
    Int32Array.from({ length: batch * time }, (_, i) => rows[Math.floor(i / time) * (time + 1) + i % time + from]!)
  return (path) => {
    if (path === "batch.tokens") return column(0)
    if (path === "batch.targets") return column(1)
    const found = zeros.get(path) ?? weights.get(path.replace(/^state\.parameters\.(blocks\.)?/, ""))
    if (found === undefined) throw new Error(`no value for '${path}'`)
    return found
  }
}
