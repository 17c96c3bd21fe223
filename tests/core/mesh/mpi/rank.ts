/**
 * One rank of the tests of MPI: what it does is named on the command line. Started by `launch.ts`.
 * @module
 */
import process from "node:process"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type { MeshFault } from "../../../../core/device/engine.ts"
import type { Collective } from "../../../../core/graph/collective.ts"
import { mpi, type MpiEngine, type Observed } from "../../../../core/mesh/mpi/engine.ts"
import type { Shape } from "../../../../core/mesh/shape.ts"
import { checks } from "../engine.ts"
import { storm } from "./storm.ts"

type Act = (engine: MpiEngine) => Effect.Effect<unknown, MeshFault>

const say = (text: string): void => void process.stdout.write(text + "\n")
const never: Effect.Effect<never> = Effect.callback<never>(() => {
  const timer = setInterval(() => {}, 1000)
  return Effect.sync(() => clearInterval(timer))
})

const permute = (engine: MpiEngine, elements: number): Effect.Effect<void, MeshFault> => {
  const over = Object.keys(engine.shape)
  const c: Collective = { kind: "permute", over, ranks: engine.size, shift: 1 }
  const block = (): { readonly dtype: "f32"; readonly data: Float32Array } => ({
    dtype: "f32",
    data: new Float32Array(elements),
  })
  return Effect.flatMap(engine.start(c, block(), block()), ({ finish }) => finish)
}
const forever = (engine: MpiEngine): Effect.Effect<never, MeshFault> =>
  Effect.flatMap(permute(engine, 100_000), () => forever(engine))

/** Reads an i32 of its own memory of 64 KiB. */
const reader = Uint8Array.of(
  ...[0, 97, 115, 109, 1, 0, 0, 0, 1, 6, 1, 96, 1, 127, 1, 127, 3, 2, 1, 0, 5, 3, 1, 0, 1],
  ...[7, 5, 1, 1, 102, 0, 0, 10, 9, 1, 7, 0, 32, 0, 40, 2, 0, 11],
)
/** WebAssembly that reads outside of its memory traps: the engine hears of it by a signal, which MPI must leave alone. */
const trap = (engine: MpiEngine): Effect.Effect<void, MeshFault> =>
  Effect.andThen(
    engine.barrier,
    Effect.sync(() => {
      const { f } = new WebAssembly.Instance(new WebAssembly.Module(reader)).exports as { f: (at: number) => number }
      try {
        f(1 << 20)
      } catch (error) {
        if (error instanceof WebAssembly.RuntimeError) return say(`rank ${engine.rank}: ${f(0)}`)
      }
      throw new Error("it did not trap")
    }),
  )

/** Rank 1 does this, while the others go on for ever. */
const only = (what: Act): Act => (engine) => engine.rank === 1 ? what(engine) : forever(engine)

/** What a rank may be asked to do. */
const acts: { readonly [name: string]: Act } = {
  open: ({ rank, description }) => Effect.sync(() => say(`rank ${rank}: ${description}`)),
  conform: (engine) =>
    Effect.forEach(checks(engine.shape), ({ name, body }) => {
      const failed = (cause: Cause.Cause<MeshFault>) => Effect.die(new Error(`${name}: ${Cause.pretty(cause)}`))
      return Effect.as(Effect.catchCause(body(engine), failed), say(`rank ${engine.rank}: ${name}`))
    }),
  storm: (engine) => Effect.map(storm(engine, 500), (n) => say(`rank ${engine.rank}: ${n} exchanges`)),
  trap,
  throw: only(() => Effect.die(new Error("on purpose"))),
  stray: only(() => {
    setTimeout(() => {
      throw new Error("on purpose")
    })
    return never
  }),
  exit3: only(() => Effect.sync(() => process.exit(3))),
  exit0: only(() => Effect.sync(() => process.exit(0))),
  // as a script of Deno's would: Node's listeners hear nothing of it
  unload: only(() =>
    Effect.sync(() => {
      const { Deno } = globalThis as { readonly Deno?: { readonly exit: (code: number) => never } }
      return Deno === undefined ? process.exit(0) : Deno.exit(0)
    })
  ),
  kill: only(() => Effect.sync(() => process.kill(process.pid, "SIGKILL"))),
  late: (engine) => engine.rank === 1 ? never : permute(engine, 100_000),
  leave: (engine) =>
    engine.rank === 1
      ? Effect.andThen(engine.leave("on purpose"), never)
      : Effect.catch(forever(engine), (fault) => Effect.sync(() => say(`rank ${engine.rank}: ${fault.message}`))),
}

const [name = "", shape = "", patience = "60"] = process.argv.slice(2)
const absent = process.env["PMI_RANK"] === "1" || process.env["OMPI_COMM_WORLD_RANK"] === "1"
if (name === "absent" && absent) await new Promise((resolve) => setTimeout(resolve, 60_000))

const seen: Array<Observed> = []
const options = { patience: Number(patience), observe: (o: Observed) => void seen.push(o), longest: 5000 }
const run = Effect.scoped(
  Effect.flatMap(mpi(JSON.parse(shape) as Shape, options), (engine) => (acts[name] ?? acts["open"]!)(engine)),
)
const fault = await Effect.runPromise(Effect.match(run, { onSuccess: () => undefined, onFailure: (f) => f }))
if (fault !== undefined) {
  say(`${fault.reason}: ${fault.message}`)
  process.exitCode = 1
} else if (seen.some(({ started, ended, waited }) => !(waited >= 0 && waited <= ended - started))) {
  say("waited for longer than it took")
  process.exitCode = 1
}
