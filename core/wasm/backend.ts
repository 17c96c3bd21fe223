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
  partFault,
} from "../device/backend.ts"
import type { Program } from "../plan/program.ts"
import type { HostArray } from "../tensor/dtype.ts"
import { store } from "../tensor/host.ts"
import { type BlasLibrary, findBlas, type Sgemm } from "./blas.ts"
import { assemble, func } from "./assembler.ts"
import { f32, f32x4 } from "./instructions.ts"
import type { Features } from "./kernel.ts"
import { bytesOf, isShared, memoryFault, most, newMemory, page, type Store, storeOn, view } from "./memory.ts"
import { type ProgramCode, programCode } from "./module.ts"
import { modulesFor } from "./modules.ts"
import { type Platform, platform } from "./platform.ts"
import { type Pool, pool } from "./pool.ts"
import { threadsFor } from "./threads.ts"
import { control, controlWords } from "./walker.ts"

/** What can be chosen; each has a default. */
export interface WasmOptions {
  /** Threads, the caller's included, 1 to 256: else `ORRERY_THREADS`, else as many as the machine runs at once. */
  readonly threads?: number
  /**
   * Relaxed SIMD where the engine has it, or strict: the same bits on every engine. Else what `ORRERY_WASM` says, `strict`
   * or `relaxed`; else relaxed.
   */
  readonly relaxed?: boolean
  /** Asks V8 to join 128-bit operations into 256 bits, where it can. Default: as `relaxed`. */
  readonly wide?: boolean
  /** Uses a system BLAS for large contractions, if one can be loaded and `ORRERY_BLAS` is not `off`. Default: as `relaxed`. */
  readonly blas?: boolean
  /**
   * Bytes of its memory, 4 MiB to 4 GiB, rounded up to 64 KiB; else 4 GiB. They are addresses: what is not touched costs nothing.
   * But engines may count all of it when they decide to collect garbage, so a program with many objects of its own, or
   * several devices, is faster with less.
   */
  readonly memory?: number
}

/** Whether relaxed SIMD is wanted; a sentence where `ORRERY_WASM` says neither. */
const relaxedFor = (option: boolean | undefined, variable: string | undefined): E.Either<string, boolean> =>
  option !== undefined
    ? E.right(option)
    : variable === undefined || variable === "" || variable === "relaxed"
    ? E.right(true)
    : variable === "strict"
    ? E.right(false)
    : E.left(`wasm: ORRERY_WASM is '${variable}'; expected strict, relaxed, or leave it unset for relaxed`)

/** An array's place in the device's memory. */
export interface WasmHandle {
  readonly address: number
}

const hasRelaxed = (): boolean => {
  const zero = f32x4.splat(f32.const(0))
  const probe = func("probe", [], ["v128"], () => f32x4.madd(zero, zero, zero).code)
  return WebAssembly.validate(
    assemble({ memory: { initial: 1, maximum: 1, shared: false }, exports: { probe }, table: [] }),
  )
}

/** Where what belongs to a program lies, and how many bytes it has. */
interface Placed {
  readonly image: number
  /** Addresses of the buffers; of inputs and outputs 0. */
  readonly buffers: ReadonlyArray<number>
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
    return { image, buffers, scratch, shared, bytes, free }
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
      const { id, entry, release } = yield* modules.get(code)
      const { image, buffers, scratch, shared, bytes, free } = yield* placed(program, code, space, threads.threads)
        .pipe(
          Effect.tapError(() => Effect.sync(release)),
        )
      space.count(bytes)
      const inputs = program.buffers.flatMap((b, i) => b.place.tag === "input" ? [[i, b.place.index] as const] : [])
      const outputs = program.buffers.flatMap((b, i) => b.place.tag === "output" ? [[i, b.place.index] as const] : [])
      let alive = true
      const part: Executable<WasmHandle>["part"] = (given, made, start, end) => {
        if (!alive) return Effect.fail(deviceFault("consumed", "wasm: this program was disposed; prepare it again"))
        const wrong = partFault(program, start, end)
        if (wrong !== undefined) return Effect.fail(wrong)
        return threads.run(id, entry, image + code.firsts.get(start)!, () => {
          words[control.scratch / 4] = scratch | 0
          words[control.stride / 4] = code.scratch
          words[control.shared / 4] = shared | 0
          const table = new Int32Array(memory.buffer, image, program.buffers.length)
          for (const [buffer, index] of inputs) table[buffer] = given[index]!.handle.address | 0
          for (const [buffer, index] of outputs) table[buffer] = made[index]!.handle.address | 0
        })
      }
      return {
        bytes,
        run: (given, made) => part(given, made, 0, program.steps.length),
        part,
        buffer: (number, given, made) => {
          const { dtype, elements, place } = program.buffers[number]!
          const address = place.tag === "input"
            ? given[place.index]!.handle.address
            : place.tag === "output"
            ? made[place.index]!.handle.address
            : buffers[number]!
          return { dtype, elements, handle: { address }, data: view(memory, dtype, address, elements) }
        },
        dispose: Effect.sync(() => {
          if (!alive) return
          alive = false
          free()
          release()
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
 * The WebAssembly device. Its threads end and its memory goes when the scope closes. Faults: a number of threads or bytes
 * that is none, an engine that gives no memory.
 */
export const wasm = (options: WasmOptions = {}): Effect.Effect<Backend<WasmHandle>, DeviceFault, Scope.Scope> =>
  Effect.gen(function* () {
    const on = platform()
    const { processors } = on
    const threaded = threadsFor({ option: options.threads, variable: on.variable("ORRERY_THREADS"), processors })
    if (E.isLeft(threaded)) return yield* Effect.fail(deviceFault("input", threaded.left))
    const wanted = threaded.right
    const chosen = relaxedFor(options.relaxed, on.variable("ORRERY_WASM"))
    if (E.isLeft(chosen)) return yield* Effect.fail(deviceFault("input", chosen.left))
    const wish = chosen.right
    const { revectorize } = on.tune({ relaxed: wish, wide: options.wide ?? wish })
    const misfit = memoryFault(options.memory)
    if (misfit !== undefined) return yield* Effect.fail(deviceFault("input", misfit))
    const own = (shared: boolean) => newMemory(shared, options.memory)
    const memory = (wanted > 1 && typeof SharedArrayBuffer !== "undefined" ? own(true) : undefined) ?? own(false)
    if (memory === undefined) {
      const size = options.memory === undefined ? "64 MiB or more" : `${options.memory} bytes`
      return yield* Effect.fail(deviceFault("unavailable", `wasm: the engine gives no memory of ${size}`))
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
