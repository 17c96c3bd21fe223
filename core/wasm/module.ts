/**
 * A program as WebAssembly: the code of its kernels behind entries of one type in a table, and the image of its steps
 * in memory. Both are pure values of the program; addresses enter only with `image`.
 * @module
 */
import type { Kernel } from "../kernel/kernel.ts"
import { boundaries, type Program, type Step } from "../plan/program.ts"
import type { DType } from "../tensor/dtype.ts"
import { assemble, call, type Func, func, type Local, type MemoryImport } from "./assembler.ts"
import { sgemm } from "./blas.ts"
import { i32 } from "./instructions.ts"
import type { Features, KernelCode, Phase } from "./kernel.ts"
import { lower } from "./lower.ts"
import { control, recordBytes, records, start, work } from "./walker.ts"

/** A kernel's code as the program uses it, for buffers of certain dtypes. */
interface Variant {
  readonly code: KernelCode
  /** Number in the table of its first phase. */
  readonly entry: number
  /** Where its constants lie among all constants of kernels. */
  readonly constants: number
}

/** Where what belongs to a program lies. */
export interface Addresses {
  /** Of the image itself; a multiple of 64. */
  readonly image: number
  /** Of each buffer; of inputs and outputs 0 will do. */
  readonly buffers: ReadonlyArray<number>
}

/** A program made code. */
export interface ProgramCode {
  readonly bytes: Uint8Array<ArrayBuffer>
  /** Bytes of scratch that each thread needs. */
  readonly scratch: number
  /** Bytes of scratch that all threads need together. */
  readonly shared: number
  /** Bytes of the image. */
  readonly imageBytes: number
  /** Byte offsets in the image of the first record of each part, by the part's first step. */
  readonly firsts: ReadonlyMap<number, number>
  /**
   * The image: word i is the address of buffer i, then slots of repeats, records (each part's with an end), arguments,
   * constants of kernels.
   */
  readonly image: (at: Addresses) => Uint8Array
}

const roundUp = (n: number, to: number): number => Math.ceil(n / to) * to

const nesting = (steps: ReadonlyArray<Step>): number =>
  steps.reduce((most, s) => s.tag === "repeat" ? Math.max(most, 1 + nesting(s.steps)) : most, 0)

const dispatches = (steps: ReadonlyArray<Step>): ReadonlyArray<Step & { tag: "dispatch" }> =>
  steps.flatMap((s) => s.tag === "dispatch" ? [s] : dispatches(s.steps))

/** `(args, scratch, lo, hi)`: takes the addresses from the step's arguments and calls the phase. */
const entryOf = (phase: Phase, buffers: number, turns: number): Func =>
  func("entry", ["i32", "i32", "i32", "i32"], [], ({ params }) => {
    const [args, scratch, lo, hi] = params as ReadonlyArray<Local<"i32">>
    const pointed = Array.from({ length: buffers + turns }, (_, i) => i32.load(i32.load(args!, 4 * i)))
    const constants = i32.load(args!, 4 * (buffers + turns))
    return call(phase.func, ...pointed, constants, i32.load(control.shared), scratch!, lo!, hi!)
  })

/** What stands in the table of a program that does nothing: indirect calls take their type from there. */
const nothing: Func = func("nothing", ["i32", "i32", "i32", "i32"], [], () => [])

const variantKey = (step: Step & { tag: "dispatch" }, program: Program): string =>
  `${step.kernel}:${step.buffers.map((b) => program.buffers[b]!.dtype).join(",")}`

/** Writes the code of a program. */
export const programCode = (program: Program, features: Features, memory: MemoryImport): ProgramCode => {
  const turns = nesting(program.steps)
  const variants = new Map<string, Variant>()
  const table: Array<Func> = []
  let constantBytes = 0
  for (const step of dispatches(program.steps)) {
    const key = variantKey(step, program)
    if (variants.has(key)) continue
    const dtypes: ReadonlyArray<DType> = step.buffers.map((b) => program.buffers[b]!.dtype)
    const kernel: Kernel = program.kernels[step.kernel]!
    const code = lower(kernel, { features, buffers: dtypes, turns })
    variants.set(key, { code, entry: table.length, constants: constantBytes })
    code.phases.forEach((phase) => table.push(entryOf(phase, dtypes.length, turns)))
    constantBytes += roundUp(code.constants.length, 64)
  }
  const all = [...variants.values()]
  const layout = layoutOf(program, variants, turns, constantBytes)
  return {
    bytes: assemble({
      memory,
      imports: features.blas ? [sgemm] : [],
      exports: { start, work },
      table: table.length === 0 ? [nothing] : table,
    }),
    scratch: roundUp(Math.max(64, ...all.map((v) => v.code.scratch)), 256),
    shared: roundUp(Math.max(64, ...all.map((v) => v.code.shared)), 256),
    ...layout,
  }
}

const layoutOf = (
  program: Program,
  variants: ReadonlyMap<string, Variant>,
  turns: number,
  constantBytes: number,
): Pick<ProgramCode, "imageBytes" | "firsts" | "image"> => {
  const variantOf = (step: Step & { tag: "dispatch" }): Variant => variants.get(variantKey(step, program))!
  const phasesOf = (step: Step & { tag: "dispatch" }): ReadonlyArray<readonly [Phase, number]> =>
    variantOf(step).code.phases.map((p, i) => [p, i] as const).filter(([p]) => p.tasks > 0)
  const count = (steps: ReadonlyArray<Step>): { records: number; slots: number; args: number } =>
    steps.reduce((sum, s) => {
      if (s.tag === "dispatch") {
        const words = s.buffers.length + turns + 1
        return { ...sum, records: sum.records + phasesOf(s).length, args: sum.args + words }
      }
      const inner = count(s.steps)
      return s.times === 0 ? sum : {
        records: sum.records + inner.records + 2,
        slots: sum.slots + inner.slots + 1,
        args: sum.args + inner.args,
      }
    }, { records: 0, slots: 0, args: 0 })
  const total = count(program.steps)
  const parts = boundaries(program).filter((b) => b === 0 || b < program.steps.length)
  const slotsAt = roundUp(4 * program.buffers.length, 64)
  const first = roundUp(slotsAt + 8 * total.slots, 64)
  const argsAt = first + recordBytes * (total.records + parts.length)
  const constantsAt = roundUp(argsAt + 4 * total.args, 64)
  const imageBytes = constantsAt + constantBytes + 64
  const before = (part: number): number => count(program.steps.slice(0, parts[part]!)).records + part
  const firsts = new Map(parts.map((step, part) => [step, first + recordBytes * before(part)]))

  const image = (at: Addresses): Uint8Array => {
    const bytes = new Uint8Array(imageBytes)
    const words = new Int32Array(bytes.buffer)
    let record = first, slot = slotsAt, args = argsAt
    const put = (...values: ReadonlyArray<number>): void => {
      words.set(values.map((v) => v | 0), record / 4)
      record += recordBytes
    }
    const putDispatch = (step: Step & { tag: "dispatch" }, enclosing: ReadonlyArray<number>): void => {
      const { entry, constants } = variantOf(step)
      const pointers = [
        ...step.buffers.map((b) => at.image + 4 * b),
        ...Array.from({ length: turns }, (_, i) => enclosing[i] ?? control.zero),
        at.image + constantsAt + constants,
      ]
      words.set(pointers.map((p) => p | 0), args / 4)
      for (const [phase, i] of phasesOf(step)) {
        put(...records.dispatch(entry + i, phase.tasks, Math.max(1, phase.grain), at.image + args))
      }
      args += 4 * pointers.length
    }
    const putSteps = (steps: ReadonlyArray<Step>, enclosing: ReadonlyArray<number>): void => {
      for (const step of steps) {
        if (step.tag === "dispatch") putDispatch(step, enclosing)
        else if (step.times > 0) {
          const mine = at.image + slot
          slot += 8
          put(...records.repeat(mine, step.reverse ? step.times - 1 : 0, step.times))
          const body = at.image + record
          putSteps(step.steps, [mine, ...enclosing])
          put(...records.again(mine, step.reverse ? -1 : 1, body))
        }
      }
    }
    words.set(at.buffers.map((b) => b | 0), 0)
    for (const [part, step] of parts.entries()) {
      putSteps(program.steps.slice(step, parts[part + 1]), [])
      put(...records.end())
    }
    for (const v of variants.values()) bytes.set(v.code.constants, constantsAt + v.constants)
    return bytes
  }
  return { imageBytes, firsts, image }
}
