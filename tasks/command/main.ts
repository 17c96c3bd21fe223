/**
 * The entry of commands: `deno run -A tasks/command/main.ts run world`. Interrupted once it ends what it does and releases
 * its locks; interrupted twice it ends at once, and nothing that was saved is lost.
 * @module
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import process from "node:process"
import { here, unheard } from "./around.ts"
import { commands, tools } from "./command.ts"

const [name = "", ...args] = process.argv.slice(2)
const all = { ...commands, ...tools }
const command = all[name]

/** Commands that go on from what they have saved; others begin anew. */
const resumed: ReadonlySet<string> = new Set(["run"])

/** Exit codes of shells for a process that a signal has ended. */
const signals = { SIGINT: 130, SIGTERM: 143 } as const

/** Runs it, and hears signals meanwhile. */
const run = async (act: Effect.Effect<number>): Promise<number> => {
  const fiber = Effect.runFork(act)
  let code: number | undefined
  const hear = (signal: keyof typeof signals) => (): void => {
    if (code !== undefined) process.exit(signals[signal])
    code = signals[signal]
    process.stderr.write(`\ninterrupted${resumed.has(name) ? ": run it again to go on" : ""}\n`)
    fiber.interruptUnsafe()
  }
  const ears = (Object.keys(signals) as ReadonlyArray<keyof typeof signals>).map((s) => [s, hear(s)] as const)
  for (const [signal, ear] of ears) process.on(signal, ear)
  const exit = await Effect.runPromise(Fiber.await(fiber))
  for (const [signal, ear] of ears) process.off(signal, ear)
  if (Exit.isSuccess(exit)) return exit.value === 0 ? 0 : code ?? exit.value
  if (code === undefined) process.stderr.write(`${exit.cause}\n`)
  return code ?? 1
}

const main = (): Promise<number> | number => {
  if (command !== undefined) return run(command(here(), args))
  process.stderr.write(`'${name}' is no command; there are ${Object.keys(all).join(", ")}\n`)
  return 2
}

unheard()
process.exitCode = await main()
