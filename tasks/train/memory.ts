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
import { ranksAlong } from "../../core/mesh/shape.ts"
import { bytes as text } from "../../core/plan/explain.ts"
import { bufferBytes } from "../../core/plan/program.ts"
import type { Tensors } from "../../core/tensor/tree.ts"
import type { StepInputs, StepOutputs, Stepping, StepProgram } from "./step.ts"

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
    device: wide * device.forecast<Tensors<StepInputs>, StepOutputs>(compiled).peak,
    state: wide * state,
    home: 2 * state,
  }
}

// ---- the sentence ----------------------------------------------------------------

/** What would take less, as far as it is not done yet; the cheapest first. */
const advice: ReadonlyArray<readonly [(s: Stepping) => boolean, (s: Stepping) => string]> = [
  [({ plan }) => plan.loss === undefined, () => "cut the loss (plan.loss: { tokens: 1024, vocab: 8192 })"],
  [({ plan }) => plan.chunk === undefined, () => "work on chunks of tokens (plan.chunk: 1024)"],
  [({ plan }) => plan.remat === "none", () => 'compute layers again (plan.remat: "layer")'],
  [({ recipe }) => recipe.batch > 1, ({ recipe }) => `take fewer rows in a step (recipe.batch, now ${recipe.batch})`],
  [() => true, ({ recipe }) => `take shorter rows (recipe.time, now ${recipe.time})`],
  [
    ({ plan }) => ranksAlong(plan.spread.shape, ["ring"]) === 1,
    () => "spread the rows over a ring of processes (--mesh ring=4)",
  ],
]

/** What to change. Where the state alone is too large, nothing of the above helps. */
const change = (s: Stepping, need: Need, there: number): string =>
  need.state > there
    ? `the state alone has ${text(need.state)}: take a smaller model, or another machine`
    : advice.filter(([fits]) => fits(s)).map(([, say]) => say(s)).join("; ")

/** What is wrong with a training of such a need on a machine with such a room, if anything. */
export const shortage = (s: Stepping, need: Need, room: Room): DeviceFault | undefined => {
  const { device } = room
  if (device !== undefined && need.device > device) {
    const message = `the training needs ${text(need.device)} on the device, which has ${text(device)}: ` +
      change(s, need, device)
    return deviceFault("memory", message)
  }
  const all = need.home + (room.shared ? need.device : 0)
  if (all <= room.home) return undefined
  const parts = room.shared ? ` (${text(need.device)} for its arrays, ${text(need.home)} to save them)` : " to be saved"
  return deviceFault(
    "memory",
    `the training needs ${text(all)} of memory${parts}, and this machine has ${text(room.home)}: ` +
      change(s, need, room.shared ? room.home - need.home : room.home),
  )
}

/** Fails where a training does not fit. */
export const mustFit = (s: Stepping, device: Device, compiled: StepProgram): Effect.Effect<void, DeviceFault> =>
  Effect.suspend(() => {
    const fault = shortage(s, needOf(device, compiled), roomOf(device))
    return fault === undefined ? Effect.void : Effect.fail(fault)
  })
