/**
 * A system BLAS, if there is one and it may be loaded: OpenBLAS, BLIS or Apple's Accelerate, through Deno's FFI or, in
 * Node, the optional package `koffi`. It works on the device's memory itself. Each of our threads calls it for a block of
 * the result and it uses no threads of its own, so results do not depend on the number of threads. `ORRERY_BLAS` is
 * `off`, or the path of a library to try first.
 * @module
 */
import { type Func, func } from "./assembler.ts"
import type { Platform } from "./platform.ts"

/** A library, as a worker is told of it. */
export interface BlasLibrary {
  /** For people. */
  readonly name: string
  readonly path: string
  /** The function that sets its number of threads, if it has one. */
  readonly setThreads: string | undefined
  /** Where `koffi` is; undefined in Deno. */
  readonly koffi: string | undefined
}

/**
 * c = a * b, row-major float32, addresses in bytes from the beginning of memory: (a transposed?, b transposed?, rows,
 * cols, depth, a, a's row, b, b's row, c, c's row), rows in elements.
 */
export type Sgemm = (
  ta: number,
  tb: number,
  m: number,
  n: number,
  k: number,
  a: number,
  lda: number,
  b: number,
  ldb: number,
  c: number,
  ldc: number,
) => void

/** The same as a function that WebAssembly calls: the import `m.sgemm`. */
export const sgemm: Func = func("sgemm", Array.from({ length: 11 }, () => "i32" as const), [], () => [])

/** Loads a library for a memory; throws where it cannot. Sent to workers as source: it uses its arguments only. */
export const bindSgemm = (
  library: BlasLibrary,
  memory: WebAssembly.Memory,
  require: (name: string) => unknown,
): Sgemm => {
  type Call = (...args: ReadonlyArray<number>) => void
  interface DenoFfi {
    readonly dlopen: (path: string, symbols: object) => { readonly symbols: { readonly [name: string]: Call } }
    readonly UnsafePointer: {
      readonly of: (bytes: Uint8Array) => unknown
      readonly value: (pointer: unknown) => bigint
    }
  }
  interface Koffi {
    readonly load: (path: string) => { readonly func: (declaration: string) => Call }
    readonly address: (bytes: Uint8Array) => bigint
  }
  const bytes = new Uint8Array(memory.buffer)
  const inDeno = (): readonly [Call, number] => {
    const deno = (globalThis as unknown as { readonly Deno: DenoFfi }).Deno
    const int = "i32", at = "usize"
    const open = deno.dlopen(library.path, {
      cblas_sgemm: {
        parameters: [int, int, int, int, int, int, "f32", at, int, at, int, "f32", at, int],
        result: "void",
      },
      ...(library.setThreads === undefined ? {} : { [library.setThreads]: { parameters: [int], result: "void" } }),
    })
    if (library.setThreads !== undefined) open.symbols[library.setThreads]!(1)
    return [open.symbols["cblas_sgemm"]!, Number(deno.UnsafePointer.value(deno.UnsafePointer.of(bytes)))]
  }
  const inNode = (koffi: Koffi): readonly [Call, number] => {
    const open = koffi.load(library.path)
    if (library.setThreads !== undefined) open.func(`void ${library.setThreads}(int n)`)(1)
    const call = open.func(
      "void cblas_sgemm(int o, int ta, int tb, int m, int n, int k, float x, uintptr_t a, int lda, " +
        "uintptr_t b, int ldb, float y, uintptr_t c, int ldc)",
    )
    return [call, Number(koffi.address(bytes))]
  }
  const [call, base] = library.koffi === undefined ? inDeno() : inNode(require(library.koffi) as Koffi)
  const rowMajor = 101, straight = 111
  return (ta, tb, m, n, k, a, lda, b, ldb, c, ldc) =>
    call(
      rowMajor,
      straight + ta,
      straight + tb,
      m,
      n,
      k,
      1,
      base + (a >>> 0),
      lda,
      base + (b >>> 0),
      ldb,
      0,
      base + (c >>> 0),
      ldc,
    )
}

/** Where such libraries are, the better ones first. A reference BLAS is slower than our own code: it is not here. */
const known: ReadonlyArray<Omit<BlasLibrary, "koffi">> = [
  { name: "OpenBLAS", path: "libopenblas.so.0", setThreads: "openblas_set_num_threads" },
  { name: "OpenBLAS", path: "libopenblas.so", setThreads: "openblas_set_num_threads" },
  { name: "BLIS", path: "libblis.so.4", setThreads: "bli_thread_set_num_threads" },
  {
    name: "Accelerate",
    path: "/System/Library/Frameworks/Accelerate.framework/Accelerate",
    setThreads: undefined,
  },
]

/** Does it multiply? [1 2; 3 4] * [5 6; 7 8], with the second one transposed in memory, at that free address. */
const multiplies = (call: Sgemm, memory: WebAssembly.Memory, at: number): boolean => {
  const cells = new Float32Array(memory.buffer, at, 12)
  cells.set([1, 2, 3, 4, 5, 7, 6, 8, NaN, NaN, NaN, NaN])
  call(0, 1, 2, 2, 2, at, 2, at + 16, 2, at + 32, 2)
  const right = [19, 22, 43, 50].every((x, i) => cells[8 + i] === x)
  cells.fill(0)
  return right
}

/** The first library that can be loaded and multiplies; `free` is the address of 48 bytes that nobody uses. */
export const findBlas = (
  on: Platform,
  memory: WebAssembly.Memory,
  free: number,
): { readonly library: BlasLibrary; readonly call: Sgemm } | undefined => {
  const asked = on.variable("ORRERY_BLAS")
  const { foreign } = on
  if (asked === "off" || foreign === undefined) return undefined
  const own = asked === undefined || asked === "on" ? [] : known.slice(0, 1).map((l) => ({ ...l, path: asked }))
  for (const candidate of [...own, ...known]) {
    try {
      const library: BlasLibrary = { ...candidate, koffi: foreign.koffi }
      const call = bindSgemm(library, memory, foreign.require)
      if (multiplies(call, memory, free)) return { library, call }
    } catch {
      continue // not on this machine
    }
  }
  return undefined
}
