/**
 * Decoding what is foreign: text and bytes from outside are decoded by io-ts before they are believed, and what is
 * wrong with them comes back as sentences that name the place.
 * @module
 */
import { either as E } from "fp-ts"
import * as t from "io-ts"

/** What is wrong with a file. */
export interface FileFault {
  readonly _tag: "FileFault"
  readonly reason:
    | "truncated" // fewer bytes than the file says
    | "header" // the frame around the description is wrong
    | "json" // not JSON, or not of the form that is expected
    | "name" // a name that is hostile or there twice
    | "dtype" // an element type that is not known here
    | "size" // shape, dtype and number of bytes disagree
    | "layout" // ranges that leave the file, overlap or leave a gap
    | "value" // elements that their dtype does not allow
    | "missing" // something that was asked for is not there
  /** Where in the file: a tensor's name, a path in the JSON, `header`. */
  readonly where: string
  /** What, expected, got, what to try: one sentence. */
  readonly message: string
}

/** Makes a fault. */
export const fileFault = (reason: FileFault["reason"], where: string, message: string): FileFault => ({
  _tag: "FileFault",
  reason,
  where,
  message,
})

/** A number that counts or names a place: 0, 1, 2, ... up to 2^53 - 1. */
export const natural: t.Type<number, unknown> = new t.Type<number>(
  "natural number",
  (u): u is number => Number.isSafeInteger(u) && (u as number) >= 0 && !Object.is(u, -0),
  (u, c) =>
    Number.isSafeInteger(u) && (u as number) >= 0 && !Object.is(u, -0) ? t.success(u as number) : t.failure(u, c),
  t.identity,
)

/** 1, 2, 3, ... */
export const positive: t.Type<number, unknown> = new t.Type<number>(
  "positive integer",
  (u): u is number => natural.is(u) && u > 0,
  (u, c) => natural.is(u) && u > 0 ? t.success(u) : t.failure(u, c),
  t.identity,
)

/** A number that is neither NaN nor infinite. */
export const finite: t.Type<number, unknown> = new t.Type<number>(
  "finite number",
  (u): u is number => Number.isFinite(u),
  (u, c) => Number.isFinite(u) ? t.success(u as number) : t.failure(u, c),
  t.identity,
)

const shown = (u: unknown): string => {
  const text = u === undefined ? "nothing" : JSON.stringify(u) ?? String(u)
  return text.length > 60 ? text.slice(0, 57) + "..." : text
}

/** io-ts's errors as faults, one each: `layers: expected positive integer, got -1`. */
export const report = (errors: t.Errors): ReadonlyArray<FileFault> =>
  errors.map((e) => {
    const where = e.context.map((c) => c.key).filter((k) => k !== "").join(".") || "the whole"
    return fileFault("json", where, `${where}: expected ${e.context.at(-1)?.type.name}, got ${shown(e.value)}`)
  })

/** Decodes a value by a codec. */
export const decodeValue = <A>(codec: t.Type<A, unknown>, value: unknown): E.Either<ReadonlyArray<FileFault>, A> =>
  E.mapLeft(report)(codec.decode(value))

/** Where JSON text has the same key twice in one object: readers disagree about which one counts. */
export const duplicateKey = (json: string): string | undefined => {
  const keys: Array<Set<string> | undefined> = []
  for (let i = 0; i < json.length; i++) {
    const c = json[i]!
    if (c === "{") keys.push(new Set())
    else if (c === "[") keys.push(undefined)
    else if (c === "}" || c === "]") keys.pop()
    else if (c === '"') {
      const start = i
      for (i++; json[i] !== '"'; i++) if (json[i] === "\\") i++
      let after = i + 1
      while (" \t\n\r".includes(json[after] ?? "x")) after++
      if (json[after] !== ":") continue
      const key = JSON.parse(json.slice(start, i + 1)) as string
      const known = keys.at(-1)
      if (known?.has(key)) return key
      known?.add(key)
    }
  }
  return undefined
}

const notJson = (e: unknown): ReadonlyArray<FileFault> => {
  const why = (e instanceof Error ? e.message : String(e)).replace(/\s+/g, " ")
  return [fileFault("json", "the whole", `not JSON (${why}); restore the file or write it anew`)]
}

/** Text to value: JSON, no key twice, then the codec. */
export const decodeJson = <A>(codec: t.Type<A, unknown>, text: string): E.Either<ReadonlyArray<FileFault>, A> => {
  const parsed = E.tryCatch((): unknown => JSON.parse(text), notJson)
  if (E.isLeft(parsed)) return parsed
  const twice = duplicateKey(text)
  return twice === undefined
    ? decodeValue(codec, parsed.right)
    : E.left([fileFault("name", twice, `the key ${shown(twice)} is there twice; remove one`)])
}
