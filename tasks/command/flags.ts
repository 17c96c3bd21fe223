/**
 * Flags of commands as tables: what may be asked, how it is read, and what `--help` says of it. One reader for all commands.
 *
 * ```ts
 * import { type Command, count, parse, usageOf, yes } from "./flags.ts"
 *
 * const greet: Command<{ times: ReturnType<typeof count>; loud: ReturnType<typeof yes> }> = {
 *   call: "deno task greet [name] [flags]",
 *   about: "Says good day.",
 *   names: 1,
 *   flags: { times: count("N", "how often (1)", 1), loud: yes("in capitals") },
 * }
 * parse(greet, ["world", "--times=3"]) // => right: { names: ["world"], values: { times: 3, loud: undefined } }
 * usageOf(greet)
 * ```
 * @module
 */
import { either as E } from "fp-ts"
import { parseArgs } from "node:util"

// ---- types -----------------------------------------------------------------

/** One flag. */
export interface Flag<A> {
  /** What stands after the equals sign; nothing where the flag alone says it. */
  readonly hint: string
  readonly about: string
  /** May it be said several times? Then it reads all that was said, with NULs between. */
  readonly many?: true
  /** A left says what was expected. */
  readonly read: (text: string) => E.Either<string, A>
}

/** Flags by name. */
export interface Flags {
  readonly [name: string]: Flag<unknown>
}

/** What was said of each; undefined of what was not. */
export type Values<F extends Flags> = { readonly [K in keyof F]: (F[K] extends Flag<infer A> ? A : never) | undefined }

/** A command: how it is called, what it does, what may be asked of it. */
export interface Command<F extends Flags> {
  readonly call: string
  readonly about: string
  /** Names without dashes, at most. */
  readonly names: number
  readonly flags: F
  /** What `--help` says after the flags. */
  readonly more?: string
}

/** What was asked for. */
export interface Asked<F extends Flags> {
  readonly names: ReadonlyArray<string>
  readonly values: Values<F>
}

// ---- kinds of flags ------------------------------------------------------------

/** Said or not said. */
export const yes = (about: string): Flag<true> => ({ hint: "", about, read: () => E.right(true) })

/** Any text; an empty one too where `least` is 0. */
export const text = (hint: string, about: string, least: 0 | 1 = 1): Flag<string> => ({
  hint,
  about,
  read: (said) => said.length < least ? E.left(`a ${hint.toLowerCase()}`) : E.right(said),
})

/** Texts, each said by itself. */
export const texts = (hint: string, about: string): Flag<ReadonlyArray<string>> => ({
  ...{ hint, about, many: true },
  read: (said) => said.split("\0").includes("") ? E.left(`a ${hint.toLowerCase()}`) : E.right(said.split("\0")),
})

/** A number. */
export const number = (hint: string, about: string): Flag<number> => ({
  hint,
  about,
  read: (said) => {
    const n = said.trim() === "" ? NaN : Number(said)
    return Number.isFinite(n) ? E.right(n) : E.left("a number")
  },
})

/** A whole number from `low`. */
export const count = (hint: string, about: string, low = 0): Flag<number> => ({
  hint,
  about,
  read: (said) => {
    const n = /^\d+$/.test(said.trim()) ? Number(said) : NaN
    return Number.isSafeInteger(n) && n >= low ? E.right(n) : E.left(`a whole number of ${low} or more`)
  },
})

/** One of some words. */
export const oneOf = <const W extends string>(words: ReadonlyArray<W>, about: string): Flag<W> => ({
  hint: words.join("|"),
  about,
  read: (said) => {
    const word = words.find((w) => w === said)
    return word === undefined ? E.left(`one of ${words.join(", ")}`) : E.right(word)
  },
})

// ---- reading -----------------------------------------------------------------

const help = "help"

/** The text of `--help`. */
export const usageOf = <F extends Flags>({ call, about, flags, more }: Command<F>): string => {
  const rows = [...Object.entries(flags), [help, { hint: "", about: "this text" }] as const]
    .map(([name, f]) => [`--${name}${f.hint === "" ? "" : `=${f.hint}`}`, f.about] as const)
  const width = Math.max(...rows.map(([said]) => said.length))
  const lines = rows.map(([said, what]) =>
    `  ${said.padEnd(width)}   ${what.split("\n").join(`\n${" ".repeat(width + 5)}`)}`
  )
  return `${about}\n\n    ${call}\n\n${lines.join("\n")}\n${more === undefined ? "" : `\n${more}\n`}`
}

/** Reads arguments; undefined where help is asked for. A left is a sentence for exit code 2. */
export const parse = <F extends Flags>(
  { names, flags }: Command<F>,
  args: ReadonlyArray<string>,
): E.Either<string, Asked<F> | undefined> => {
  const kinds = Object.entries(flags).map(([name, f]) =>
    [name, { type: f.hint === "" ? "boolean" : "string", multiple: f.many === true }] as const
  )
  const options: { readonly [name: string]: { readonly type: "boolean" | "string"; readonly multiple?: boolean } } = {
    ...Object.fromEntries(kinds),
    [help]: { type: "boolean" },
  }
  const read = E.tryCatch(
    () => parseArgs({ args: [...args], options, strict: true, allowPositionals: true, tokens: true }),
    (e) => (e instanceof Error ? e.message : String(e)).split("\n")[0]!,
  )
  if (E.isLeft(read)) return read
  const { values, positionals, tokens } = read.right
  if (values[help] === true) return E.right(undefined)
  if (positionals.length > names) return E.left(`'${positionals[names]}' is one name too many`)
  const twice = tokens.flatMap((t) => t.kind === "option" ? [t.name] : [])
    .find((name, i, all) => options[name]?.multiple !== true && all.indexOf(name) < i)
  if (twice !== undefined) return E.left(`--${twice} is said twice; say it once`)
  const said: { [name: string]: unknown } = {}
  for (const [name, flag] of Object.entries(flags)) {
    const value = values[name]
    if (value === undefined) continue
    const meant = flag.read(Array.isArray(value) ? value.join("\0") : String(value))
    if (E.isLeft(meant)) return E.left(`--${name} is '${value}'; expected ${meant.left}`)
    said[name] = meant.right
  }
  return E.right({ names: positionals, values: said as Values<F> })
}
