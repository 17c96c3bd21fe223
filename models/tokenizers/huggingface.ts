/**
 * Any `tokenizer.json` as a tokenizer, through the package `@huggingface/tokenizers`: it reads the file, normalises and
 * splits texts and puts tokens together again. Merges of byte-pair encoding are made here (`merges.ts`), with the same
 * ids: the package takes ten seconds for a megabyte that is not split at spaces.
 *
 * What is different from it, on purpose: nothing is added to a text (no `bos`), special tokens' names in a text are text,
 * and a text comes back as it was (no cleaning up of spaces).
 * @module
 */
import * as library from "@huggingface/tokenizers"
import { either as E } from "fp-ts"
import { decodeJson, decodeValue, type FileFault, fileFault } from "../../core/files/codec.ts"
import { sha256Text } from "../../core/graph/sha256.ts"
import * as t from "io-ts"
import { type AddedToken, type BpeModel, bpeModel, TokenizerConfig, type TokenizerFile, tokenizerFile } from "./file.ts"
import { merged, rules } from "./merges.ts"
import type { Tokenizer } from "./tokenizer.ts"

/** What is said beside the file. */
export interface HuggingFaceOptions {
  /** For people: the path of the file. */
  readonly name: string
  /** `tokenizer_config.json` as a value: names of `bos`, `eos`, `pad`. Without, their usual names are looked for. */
  readonly config?: unknown
}

type Faulty<A> = E.Either<ReadonlyArray<FileFault>, A>

// ---- texts in pieces ------------------------------------------------------------

/** Part of a text: an added token's id, or a string that becomes tokens by itself. */
export type Piece = number | string

const quoted = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")

/** Cuts at strings, the longest first where several begin. */
const cutter = (ids: ReadonlyMap<string, number>): (text: string) => ReadonlyArray<Piece> => {
  if (ids.size === 0) return (text) => [text]
  const longest = [...ids.keys()].sort((a, b) => b.length - a.length)
  const pattern = new RegExp(`(${longest.map(quoted).join("|")})`)
  return (text) => text.split(pattern).map((part, i) => i % 2 === 0 ? part : ids.get(part)!)
}

/** Texts in pieces as the file says; undefined where an added token takes spaces with it, which is left to the package. */
export const piecesOf = (
  file: TokenizerFile,
  { normalizer, pre_tokenizer: split }: library.Tokenizer,
): ((text: string) => ReadonlyArray<Piece>) | undefined => {
  const found = file.added_tokens.filter((a) => !a.special && a.content !== "")
  if (found.some((a) => a.lstrip || a.rstrip)) return undefined
  const late = (a: AddedToken): boolean => (a.normalized ?? true) && normalizer !== null
  const normal = (text: string): string => normalizer === null ? text : normalizer(text)
  const early = cutter(new Map(found.filter((a) => !late(a)).map((a) => [a.content, a.id])))
  const then = cutter(new Map(found.filter(late).map((a) => [normal(a.content), a.id])))
  const inner = (piece: Piece, section_index: number): ReadonlyArray<Piece> =>
    typeof piece === "number" || split === null ? [piece] : split(piece, { section_index })
  return (text) =>
    early(text).filter((section) => section !== "").flatMap((section, index) =>
      typeof section === "number"
        ? [section]
        : then(normal(section)).flatMap((piece) => piece === "" ? [] : inner(piece, index))
    )
}

// ---- encoding -------------------------------------------------------------------

const spelled = (byte: number): string => `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`

/** Ids of a piece. */
const encoder = ({ vocab, merges, unk, fuse, fallback, whole }: BpeModel): (piece: string) => ArrayLike<number> => {
  const size = [...vocab.values()].reduce((a, b) => Math.max(a, b), 0) + 1
  const id = (token: string): number => vocab.get(token)!
  const by = rules(size, merges.map(([a, b]) => [id(a), id(b), id(a + b)]))
  const utf8 = new TextEncoder()
  const unknown = (symbol: string): ReadonlyArray<number> => {
    const bytes = fallback ? Array.from(utf8.encode(symbol), (b) => vocab.get(spelled(b))) : [undefined]
    return bytes.every((b) => b !== undefined) ? bytes : unk === undefined ? [] : [unk]
  }
  return (piece) => {
    if (whole && vocab.has(piece)) return [id(piece)]
    const symbols: Array<number> = []
    for (const symbol of piece) {
      const known = vocab.get(symbol)
      if (known !== undefined) symbols.push(known)
      else for (const u of unknown(symbol)) if (!fuse || u !== unk || symbols.at(-1) !== unk) symbols.push(u)
    }
    return merged(by, symbols)
  }
}

const joined = (parts: ReadonlyArray<ArrayLike<number>>): Int32Array => {
  const ids = new Int32Array(parts.reduce((n, p) => n + p.length, 0))
  parts.reduce((at, part) => (ids.set(part, at), at + part.length), 0)
  return ids
}

// ---- decoding -------------------------------------------------------------------

/** Runs of tokens that are bytes as text, before the package sees them: it would swallow a byte order mark. */
const bytesJoined = (tokens: ReadonlyArray<string>): Array<string> => {
  const out: Array<string> = []
  const bytes: Array<number> = []
  const flush = (): void => {
    if (bytes.length > 0) {
      out.push(new TextDecoder("utf-8", { ignoreBOM: true }).decode(Uint8Array.from(bytes.splice(0))))
    }
  }
  for (const token of tokens) {
    const byte = /^<0x([0-9A-F]{2})>$/.exec(token)?.[1]
    if (byte !== undefined) bytes.push(parseInt(byte, 16))
    else {
      flush()
      out.push(token)
    }
  }
  flush()
  return out
}

// ---- the whole ------------------------------------------------------------------

/** Special tokens by their usual names, where no configuration names them. */
const usual = {
  bos: ["<|bos|>", "<s>", "<|begin_of_text|>", "<|startoftext|>", "<|endoftext|>"],
  eos: ["<|eos|>", "</s>", "<|end_of_text|>", "<|endoftext|>"],
  pad: ["<|pad|>", "<pad>", "[PAD]"],
} as const
type Special = keyof typeof usual

/** A file as a tokenizer. */
export const fromFile = (value: unknown, { name, config = {} }: HuggingFaceOptions): Faulty<Tokenizer> => {
  const read = tokenizerFile(value)
  if (E.isLeft(read)) return read
  const named = decodeValue(TokenizerConfig, config)
  if (E.isLeft(named)) return named
  const file = read.right
  const model = bpeModel(file)
  if (E.isLeft(model)) return model
  const whole = E.tryCatch(
    () => new library.Tokenizer({ ...file, added_tokens: file.added_tokens.filter((a) => !a.special) }, {}),
    (
      e,
    ) => [
      fileFault("value", name, `${name}: ${e instanceof Error ? e.message : e}; give a tokenizer.json as it was saved`),
    ],
  )
  if (E.isLeft(whole)) return whole
  const tokenizer = whole.right

  const ids = new Map<string, number>([
    ...[...tokenizer.get_vocab()].filter(([token]) => token !== undefined),
    ...file.added_tokens.map((a) => [a.content, a.id] as const),
  ])
  const tokens = new Map<number, string>([...ids].map(([token, id]) => [id, token]))
  const special = new Map<Special, number>()
  for (const which of ["bos", "eos", "pad"] as const) {
    const said = named.right[`${which}_token`]
    const wanted = said === undefined
      ? usual[which].find((n) => ids.has(n))
      : typeof said === "string"
      ? said
      : said?.content
    if (wanted === undefined) continue
    const id = ids.get(wanted)
    if (id === undefined) {
      return E.left([
        fileFault("missing", `${which}_token`, `${name}: the ${which} token ${wanted} is not in the vocabulary`),
      ])
    }
    special.set(which, id)
  }
  const silent = new Set([...special.values(), ...file.added_tokens.filter((a) => a.special).map((a) => a.id)])

  const pieces = piecesOf(file, tokenizer)
  const encode = model.right === undefined ? undefined : encoder(model.right)
  const fallback = model.right?.fallback === true
  const { decoder } = tokenizer
  return E.right({
    name,
    digest: sha256Text(JSON.stringify([value, [...special]])),
    vocab: [...tokens.keys()].reduce((a, b) => Math.max(a, b), -1) + 1,
    bos: special.get("bos"),
    eos: special.get("eos"),
    pad: special.get("pad"),
    encode: encode === undefined || pieces === undefined
      ? (text) => Int32Array.from(tokenizer.encode(text, { add_special_tokens: false }).ids)
      : (text) => joined(pieces(text).map((p) => typeof p === "number" ? [p] : encode(p))),
    decode: (given) => {
      const said = Array.from(given).filter((id) => !silent.has(id) && tokens.has(id)).map((id) => tokens.get(id)!)
      const strings = fallback ? bytesJoined(said) : said
      return decoder === null ? strings.join(" ") : decoder(strings)
    },
  })
}

/** The text of a `tokenizer.json`, and of its `tokenizer_config.json`, as a tokenizer. */
export const huggingface = (
  json: string,
  { name, config }: { readonly name: string; readonly config?: string },
): Faulty<Tokenizer> => {
  const file = decodeJson(t.unknown, json)
  if (E.isLeft(file)) return file
  const also = config === undefined ? E.right({}) : decodeJson(t.unknown, config)
  return E.isLeft(also) ? also : fromFile(file.right, { name, config: also.right })
}
