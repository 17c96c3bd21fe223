/**
 * Programs made by hand: kernels with their buffers, and the values of the inputs.
 * @module
 */
import { kernelKey } from "../../../core/kernel/flat.ts"
import { forecastOf } from "../../../core/plan/forecast.ts"
import type { Kernel } from "../../../core/kernel/kernel.ts"
import { type Buffer, bufferBytes, type Place, type Program, type Slot, type Step } from "../../../core/plan/program.ts"
import type { DType } from "../../../core/tensor/dtype.ts"

/** A buffer as a test wants it; `donated` is an input that the program changes and gives back. */
export type Use =
  | { readonly role: "input" | "donated" | "constant"; readonly dtype: DType; readonly values: ReadonlyArray<number> }
  | { readonly role: "output" | "arena"; readonly dtype: DType; readonly elements: number }

/** A program and what to give it. */
export interface Case {
  readonly program: Program
  readonly inputs: ReadonlyArray<ReadonlyArray<number>>
}

const size = (u: Use): number => ("values" in u ? u.values.length : u.elements)

/** The program of these buffers, kernels and steps; the arena's buffers lie side by side. */
export const programOf = (
  uses: ReadonlyArray<Use>,
  kernels: ReadonlyArray<Kernel>,
  steps: ReadonlyArray<Step>,
): Case => {
  const inputs: Array<Slot> = []
  const outputs: Array<Slot> = []
  let arena = 0
  const slot = (path: string, u: Use, buffer: number): Slot => ({
    path,
    dtype: u.dtype,
    axes: ["element"],
    shape: [size(u)],
    buffer,
  })
  const place = (u: Use, i: number): Place => {
    switch (u.role) {
      case "constant":
        return { tag: "constant", values: u.values }
      case "arena": {
        const offset = arena
        arena += Math.ceil(bufferBytes(u.dtype, u.elements) / 256) * 256
        return { tag: "arena", offset }
      }
      case "output":
        outputs.push(slot(`out.${i}`, u, i))
        return { tag: "output", index: outputs.length - 1 }
      default: {
        const index = inputs.push(slot(`in.${i}`, u, i)) - 1
        if (u.role === "donated") outputs.push({ ...slot(`out.${i}`, u, i), donated: index })
        return { tag: "input", index }
      }
    }
  }
  const buffers = uses.map((u, i): Buffer => ({ dtype: u.dtype, elements: size(u), place: place(u, i) }))
  const planned = { buffers, kernels, steps, exchanges: [], arena }
  return {
    program: { version: 2, inputs, outputs, ...planned, forecast: forecastOf(planned) },
    inputs: uses.flatMap((u) => (u.role === "input" || u.role === "donated" ? [u.values] : [])),
  }
}

/** One kernel over these buffers. */
export const oneKernel = (kernel: Kernel, uses: ReadonlyArray<Use>): Case =>
  programOf(uses, [kernel], [{ tag: "dispatch", kernel: 0, buffers: uses.map((_, i) => i) }])

const printable = (_: string, value: unknown): unknown =>
  typeof value === "number" && (!Number.isFinite(value) || Object.is(value, -0))
    ? `${Object.is(value, -0) ? "-0" : value}`
    : value

/** A case for people: kernels, steps and buffers as JSON, values cut short. */
export const print = ({ program, inputs }: Case): string => {
  const short = (values: ReadonlyArray<number>): string =>
    JSON.stringify(values.slice(0, 24), printable) + (values.length > 24 ? ` ... ${values.length} in all` : "")
  return [
    ...program.kernels.map((k, i) => `kernel ${i}: ${kernelKey(k)}`),
    `steps: ${JSON.stringify(program.steps)}`,
    ...program.buffers.map((b, i) => {
      const values = b.place.tag === "input"
        ? short(inputs[b.place.index]!)
        : b.place.tag === "constant"
        ? short(b.place.values)
        : ""
      return `buffer ${i}: ${b.dtype} x ${b.elements}, ${b.place.tag} ${values}`
    }),
  ].join("\n")
}
