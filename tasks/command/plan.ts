/**
 * `deno task plan`: what a pipeline will take, before anything of it runs.
 * @module
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { either as E } from "fp-ts"
import { Device } from "../../core/device/device.ts"
import { bytesText, flopsText, grouped, spanText } from "../numbers.ts"
import type { Recipe } from "../recipes/registry.ts"
import type { StageFault } from "../stage/fault.ts"
import type { Expectation } from "../stage/stage.ts"
import { expectationOf } from "../stage/guard.ts"
import { type Seen, survey } from "../stage/survey.ts"
import { folder, type Store, type StoreFault } from "../store.ts"
import { machineBytes, roomOf } from "../train/memory.ts"
import { failure, meant, rootOf, saidBy, type Shared, shared, type Surroundings } from "./around.ts"
import { type Asked, type Command, type Flag, yes } from "./flags.ts"
import { wrongWith } from "./list.ts"
import { rate } from "./rate.ts"
import { table } from "./table.ts"

type PlanFlags = Pick<Shared, "root" | "from" | "with" | "quick" | "device"> & {
  readonly json: Flag<true>
  readonly "no-time": Flag<true>
  readonly measure: Flag<true>
}

/** What may be asked of it. */
export const command: Command<PlanFlags> = {
  call: "deno task plan [pipeline] [flags]",
  about: "Says what a pipeline will take, stage by stage. Nothing of it runs.",
  names: 1,
  flags: {
    with: shared.with,
    quick: shared.quick,
    device: shared.device,
    root: shared.root,
    from: shared.from,
    "no-time": yes("no estimate of the time: no device is opened"),
    measure: yes("how fast the device is, measured anew"),
    json: yes("as JSON"),
  },
  more:
    "Memory is what one rank will have allocated, as the compiler forecasts it. Time is for this device, from how fast\n" +
    "it trains a small model: measured in two seconds, and kept beside the stages for a day.",
}

// ---- what is known ---------------------------------------------------------------

/** The machine, as far as it matters to a plan. */
interface Machine {
  readonly name: string
  /** Operations a second. */
  readonly rate: number
  /** When that was measured, and milliseconds since then. */
  readonly at: number
  readonly age: number
  /** Bytes that arrays of one rank may have. */
  readonly room: number
}

/** A stage, what it expects, and what is wrong with it. */
interface Row {
  readonly seen: Seen
  readonly expected: Expectation
  /** Does not compile. */
  readonly broken: boolean
  /** Seconds on this device. */
  readonly seconds: number | undefined
  readonly notes: ReadonlyArray<string>
}

/** What a rank's memory says about this machine. */
const memoryNote = ({ memory }: Expectation, room: number): ReadonlyArray<string> =>
  memory === undefined || memory <= room ? [] : [
    `needs ${bytesText(memory)} a rank and this machine has ${bytesText(room)}: spread its rows over more ranks ` +
    `(--mesh=ring=N, one on each machine), cut the plan finer, or take a larger machine`,
  ]

/** A sentence of a stage, without its name before it. */
const unnamed = ({ stage }: Seen, text: string): string => text.replaceAll(`${stage.name}: `, "")

const rowOf = (machine: Machine | undefined) => (seen: Seen): Row => {
  const expected = expectationOf(seen.stage)
  if (E.isLeft(expected)) {
    return { seen, expected: {}, broken: true, seconds: undefined, notes: [unnamed(seen, expected.left.message)] }
  }
  const { flops, notes = [] } = expected.right
  return {
    ...{ seen, expected: expected.right, broken: false },
    seconds: flops === undefined || machine === undefined ? undefined : flops / machine.rate,
    notes: [...notes, ...memoryNote(expected.right, machine?.room ?? machineBytes())],
  }
}

const done = ({ seen }: Row): boolean => seen.state === "cached"

// ---- text ----------------------------------------------------------------------

const or = <A>(value: A | undefined, text: (value: A) => string): string => value === undefined ? "" : text(value)

const heads = [
  { head: "stage" },
  { head: "state" },
  { head: "context", numbers: true },
  { head: "steps", numbers: true },
  { head: "tokens", numbers: true },
  { head: "operations", numbers: true },
  { head: "mesh" },
  { head: "memory/rank", numbers: true },
  { head: "time", numbers: true },
]

const cells = (row: Row): ReadonlyArray<string> => {
  const { context, steps, tokens, flops, mesh, memory } = row.expected
  return [
    row.seen.stage.name,
    row.seen.state === "unknown" ? "missing, no key yet" : row.seen.state,
    ...[context, steps, tokens].map((n) => or(n, grouped)),
    or(flops, flopsText),
    mesh ?? "",
    or(memory, bytesText),
    or(row.seconds, spanText),
  ]
}

const sum = (rows: ReadonlyArray<Row>, of: (row: Row) => number | undefined): number | undefined => {
  const known = rows.map(of).filter((n) => n !== undefined)
  return known.length === 0 ? undefined : known.reduce((a, b) => a + b, 0)
}

/** A line of totals: of all stages, or of those that are still to be done. */
const total = (name: string, rows: ReadonlyArray<Row>, left: ReadonlyArray<Row>): ReadonlyArray<string> => {
  const of = (get: (e: Expectation) => number | undefined) => sum(left, (r) => get(r.expected))
  return [
    name,
    `${left.length} of ${rows.length}`,
    "",
    or(of((e) => e.steps), grouped),
    or(of((e) => e.tokens), grouped),
    or(of((e) => e.flops), flopsText),
    "",
    "",
    or(sum(left, (r) => r.seconds), spanText),
  ]
}

/** When the speed was measured, and how old that is. */
const sinceText = ({ at, age }: Machine): string =>
  `measured ${new Date(at).toISOString().slice(0, 16).replace("T", " ")} UTC, ${spanText(age / 1000)} ago ` +
  "(--measure does it anew)"

const planText = (recipe: Recipe, rows: ReadonlyArray<Row>, machine: Machine | undefined): string => {
  const notes = rows.flatMap((r) => r.notes.length === 0 ? [] : [`${r.seen.stage.name}: ${r.notes.join("; ")}`])
  const unknown = rows.some((r) => r.seen.state === "unknown")
    ? ["Stages without a key need what is not made yet: a key is the digest of outputs that are needed, too."]
    : []
  const speed = machine === undefined
    ? []
    : [`Time is for ${machine.name}, at ${flopsText(machine.rate)}/s, ${sinceText(machine)}.`]
  return [
    `${recipe.name}: ${recipe.about}`,
    table(heads, [
      ...rows.map(cells),
      total("in all", rows, rows),
      total("to be done", rows, rows.filter((r) => !done(r))),
    ]).replace(/^/gm, "  "),
    ...(notes.length === 0 ? [] : [notes.join("\n").replace(/^/gm, "  ")]),
    [...unknown, ...speed].join("\n").replace(/^(?=.)/gm, "  "),
  ].filter((part) => part !== "").join("\n\n") + "\n"
}

const totalOf = (rows: ReadonlyArray<Row>) => ({
  steps: sum(rows, (r) => r.expected.steps) ?? null,
  tokens: sum(rows, (r) => r.expected.tokens) ?? null,
  flops: sum(rows, (r) => r.expected.flops) ?? null,
  seconds: sum(rows, (r) => r.seconds) ?? null,
})

const data = ({ name, about }: Recipe, rows: ReadonlyArray<Row>, machine: Machine | undefined) => ({
  ...{ pipeline: name, about, device: machine?.name ?? null, rate: machine?.rate ?? null },
  measured: machine?.at ?? null,
  total: totalOf(rows),
  left: totalOf(rows.filter((r) => !done(r))),
  stages: rows.map(({ seen, expected, seconds, notes }) => ({
    ...{ stage: seen.stage.name, state: seen.state, key: seen.key ?? null, ...expected },
    ...{ seconds: seconds ?? null, notes },
  })),
})

// ---- the command -----------------------------------------------------------------

/** The device and its speed; none where they are not wanted or not to be had, which is told. */
const machineOf = (
  around: Surroundings,
  { values }: Asked<PlanFlags>,
): Effect.Effect<Machine | undefined, never, Store> => {
  if (values["no-time"] === true) return Effect.succeed(undefined)
  const machine = Effect.gen(function* () {
    const device = yield* Device
    const { device: own, home } = roomOf(device)
    const room = Math.min(own ?? Infinity, device.info.kind === "webgpu" ? Infinity : home)
    const { flops, at } = yield* rate(values.measure === true)
    return { name: device.info.description, rate: flops, at, age: (yield* Clock.currentTimeMillis) - at, room }
  })
  return Effect.catch(Effect.provide(machine, around.device(values.device)), (fault) =>
    Effect.sync(() => {
      around.complain(`no estimate of the time: ${fault.message}\n`)
      return undefined
    }))
}

const planned = (
  around: Surroundings,
  asked: Asked<PlanFlags>,
): Effect.Effect<number, StageFault | StoreFault, Store> =>
  Effect.gen(function* () {
    const recipes = yield* meant(around, asked.values.from, asked.names[0], saidBy(asked.values))
    const machine = yield* machineOf(around, asked)
    const all = yield* Effect.forEach(recipes, (recipe) =>
      Effect.map(survey(recipe.stages), (seen) => ({ recipe, rows: seen.map(rowOf(machine)) })))
    around.terminal.write(
      asked.values.json === true
        ? `${
          JSON.stringify(all.map(({ recipe, rows }) => data(recipe, rows, machine)), null, 2)
        }\n`
        : all.map(({ recipe, rows }) => planText(recipe, rows, machine)).join("\n"),
    )
    const wrong = all.flatMap(({ recipe, rows }) => wrongWith(recipe, rows.map((r) => r.seen)))
    for (const why of wrong) around.complain(`${why}\n`)
    return wrong.length > 0 || all.some(({ rows }) => rows.some((r) => r.broken)) ? 1 : 0
  })

/** Runs it; gives the exit code: 1 also where a stage does not compile. */
export const plan = (around: Surroundings, asked: Asked<PlanFlags>): Effect.Effect<number> =>
  planned(around, asked).pipe(Effect.catch(failure(around)), Effect.provide(folder(rootOf(asked.values.root))))
