/**
 * Running a case on a device, and what it should give: the oracle's numbers with the bounds of `bound.ts`.
 * @module
 */
import * as Effect from "effect/Effect"
import type { Scope } from "effect/Scope"
import type { Allocation, Backend, DeviceFault } from "../../../core/device/backend.ts"
import { meaning, type Memory } from "../../../core/kernel/meaning.ts"
import type { Slot, Step } from "../../../core/plan/program.ts"
import { type DType, dtypes, type HostArray } from "../../../core/tensor/dtype.ts"
import { load, store } from "../../../core/tensor/host.ts"
import { agrees, type Bounded, bounded, fromMemory, intoMemory } from "./bound.ts"
import { type Case, print } from "./program.ts"

/** The elements of every output. */
export type Results = ReadonlyArray<ArrayLike<number>>

const toDevice = (backend: Backend, dtype: DType, values: ReadonlyArray<number>): HostArray =>
  backend.info.kind === "oracle" && dtypes[dtype].kind === "float" ? Float64Array.from(values) : store(dtype, values)

/** Runs a case `times` times, each from the same inputs, and gives the outputs of the last run. */
export const onDevice = (backend: Backend, { program, inputs }: Case, times = 1): Effect.Effect<Results, DeviceFault> =>
  Effect.scoped(
    Effect.gen(function* () {
      const array = (s: Slot): Effect.Effect<Allocation, DeviceFault, Scope> =>
        Effect.acquireRelease(backend.allocate(s.dtype, program.buffers[s.buffer]!.elements), backend.free)
      const given = yield* Effect.forEach(program.inputs, array)
      const made = yield* Effect.forEach(
        program.outputs,
        (s) => (s.donated === undefined ? array(s) : Effect.succeed(given[s.donated]!)),
      )
      const run = yield* Effect.acquireRelease(backend.prepare(program), (p) => p.dispose)
      for (let i = 0; i < times; i++) {
        for (const [k, a] of given.entries()) yield* backend.write(a, toDevice(backend, a.dtype, inputs[k]!))
        yield* run.run(given, made)
      }
      return yield* Effect.forEach(made, (a) => Effect.map(backend.read(a), (data) => load(a.dtype, data)))
    }),
  )

/** What a case should give. */
export const wanted = ({ program, inputs }: Case): ReadonlyArray<ReadonlyArray<Bounded>> => {
  const all = program.buffers.map(({ dtype, elements, place }): Array<Bounded> =>
    place.tag === "input"
      ? inputs[place.index]!.map((v) => fromMemory(v, dtype))
      : place.tag === "constant"
      ? place.values.map((v) => fromMemory(v, dtype))
      : Array.from({ length: elements }, () => ({ v: NaN, e: 0 }))
  )
  const runs = program.kernels.map((k) => meaning(bounded, k))
  const step = (s: Step, turns: ReadonlyArray<number>): void => {
    if (s.tag === "repeat") {
      for (let i = 0; i < s.times; i++) {
        for (const inner of s.steps) step(inner, [s.reverse ? s.times - 1 - i : i, ...turns])
      }
      return
    }
    const memory: Memory<Bounded> = {
      load: (b, at) => all[s.buffers[b]!]![at]!,
      store: (b, at, value) => {
        const number = s.buffers[b]!
        const dtype = program.buffers[number]!.dtype
        const held = intoMemory(value, dtype)
        // the low bits of an int, as memory keeps them
        all[number]![at] = dtype === "u8" ? { v: held.v & 255, e: held.e } : held
      },
      clear: (b) => {
        all[s.buffers[b]!]!.fill({ v: 0, e: 0 })
      },
    }
    runs[s.kernel]!(memory, turns)
  }
  program.steps.forEach((s) => step(s, []))
  return program.outputs.map((o) => all[o.buffer]!)
}

/** How many elements were held to a bound, and the first that was not met. */
export interface Verdict {
  readonly held: number
  readonly all: number
  readonly fault: string | undefined
}

/** Compares a device's results with what they should be. */
export const judge = (c: Case, want: ReadonlyArray<ReadonlyArray<Bounded>>, got: Results): Verdict => {
  let [held, all] = [0, 0]
  for (const [o, slot] of c.program.outputs.entries()) {
    if (got[o]!.length !== want[o]!.length) {
      return { held, all, fault: `output ${slot.path} has ${got[o]!.length} elements, expected ${want[o]!.length}` }
    }
    for (const [i, w] of want[o]!.entries()) {
      all++
      if (w.e < 1e33) held++
      if (agrees(w, got[o]![i]!)) continue
      const wrong = want[o]!.filter((x, k) => !agrees(x, got[o]![k]!)).length
      const fault = `output ${slot.path} (${slot.dtype}) element ${i}: expected ${w.v} +- ${w.e}, got ${got[o]![i]}; ` +
        `${wrong} of ${want[o]!.length} elements are wrong\n${print(c)}`
      return { held, all, fault }
    }
  }
  return { held, all, fault: undefined }
}
