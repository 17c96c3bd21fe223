/**
 * Tokenizers and languages for tests: bytes, pieces of a given list, one that reads a part of what it is shown.
 * @module
 */
import * as Effect from "effect/Effect"
import type { Tokenizer } from "../../../models/tokenizers/tokenizer.ts"
import type { AskFault, Language } from "../../../tasks/language/language.ts"

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)

/**
 * Bytes, and the pieces given: of those that fit, the longest is taken. `bos` and `eos` follow, where there are special
 * tokens.
 */
export const piecesTokenizer = (name: string, pieces: ReadonlyArray<string>, special = true): Tokenizer => {
  const list = [...new Set(pieces)].filter((p) => p.length > 1).sort((a, b) => b.length - a.length || (a < b ? -1 : 1))
  const spelled = [...Array.from({ length: 256 }, (_, i) => Uint8Array.of(i)), ...list.map(utf8)]
  const end = spelled.length
  const match = (text: string, at: number): number => list.findIndex((p) => text.startsWith(p, at))
  return {
    name,
    digest: name.padEnd(64, "0"),
    vocab: end + (special ? 2 : 0),
    bos: special ? end : undefined,
    eos: special ? end + 1 : undefined,
    pad: undefined,
    encode: (text) => {
      const ids: Array<number> = []
      for (let at = 0; at < text.length;) {
        const i = match(text, at)
        const letter = String.fromCodePoint(text.codePointAt(at)!)
        if (i >= 0) ids.push(256 + i)
        else ids.push(...utf8(letter))
        at += i >= 0 ? list[i]!.length : letter.length
      }
      return Int32Array.from(ids)
    },
    decode: (ids) =>
      new TextDecoder("utf-8", { ignoreBOM: true }).decode(
        Uint8Array.from(Array.from(ids).flatMap((id) => Array.from(spelled[id] ?? []))),
      ),
  }
}

/** Bytes alone. */
export const byteTokenizer: Tokenizer = piecesTokenizer("bytes", [])

/** Bytes and some words, with and without their spaces, and full stops that carry others with them. */
export const wordTokenizer: Tokenizer = piecesTokenizer("words", [
  ..." the, and,ing,The special magic , number is: ,What is the special magic , number?,. ,.\n,.\u201d,ber,12,34,56,78,90,000, USER:"
    .split(","),
  "ASSISTANT: ",
])

const spoken = (
  tokenizer: Tokenizer,
  name: string,
  say: (prompt: ArrayLike<number>, i: number) => string,
): Language => ({
  name,
  digest: name.padEnd(64, "0"),
  tokenizer,
  context: 1 << 20,
  answer: (prompts, { limit }) => Effect.succeed(prompts.map((p, i) => tokenizer.encode(say(p, i)).slice(0, limit))),
  nats: (rows) => Effect.succeed(rows.map((row) => new Float32Array(row.length - 1).fill(Math.LN2))),
})

/** Knows all words of the test and reads the prompt from token `from(length)` on. */
export const reader = (
  tokenizer: Tokenizer,
  solve: (prompt: string) => string | undefined,
  from: (length: number) => number = () => 0,
): Language =>
  spoken(tokenizer, "reader", (prompt) => {
    const seen = Array.from(prompt).slice(from(prompt.length))
    return solve(tokenizer.decode(seen)) ?? "I do not know."
  })

/** A language that fails after so many calls of `answer`; `asked` hears how many prompts were put to it. */
export const failing = (language: Language, calls: number, asked: (prompts: number) => void = () => {}): Language => {
  let left = calls
  const fault: AskFault = { _tag: "AskFault", message: "the test pulled the plug" }
  return {
    ...language,
    answer: (prompts, ask) =>
      Effect.suspend(() => {
        if (left-- <= 0) return Effect.fail(fault)
        asked(prompts.length)
        return language.answer(prompts, ask)
      }),
  }
}

/** Random numbers of a seed. */
const random = (seed: number): () => number => {
  let s = seed
  return () => {
    s = (s + 0x6d2b79f5) | 0
    let x = Math.imul(s ^ (s >>> 15), 1 | s)
    x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32
  }
}

/** A text with sentences of many lengths, quotes, years and letters beyond ASCII. */
export const story: string = Array.from({ length: 60 }, (_, i) => {
  const next = random(i)
  const words = "whale sea captain old white ship night of the and caf\u00e9 harpoon saw never a deep in storm".split(
    " ",
  )
  const said = Array.from({ length: 3 + Math.floor(next() * 14) }, () => words[Math.floor(next() * words.length)]!)
  const text = `${i % 7 === 3 ? "\u201cIn 1851, " : "Then "}${said.join(" ")}.${i % 7 === 3 ? "\u201d" : ""}`
  return i % 5 === 4 ? text + "\n\n" : text + " "
}).join("")
