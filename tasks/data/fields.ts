/**
 * LWM's grammar of fields (`lwm/data.py`): which values of a document become tokens, in which order, and which of them
 * count in the loss.
 *
 *     fields  = field { "," field }
 *     field   = part | "[" part "]"          in brackets: given, not learned
 *     part    = "<|bos|>" | "<|eos|>" | name { "+" name }
 *
 * Names that are joined by `+` become one text with a separator between. Blanks around names do not count. `[a+b],c` is
 * what it looks like, and no text gets a token that was not asked for.
 *
 * ```ts
 * import { parseFields } from "./fields.ts"
 *
 * parseFields("[system+question],answer,<|eos|>")
 * ```
 * @module
 */
import { either as E } from "fp-ts"
import { type DataFault, dataFault } from "./fault.ts"

// ---- types -------------------------------------------------------------------

/** A token, or fields that are joined to one text. */
export type Part = "bos" | "eos" | ReadonlyArray<string>

/** A field of the grammar. */
export interface Field {
  readonly counted: boolean
  readonly part: Part
}

/** What is wrong with a list of fields, and at which character, from 1 on. */
export interface Misspelt {
  readonly at: number
  readonly why: string
}

// ---- parsing -------------------------------------------------------------------

const literals: ReadonlyMap<string, "bos" | "eos"> = new Map([["<|bos|>", "bos"], ["<|eos|>", "eos"]])

const misspelt = (at: number, why: string): E.Either<Misspelt, never> => E.left({ at: at + 1, why })

/** A piece of the text, and where it begins. */
interface Piece {
  readonly text: string
  readonly at: number
}

const cutAt = (mark: string, { text, at }: Piece): ReadonlyArray<Piece> => {
  let from = at
  return text.split(mark).map((part) => {
    const piece = { text: part, at: from }
    from += part.length + mark.length
    return piece
  })
}

/** Without blanks at both ends. */
const trim = ({ text, at }: Piece): Piece => ({ text: text.trim(), at: at + text.length - text.trimStart().length })

const parseName = ({ text, at }: Piece, alone: boolean): E.Either<Misspelt, string> => {
  if (text === "") return misspelt(at, "a field's name is expected here")
  const bracket = text.search(/[[\]]/)
  if (bracket >= 0) {
    return misspelt(at + bracket, `'${text[bracket]}' stands inside a field; brackets go around a whole one: [a+b],[c]`)
  }
  if (text.startsWith("<|") && text.endsWith("|>")) {
    return literals.has(text) && !alone
      ? misspelt(at, `${text} is a token and cannot be joined by '+'; put a comma there`)
      : misspelt(at, `${text} is no token of the grammar; there are <|bos|> and <|eos|>`)
  }
  return E.right(text)
}

const parsePart = (piece: Piece): E.Either<Misspelt, Part> => {
  const literal = literals.get(piece.text)
  if (literal !== undefined) return E.right(literal)
  const names = cutAt("+", piece).map(trim)
  return E.traverseArray((name: Piece) => parseName(name, names.length === 1))(names)
}

const parseField = (piece: Piece): E.Either<Misspelt, Field> => {
  const { text, at } = trim(piece)
  const [opens, closes] = [text.startsWith("["), text.endsWith("]")]
  if (opens && !closes) return misspelt(at, "'[' has no ']' before the next comma; each field has brackets of its own")
  if (closes && !opens) return misspelt(at + text.length - 1, "']' has no '[' in its field")
  const inner = opens ? trim({ text: text.slice(1, -1), at: at + 1 }) : { text, at }
  return E.map((part: Part): Field => ({ counted: !opens, part }))(parsePart(inner))
}

/** Reads a list of fields. */
export const parseFields = (text: string): E.Either<Misspelt, ReadonlyArray<Field>> =>
  E.traverseArray(parseField)(cutAt(",", { text, at: 0 }))

/** What is wrong, as a sentence. */
export const misspeltText = (fields: string, { at, why }: Misspelt): string =>
  `the fields '${fields}' cannot be read at character ${at}: ${why}`

/** The same as a fault. */
export const fieldsFault = (fields: string, wrong: Misspelt): DataFault =>
  dataFault("fields", "fields", misspeltText(fields, wrong))
