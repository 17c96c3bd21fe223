/**
 * The oracle: the device that says what a program means. Every kernel runs as its plain loops in float64 (`f16` and
 * `bf16` too: only `round` rounds), ints are exact. It also watches over the program: whatever a correct program never
 * does is a defect that names the kernel and the element: a load or store outside its buffer, a load of what was never
 * stored or was overwritten in the arena, two points that store the same element, a point that reads what another point
 * of the same kernel stores, a kernel that stores to what an exchange under way sends or fills or reads what it fills,
 * an output that is not whole.
 * @module
 */
import * as Effect from "effect/Effect"
import { exact, meaning } from "../kernel/meaning.ts"
import { boundaries, bufferBytes, type Program, type Step } from "../plan/program.ts"
import { type DType, dtypes, type HostArray } from "../tensor/dtype.ts"
import { type Allocation, type Backend, type DeviceFault, deviceFault, type Executable, partFault } from "./backend.ts"
import { defect, type Dispatch, dispatch, exchanged, given, show, watched } from "./watch.ts"

/** An array of the oracle: floats in float64. */
interface Cells {
  readonly data: HostArray
  freed: boolean
}

const array = (dtype: DType, elements: number): HostArray =>
  dtypes[dtype].kind === "float"
    ? new Float64Array(elements)
    : dtype === "i32"
    ? new Int32Array(elements)
    : dtype === "u32"
    ? new Uint32Array(elements)
    : new Uint8Array(elements)

/** Runs the steps in order; `count` numbers the dispatches from 1. */
const sequence = (
  steps: ReadonlyArray<Step>,
  make: (step: Extract<Step, { readonly tag: "dispatch" }>) => Dispatch,
  count: () => number,
): (turns: ReadonlyArray<number>) => void => {
  const runs = steps.map((step) => {
    if (step.tag === "dispatch") {
      const run = make(step)
      return (turns: ReadonlyArray<number>): void => run(turns, count())
    }
    const body = sequence(step.steps, make, count)
    return (turns: ReadonlyArray<number>): void => {
      for (let i = 0; i < step.times; i++) body([step.reverse ? step.times - 1 - i : i, ...turns])
    }
  })
  return (turns) => {
    for (const run of runs) run(turns)
  }
}

/** The parts of a program as functions of its arrays, and what its buffers hold. */
interface Interpreted {
  readonly part: (inputs: ReadonlyArray<Cells>, outputs: ReadonlyArray<Cells>, start: number, end: number) => void
  readonly cells: (number: number, inputs: ReadonlyArray<Cells>, outputs: ReadonlyArray<Cells>) => Cells
}

const interpret = (program: Program): Interpreted => {
  const all = program.buffers.map((b) => watched(b.elements))
  program.buffers.forEach((b, i) => {
    if (b.place.tag === "arena") all[i]!.data = array(b.dtype, b.elements)
    if (b.place.tag !== "constant") return
    all[i]!.data = array(b.dtype, b.elements)
    all[i]!.data.set(b.place.values)
    all[i]!.stored.fill(given)
  })
  const runs = program.kernels.map((k) => meaning(exact, k))
  let count = 0
  const make = (s: Extract<Step, { readonly tag: "dispatch" }>): Dispatch => dispatch(program, s, runs[s.kernel]!, all)
  const cuts = boundaries(program)
  const parts = new Map(
    cuts.map((from, i) => [from, sequence(program.steps.slice(from, cuts[i + 1]), make, () => ++count)]),
  )
  let done = 0
  const begin = (inputs: ReadonlyArray<Cells>, outputs: ReadonlyArray<Cells>): void => {
    count = 0
    done = 0
    program.buffers.forEach(({ place }, i) => {
      const w = all[i]!
      w.sent = w.filled = 0
      if (place.tag === "constant") return
      if (place.tag === "input") w.data = inputs[place.index]!.data
      if (place.tag === "output") w.data = outputs[place.index]!.data
      w.stored.fill(place.tag === "input" ? given : 0)
      w.loaded.fill(0)
    })
  }
  return {
    part: (inputs, outputs, start, end) => {
      if (start === 0) begin(inputs, outputs)
      if (start !== done) defect(`the part from step ${start} is run after step ${done}`)
      exchanged(program, all, start)
      if (end > start) parts.get(start)!([])
      done = end
      if (end < program.steps.length) return
      if (end > start) exchanged(program, all, end)
      program.outputs.forEach(({ path, buffer }) => {
        const hole = all[buffer]!.stored.indexOf(0)
        if (hole >= 0) {
          defect(`output '${path}' is not whole: element ${hole} of ${show(program.buffers[buffer]!, buffer)}`)
        }
      })
    },
    cells: (number, inputs, outputs) => {
      const { place } = program.buffers[number]!
      return place.tag === "input"
        ? inputs[place.index]!
        : place.tag === "output"
        ? outputs[place.index]!
        : { data: all[number]!.data, freed: false }
    },
  }
}

/** Arrays given to a program must be what its slots say, and alive. */
const agree = (slots: Program["inputs"], program: Program, arrays: ReadonlyArray<Allocation<Cells>>): void =>
  slots.forEach(({ path, dtype, buffer, donated }, i) => {
    if (donated !== undefined) return
    const { elements } = program.buffers[buffer]!
    const a = arrays[i]
    if (a === undefined) return defect(`no array for '${path}'`)
    if (a.handle.freed) defect(`the array for '${path}' was freed`)
    if (a.dtype !== dtype || a.elements !== elements) {
      defect(`'${path}' needs ${elements} elements of ${dtype}, got ${a.elements} of ${a.dtype}`)
    }
  })

/** A new oracle. It holds nothing but memory, so it needs no scope. */
export const oracle: Effect.Effect<Backend, DeviceFault> = Effect.sync(() => {
  const memory = { bytes: 0, peak: 0 }
  const take = (bytes: number): void => {
    memory.bytes += bytes
    memory.peak = Math.max(memory.peak, memory.bytes)
  }

  const prepare = (program: Program): Executable<Cells> => {
    const constants = program.buffers.filter((b) => b.place.tag === "constant")
    const bytes = constants.reduce((sum, b) => sum + bufferBytes(b.dtype, b.elements), program.arena)
    const { part, cells } = interpret(program)
    let disposed = false
    take(bytes)
    const run: Executable<Cells>["part"] = (inputs, outputs, start, end) =>
      Effect.suspend(() => {
        if (disposed) defect("the program was disposed of")
        agree(program.inputs, program, inputs)
        agree(program.outputs, program, outputs)
        const wrong = partFault(program, start, end)
        if (wrong !== undefined) return Effect.fail(wrong)
        return Effect.sync(() => part(inputs.map((a) => a.handle), outputs.map((a) => a.handle), start, end))
      })
    return {
      bytes,
      run: (inputs, outputs) => run(inputs, outputs, 0, program.steps.length),
      part: run,
      buffer: (number, inputs, outputs) => {
        const { dtype, elements } = program.buffers[number]!
        const handle = cells(number, inputs.map((a) => a.handle), outputs.map((a) => a.handle))
        return { dtype, elements, handle, data: handle.data }
      },
      dispose: Effect.sync(() => {
        if (!disposed) take(-bytes)
        disposed = true
      }),
    }
  }

  const backend: Backend<Cells> = {
    info: {
      kind: "oracle",
      description: "oracle: float64, plain loops",
      maxBindings: 65536,
      maxBufferBytes: 2 ** 31,
      features: [],
    },
    memory: Effect.sync(() => ({ ...memory })),
    allocate: (dtype, elements) =>
      Effect.suspend(() => {
        const bytes = bufferBytes(dtype, elements)
        if (bytes > 2 ** 31) {
          const message = `oracle: an array of ${elements} ${dtype} has ${bytes} bytes; at most 2 GiB; make it smaller`
          return Effect.fail(deviceFault("limit", message))
        }
        take(bytes)
        return Effect.succeed({ dtype, elements, handle: { data: array(dtype, elements), freed: false } })
      }),
    free: ({ dtype, elements, handle }) =>
      Effect.sync(() => {
        if (!handle.freed) take(-bufferBytes(dtype, elements))
        handle.freed = true
      }),
    write: ({ dtype, elements, handle }, data) =>
      Effect.suspend(() => {
        if (data.length === elements && !handle.freed) return Effect.sync(() => handle.data.set(data))
        const message = handle.freed
          ? "oracle: the array was freed; place the values again"
          : `oracle: an array of ${elements} ${dtype} cannot take ${data.length} elements`
        return Effect.fail(deviceFault("input", message))
      }),
    read: ({ handle }) =>
      handle.freed
        ? Effect.fail(deviceFault("input", "oracle: the array was freed; read it before its scope ends"))
        : Effect.sync(() => handle.data.slice()),
    prepare: (program) => Effect.sync(() => prepare(program)),
    workspace: () => 0,
  }
  // the handle's type is the backend's own business
  return backend as Backend
})
