/** Which MPI is taken, by what the launcher sets and what is installed: without any MPI. */
import { either as E } from "fp-ts"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import type { Koffi, NativeLibrary } from "../../../../core/mesh/mpi/host.ts"
import { findLibrary, type Launch, launchOf } from "../../../../core/mesh/mpi/library.ts"

const it = suite("mpi library")

type Variables = { readonly [name: string]: string }
const reader = (variables: Variables) => (name: string): string | undefined => variables[name]

const openmpi: Variables = { OMPI_COMM_WORLD_RANK: "1", OMPI_COMM_WORLD_SIZE: "4" }
const mpich: Variables = { PMI_RANK: "0", PMI_SIZE: "2", PMI_FD: "6" }
const srun: Variables = { PMIX_RANK: "3", SLURM_NTASKS: "8", SLURM_PROCID: "3" }

const symbols: { readonly [kind: string]: ReadonlyArray<string> } = {
  openmpi: ["MPI_Init_thread", "ompi_mpi_comm_world"],
  mpich: ["MPI_Init_thread"],
  other: ["cos"],
}

/** A machine on which those files are libraries of that kind; `opened` are those whose symbols all may see. */
const machine = (
  files: { readonly [path: string]: string },
): { readonly koffi: Koffi; readonly opened: Array<string> } => {
  const opened: Array<string> = []
  const library = (kind: string): NativeLibrary => ({
    func: () => {
      throw new Error("nothing is called")
    },
    symbol: (name) => {
      if (!symbols[kind]!.includes(name)) throw new Error(`no symbol ${name}`)
      return name
    },
  })
  const koffi: Koffi = {
    config: () => ({ async_stack_size: 0 }),
    address: () => 7n,
    load: (path, { global }) => {
      const kind = files[path]
      if (kind === undefined) throw new Error(`cannot open ${path}`)
      if (global === true) opened.push(path)
      return library(kind)
    },
  }
  return { koffi, opened }
}

const launched = (variables: Variables): Launch => {
  const launch = launchOf(reader(variables))
  if (E.isLeft(launch)) throw new Error(launch.left.message)
  return launch.right
}

/** The library that is taken, or the sentence why none is. */
const taken = (variables: Variables, files: { readonly [path: string]: string }): string => {
  const { koffi, opened } = machine(files)
  const found = findLibrary(koffi, launched(variables), reader(variables))
  if (E.isLeft(found)) {
    assert.is(found.left.reason, "unavailable")
    assert.equal(opened, [], "what is not taken is not opened for all")
    return found.left.message
  }
  assert.equal(opened, [found.right.path])
  return `${found.right.kind} ${found.right.path} ${found.right.of("world")}`
}

it("the launcher says the rank, the size and the kind", () => {
  assert.equal(launched(openmpi), {
    launcher: "Open MPI's mpirun",
    kind: "openmpi",
    rank: 1,
    size: 4,
    line: undefined,
  })
  assert.equal(launched(mpich), { launcher: "MPICH's mpiexec", kind: "mpich", rank: 0, size: 2, line: 6 })
  assert.equal(launched(srun), { launcher: "srun", kind: undefined, rank: 3, size: 8, line: undefined })
})

it("a process that nothing started as a rank is a fault that says how to start it", () => {
  const says = (variables: Variables): string => {
    const launch = launchOf(reader(variables))
    return E.isLeft(launch) ? launch.left.message : "launched"
  }
  assert.match(says({}), /was not started by MPI: start one process a rank by `mpirun -n 4/)
  assert.match(says({ SLURM_PROCID: "0" }), /srun started this process, but nothing tells it .* `srun --mpi=pmix`/)
})

it("the launcher's own kind is taken, whatever else is there", () => {
  const files = { "libmpi.so": "mpich", "libmpi.so.40": "openmpi", "libmpich.so.12": "mpich" }
  assert.is(taken(openmpi, files), "openmpi libmpi.so.40 7")
  assert.is(taken(mpich, files), `mpich libmpich.so.12 ${0x44000000}`)
  assert.is(taken(mpich, { "libmpi.so.12": "mpich" }), `mpich libmpi.so.12 ${0x44000000}`, "Intel MPI")
  assert.is(taken(srun, { "libmpich.so.12": "mpich" }), `mpich libmpich.so.12 ${0x44000000}`)
  assert.is(taken({ ...openmpi, ORRERY_MPI: "/opt/mpi.so" }, { "/opt/mpi.so": "openmpi" }), "openmpi /opt/mpi.so 7")
})

it("a library that is missing, or of the other kind, is a fault that says what to do", () => {
  assert.match(
    taken(openmpi, { "libmpi.so": "mpich" }),
    /Open MPI's mpirun started this process, but no Open MPI was found here \(libmpi\.so\.40, .*libopenmpi3/,
  )
  assert.match(taken(mpich, { "libmpi.so": "openmpi" }), /but no MPICH was found here .*libmpich12/)
  assert.match(taken(srun, {}), /but neither Open MPI nor MPICH was found here .*: install one of them/)
  const asked = (files: { readonly [path: string]: string }): string =>
    taken({ ...openmpi, ORRERY_MPI: "/x.so" }, files)
  assert.match(asked({}), /ORRERY_MPI is '\/x\.so', which cannot be loaded: cannot open/)
  assert.match(asked({ "/x.so": "other" }), /which is no MPI: it has no MPI_Init_thread/)
  assert.match(
    asked({ "/x.so": "mpich" }),
    /which is MPICH, but Open MPI's mpirun started this process: each rank would be alone/,
  )
})

it.run()
