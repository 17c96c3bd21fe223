/**
 * The terminal that a dialogue is led in: lines in, text out, and the key that interrupts. Answers go to the output alone,
 * so that they can be piped; all else goes beside it, and only where somebody looks.
 * @module
 */
import * as Effect from "effect/Effect"
import process from "node:process"
import { createInterface } from "node:readline"
import { text } from "node:stream/consumers"

/** What a dialogue needs of a terminal. */
export interface Console {
  /** Is there somebody who types? */
  readonly typed: boolean
  /** Is there somebody who looks at what is told beside the answer? */
  readonly watched: boolean
  /** The answer. */
  readonly say: (text: string) => void
  /** What is told beside it. */
  readonly tell: (text: string) => void
  /** The next line; undefined where there will be none, or Ctrl-C was pressed instead. */
  readonly line: (prompt: string) => Effect.Effect<string | undefined>
  /** All that is piped in. */
  readonly piped: Effect.Effect<string>
  /** Ends when Ctrl-C is pressed. */
  readonly interrupted: Effect.Effect<void>
}

const line = (prompt: string): Effect.Effect<string | undefined> =>
  Effect.callback<string | undefined>((resume) => {
    const reader = createInterface({ input: process.stdin, output: process.stdout, terminal: true })
    let ended = false
    const end = (text: string | undefined): void => {
      if (ended) return
      ended = true
      reader.close()
      resume(Effect.succeed(text))
    }
    reader.on("SIGINT", () => end(undefined))
    reader.on("close", () => end(undefined))
    reader.question(prompt, end)
    return Effect.sync(() => reader.close())
  })

const piped: Effect.Effect<string> = Effect.promise(() => text(process.stdin))

const interrupted: Effect.Effect<void> = Effect.callback<void>((resume) => {
  const heard = (): void => resume(Effect.void)
  process.once("SIGINT", heard)
  return Effect.sync(() => void process.removeListener("SIGINT", heard))
})

/** The terminal of this process. */
export const standard = (): Console => ({
  typed: process.stdin.isTTY === true && process.stdout.isTTY === true,
  watched: process.stderr.isTTY === true,
  say: (words) => void process.stdout.write(words),
  tell: (words) => void process.stderr.write(words),
  ...{ line, piped, interrupted },
})
