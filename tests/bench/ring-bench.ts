/**
 * Attention of a ring of two processes under MPI, one thread each: what each rank computes, how long it stands still
 * because of others, and how evenly the work lies, for contiguous parts of the sequence against zigzag; against one
 * process with one thread and with two. Results are checked against float64.
 *
 * `processor` is the processor's time of a rank's whole process, what MPI spends in moving and polling included. What is
 * exposed is the time that a rank spends in starting and finishing collectives while nothing is computed: transfer
 * that nothing hides, and waiting for a rank that is behind. `bare` is what the same transfers take with nothing beside
 * them; hidden is the share of it that is not exposed.
 * @module
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import process from "node:process"
import { either as E } from "fp-ts"
import * as t from "io-ts"
import { launch, launcherOf } from "../core/mesh/mpi/launch.ts"
import { bytesOf, fileOf, outputs, type Part, write } from "./attention.ts"
import { type Choice, hasPart, named, sizesOf } from "./choice.ts"
import { ours, wideFlags } from "./ours.ts"
import type { Peers } from "./peers.ts"
import type { Report, Row } from "./table.ts"

const Result = t.type({
  part: t.string,
  layout: t.string,
  error: t.union([t.number, t.undefined]),
  sent: t.number,
  all: t.number,
  best: t.number,
  computed: t.number,
  used: t.number,
  waited: t.number,
  bare: t.number,
})
type Result = t.TypeOf<typeof Result>

interface Rank {
  readonly rank: number
  readonly with: string
  readonly results: ReadonlyArray<Result>
}
const Rank: t.Type<Rank, unknown> = t.type({ rank: t.number, with: t.string, results: t.readonlyArray(Result) })

const lengths = [2048, 4096, 8192]
const ranks = 2
const parts: ReadonlyArray<Part> = ["forward", "gradient"]
const tolerance = 1e-4

/** Repetitions: some seconds at each length. */
const repeats = (time: number): number => Math.max(2, Math.min(9, Math.round(1.5e8 / time ** 2)))

const fixed = (x: number): string => x.toFixed(x < 10 ? 1 : 0)

const decoded = (value: unknown): E.Either<string, Rank> =>
  E.mapLeft(() => "its answer is not as agreed")(Rank.decode(value))

/** Every rank's line; or why there is none. */
const underMpi = async (folder: string, time: number): Promise<E.Either<string, ReadonlyArray<Rank>>> => {
  const kind = (["openmpi", "mpich"] as const).find((k) => launcherOf(k) !== undefined)
  if (kind === undefined) return E.left("MPI is absent; Debian has it: apt-get install openmpi-bin libopenmpi3")
  const { code, out, err } = await launch({
    kind,
    ranks,
    module: "tests/bench/ours/ring.ts",
    args: [folder, time, repeats(time), ranks, 1].map(String),
    // A rank that is bound to one core computes there against its own thread that moves messages.
    env: {
      DENO_V8_FLAGS: wideFlags,
      ORRERY_WIDE: "on",
      ORRERY_BLAS: "off",
      OMPI_MCA_hwloc_base_binding_policy: "none",
    },
    seconds: 240,
  })
  if (code !== 0) {
    const why = code === undefined ? "it was not done after 240 s" : err.trim().split("\n").slice(-3).join(" | ")
    return E.left(`${ranks} ranks, T = ${time}: ${why}`)
  }
  const lines = out.split("\n").filter((line) => line.startsWith("{")).map((line) => decoded(JSON.parse(line)))
  const bad = lines.find(E.isLeft)
  if (bad !== undefined) return bad
  const said = lines.flatMap((x) => E.isRight(x) ? [x.right] : []).sort((a, b) => a.rank - b.rank)
  return said.length === ranks ? E.right(said) : E.left(`${said.length} of ${ranks} ranks answered`)
}

const alone = (peers: Peers, folder: string, time: number, threads: number): E.Either<string, Rank> => {
  const args = [folder, time, repeats(time), 1, threads].map(String)
  return E.flatMap(decoded)(ours(peers, "ring.ts", args, { which: ["tasks"] })[0]!.ask())
}

type Table = Omit<Report, "bench">

/** Rows of one part and layout: each rank, and all of them. */
const rowsOf = (time: number, said: ReadonlyArray<Rank>, part: Part, layout: string, single: number): Table => {
  const found = said.map((r) => r.results.find((x) => x.part === part && x.layout === layout)!)
  const what = `${part} T = ${time}, ${layout}`
  const all = Math.max(...found.map((x) => x.all)), best = Math.max(...found.map((x) => x.best))
  const mean = found.reduce((sum, x) => sum + x.computed, 0) / found.length
  const imbalance = Math.max(...found.map((x) => x.computed)) / mean
  const hidden = found.map(({ waited, bare }) => bare > 0 ? Math.max(0, 1 - waited / bare) : NaN)
  const [exposed, bare] = [Math.max(...found.map((x) => x.waited)), Math.max(...found.map((x) => x.bare))]
  const each = found.map((x, i): Row => ({
    what,
    who: `rank ${i} of ${ranks}`,
    unit: "ms",
    median: x.all,
    best: x.best,
    note:
      `computes ${fixed(x.computed)} (processor ${fixed(x.used)}), exposed ${fixed(x.waited)}, bare ${
        fixed(x.bare)
      } (` +
      `${(100 * hidden[i]!).toFixed(0)} % hidden), ${(x.sent / 2 ** 20).toFixed(1)} MiB sent`,
    more: {
      "compute ms": x.computed,
      "processor ms": x.used,
      "exposed ms": x.waited,
      "bare ms": x.bare,
      "sent B": x.sent,
      "hidden share": hidden[i]!,
    },
  }))
  const error = found[0]!.error ?? NaN
  const wrong = !(error < tolerance)
  return {
    rows: [...each, {
      ...{ what, who: "all ranks", unit: "ms", median: all, best },
      note:
        `imbalance ${imbalance.toFixed(2)} (most / mean computed), ${(all / single).toFixed(2)} of one process with ` +
        `one thread, error ${error.toExponential(0)}`,
      more: { imbalance, "of one process": all / single, error, "exposed ms": exposed, "bare ms": bare },
    }],
    absent: wrong ? [`${what}: its result is off by ${error.toExponential(1)} of the largest value`] : [],
  }
}

const at = async (folder: string, peers: Peers, choice: Choice, time: number): Promise<Table> => {
  write(folder, time)
  for (const name of [...outputs.forward, ...outputs.gradient]) {
    writeFileSync(fileOf(folder, time, name), new Uint8Array(bytesOf(time)))
  }
  const [one, two] = [1, 2].map((threads) => alone(peers, folder, time, threads)) as [
    E.Either<string, Rank>,
    E.Either<string, Rank>,
  ]
  process.stdout.write(`  T = ${time}: one process done\n`)
  const said = await underMpi(folder, time)
  const told = E.isLeft(said) ? "failed" : `done, ${said.right[0]!.with.replace(/, rank \d+ of \d+/, "")}`
  process.stdout.write(`  T = ${time}: ${ranks} ranks ${told}\n`)
  const wanted = parts.filter((part) => hasPart(choice, part))
  const single = (part: Part): number =>
    E.isRight(one) ? one.right.results.find((r) => r.part === part)?.all ?? NaN : NaN
  const singles = ([[one, "1 thread"], [two, "2 threads"]] as const).flatMap(([x, name]) =>
    E.isLeft(x) ? [] : x.right.results.filter((r) => wanted.includes(r.part as Part)).map((r): Row => ({
      ...{ what: `${r.part} T = ${time}`, who: `one process, ${name}`, unit: "ms", median: r.all, best: r.best },
    }))
  )
  const tables = E.isLeft(said)
    ? []
    : wanted.flatMap((part) =>
      ["contiguous", "zigzag"].map((layout) => rowsOf(time, said.right, part, layout, single(part)))
    )
  return {
    rows: [...singles, ...tables.flatMap((x) => x.rows)],
    absent: [
      ...[one, two, said].flatMap((x) => E.isLeft(x) ? [x.left] : []),
      ...tables.flatMap((x) => x.absent),
    ],
  }
}

/** Runs it. Repetitions are within a job: one round is all there is. */
export const ring = async (_: number, peers: Peers, choice: Choice): Promise<Report> => {
  const folder = mkdtempSync(join(tmpdir(), "orrery-ring-"))
  try {
    const tables: Array<Table> = []
    for (const time of sizesOf(choice, lengths)) tables.push(await at(folder, peers, choice, time))
    return {
      bench: named("ring", choice),
      rows: tables.flatMap((x) => x.rows),
      absent: tables.flatMap((x) => x.absent),
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
