/**
 * What a user writes, compiled and run by `pack.ts` against the packed library in a project of its own: the types must
 * arrive as well as the code, and a device must run it.
 * @module
 */
import { chosen, compile, Device, dot, type F32, f32, softmax, Stages } from "@orrery/orrery"
import * as Effect from "effect/Effect"
import { either as E } from "fp-ts"

interface Inputs {
  readonly x: F32<"batch model">
  readonly w: F32<"model out">
}

const layer = ({ x, w }: Inputs): { readonly y: F32<"batch out"> } => ({ y: softmax(dot(x, w, "model"), "out") })

/** Names arrive in the declarations: a wrong one does not compile. */
export const wrong = ({ x, w }: Inputs): unknown =>
  // @ts-expect-error neither has an axis "hidden"
  dot(x, w, "hidden")

const sizes = { batch: 4, model: 8, out: 3 }
const specs = { x: f32("batch model", sizes), w: f32("model out", sizes) }

const main = Effect.scoped(Effect.gen(function* () {
  const compiled = compile(layer, specs)
  if (E.isLeft(compiled)) return yield* Effect.die(compiled.left)
  const device = yield* Device
  const run = yield* device.load(compiled.right)
  const { y } = yield* run({
    x: { ...specs.x, data: Float32Array.from({ length: 32 }, (_, i) => i / 32) },
    w: { ...specs.w, data: Float32Array.from({ length: 24 }, (_, i) => (i % 3) - 1) },
  })
  return { device: device.info.description, y: Array.from((yield* device.fetch(y)).data) }
}))

const { device, y } = await Effect.runPromise(Effect.provide(main, chosen))
const rows = [0, 1, 2, 3].map((row) => y.slice(3 * row, 3 * row + 3))
if (rows.some((row) => Math.abs(row.reduce((a, b) => a + b) - 1) > 1e-5 || !(row[0]! < row[1]! && row[1]! < row[2]!))) {
  throw new Error(`rows that are no softmax: ${JSON.stringify(rows)}`)
}

/** Stages arrive, too: declared, made once, then read. */
const number: typeof Stages.finite = Stages.finite
let calls = 0
const two = Stages.stage({
  ...{ name: "two", version: "1", codec: number, settings: 2, needs: {}, output: number },
  make: (_, n) => Effect.sync(() => (calls++, n)),
})
const four = Stages.stage({
  ...{ name: "four", version: "1", codec: number, settings: 2, needs: { two }, output: number },
  make: ({ two }, n) => Effect.succeed(two * n),
})
const files = new Map<string, Uint8Array>()
const made = () =>
  Effect.runPromise(Stages.run(four).pipe(Effect.provide(Stages.events), Effect.provide(Stages.memory(files))))
if (await made() !== 4 || await made() !== 4 || calls !== 1) throw new Error(`stages: ${calls} calls, not one`)

console.log(device)
console.log("ok")
