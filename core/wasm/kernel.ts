/**
 * The contract between the machine (module, threads, memory) and the code of kernels. A kernel becomes a few phases;
 * a phase is one function that does tasks `lo <= task < hi`; any thread may do any tasks of a phase in any order, and
 * the next phase begins when all are done. Tasks of a phase never write what another task of it reads or writes, and
 * what a task computes does not depend on how tasks are grouped: so results do not depend on the number of threads.
 * @module
 */
import type { DType } from "../tensor/dtype.ts"
import { type Code, type Func, func, type Local, type Scope } from "./assembler.ts"

/** What the engine can do. */
export interface Features {
  /** Relaxed SIMD: `madd`, `relaxedMin`, ... Off in strict mode. */
  readonly relaxed: boolean
  /** The engine joins pairs of adjacent v128 operations into 256 bits. */
  readonly revectorize: boolean
  /** Programs may call a system BLAS: see `blas.ts`. */
  readonly blas: boolean
}

/** What the code of a kernel may know of where it runs. */
export interface KernelContext {
  readonly features: Features
  /** How the elements of each of the kernel's buffers are stored. */
  readonly buffers: ReadonlyArray<DType>
  /** How many turns of enclosing `repeat` steps are passed. */
  readonly turns: number
}

/** One function and how its work is cut. */
export interface Phase {
  readonly tasks: number
  /** Tasks that a thread takes at once: some 20 microseconds of work or more, if there is as much. */
  readonly grain: number
  /** See `kernelFunc`. */
  readonly func: Func
}

/** The code of a kernel. */
export interface KernelCode {
  /** In order, each after all tasks of the one before. A phase of no tasks is allowed. */
  readonly phases: ReadonlyArray<Phase>
  /** Bytes of scratch for each thread; its contents are undefined when a phase begins. */
  readonly scratch: number
  /** Bytes of scratch for all threads together, kept from phase to phase of one run of the kernel. */
  readonly shared: number
  /** Placed in memory once per program: what hot loops load instead of constants in the code. See `constantPool`. */
  readonly constants: Uint8Array
}

/**
 * The parameters of a phase's function, all i32. Addresses are in bytes; every buffer, `shared`, `scratch` and
 * `constants` begin at a multiple of 64. The 64 bytes after each of them may be read (what is there is undefined), never
 * written.
 */
export interface KernelArgs {
  readonly buffers: ReadonlyArray<Local<"i32">>
  /** The turn of the innermost `repeat` first. */
  readonly turns: ReadonlyArray<Local<"i32">>
  readonly constants: Local<"i32">
  readonly shared: Local<"i32">
  /** This thread's own. */
  readonly scratch: Local<"i32">
  readonly lo: Local<"i32">
  readonly hi: Local<"i32">
}

/** A phase's function: `(buffers..., turns..., constants, shared, scratch, lo, hi)`. */
export const kernelFunc = (
  name: string,
  context: KernelContext,
  write: (scope: Scope, args: KernelArgs) => Code,
): Func => {
  const buffers = context.buffers.length
  const first = buffers + context.turns
  return func(name, Array.from({ length: first + 5 }, () => "i32" as const), [], (scope) => {
    const params = scope.params as ReadonlyArray<Local<"i32">>
    return write(scope, {
      buffers: params.slice(0, buffers),
      turns: params.slice(buffers, first),
      constants: params[first]!,
      shared: params[first + 1]!,
      scratch: params[first + 2]!,
      lo: params[first + 3]!,
      hi: params[first + 4]!,
    })
  })
}

/** Collects constants of 16 bytes; the same constant has one place. */
export interface ConstantPool {
  /** Byte offset from `constants` of four lanes of that f32. */
  readonly f32: (value: number) => number
  /** Byte offset from `constants` of four lanes of that i32 (or u32). */
  readonly i32: (value: number) => number
  /** Byte offset from `constants` of these 32-bit words, in multiples of four. */
  readonly words: (values: ReadonlyArray<number>) => number
  readonly bytes: () => Uint8Array
}

/** An empty pool. */
export const constantPool = (): ConstantPool => {
  const places = new Map<string, number>()
  const all: Array<number> = []
  const place = (values: ReadonlyArray<number>): number => {
    const key = values.join()
    const known = places.get(key)
    if (known !== undefined) return known
    const at = 4 * all.length
    values.forEach((v) => all.push(v | 0))
    places.set(key, at)
    return at
  }
  const four = (bits: number): number => place([bits, bits, bits, bits])
  return {
    f32: (value) => four(new Int32Array(new Float32Array([value]).buffer)[0]!),
    i32: (value) => four(value | 0),
    words: place,
    bytes: () => new Uint8Array(Int32Array.from(all).buffer),
  }
}
