/**
 * Which MPI: what started this process says which one it must be, and a table of each kind says where it is and what it
 * calls things. There are two binary interfaces: Open MPI's, whose handles are addresses, and MPICH's (Intel MPI,
 * MVAPICH, Cray), whose handles are numbers. All that is asked for is loaded by name, nothing is compiled.
 * @module
 */
import { either as E } from "fp-ts"
import { type MeshFault, meshFault } from "../../device/engine.ts"
import type { Host, Koffi, NativeLibrary } from "./host.ts"

/** The binary interfaces. */
export type Kind = "openmpi" | "mpich"

/** What a handle is: a number, or the symbol whose address it is. */
type Handle = number | string

/** One binary interface. */
interface Abi {
  /** For people. */
  readonly name: string
  /** What to install, and what then starts programs. */
  readonly remedy: string
  /** C's type of a handle. */
  readonly handle: "int" | "intptr_t"
  readonly handles: { readonly [N in "world" | "byte" | "errorsReturn"]: Handle }
  readonly anySource: number
  /** The pointer that says: no status. */
  readonly statusIgnore: number
  /** Names of the library; versions that have this interface first. */
  readonly files: ReadonlyArray<string>
}

/** Both interfaces. */
export const abis: { readonly [K in Kind]: Abi } = {
  openmpi: {
    name: "Open MPI",
    remedy: "install Open MPI's library (Debian: libopenmpi3), or start it by the mpiexec of MPICH",
    handle: "intptr_t",
    handles: { world: "ompi_mpi_comm_world", byte: "ompi_mpi_byte", errorsReturn: "ompi_mpi_errors_return" },
    anySource: -1,
    statusIgnore: 0,
    files: ["libmpi.so.40", "libmpi.so", "libmpi.40.dylib", "libmpi.dylib"],
  },
  mpich: {
    name: "MPICH",
    remedy: "install MPICH's library (Debian: libmpich12), or start it by the mpirun of Open MPI",
    handle: "int",
    handles: { world: 0x44000000, byte: 0x4c00010d, errorsReturn: 0x54000001 },
    anySource: -2,
    statusIgnore: 1,
    files: ["libmpich.so.12", "libmpi.so.12", "libmpi.so", "libmpich.so", "libmpi.12.dylib", "libmpich.dylib"],
  },
}

/** How a launcher is known, by the variables that it sets; `kind` where only one library understands it. */
interface Launcher {
  readonly name: string
  readonly rank: string
  readonly size: string
  readonly kind: Kind | undefined
}

/** The launchers; the first whose variable is set. */
const launchers: ReadonlyArray<Launcher> = [
  { name: "Open MPI's mpirun", rank: "OMPI_COMM_WORLD_RANK", size: "OMPI_COMM_WORLD_SIZE", kind: "openmpi" },
  { name: "MPICH's mpiexec", rank: "PMI_RANK", size: "PMI_SIZE", kind: "mpich" },
  { name: "srun", rank: "PMIX_RANK", size: "SLURM_NTASKS", kind: undefined },
]

/** How this process was started. */
export interface Launch {
  readonly launcher: string
  readonly kind: Kind | undefined
  readonly rank: number
  /** As far as the launcher says it. */
  readonly size: number | undefined
  /** The open file through which the launcher sees whether the process lives. Where it closes, it ends all others. */
  readonly line: number | undefined
}

/** An MPI library, open; `of` gives a handle, as it is passed. */
export interface Library {
  readonly kind: Kind
  readonly path: string
  readonly abi: Abi
  readonly native: NativeLibrary
  readonly of: (name: keyof Abi["handles"]) => number | bigint
}

const unavailable = (message: string): E.Either<MeshFault, never> => E.left(meshFault("unavailable", message))

/** Reads from the environment how this process was started. Faults: not by anything that starts ranks. */
export const launchOf = (variable: Host["variable"]): E.Either<MeshFault, Launch> => {
  const found = launchers.find(({ rank }) => variable(rank) !== undefined)
  if (found !== undefined) {
    const size = variable(found.size)
    const line = variable("PMI_FD")
    const { name: launcher, kind } = found
    return E.right({
      launcher,
      kind,
      rank: Number(variable(found.rank)),
      size: size === undefined ? undefined : Number(size),
      line: line === undefined ? undefined : Number(line),
    })
  }
  return variable("SLURM_PROCID") === undefined
    ? unavailable(
      "this process was not started by MPI: start one process a rank by `mpirun -n 4 ...`, `mpiexec -n 4 ...` or " +
        "`srun -n 4 --mpi=pmix ...`; one process alone takes the mesh `local`",
    )
    : unavailable(
      "srun started this process, but nothing tells it of its other ranks: start it by `srun --mpi=pmix` (Open MPI) " +
        "or `srun --mpi=pmi2` (MPICH); `srun --mpi=list` says what there is",
    )
}

const has = (library: NativeLibrary, symbol: string): boolean => {
  try {
    library.symbol(symbol)
    return true
  } catch {
    return false
  }
}

/** Which interface a library has; none if it is no MPI. */
const kindOf = (library: NativeLibrary): Kind | undefined =>
  !has(library, "MPI_Init_thread") ? undefined : has(library, "ompi_mpi_comm_world") ? "openmpi" : "mpich"

/**
 * What UCX, on which both MPIs may stand, must be told before it is loaded. To see memory that is mapped and unmapped, it
 * rewrites functions of the C library and moves the end of the heap to and fro: it must be alone in the process for that,
 * but there are the engine's threads (a crash in one of twenty starts). And it takes the signals by which an engine
 * notices that WebAssembly has left its memory.
 */
export const tamed: { readonly [name: string]: string } = { UCX_MEM_EVENTS: "n", UCX_ERROR_SIGNALS: "" }

/** A look at a library. Its symbols are kept to itself: those of two MPIs must not mix. */
const look = (koffi: Koffi, path: string): { readonly kind: Kind | undefined } | { readonly why: string } => {
  try {
    return { kind: kindOf(koffi.load(path, { lazy: true })) }
  } catch (error) {
    return { why: error instanceof Error ? error.message : String(error) }
  }
}

/** Opens it for good. Open MPI's plugins look for its symbols among those of the process. */
const open = (koffi: Koffi, path: string, kind: Kind): Library => {
  const native = koffi.load(path, { lazy: true, global: true })
  const abi = abis[kind]
  return {
    kind,
    path,
    abi,
    native,
    of: (name) => {
      const handle = abi.handles[name]
      return typeof handle === "number" ? handle : koffi.address(native.symbol(handle))
    },
  }
}

/** The library at the path that `ORRERY_MPI` gives. */
const asked = (koffi: Koffi, path: string, { kind, launcher }: Launch): E.Either<MeshFault, Library> => {
  const seen = look(koffi, path)
  if ("why" in seen) return unavailable(`ORRERY_MPI is '${path}', which cannot be loaded: ${seen.why}`)
  if (seen.kind === undefined) return unavailable(`ORRERY_MPI is '${path}', which is no MPI: it has no MPI_Init_thread`)
  if (kind === undefined || kind === seen.kind) return E.right(open(koffi, path, seen.kind))
  const [is, must] = [abis[seen.kind].name, abis[kind].name]
  return unavailable(
    `ORRERY_MPI is '${path}', which is ${is}, but ${launcher} started this process: each rank would be alone. ` +
      `Leave ORRERY_MPI unset, let it name ${must}'s library, or start it by the launcher of ${is}`,
  )
}

/** Finds and opens the library that what started this process needs. Faults: it is missing, or of the other kind. */
export const findLibrary = (
  koffi: Koffi,
  launch: Launch,
  variable: Host["variable"],
): E.Either<MeshFault, Library> => {
  const path = variable("ORRERY_MPI")
  if (path !== undefined && path !== "") return asked(koffi, path, launch)
  const kinds: ReadonlyArray<Kind> = launch.kind === undefined ? ["openmpi", "mpich"] : [launch.kind]
  for (const kind of kinds) {
    const found = abis[kind].files.find((file) => {
      const seen = look(koffi, file)
      return "kind" in seen && seen.kind === kind
    })
    if (found !== undefined) return E.right(open(koffi, found, kind))
  }
  const wanted = kinds.map((kind) => abis[kind].name).join(" nor ")
  const tried = kinds.flatMap((kind) => abis[kind].files).join(", ")
  return unavailable(
    `${launch.launcher} started this process, but ${kinds.length === 1 ? "no" : "neither"} ${wanted} was found here ` +
      `(${tried}): ${
        kinds.length === 1 ? abis[kinds[0]!].remedy : "install one of them"
      }, or give the library's path in ORRERY_MPI`,
  )
}
