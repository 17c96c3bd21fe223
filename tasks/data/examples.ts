/**
 * Examples out of documents: tokens of their fields, and which of them count.
 * @module
 */
import * as Effect from "effect/Effect"
import { either as E } from "fp-ts"
import { hostFold, hostKey } from "../../core/random/host.ts"
import type { Tokenizer } from "../../models/tokenizers/tokenizer.ts"
import type { Json } from "../stage/stage.ts"
import { hashOf, uniformAt } from "./draws.ts"
import type { Example } from "./example.ts"
import { type DataFault, dataFault } from "./fault.ts"
import { type Field, fieldsFault, misspeltText, parseFields } from "./fields.ts"
import { type Document, type Fields, mapped, type Sequence, type Source } from "./source.ts"

// ---- types -------------------------------------------------------------------

/** How documents are read. The names are those of LWM's flags; one of the first two is needed. */
export interface Reader {
  /** Fields as a list of the grammar; or several such lists, of which each document takes one. */
  readonly fields?: string | ReadonlyArray<string>
  /** The field of each document that says it for itself, in the same form. */
  readonly fieldsFromExample?: string
  /** Which of several lists; without it, or below 0, each document draws one of its own. */
  readonly fieldsIndex?: number
  /** Between fields that are joined by `+`; a blank. */
  readonly separator?: string
  /** Text before that of the first field. */
  readonly prepend?: string
  /** A beginning that does not count, and an end that does; both are there where nothing is said. */
  readonly addBos?: boolean
  readonly addEos?: boolean
  /** Of the draws. */
  readonly seed?: number
}

type Lists = ReadonlyArray<ReadonlyArray<Field>>
type Settled = Required<Omit<Reader, "fields">>

const settled = (reader: Reader): Settled => ({
  fieldsFromExample: reader.fieldsFromExample ?? "",
  fieldsIndex: reader.fieldsIndex ?? -1,
  separator: reader.separator ?? " ",
  prepend: reader.prepend ?? "",
  addBos: reader.addBos ?? true,
  addEos: reader.addEos ?? true,
  seed: reader.seed ?? 0,
})

// ---- which fields ----------------------------------------------------------------

const several = (fields: string | ReadonlyArray<string>): ReadonlyArray<string> =>
  typeof fields === "string" ? [fields] : fields

/** One of n lists: the same for a document wherever it is read from, and whatever was read before it. */
const chosen = (n: number, { fieldsIndex, seed }: Settled, id: string): number =>
  fieldsIndex >= 0
    ? fieldsIndex
    : n === 1
    ? 0
    : Math.floor(n * uniformAt(hostFold(hostKey(seed), 0x6c697374), hashOf(id)))

const kindOf = (value: Json | undefined): string =>
  value === null ? "null" : Array.isArray(value) ? "a list" : `a ${typeof value}`

const fieldOf = (fields: Fields, name: string): Json | undefined =>
  Object.hasOwn(fields, name) ? fields[name] : undefined

const missing = (fields: Fields, name: string): string =>
  `it has no field '${name}'; its fields are ${Object.keys(fields).slice(0, 8).join(", ") || "none"}`

/** The lists that a document brings. */
const ownLists = (fields: Fields, name: string): E.Either<string, ReadonlyArray<string>> => {
  const value = fieldOf(fields, name)
  if (value === undefined) return E.left(missing(fields, name))
  const all = Array.isArray(value) ? value : [value]
  return all.length > 0 && all.every((one): one is string => typeof one === "string")
    ? E.right(all)
    : E.left(`field '${name}': expected fields as text or a list of such texts, got ${kindOf(value)}`)
}

const fieldsFor = ({ id, fields }: Document, lists: Lists, reader: Settled): E.Either<string, ReadonlyArray<Field>> => {
  if (reader.fieldsFromExample === "") return E.right(lists[chosen(lists.length, reader, id)]!)
  const own = ownLists(fields, reader.fieldsFromExample)
  if (E.isLeft(own)) return own
  const text = own.right[chosen(own.right.length, reader, id)]
  if (text === undefined) {
    return E.left(`it has ${own.right.length} lists of fields, none of number ${reader.fieldsIndex}`)
  }
  return E.mapLeft((wrong: Parameters<typeof misspeltText>[1]) => misspeltText(text, wrong))(parseFields(text))
}

// ---- tokens ----------------------------------------------------------------------

/** Tokens of a field: text's where `vision` says nothing, else 1 for each that is of the vision vocabulary. */
export interface Run {
  readonly tokens: ArrayLike<number>
  readonly vision?: Uint8Array
  readonly counted: boolean
}

/** What a reader makes of documents beside text, and of what it has read. */
export interface Making<E> {
  /** Of the digest: what examples depend on beside the reader and the tokenizer. */
  readonly meaning: ReadonlyArray<Json>
  /** Why names cannot be a field, wherever they are said. */
  readonly wrong: (names: ReadonlyArray<string>) => string | undefined
  /** The tokens of a field that is no text; undefined where it is. */
  readonly runOf: (fields: Fields, names: ReadonlyArray<string>) => E.Either<string, Omit<Run, "counted">> | undefined
  readonly made: (runs: ReadonlyArray<Run>) => E.Either<string, E>
}

const textOf = (fields: Fields, names: ReadonlyArray<string>, separator: string): E.Either<string, string> => {
  const all = E.traverseArray((name: string): E.Either<string, string> => {
    const value = fieldOf(fields, name)
    if (typeof value === "string") return E.right(value)
    return E.left(value === undefined ? missing(fields, name) : `field '${name}': expected text, got ${kindOf(value)}`)
  })(names)
  return E.map((parts: ReadonlyArray<string>) => parts.join(separator))(all)
}

/** Runs of text, one after another. */
export const exampleOf = (runs: ReadonlyArray<Run>): Example => {
  const length = runs.reduce((n, { tokens }) => n + tokens.length, 0)
  const [tokens, counted] = [new Int32Array(length), new Uint8Array(length)]
  runs.reduce((at, run) => {
    tokens.set(run.tokens, at)
    if (run.counted) counted.fill(1, at, at + run.tokens.length)
    return at + run.tokens.length
  }, 0)
  return { tokens, counted }
}

const encoded = <A extends Example>(
  document: Document,
  lists: Lists,
  reader: Settled,
  tokenizer: Tokenizer,
  { wrong, runOf, made }: Making<A>,
): E.Either<string, A> => {
  const fields = fieldsFor(document, lists, reader)
  if (E.isLeft(fields)) return fields
  const special = { bos: [tokenizer.bos!], eos: [tokenizer.eos!] }
  const lacks = fields.right.find(({ part }) => typeof part === "string" && tokenizer[part] === undefined)
  if (lacks !== undefined) return E.left(`its fields ask for <|${lacks.part}|>, which ${tokenizer.name} has not`)
  const runs = E.traverseArrayWithIndex((i: number, { counted, part }: Field): E.Either<string, Run> => {
    if (typeof part === "string") return E.right({ tokens: special[part], counted })
    const why = wrong(part)
    if (why !== undefined) return E.left(why)
    const other = runOf(document.fields, part)
    if (other !== undefined) return E.map((run: Omit<Run, "counted">): Run => ({ ...run, counted }))(other)
    const text = textOf(document.fields, part, reader.separator)
    return E.map((t: string): Run => ({ tokens: tokenizer.encode(i === 0 ? reader.prepend + t : t), counted }))(text)
  })(fields.right)
  if (E.isLeft(runs)) return runs
  const example = made([
    ...(reader.addBos ? [{ tokens: special.bos, counted: false }] : []),
    ...runs.right,
    ...(reader.addEos ? [{ tokens: special.eos, counted: true }] : []),
  ])
  return E.isLeft(example) || example.right.tokens.length > 0 ? example : E.left("it has no tokens")
}

// ---- the sequence ------------------------------------------------------------------

/** What is wrong with a reader before anything is read. */
const faultOf = (reader: Reader, lists: ReadonlyArray<string>, tokenizer: Tokenizer): DataFault | undefined => {
  const own = reader.fieldsFromExample ?? ""
  const fault = (message: string): DataFault => dataFault("fields", "fields", message)
  if ((own === "") === (lists.length === 0)) {
    return fault(
      own === "" ? "no fields are named; say fields, or fieldsFromExample" : "say fields or fieldsFromExample",
    )
  }
  const index = reader.fieldsIndex ?? -1
  if (!Number.isInteger(index) || (own === "" && index >= lists.length)) {
    return fault(`fieldsIndex is ${index}; expected a whole number below ${lists.length}, the number of lists`)
  }
  for (const [wanted, name] of [[reader.addBos ?? true, "bos"], [reader.addEos ?? true, "eos"]] as const) {
    if (wanted && tokenizer[name] === undefined) {
      const flag = name === "bos" ? "addBos" : "addEos"
      return fault(`${tokenizer.name} has no ${name} to be added; say ${flag}: false, or take another tokenizer`)
    }
  }
  return undefined
}

const text: Making<Example> = {
  meaning: [],
  wrong: () => undefined,
  runOf: () => undefined,
  made: (runs) => E.right(exampleOf(runs)),
}

/** Examples of any making: see `examples`. */
export const examplesAs = <R, A extends Example>(
  source: Source<R>,
  reader: Reader,
  tokenizer: Tokenizer,
  making: Making<A>,
): E.Either<DataFault, Sequence<A, R>> => {
  const lists = several(reader.fields ?? [])
  const fault = faultOf(reader, lists, tokenizer)
  if (fault !== undefined) return E.left(fault)
  const own = settled(reader)
  const parsed = E.traverseArray((list: string) =>
    E.mapLeft((wrong: Parameters<typeof fieldsFault>[1]) => fieldsFault(list, wrong))(parseFields(list))
  )(lists)
  const lacks = (E.isRight(parsed) ? parsed.right.flat() : []).find(({ part }) =>
    typeof part === "string" && tokenizer[part] === undefined
  )
  if (lacks !== undefined) {
    return E.left(
      dataFault("fields", "fields", `the fields ask for <|${lacks.part}|>, which ${tokenizer.name} has not`),
    )
  }
  const wrong =
    (E.isRight(parsed) ? parsed.right.flat() : []).flatMap(({ part }) =>
      typeof part === "string" ? [] : making.wrong(part) ?? []
    )[0]
  if (wrong !== undefined) return E.left(dataFault("fields", "fields", wrong))
  return E.map((all: Lists) =>
    mapped(
      source,
      Effect.succeed(["examples", { ...own, fields: lists }, tokenizer.digest, ...making.meaning]),
      (document) => encoded(document, all, own, tokenizer, making),
    )
  )(parsed)
}

/**
 * Examples of a source's documents, made as they are read. What a document lacks, or has of another type, makes it a reading
 * that cannot be used; what is wrong with the reader itself is a fault now.
 */
export const examples = <R>(
  source: Source<R>,
  reader: Reader,
  tokenizer: Tokenizer,
): E.Either<DataFault, Sequence<Example, R>> => examplesAs(source, reader, tokenizer, text)
