/**
 * Our training step: training.ts FOLDER SIZE THREADS REPEATS. Prints one line of JSON. The first figure is all that comes
 * before the first step is done: tracing, differentiation, compiling, the device and its code.
 * @module
 */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import process from "node:process"
import * as Effect from "effect/Effect"
import { valueAndGrad } from "../../../core/grad/grad.ts"
import { compile } from "../../../core/plan/compile.ts"
import type { HostArray } from "../../../core/tensor/dtype.ts"
import type { AnyHost } from "../../../core/tensor/host.ts"
import { flatten } from "../../../core/tensor/tree.ts"
import { loss } from "../../../models/llama/llama.ts"
import { type Parameters, specs } from "../../../models/llama/parameters.ts"
import { type Examples, examples, type State } from "../../../models/llama/train.ts"
import { adamStart, adamW } from "../../../ops/optimiser.ts"
import { adam, type Size, sizes } from "../training.ts"
import { must, session } from "./session.ts"

const [folder = ".", name = "s", threads = "1", repeats = "8"] = process.argv.slice(2)
const size: Size = sizes[name === "m" ? "m" : "s"]
const { model, hidden, layers, heads, vocab, batch, time, theta, epsilon } = size
const config = {
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
}

// ---- weights and tokens as the peers read them

const bytes = readFileSync(join(folder, `${name}.f32`))
const listed: ReadonlyArray<{ readonly name: string; readonly shape: ReadonlyArray<number> }> =
  JSON.parse(readFileSync(join(folder, `${name}.json`), "utf8")).parameters
const lengths = listed.map(({ shape }) => shape.reduce((a, b) => a * b, 4))
const weights = new Map(listed.map((p, i): [string, Float32Array] => {
  const start = lengths.slice(0, i).reduce((a, b) => a + b, 0)
  return [
    p.name,
    new Float32Array(bytes.buffer.slice(bytes.byteOffset + start, bytes.byteOffset + start + lengths[i]!)),
  ]
}))
const words = readFileSync(join(folder, `${name}.i32`))
const rows = new Int32Array(words.buffer.slice(words.byteOffset, words.byteOffset + words.byteLength))
const column = (from: number): Int32Array =>
  Int32Array.from({ length: batch * time }, (_, i) => rows[Math.floor(i / time) * (time + 1) + i % time + from]!)

// ---- one step

const step = ({ state, batch }: { readonly state: State; readonly batch: Examples }) => {
  const { value, gradient } = valueAndGrad((p: Parameters) => loss(config)(p, batch.tokens, batch.targets))(
    state.parameters,
  )
  const { params, state: optimiser } = adamW(adam)(state.parameters, gradient, state.optimiser)
  return { state: { parameters: params, optimiser }, loss: value }
}

const begun = performance.now()
const parameters = specs(config)
const optimiser = adamStart(parameters)
const zeros = new Map(
  flatten({ state: { optimiser } }).map(([path, leaf]) => [path, (leaf as unknown as AnyHost).data]),
)
const program = must(
  compile(step as never, { state: { parameters, optimiser }, batch: examples(size) } as never, { donate: ["state"] }),
)
const compiled = performance.now() - begun

/** What stands in an input at the beginning. */
const value = (path: string): HostArray => {
  if (path === "batch.tokens") return column(0)
  if (path === "batch.targets") return column(1)
  const found = zeros.get(path) ?? weights.get(path.replace(/^state\.parameters\.(blocks\.)?/, ""))
  if (found === undefined) throw new Error(`no value for '${path}'`)
  return found
}

const main = Effect.scoped(Effect.gen(function* () {
  const on = yield* session(program, value, Number(threads))
  const losses: Array<number> = [], milliseconds: Array<number> = []
  for (let i = 0; i < Number(repeats); i++) {
    const took = yield* on.run
    milliseconds.push(i === 0 ? performance.now() - begun : took)
    losses.push((yield* on.output("loss"))[0]!)
  }
  return { version: "0.1.0", device: on.description, compiled, forecast: program.forecast, losses, milliseconds }
}))

process.stdout.write(JSON.stringify(await Effect.runPromise(main)) + "\n")
