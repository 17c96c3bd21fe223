/**
 * A program on the wasm device with nothing between it and the clock: arrays are placed once, each run is one call.
 * @module
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { either as E } from "fp-ts"
import type { Allocation, DeviceFault } from "../../../core/device/backend.ts"
import type { Faults } from "../../../core/graph/fault.ts"
import type { Compiled } from "../../../core/plan/compile.ts"
import type { Program } from "../../../core/plan/program.ts"
import type { HostArray } from "../../../core/tensor/dtype.ts"
import { wasm, type WasmHandle } from "../../../core/wasm/backend.ts"

/** A program ready to run, again and again, on the same arrays. */
export interface Session {
  readonly description: string
  /** Runs it; gives milliseconds. */
  readonly run: Effect.Effect<number, DeviceFault>
  /** Bytes that the device has allocated, at most, since it was opened. */
  readonly peak: Effect.Effect<number>
  /** Bytes that it is forecast to allocate for this program, workspace included. */
  readonly forecast: number
  /** An output's elements. */
  readonly output: (path: string) => Effect.Effect<HostArray, DeviceFault>
}

/** The program, or an error that holds all faults. */
export const must = <I, O>(compiled: E.Either<Faults, Compiled<I, O>>): Program => {
  if (E.isLeft(compiled)) throw new Error(compiled.left.map((f) => f.message).join("\n"))
  return compiled.right.program
}

const elements = (shape: ReadonlyArray<number>): number => shape.reduce((a, b) => a * b, 1)

/** Places the inputs, by path, on a device with so many threads. */
export const session = (
  program: Program,
  inputs: (path: string) => HostArray,
  threads: number,
): Effect.Effect<Session, DeviceFault, Scope.Scope> =>
  Effect.gen(function* () {
    const device = yield* wasm({ threads })
    const given: Array<Allocation<WasmHandle>> = []
    for (const slot of program.inputs) {
      const place = yield* device.allocate(slot.dtype, elements(slot.shape))
      yield* device.write(place, inputs(slot.path))
      given.push(place)
    }
    const made: Array<Allocation<WasmHandle>> = []
    for (const slot of program.outputs) {
      made.push(
        slot.donated !== undefined ? given[slot.donated]! : yield* device.allocate(slot.dtype, elements(slot.shape)),
      )
    }
    const executable = yield* device.prepare(program)
    const timed = Effect.gen(function* () {
      const start = performance.now()
      yield* executable.run(given, made)
      return performance.now() - start
    })
    return {
      description: device.info.description,
      run: timed,
      peak: Effect.map(device.memory, ({ peak }) => peak),
      forecast: program.forecast.peak + device.workspace(program),
      output: (path) => device.read(made[program.outputs.findIndex((slot) => slot.path === path)]!),
    }
  })
