/**
 * What is given to a device, checked before anything runs: inputs against the program's slots, programs against the
 * device's limits. What is wrong is a sentence with path, expected and got.
 * @module
 */
import { either as E } from "fp-ts"
import { bufferBytes, type Program, type Slot } from "../plan/program.ts"
import type { Axes } from "../tensor/axes.ts"
import { type DType, dtypes, type HostArray } from "../tensor/dtype.ts"
import { type AnyHost, fromStored, load as numbersOf, store } from "../tensor/host.ts"
import { flatten } from "../tensor/tree.ts"
import type { DeviceInfo } from "./backend.ts"
import { type AnyValue, isResident } from "./resident.ts"

/** What specs, slots and values have in common. */
export interface Described {
  readonly dtype: DType
  readonly axes: Axes
  readonly shape: ReadonlyArray<number>
}

/** `f32[batch 8, time 4]` */
export const shown = ({ dtype, axes, shape }: Described): string =>
  `${dtype}[${axes.map((a, i) => `${a} ${shape[i]}`).join(", ")}]`

/** Is it the values of some tensor, by its looks? */
export const isValue = (x: unknown): x is AnyValue => {
  if (typeof x !== "object" || x === null) return false
  const v = x as Partial<AnyHost>
  return typeof v.dtype === "string" && Object.hasOwn(dtypes, v.dtype) && Array.isArray(v.axes) &&
    Array.isArray(v.shape)
}

const kindOf = (x: unknown): string => (x === null ? "null" : Array.isArray(x) ? "an array" : typeof x)

/** What is wrong with a value for a slot, if anything. */
export const misfit = (slot: Described & { readonly path: string }, value: unknown): string | undefined => {
  if (!isValue(value)) return `'${slot.path}' needs ${shown(slot)}, got ${kindOf(value)}`
  const same = value.dtype === slot.dtype && value.axes.join(" ") === slot.axes.join(" ") &&
    value.shape.length === slot.shape.length && value.shape.every((n, i) => n === slot.shape[i])
  if (!same) return `'${slot.path}' needs ${shown(slot)}, got ${shown(value)}`
  if (isResident(value)) return undefined
  const data: unknown = value.data
  if (!ArrayBuffer.isView(data)) return `'${slot.path}' has no data; a Host holds its elements in a typed array`
  const whole = fromStored(value, data as HostArray)
  return E.isLeft(whole) ? `'${slot.path}': ${whole.left[0]!.message}` : undefined
}

const some = (list: ReadonlyArray<string>): string =>
  list.slice(0, 10).join("; ") + (list.length > 10 ? `; and ${list.length - 10} more` : "")

/** The inputs in the program's order, or what is wrong with them; the first ten are named. */
export const arranged = (program: Program, inputs: unknown): E.Either<string, ReadonlyArray<AnyValue>> => {
  const given = new Map<string, unknown>(flatten(inputs))
  const wanted = new Set(program.inputs.map((s) => s.path))
  const wrong = [
    ...program.inputs.flatMap((s) =>
      given.has(s.path) ? misfit(s, given.get(s.path)) ?? [] : [`'${s.path}' is missing; it needs ${shown(s)}`]
    ),
    ...[...given.keys()].filter((p) => !wanted.has(p)).map((p) => `'${p}' is no input of the program; leave it out`),
  ]
  return wrong.length > 0
    ? E.left(`inputs do not fit the program: ${some(wrong)}`)
    : E.right(program.inputs.map((s) => given.get(s.path) as AnyValue))
}

/** Elements as the backend stores them: the oracle takes float64, all others the stored form. */
export const forBackend = (info: DeviceInfo, dtype: DType, data: HostArray): HostArray =>
  info.kind === "oracle" && dtypes[dtype].kind === "float"
    ? Float64Array.from(numbersOf(dtype, data))
    : data instanceof Float64Array
    ? store(dtype, data)
    : data

const megabytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`

const bindings = (steps: Program["steps"]): ReadonlyArray<number> =>
  steps.flatMap((s) => (s.tag === "repeat" ? bindings(s.steps) : [s.buffers.length]))

/** What keeps a program from this device, as a sentence. */
export const beyond = (program: Program, info: DeviceInfo): string | undefined => {
  if (program.version !== 2) return `the program is of version ${program.version}; this is version 2: compile it again`
  const bound = bindings(program.steps).reduce((a, b) => Math.max(a, b), 0)
  if (bound > info.maxBindings) {
    return `a kernel of the program binds ${bound} buffers, but ${info.kind} binds at most ${info.maxBindings}: the ` +
      `program was compiled for another device; compile it with maxBindings: ${info.maxBindings}`
  }
  const sizes = program.buffers.map((b) => bufferBytes(b.dtype, b.elements))
  const largest = sizes.reduce((a, b) => Math.max(a, b), 0)
  if (largest <= info.maxBufferBytes) return undefined
  const slot: Slot | undefined = [...program.inputs, ...program.outputs].find((s) => sizes[s.buffer] === largest)
  return `${slot === undefined ? "an intermediate" : `'${slot.path}' ${shown(slot)}`} has ${megabytes(largest)}, but ` +
    `${info.kind} binds at most ${megabytes(info.maxBufferBytes)}; use smaller sizes (a smaller batch, say) or a ` +
    "narrower dtype"
}
