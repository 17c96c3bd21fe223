/**
 * Ranks as processes, under every MPI that is here: what they move is right, and a rank that fails, however it does, ends
 * the job soon, with a code that is not 0 and a line that names it.
 */
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { checks } from "./engine.ts"
import { needs } from "../../skip.ts"
import type { Kind } from "../../../core/mesh/mpi/library.ts"
import { type Ended, launch, launcherOf } from "./mpi/launch.ts"

const it = suite("mpi")

const module = "tests/core/mesh/mpi/rank.ts"
const shown = ({ code, seconds, out, err }: Ended): string =>
  `code ${code} after ${seconds.toFixed(1)} s\n${out}\n${err}`
const kinds: ReadonlyArray<{ readonly kind: Kind; readonly name: string; readonly packages: string }> = [
  { kind: "openmpi", name: "Open MPI", packages: "openmpi-bin libopenmpi3" },
  { kind: "mpich", name: "MPICH", packages: "mpich libmpich12" },
]

/** How a rank fails: what it is called, what must be said, the seconds that it may take; more with a patience of 2. */
const failures: ReadonlyArray<
  { readonly act: string; readonly says: RegExp; readonly code?: number; readonly patience?: string }
> = [
  { act: "throw", says: /orrery: rank 1 of 3 \(process \d+ on \S+\) failed: .*on purpose/ },
  { act: "stray", says: /on purpose[\s\S]*orrery: rank 1 of 3|orrery: rank 1 of 3[\s\S]*on purpose/ },
  { act: "exit3", says: /orrery: rank 1 of 3 .* ended with code 3 before its mesh was closed/, code: 3 },
  { act: "exit0", says: /orrery: rank 1 of 3 .* ended with code 0 before its mesh was closed/ },
  { act: "kill", says: /orrery: rank 1 of 3 .* ended without a word of its own/ },
  {
    act: "late",
    says: /orrery: rank \d of 3 .* waits in vain: permute by 1 over ring .*; it waits for rank .*1/,
    patience: "4",
  },
  { act: "absent", says: /orrery: rank [02] of 3 .*MPI_Init was not done after 3 s/, patience: "3" },
  { act: "leave", says: /orrery: rank [02] of 3 .* cannot go on: rank 1 of 3 gave up: on purpose/ },
]

for (const { kind, name, packages } of kinds) {
  const test = needs(it, launcherOf(kind) !== undefined, `there is no ${name} here`, `install ${packages}`)

  for (const ranks of kind === "openmpi" ? [2, 4] : [2]) {
    const shapes = ranks === 4 ? [{ ring: 4 }, { data: 2, ring: 2 }] : [{ ring: 2 }]
    for (const shape of shapes) {
      test(`${name}: every collective on ${JSON.stringify(shape)}`, async () => {
        const ended = await launch({ kind, ranks, module, args: ["conform", JSON.stringify(shape)] })
        assert.is(ended.code, 0, shown(ended))
        assert.is(ended.out.match(/^rank \d: /gm)?.length, ranks * checks(shape).length, shown(ended))
        assert.not.match(ended.err, /orrery:/)
      })
    }
  }

  test(`${name}: 500 exchanges of random sizes under garbage`, async () => {
    const ended = await launch({ kind, ranks: 2, module, args: ["storm", '{"ring":2}'] })
    assert.is(ended.code, 0, shown(ended))
    assert.is(ended.out.match(/^rank \d: 500 exchanges$/gm)?.length, 2, shown(ended))
  })

  test(`${name}: WebAssembly still traps`, async () => {
    const ended = await launch({ kind, ranks: 2, module, args: ["trap", '{"ring":2}'] })
    assert.is(ended.code, 0, shown(ended))
    assert.is(ended.out.match(/^rank \d: 0$/gm)?.length, 2, shown(ended))
  })

  for (const { act, says, code, patience = "60" } of failures) {
    test(`${name}: ${act} of one rank of three ends the job`, async () => {
      const ended = await launch({ kind, ranks: 3, module, args: [act, '{"ring":3}', patience], seconds: 20 })
      assert.ok(ended.code !== undefined && ended.code !== 0, shown(ended))
      if (code !== undefined) assert.is(ended.code, code, shown(ended))
      assert.match(ended.err, says)
      assert.ok(ended.seconds < 12, shown(ended))
    })
  }

  test(`${name}: another number of ranks than the mesh has is a fault that says both`, async () => {
    const ended = await launch({ kind, ranks: 3, module, args: ["open", '{"data":2,"ring":2}'] })
    assert.is.not(ended.code, 0)
    const says =
      /^shape: .* started 3 ranks, but the mesh \{ data: 2, ring: 2 \} needs 4: start it with -n 4, or change the mesh$/m
    assert.match(ended.out, says)
  })

  test(`${name}: a library that is not there is a fault that says where it was looked for`, async () => {
    const env = { ORRERY_MPI: "/nowhere/libmpi.so" }
    const ended = await launch({ kind, ranks: 2, module, args: ["open", '{"ring":2}'], env })
    assert.is.not(ended.code, 0)
    assert.match(ended.out, /^unavailable: ORRERY_MPI is '\/nowhere\/libmpi.so', which cannot be loaded: /m)
  })
}

const both = kinds.every(({ kind }) => launcherOf(kind) !== undefined)
const test = needs(it, both, "there are not both MPIs here", "install openmpi-bin libopenmpi3 mpich libmpich12")
for (
  const [kind, library, is] of [["openmpi", "libmpich.so.12", "MPICH"], ["mpich", "libmpi.so.40", "Open MPI"]] as const
) {
  test(`the library of ${is} under the launcher of the other is a fault that says so`, async () => {
    const env = { ORRERY_MPI: library }
    const ended = await launch({ kind, ranks: 2, module, args: ["open", '{"ring":2}'], env })
    assert.is.not(ended.code, 0)
    assert.match(
      ended.out,
      new RegExp(`^unavailable: ORRERY_MPI is '${library}', which is ${is}, but .* started this`, "m"),
    )
  })
}

it.run()
