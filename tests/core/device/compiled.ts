/**
 * A random graph both ways: the meaning of the graph, node by node, and its compiled program on a device.
 * @module
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { either as E } from "fp-ts"
import * as fc from "fast-check"
import type { Device } from "../../../core/device/device.ts"
import { input } from "../../../core/graph/build.ts"
import { evaluate } from "../../../core/graph/meaning.ts"
import type { Node } from "../../../core/graph/node.ts"
import { print } from "../../../core/graph/print.ts"
import { compile, type Compiled } from "../../../core/plan/compile.ts"
import type { Slot } from "../../../core/plan/program.ts"
import { type DType, dtypes } from "../../../core/tensor/dtype.ts"
import { type AnyHost, load, store } from "../../../core/tensor/host.ts"
import type { RandomGraph, Roots } from "./graphs.ts"

/** Any program, by paths. */
export type Plain = Compiled<Readonly<Record<string, Node>>, Roots>

/** Relative to the largest magnitude of an output. */
export type Tolerance = (dtype: DType) => number

/** float64 both ways: only the order of sums differs. */
export const nearly: Tolerance = () => 1e-6

const inputsOf = (g: RandomGraph): ReadonlyArray<Node> => g.inputs.map((i) => input(i.path, i.dtype, i.axes, i.shape))

/** The program of a random graph. */
export const compiled = (g: RandomGraph): Plain => {
  const specs = Object.fromEntries(g.inputs.map((i) => [i.path, { dtype: i.dtype, axes: i.axes, shape: i.shape }]))
  const f = (nodes: Readonly<Record<string, Node>>): Roots => g.build(g.inputs.map((i) => nodes[i.path]!))
  const paths = Object.keys(g.build(inputsOf(g)))
  const donate = g.donate.filter((p) => paths.includes(p))
  const made = compile(f as never, specs as never, { donate, maxBindings: g.maxBindings })
  if (E.isLeft(made)) throw new Error(`does not compile: ${made.left.map((l) => l.message).join("; ")}`)
  return made.right as unknown as Plain
}

const wrongIn = (
  slot: Slot,
  want: ArrayLike<number>,
  got: ArrayLike<number>,
  within: Tolerance,
): string | undefined => {
  if (want.length !== got.length) return `output '${slot.path}' has ${got.length} elements, expected ${want.length}`
  const list = Array.from(want)
  const scale = list.reduce((m, x) => (Number.isFinite(x) ? Math.max(m, Math.abs(x)) : m), 1)
  const room = dtypes[slot.dtype].kind === "float" ? within(slot.dtype) * scale : 0
  const close = (x: number, y: number): boolean =>
    x === y || (Number.isNaN(x) && Number.isNaN(y)) || Math.abs(x - y) <= room
  const at = list.findIndex((x, i) => !close(x, got[i]!))
  if (at < 0) return undefined
  const count = list.filter((x, i) => !close(x, got[i]!)).length
  return `output '${slot.path}' (${slot.dtype}[${slot.axes.join(" ")}: ${slot.shape.join(" ")}]) element ${at}: ` +
    `expected ${list[at]}, got ${got[at]}; ${count} of ${list.length} are wrong`
}

/** What is wrong with a random graph on a device; undefined if nothing is. */
export const differs = async (device: Device, g: RandomGraph, within: Tolerance): Promise<string | undefined> => {
  const nodes = inputsOf(g)
  const roots = g.build(nodes)
  const meant = evaluate(Object.values(roots), Object.fromEntries(g.inputs.map((i) => [i.path, i.values])))
  if (E.isLeft(meant)) return `the graph has no meaning: ${meant.left.map((l) => l.message).join("; ")}`
  const about = (): string =>
    [
      `donate: ${g.donate.join(" ")}; maxBindings: ${g.maxBindings}`,
      ...g.inputs.map((i) =>
        `${i.path}: ${i.dtype}[${i.axes.join(" ")}: ${i.shape.join(" ")}] ${i.values.slice(0, 12).join(" ")}`
      ),
      `outputs ${Object.keys(roots).join(", ")}:`,
      print(Object.values(roots)),
    ].join("\n")
  const c = E.tryCatch(() => compiled(g), (e) => `${(e as Error).stack}`)
  if (E.isLeft(c)) return `${c.left}\n${about()}`
  const { program } = c.right
  const given = Object.fromEntries(
    g.inputs.map((i): [string, AnyHost] => [i.path, {
      dtype: i.dtype,
      axes: i.axes,
      shape: i.shape,
      data: store(i.dtype, i.values),
    }]),
  )
  const exit = await Effect.runPromiseExit(Effect.scoped(Effect.gen(function* () {
    const before = (yield* device.memory).bytes
    const run = yield* device.load(c.right)
    const out = yield* run(given as never)
    const again = yield* run(given as never)
    return { out, again, bytes: (yield* device.memory).bytes - before }
  })))
  if (Exit.isFailure(exit)) return `did not run: ${exit.cause}\n${about()}`
  const { out, again, bytes } = exit.value
  const { peak } = device.forecast(c.right)
  if (bytes !== peak) return `allocates ${bytes} bytes, forecast ${peak}\n${about()}`
  for (const results of [out, again] as unknown as ReadonlyArray<Readonly<Record<string, AnyHost>>>) {
    for (const [k, path] of Object.keys(roots).entries()) {
      const slot = program.outputs.find((o) => o.path === path)!
      const fault = wrongIn(slot, meant.right[k]!.data, load(slot.dtype, results[path]!.data), within)
      if (fault !== undefined) return `${fault}\n${about()}\n${JSON.stringify(program.kernels).slice(0, 6000)}`
    }
  }
  return undefined
}

/** Tries random graphs; throws the smallest failing one found. */
export const agree = async (
  device: Device,
  cases: fc.Arbitrary<RandomGraph>,
  runs: number,
  seed: number,
  within: Tolerance = nearly,
): Promise<void> => {
  let tries = 0
  let smallest: string | undefined
  await fc.check(
    fc.asyncProperty(cases, async (g) => {
      if (smallest !== undefined && ++tries > 500) return true
      const fault = await differs(device, g, within)
      if (fault === undefined) return true
      smallest = fault
      return false
    }),
    { numRuns: runs, seed },
  )
  if (smallest !== undefined) throw new Error(smallest)
}
