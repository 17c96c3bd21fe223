/**
 * The command line of the entries below `tests/`: `--help` prints what may be asked, a flag that nobody knows is
 * refused with a sentence and exit code 2, and nothing else is done in either case.
 * @module
 */
import process from "node:process"
import { parseArgs } from "node:util"

/** What an entry takes. */
export interface Entry {
  /** What `--help` prints. */
  readonly usage: string
  /** Switches (`--name`) and flags with a value (`--name=value`). */
  readonly flags?: { readonly [name: string]: "switch" | "value" }
  /** Words that may stand without `--`; none are taken if not given. */
  readonly words?: "any" | ReadonlyArray<string>
}

/** What was asked for. */
export interface Asked {
  readonly words: ReadonlyArray<string>
  readonly on: (name: string) => boolean
  readonly value: (name: string) => string | undefined
}

const leave = (code: number, text: string): never => {
  const stream = code === 0 ? process.stdout : process.stderr
  stream.write(text)
  return process.exit(code)
}

/** Refuses what was asked: a sentence, what may be asked instead, exit code 2. */
export const refuse = (entry: Entry, sentence: string): never => leave(2, `${sentence}\n\n${entry.usage}`)

const parsed = (
  entry: Entry,
  args: ReadonlyArray<string>,
): { readonly values: { readonly [name: string]: unknown }; readonly positionals: ReadonlyArray<string> } => {
  const named = Object.entries(entry.flags ?? {}).map(([name, kind]) =>
    [name, { type: kind === "switch" ? "boolean" : "string" }] as const
  )
  const options = { help: { type: "boolean" }, ...Object.fromEntries(named) } as const
  try {
    return parseArgs({ args: [...args], options, strict: true, allowPositionals: entry.words !== undefined })
  } catch (e) {
    return refuse(entry, (e instanceof Error ? e.message : String(e)).split("\n")[0]!)
  }
}

/** Reads the command line; leaves the process for `--help` and for what is not known. */
export const asked = (entry: Entry, args: ReadonlyArray<string> = process.argv.slice(2)): Asked => {
  const { values, positionals } = parsed(entry, args)
  if (values["help"] === true) leave(0, entry.usage)
  const strange = Array.isArray(entry.words) ? positionals.find((word) => !entry.words!.includes(word)) : undefined
  if (strange !== undefined) {
    refuse(entry, `'${strange}' is not known; expected some of ${(entry.words as ReadonlyArray<string>).join(", ")}`)
  }
  const value = (name: string): string | undefined => {
    const given = values[name]
    return typeof given === "string" ? given : undefined
  }
  return { words: positionals, on: (name) => values[name] === true, value }
}
