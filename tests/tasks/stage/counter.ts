/**
 * Stages for tests: one that counts in real steps and saves tensors at each of them, and one that needs it. Run as a
 * program, it makes them in a folder, prints the digest and the events, and may be killed at any moment.
 *
 *     deno run -A tests/tasks/stage/counter.ts <folder> <steps> [<milliseconds a step>]
 * @module
 */
import * as Effect from "effect/Effect"
import { either as E } from "fp-ts"
import * as t from "io-ts"
import { spawn } from "node:child_process"
import { join } from "node:path"
import process from "node:process"
import { fileURLToPath } from "node:url"
import { type FileFault, natural } from "../../../core/files/codec.ts"
import { type Event, type Events, events, heardBy, say } from "../../../tasks/events.ts"
import { FileRef, getTensors, putBytes, putTensors } from "../../../tasks/objects.ts"
import { keep } from "../../../tasks/stage/kept.ts"
import { run, type RunFault } from "../../../tasks/stage/run.ts"
import { type Stage, stage } from "../../../tasks/stage/stage.ts"
import { folder, type Store, type StoreFault, utf8 } from "../../../tasks/store.ts"

// ---- the stages ----------------------------------------------------------------

const Saved = t.strict({ step: natural, state: FileRef })

/** What counting gives. */
export const Counted: t.Type<{ readonly steps: number; readonly sums: FileRef }, unknown> = t.strict({
  steps: natural,
  sums: FileRef,
})

/** One step of something that depends on all steps before it. */
const next = (x: Float32Array, step: number): Float32Array =>
  x.map((v, i) => Math.fround(v * 0.75 + ((step * 7 + i) % 5)))

const tensors = (data: Float32Array) => [{ name: "sums", dtype: "f32", shape: [data.length], data }] as const

/** Counts in steps, each of which is saved. */
export const counter = (
  steps: number,
  pause = 0,
  needs: { readonly [name: string]: Stage<unknown, FileFault | StoreFault, Store> } = {},
): Stage<{ readonly steps: number; readonly sums: FileRef }, FileFault | StoreFault, Store | Events> =>
  stage({
    name: "counter",
    version: "1",
    codec: t.strict({ steps: natural }),
    settings: { steps },
    needs,
    output: Counted,
    make: (_, settings, journal) =>
      Effect.gen(function* () {
        const last = yield* journal.last(Saved)
        let step = last?.step ?? 0
        let sums: Float32Array = new Float32Array(8)
        if (last !== undefined) {
          sums = (yield* getTensors(last.state))[0]!.data as Float32Array
          yield* say({ _tag: "Resumed", step, digest: last.state.digest })
        }
        while (step < settings.steps) {
          sums = next(sums, step++)
          yield* journal.save(Saved, { step, state: yield* putTensors(tensors(sums)) })
          yield* say({ _tag: "Progress", what: "count", done: step, total: settings.steps, unit: "steps" })
          if (pause > 0) yield* Effect.sleep(pause)
        }
        return { steps: step, sums: yield* putTensors(tensors(sums)) }
      }),
  })

/** Needs the counter, reads its tensors and writes bytes of its own. */
export const total = (counted: ReturnType<typeof counter>): Stage<
  { readonly total: number; readonly text: FileRef },
  FileFault | StoreFault,
  Store | Events
> =>
  stage({
    name: "total",
    version: "1",
    codec: t.null,
    settings: null,
    needs: { counted },
    output: t.strict({ total: t.number, text: FileRef }),
    make: ({ counted }) =>
      Effect.gen(function* () {
        const sums = (yield* getTensors(counted.sums))[0]!.data as Float32Array
        const total = sums.reduce((a, b) => a + b)
        return { total, text: yield* putBytes(utf8(`the total is ${total}`)) }
      }),
  })

/** Makes a stage in a store that is given; gives what it told, too. */
export const made = <A, X>(
  s: Stage<A, X, Store | Events>,
  options: Parameters<typeof run>[1] = {},
  hear: (e: Event) => void = () => undefined,
): Effect.Effect<{ readonly value: E.Either<X | RunFault, A>; readonly told: ReadonlyArray<Event> }, never, Store> =>
  Effect.gen(function* () {
    const told: Array<Event> = []
    const program = heardBy(run(s, options), [(e) =>
      Effect.sync(() => {
        told.push(e)
        hear(e)
      })])
    const exit = yield* Effect.match(Effect.provide(program, events), {
      onFailure: (fault): E.Either<X | RunFault, A> => E.left(fault),
      onSuccess: (value) => E.right(value),
    })
    return { value: exit, told }
  })

/** The tags of what stages were told to do: `total StageStarted`. */
export const tags = (told: ReadonlyArray<Event>): ReadonlyArray<string> =>
  told.filter((e) => e._tag.startsWith("Stage")).map((e) => `${e.stage} ${e._tag.slice(5)}`)

// ---- as a program --------------------------------------------------------------

const here = fileURLToPath(import.meta.url)
const deno = "Deno" in globalThis

/** What came of a child. */
export interface Ended {
  /** Null where it was killed. */
  readonly code: number | null
  readonly out: string
  readonly err: string
}

/** Starts this module as a process of its own, in the runtime that runs now. `begins` when it has said something. */
export const child = (args: ReadonlyArray<string>): {
  readonly kill: () => void
  readonly begins: Promise<void>
  readonly ended: Promise<Ended>
} => {
  const loader = join(here, "../../../node.mjs")
  const runtime = deno ? ["run", "-A", "--quiet", "--no-check", here] : ["--import", loader, here]
  const started = spawn(process.execPath, [...runtime, ...args], { stdio: ["ignore", "pipe", "pipe"] })
  const text = { out: "", err: "" }
  started.stdout.on("data", (bytes: Uint8Array) => text.out += new TextDecoder().decode(bytes))
  started.stderr.on("data", (bytes: Uint8Array) => text.err += new TextDecoder().decode(bytes))
  return {
    kill: () => void started.kill("SIGKILL"),
    begins: new Promise((done) => started.stdout.once("data", () => done())),
    ended: new Promise((done, fail) => {
      started.on("error", fail)
      started.on("close", (code) => done({ code, ...text }))
    }),
  }
}

/** An event as a line: `counter Started`. */
const line = (e: Event): string =>
  e._tag === "Note"
    ? `${e.stage} Note ${e.text}\n`
    : /^(Stage|Resumed)/.test(e._tag)
    ? `${e.stage} ${e._tag.replace("Stage", "")}\n`
    : ""

const main = ([root, steps, pause]: ReadonlyArray<string>): Promise<number> =>
  Effect.runPromise(
    Effect.gen(function* () {
      const say = (text: string): void => void process.stdout.write(text)
      const { value } = yield* made(total(counter(Number(steps), Number(pause ?? 0))), {}, (e) => say(line(e)))
      if (E.isLeft(value)) {
        process.stderr.write(value.left.message)
        return 1
      }
      const kept = yield* keep(value.right, "")
      say(`digest ${E.isRight(kept) ? kept.right.digest : ""}\n`)
      return 0
    }).pipe(Effect.provide(folder(root!))),
  )

if (process.argv[1] === here) process.exitCode = await main(process.argv.slice(2))
