/**
 * The calls of MPI that are used, typed: messages of bytes between two ranks, and no more. What ranks do together is
 * made of such messages (`messages.ts`), so results do not depend on the library.
 *
 * Every call gives MPI's code, 0 where all is well; `explain` says what another one means.
 * @module
 */
import type { Foreign, Koffi } from "./host.ts"
import type { Library } from "./library.ts"

/** Requests of messages under way: MPI writes into this memory, which must be held until all are done. */
export interface Requests {
  readonly count: number
  readonly memory: Int32Array | BigInt64Array
}

/** MPI, as far as it is used. */
export interface Calls {
  readonly version: string
  readonly initialised: () => boolean
  readonly finalised: () => boolean
  /** Gives the code and whether all threads may call at once. */
  readonly init: () => { readonly code: number; readonly threads: boolean }
  readonly rank: () => number
  readonly size: () => number
  readonly requests: (count: number) => Requests
  /** Starts message number `i` of the requests; the bytes stay where they are until it is done. */
  readonly send: (bytes: Uint8Array, to: number, tag: number, requests: Requests, i: number) => number
  readonly receive: (bytes: Uint8Array, from: number, tag: number, requests: Requests, i: number) => number
  /** Are all done? Moves them along. */
  readonly test: (requests: Requests) => { readonly code: number; readonly done: boolean }
  /** Waits until all are done, on a thread of its own. */
  readonly wait: (requests: Requests, done: (code: number) => void) => void
  /** Has message number `i` arrived? Only where no thread waits for it: Open MPI then says yes. */
  readonly arrived: (requests: Requests, i: number) => boolean
  /** Takes back a message that is being received, if it has not begun to arrive. */
  readonly cancel: (requests: Requests, i: number) => number
  /** Takes a message with that tag from whichever rank, if one is there. */
  readonly take: (tag: number, most: number) => Uint8Array | undefined
  readonly finalise: () => number
  /** Ends the processes of all ranks. */
  readonly abort: (code: number) => void
  readonly explain: (code: number) => string
}

/** C's types of each call's arguments: p a pointer, s a status that is ignored, i a number, h a handle. */
const signatures = {
  MPI_Initialized: "p",
  MPI_Finalized: "p",
  MPI_Init_thread: "ppip",
  MPI_Comm_set_errhandler: "hh",
  MPI_Comm_rank: "hp",
  MPI_Comm_size: "hp",
  MPI_Isend: "pihiihp",
  MPI_Irecv: "pihiihp",
  MPI_Testall: "ipps",
  MPI_Waitall: "ips",
  MPI_Cancel: "p",
  MPI_Request_get_status: "hps",
  MPI_Iprobe: "iihps",
  MPI_Recv: "pihiihs",
  MPI_Finalize: "",
  MPI_Abort: "hi",
  MPI_Error_string: "ipp",
  MPI_Get_library_version: "pp",
} as const

/** The level at which all threads may call. */
const threadMultiple = 3

/** More than any MPI's text takes. */
const longest = 8192

/** The arguments of a call that is there are as many as its signature has: this is checked here only. */
type Called = { readonly [N in keyof typeof signatures]: Foreign }

/**
 * Stacks of koffi's threads: MPICH needs more than the 128 KiB that they have. It can be said before any library is
 * loaded only; where something else came first, threads must not wait in MPI. Gives whether they may.
 */
export const deepStacks = (koffi: Koffi): boolean => {
  const bytes = 4 << 20
  try {
    koffi.config({ async_stack_size: bytes })
  } catch {
    // something has loaded a library before
  }
  return koffi.config().async_stack_size >= bytes
}

/** The calls of an open library. */
export const callsOf = (library: Library): Calls => {
  const { abi, native, kind } = library
  const types = { p: "void *", s: "intptr_t", i: "int", h: abi.handle } as const
  const called = Object.fromEntries(
    Object.entries(signatures).map(([name, args]) => [
      name,
      native.func(name, "int", [...args].map((letter) => types[letter as keyof typeof types])),
    ]),
  ) as Called
  const [world, byte, errorsReturn] = [library.of("world"), library.of("byte"), library.of("errorsReturn")]
  const word = (): Int32Array => new Int32Array(new ArrayBuffer(4))
  const number = (call: (out: Int32Array) => unknown): number => {
    const out = word()
    call(out)
    return out[0]!
  }
  const text = (call: (bytes: Uint8Array, length: Int32Array) => unknown): string => {
    const bytes = new Uint8Array(new ArrayBuffer(longest)), length = word()
    call(bytes, length)
    return new TextDecoder().decode(bytes.subarray(0, length[0])).replace(/\0+$/, "").trim()
  }
  const flag = word()
  const one = ({ memory }: Requests, i: number): Int32Array | BigInt64Array => memory.subarray(i, i + 1)
  return {
    version: text((bytes, length) => called.MPI_Get_library_version(bytes, length)).split(/[\n,]/)[0]!
      .replace(/\s+/g, " "),
    initialised: () => number((out) => called.MPI_Initialized(out)) !== 0,
    finalised: () => number((out) => called.MPI_Finalized(out)) !== 0,
    init: () => {
      const granted = word()
      const code = called.MPI_Init_thread(null, null, threadMultiple, granted) as number
      if (code === 0) called.MPI_Comm_set_errhandler(world, errorsReturn)
      return { code, threads: granted[0]! >= threadMultiple }
    },
    rank: () => number((out) => called.MPI_Comm_rank(world, out)),
    size: () => number((out) => called.MPI_Comm_size(world, out)),
    // memory of its own from the beginning: the engine may move small arrays that have none yet
    requests: (count) => ({
      count,
      memory: kind === "openmpi"
        ? new BigInt64Array(new ArrayBuffer(8 * count))
        : new Int32Array(new ArrayBuffer(4 * count)),
    }),
    send: (bytes, to, tag, requests, i) =>
      called.MPI_Isend(bytes, bytes.length, byte, to, tag, world, one(requests, i)) as number,
    receive: (bytes, from, tag, requests, i) =>
      called.MPI_Irecv(bytes, bytes.length, byte, from, tag, world, one(requests, i)) as number,
    test: ({ count, memory }) => {
      const code = called.MPI_Testall(count, memory, flag, abi.statusIgnore) as number
      return { code, done: flag[0] !== 0 }
    },
    wait: ({ count, memory }, done) =>
      called.MPI_Waitall.async(
        count,
        memory,
        abi.statusIgnore,
        (error: unknown, code: number) => done(error === null || error === undefined ? code : -1),
      ),
    arrived: ({ memory }, i) => {
      called.MPI_Request_get_status(memory[i]!, flag, abi.statusIgnore)
      return flag[0] !== 0
    },
    cancel: (requests, i) => called.MPI_Cancel(one(requests, i)) as number,
    take: (tag, most) => {
      called.MPI_Iprobe(abi.anySource, tag, world, flag, abi.statusIgnore)
      if (flag[0] === 0) return undefined
      const bytes = new Uint8Array(new ArrayBuffer(most))
      called.MPI_Recv(bytes, most, byte, abi.anySource, tag, world, abi.statusIgnore)
      return bytes
    },
    finalise: () => called.MPI_Finalize() as number,
    abort: (code) => void called.MPI_Abort(world, code),
    explain: (code) =>
      code < 0 ? "the thread failed" : text((bytes, length) => called.MPI_Error_string(code, bytes, length)),
  }
}
