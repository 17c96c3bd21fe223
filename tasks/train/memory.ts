/**
 * Whether a training fits: what its program will have allocated, and what saving it takes at home, against what the
 * device and the machine have. Said before anything runs.
 * @module
 */
import * as Effect from "effect/Effect"
import { totalmem } from "node:os"
import process from "node:process"
import { type DeviceFault, deviceFault } from "../../core/device/backend.ts"
import type { Device } from "../../core/device/device.ts"
import { count } from "../../core/graph/node.ts"
import { bytes as text } from "../../core/plan/explain.ts"
import { bufferBytes } from "../../core/plan/program.ts"
import type { StepInputs, StepOutputs, StepProgram } from "./learner.ts"

// ---- types -----------------------------------------------------------------

/** Bytes that a training will take. */
export interface Need {
  /** On the device: inputs, state, everything between, workspace. */
  readonly device: number
  /** Part of it: parameters and optimiser. */
  readonly state: number
  /** At home beside it: the state that is fetched, and the file that is made of it. */
  readonly home: number
}

/** Bytes that there are. */
export interface Room {
  /** Of all arrays on the device together; undefined where it does not say. */
  readonly device: number | undefined
  /** Of the machine. */
  readonly home: number
  /** Do the device's arrays lie in the machine's memory? */
  readonly shared: boolean
}

// ---- what there is ---------------------------------------------------------------

/** The machine's memory, or as much of it as this process may use. */
export const machineBytes = (): number => {
  const { constrainedMemory } = process as { readonly constrainedMemory?: () => number | undefined }
  const allowed = constrainedMemory?.() ?? 0
  return allowed > 0 ? Math.min(allowed, totalmem()) : totalmem()
}

/** What there is for a training on this device. A GPU does not say how much it has in all. */
export const roomOf = ({ info }: Device, home: number = machineBytes()): Room => ({
  device: info.kind === "wasm" ? info.maxBufferBytes : undefined,
  home,
  shared: info.kind !== "webgpu",
})

/** What a training will take on this device. The oracle computes in float64: twice the bytes. */
const needOf = (device: Device, compiled: StepProgram): Need => {
  const wide = device.info.kind === "oracle" ? 2 : 1
  const state = compiled.program.inputs.filter((s) => s.path.startsWith("state."))
    .reduce((n, s) => n + bufferBytes(s.dtype, count(s.shape)), 0)
  return {
    device: wide * device.forecast<StepInputs, StepOutputs>(compiled).peak,
    state: wide * state,
    home: 2 * state,
  }
}

// ---- the sentence ----------------------------------------------------------------

/** What to change. Where the state alone is too large, nothing of the above helps. */
const change = (advice: ReadonlyArray<string>, need: Need, there: number): string =>
  need.state > there
    ? `the state alone has ${text(need.state)}: take a smaller model, or another machine`
    : advice.length === 0
    ? "take a smaller model, or another machine"
    : advice.join("; ")

/** What is wrong with a training of such a need on a machine with such a room, if anything; `advice` is what takes less. */
export const shortage = (advice: ReadonlyArray<string>, need: Need, room: Room): DeviceFault | undefined => {
  const { device } = room
  if (device !== undefined && need.device > device) {
    const message = `the training needs ${text(need.device)} on the device, which has ${text(device)}: ` +
      change(advice, need, device)
    return deviceFault("memory", message)
  }
  const all = need.home + (room.shared ? need.device : 0)
  if (all <= room.home) return undefined
  const parts = room.shared ? ` (${text(need.device)} for its arrays, ${text(need.home)} to save them)` : " to be saved"
  return deviceFault(
    "memory",
    `the training needs ${text(all)} of memory${parts}, and this machine has ${text(room.home)}: ` +
      change(advice, need, room.shared ? room.home - need.home : room.home),
  )
}

/** Fails where a training does not fit. */
export const mustFit = (
  advice: ReadonlyArray<string>,
  device: Device,
  compiled: StepProgram,
): Effect.Effect<void, DeviceFault> =>
  Effect.suspend(() => {
    const fault = shortage(advice, needOf(device, compiled), roomOf(device))
    return fault === undefined ? Effect.void : Effect.fail(fault)
  })
