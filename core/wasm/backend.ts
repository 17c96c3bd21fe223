/**
 * The WebAssembly device: one memory for all arrays, arenas and threads, one module per program. Where an engine has no
 * shared memory or no workers it is the same device with one thread.
 * @module
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { either as E } from "fp-ts"
import {
  type Allocation,
  type Backend,
  type DeviceFault,
  deviceFault,
  type DeviceInfo,
  type Executable,
} from "../device/backend.ts"
import type { Program } from "../plan/program.ts"
import { type DType, dtypes, type HostArray } from "../tensor/dtype.ts"
import { store } from "../tensor/host.ts"
import { type BlasLibrary, findBlas, type Sgemm } from "./blas.ts"
import { assemble, func } from "./assembler.ts"
import { heap, rangeBytes } from "./heap.ts"
import { f32, f32x4 } from "./instructions.ts"
import type { Features } from "./kernel.ts"
import { type ProgramCode, programCode } from "./module.ts"
import { type Platform, platform } from "./platform.ts"
import { type Entry, type Pool, pool } from "./pool.ts"
import { threadsFor } from "./threads.ts"
import { control, controlWords } from "./walker.ts"

/** What can be chosen; each has a default. */
export interface WasmOptions {
  /** Threads, the caller's included, 1 to 256: else `ORRERY_THREADS`, else as many as the machine runs at once. */
  readonly threads?: number
  /** Relaxed SIMD where the engine has it (default), or strict: the same bits on every engine. */
  readonly relaxed?: boolean
  /** Asks V8 to join 128-bit operations into 256 bits, where it can. Default: as `relaxed`. */
  readonly wide?: boolean
  /** Uses a system BLAS for large contractions, if one can be loaded and `ORRERY_BLAS` is not `off`. Default: as `relaxed`. */
  readonly blas?: boolean
}

/** An array's place in the device's memory. */
export interface WasmHandle {
  readonly address: number
}

const page = 65536
const most = 65536 * page

const bytesOf = (dtype: DType, elements: number): number => Math.ceil(elements * dtypes[dtype].bytes / 4) * 4

const megabytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`

/** The elements at an address, in stored form; a view, not a copy. */
const view = (memory: WebAssembly.Memory, dtype: DType, address: number, elements: number): HostArray => {
  switch (dtype) {
    case "f32":
      return new Float32Array(memory.buffer, address, elements)
    case "f16":
    case "bf16":
      return new Uint16Array(memory.buffer, address, elements)
    case "i32":
      return new Int32Array(memory.buffer, address, elements)
    case "u32":
      return new Uint32Array(memory.buffer, address, elements)
    case "u8":
    case "bool":
      return new Uint8Array(memory.buffer, address, elements)
  }
}

const isShared = (memory: WebAssembly.Memory): boolean =>
  typeof SharedArrayBuffer !== "undefined" && memory.buffer instanceof SharedArrayBuffer

/** The device's memory and who has what of it. */
interface Store {
  readonly memory: WebAssembly.Memory
  /** Takes so many bytes; `what` goes into the fault. */
  readonly take: (bytes: number, what: string) => Effect.Effect<number, DeviceFault>
  readonly give: (address: number, bytes: number) => void
  /** Counts bytes as allocated (or, negative, freed) for the device's report. */
  readonly count: (bytes: number) => void
  readonly report: () => { readonly bytes: number; readonly peak: number }
}

const storeOn = (memory: WebAssembly.Memory): Store => {
  const ranges = heap()
  ranges.give(control.end, memory.buffer.byteLength - control.end)
  let bytes = 0, peak = 0
  return {
    memory,
    take: (wanted, what) =>
      Effect.suspend(() => {
        const address = ranges.take(rangeBytes(wanted))
        if (address !== undefined) return Effect.succeed(address)
        const message = `wasm memory: ${what} needs ${megabytes(wanted)}; ${megabytes(bytes)} are allocated and the ` +
          `largest free range has ${megabytes(ranges.largest())}; the whole memory has ${
            megabytes(memory.buffer.byteLength)
          }. ` +
          "Use smaller sizes, or free arrays first"
        return Effect.fail(deviceFault("memory", message))
      }),
    give: (address, size) => ranges.give(address, rangeBytes(size)),
    count: (change) => {
      bytes += change
      peak = Math.max(peak, bytes)
    },
    report: () => ({ bytes, peak }),
  }
}

/**
 * The largest memory that the engine gives, whole from the start: pages that nobody touches cost nothing, and a memory
 * that never grows has no threads that have not heard of it.
 */
const newMemory = (shared: boolean): WebAssembly.Memory | undefined => {
  for (let pages = most / page; pages >= 1024; pages /= 2) {
    try {
      return new WebAssembly.Memory({ initial: pages, maximum: pages, shared })
    } catch {
      continue
    }
  }
  return undefined
}

const hasRelaxed = (): boolean => {
  const zero = f32x4.splat(f32.const(0))
  const probe = func("probe", [], ["v128"], () => f32x4.madd(zero, zero, zero).code)
  return WebAssembly.validate(
    assemble({ memory: { initial: 1, maximum: 1, shared: false }, exports: { probe }, table: [] }),
  )
}

const digest = async (bytes: Uint8Array<ArrayBuffer>): Promise<string> =>
  [...new Uint8Array(await crypto.subtle.digest("SHA-256", bytes))].map((b) => b.toString(16).padStart(2, "0")).join("")

/** Compiled modules by the digest of their bytes. Code has no addresses in it, so equal programs share one. */
interface Modules {
  readonly get: (code: ProgramCode) => Effect.Effect<{ readonly id: number; readonly entry: Entry }, DeviceFault>
}

const modulesFor = (threads: Pool, imports: WebAssembly.ModuleImports): Modules => {
  const known = new Map<string, Promise<{ readonly id: number; readonly entry: Entry }>>()
  const compile = async (bytes: Uint8Array<ArrayBuffer>, id: number): Promise<{ id: number; entry: Entry }> => {
    const module = await WebAssembly.compile(bytes)
    threads.load(id, module)
    return { id, entry: new WebAssembly.Instance(module, { m: imports }).exports as unknown as Entry }
  }
  return {
    get: (code) =>
      Effect.tryPromise({
        try: async () => {
          const key = await digest(code.bytes)
          const found = known.get(key) ?? compile(code.bytes, known.size + 1)
          known.set(key, found)
          return await found
        },
        catch: (cause) => deviceFault("compile", `wasm: the engine refused the module of a program: ${cause}`),
      }),
  }
}

/** Where what belongs to a program lies, and how many bytes it has. */
interface Placed {
  readonly image: number
  readonly scratch: number
  readonly shared: number
  readonly bytes: number
  readonly free: () => void
}

/** What a program takes beside its arrays: its steps with the constants of its kernels, and scratch. */
const workspaceOf = (code: ProgramCode, threads: number): number =>
  code.imageBytes + code.scratch * threads + code.shared

const check = (a: Allocation<WasmHandle>, data: HostArray): DeviceFault | undefined =>
  data.length === a.elements
    ? undefined
    : deviceFault("input", `wasm: an array of ${a.elements} ${a.dtype} elements was given ${data.length}`)

/** Constants, arena and scratch in memory, and the image over them. */
const placed = (
  program: Program,
  code: ProgramCode,
  space: Store,
  threads: number,
): Effect.Effect<Placed, DeviceFault> =>
  Effect.gen(function* () {
    const taken: Array<readonly [number, number]> = []
    const free = (): void => taken.splice(0).forEach(([address, bytes]) => space.give(address, bytes))
    const take = (bytes: number, what: string): Effect.Effect<number, DeviceFault> =>
      space.take(bytes, what).pipe(
        Effect.tap((address) => Effect.sync(() => taken.push([address, bytes]))),
        Effect.tapError(() => Effect.sync(free)),
      )
    const arena = yield* take(program.arena, "the arena of a program")
    const buffers: Array<number> = []
    let bytes = program.arena + workspaceOf(code, threads)
    for (const { dtype, elements, place } of program.buffers) {
      if (place.tag === "constant") {
        const size = bytesOf(dtype, elements)
        const address = yield* take(size, "a constant of a program")
        view(space.memory, dtype, address, elements).set(store(dtype, place.values))
        buffers.push(address)
        bytes += size
      } else buffers.push(place.tag === "arena" ? arena + place.offset : 0)
    }
    const scratch = yield* take(code.scratch * threads, "scratch of each thread")
    const shared = yield* take(code.shared, "scratch of all threads")
    const image = yield* take(code.imageBytes, "the steps of a program")
    new Uint8Array(space.memory.buffer, image, code.imageBytes).set(code.image({ image, buffers }))
    return { image, scratch, shared, bytes, free }
  })

const backendOn = (
  space: Store,
  threads: Pool,
  features: Features,
  info: DeviceInfo,
  call: Sgemm | undefined,
): Backend<WasmHandle> => {
  const { memory } = space
  const modules = modulesFor(threads, call === undefined ? { memory } : { memory, sgemm: call })
  const words = controlWords(memory)
  const shape = { initial: 1, maximum: most / page, shared: isShared(memory) }
  /** The code of a program that was asked for its workspace is not written again when it is loaded. */
  const written = new WeakMap<Program, ProgramCode>()
  const codeOf = (program: Program): ProgramCode => {
    const code = written.get(program) ?? programCode(program, features, shape)
    written.set(program, code)
    return code
  }

  const prepare = (program: Program): Effect.Effect<Executable<WasmHandle>, DeviceFault> =>
    Effect.gen(function* () {
      const code = codeOf(program)
      const { id, entry } = yield* modules.get(code)
      const { image, scratch, shared, bytes, free } = yield* placed(program, code, space, threads.threads)
      space.count(bytes)
      const inputs = program.buffers.flatMap((b, i) => b.place.tag === "input" ? [[i, b.place.index] as const] : [])
      const outputs = program.buffers.flatMap((b, i) => b.place.tag === "output" ? [[i, b.place.index] as const] : [])
      let alive = true
      return {
        bytes,
        run: (given, made) =>
          !alive
            ? Effect.fail(deviceFault("consumed", "wasm: this program was disposed; prepare it again"))
            : threads.run(id, entry, image + code.first, () => {
              words[control.scratch / 4] = scratch | 0
              words[control.stride / 4] = code.scratch
              words[control.shared / 4] = shared | 0
              const table = new Int32Array(memory.buffer, image, program.buffers.length)
              for (const [buffer, index] of inputs) table[buffer] = given[index]!.handle.address | 0
              for (const [buffer, index] of outputs) table[buffer] = made[index]!.handle.address | 0
            }),
        dispose: Effect.sync(() => {
          if (!alive) return
          alive = false
          free()
          space.count(-bytes)
        }),
      }
    })

  return {
    info,
    memory: Effect.sync(space.report),
    allocate: (dtype, elements) =>
      Effect.map(space.take(bytesOf(dtype, elements), `an array of ${elements} ${dtype}`), (address) => {
        space.count(bytesOf(dtype, elements))
        return { dtype, elements, handle: { address } }
      }),
    free: (a) =>
      Effect.sync(() => {
        space.give(a.handle.address, bytesOf(a.dtype, a.elements))
        space.count(-bytesOf(a.dtype, a.elements))
      }),
    write: (a, data) =>
      Effect.suspend(() => {
        const wrong = check(a, data)
        if (wrong !== undefined) return Effect.fail(wrong)
        view(memory, a.dtype, a.handle.address, a.elements).set(data)
        return Effect.void
      }),
    read: (a) =>
      Effect.sync(() => {
        const there = view(memory, a.dtype, a.handle.address, a.elements)
        return there.slice() // of shared memory too, a slice is a copy in memory of its own
      }),
    prepare,
    workspace: (program) => workspaceOf(codeOf(program), threads.threads),
  }
}

/** What the device is, in one line. */
const describe = (
  threads: number,
  features: Features,
  on: Platform,
  library: BlasLibrary | undefined,
): string =>
  `wasm: ${threads} thread${threads === 1 ? "" : "s"} in ${on.name}, ` +
  (features.relaxed ? "SIMD with relaxed multiply-add" : "strict SIMD") +
  (features.revectorize ? ", joined to 256 bits" : "") +
  (library === undefined ? "" : `, ${library.name} for large contractions`)

/**
 * The WebAssembly device. Its threads end and its memory goes when the scope closes. Faults: a number of threads that is
 * none, an engine that gives no memory.
 */
export const wasm = (options: WasmOptions = {}): Effect.Effect<Backend<WasmHandle>, DeviceFault, Scope.Scope> =>
  Effect.gen(function* () {
    const on = platform()
    const { processors } = on
    const threaded = threadsFor({ option: options.threads, variable: on.variable("ORRERY_THREADS"), processors })
    if (E.isLeft(threaded)) return yield* Effect.fail(deviceFault("input", threaded.left))
    const wanted = threaded.right
    const wish = options.relaxed ?? true
    const { revectorize } = on.tune({ relaxed: wish, wide: options.wide ?? wish })
    const memory = (wanted > 1 && typeof SharedArrayBuffer !== "undefined" ? newMemory(true) : undefined) ??
      newMemory(false)
    if (memory === undefined) {
      return yield* Effect.fail(deviceFault("unavailable", "wasm: the engine gives no memory of 64 MiB or more"))
    }
    const relaxed = wish && hasRelaxed()
    const found = (options.blas ?? wish) === false ? undefined : findBlas(on, memory, control.end)
    const features: Features = { relaxed, revectorize: relaxed && revectorize, blas: found !== undefined }
    const threads = yield* Effect.acquireRelease(
      Effect.sync(() => pool(memory, isShared(memory) ? wanted : 1, on, found?.library)),
      (p) => p.end,
    )
    const space = storeOn(memory)
    return backendOn(space, threads, features, {
      kind: "wasm",
      description: describe(threads.threads, features, on, found?.library),
      maxBindings: 256,
      maxBufferBytes: memory.buffer.byteLength - 16 * page,
      features: [
        `threads=${threads.threads}`,
        ...(relaxed ? ["relaxed"] : ["strict"]),
        ...(features.revectorize ? ["wide"] : []),
        ...(found === undefined ? [] : [`blas=${found.library.name}`]),
      ],
    }, found?.call)
  })
