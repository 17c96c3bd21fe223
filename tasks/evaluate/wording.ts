/**
 * The words of a test: how a pair is hidden, how it is asked for, what stands around, and how a trained model answers. They
 * are settings, for a model can only be asked in words that it knows.
 * @module
 */
import * as t from "io-ts"

// ---- types -------------------------------------------------------------------

/** Texts with places to fill in: `{key}`, `{value}`, `{keys}`, `{context}`, `{question}`. */
export interface Wording {
  /** Around it all: `{context}`, then `{question}`. */
  readonly template: string
  /** What is hidden: `{key}`, `{value}`. */
  readonly needle: string
  /** Asks for one value: `{key}`. */
  readonly one: string
  /** Asks for several: `{keys}`. */
  readonly many: string
  /** What a trained model says for each: `{key}`, `{value}`. */
  readonly reply: string
  /** What it says between two of them. */
  readonly between: string
  /** Beginning of the answer that is given with the prompt, with the first `{key}`: "" or how `reply` begins. */
  readonly prefix: string
  /** Does a prompt begin with the tokenizer's `bos`? */
  readonly bos: boolean
}

/** The codec of wordings. */
export const Wording: t.Type<Wording, unknown> = t.strict({
  template: t.string,
  needle: t.string,
  one: t.string,
  many: t.string,
  reply: t.string,
  between: t.string,
  prefix: t.string,
  bos: t.boolean,
})

// ---- constructors --------------------------------------------------------------

/** LWM's single needle (Liu et al., 2024). */
export const lwmSingle: Wording = {
  template: "You are a helpful assistant. USER: {context} {question} Don't give information outside the document or " +
    "repeat your findings. Keep your response short and direct. ASSISTANT: ",
  needle: "\nThe special magic {key} number is: {value}\n",
  one: "What is the special magic {key} number?",
  many: "What are the special magic numbers for {keys}?",
  reply: "The special magic {key} number is: {value}",
  between: "\n",
  prefix: "",
  bos: true,
}

/** LWM's needles of which several are asked for: other words for one, and no call to be short. */
export const lwmMulti: Wording = {
  ...lwmSingle,
  template: "You are a helpful assistant. USER: {context} {question} Don't give information outside the document. " +
    "ASSISTANT: ",
  one: "What is the special magic number for {key}?",
}

/** LWM's needles for models that learned the answer's form from rows without the instruction. */
export const desk: Wording = {
  ...lwmSingle,
  template: "You are a helpful assistant. USER: {context} {question} ASSISTANT: ",
}

/** LWM's needles in the form of our chats (`tasks/language/chat.ts`): what is said begins with a space. */
export const chat: Wording = {
  ...lwmSingle,
  template: "You are a helpful assistant. USER: {context} {question} ASSISTANT:",
}

/** Pairs in the words of RULER (Hsieh et al., 2024). */
export const ruler: Wording = {
  template:
    "Some special magic numbers are hidden within the following text. Make sure to memorize it. I will quiz you " +
    "about the numbers afterwards.\n{context}\n{question}",
  needle: " One of the special magic numbers for {key} is: {value}.",
  one: "What is the special magic number for {key} mentioned in the provided text?",
  many: "What are all the special magic numbers for {keys} mentioned in the provided text?",
  reply: "The special magic number for {key} mentioned in the provided text is: {value}",
  between: ". ",
  prefix: "",
  bos: true,
}

// ---- filling in ----------------------------------------------------------------

/** A text with its places filled in. */
export const fill = (text: string, values: Readonly<Record<string, string>>): string =>
  text.replace(/\{(\w+)\}/g, (whole, name: string) => values[name] ?? whole)

/** `A`, `A, and B`, `A, B, and C`: LWM's way. */
export const listed = (names: ReadonlyArray<string>): string =>
  names.length < 2 ? names.join() : `${names.slice(0, -1).join(", ")}, and ${names.at(-1)}`

/** A pair. */
export interface Pair {
  readonly key: string
  readonly value: string
}

/** What stands around the haystack, in the parts that are encoded each by itself, and what is to be said. */
export interface Framed {
  readonly head: string
  /** As chats are encoded: the question, the cue to answer, the beginning of the answer. */
  readonly tail: ReadonlyArray<string>
  readonly reply: string
}

/** The frame of a question for pairs, in the order in which they are asked. */
export const framed = (w: Wording, asked: ReadonlyArray<Pair>): Framed => {
  const keys = [...new Set(asked.map(({ key }) => key))]
  const question = asked.length === 1 ? fill(w.one, { key: keys[0]! }) : fill(w.many, { keys: listed(keys) })
  const [head = "", after = ""] = w.template.split("{context}")
  const tail = fill(after, { question }).split(/(?= ASSISTANT:)/)
  return { head, tail: [...tail, prefixOf(w, asked)].filter((part) => part !== ""), reply: replyTo(w, asked) }
}

const prefixOf = (w: Wording, asked: ReadonlyArray<Pair>): string => fill(w.prefix, { key: asked[0]?.key ?? "" })

/** What is to be said, behind the prefix. */
const replyTo = (w: Wording, asked: ReadonlyArray<Pair>): string => {
  const space = /\s$/.test(w.template) ? "" : " "
  const whole = space + asked.map(({ key, value }) => fill(w.reply, { key, value })).join(w.between)
  const prefix = prefixOf(w, asked)
  return whole.startsWith(prefix) ? whole.slice(prefix.length) : whole
}

// ---- reading -------------------------------------------------------------------

const patterns: Readonly<Record<string, string>> = { key: "([\\w ]+?)", value: "(\\d+)", keys: "([\\w ,]+?)" }

/** A text with places as a pattern that finds what was filled in. */
const patternOf = (text: string): RegExp =>
  new RegExp(fill(text.trim().replace(/[.*+?^$()|[\]\\]/g, "\\$&"), patterns), "g")

/**
 * What somebody says who reads a prompt and knows its wording: the values that stand in it, in the order of the question, and
 * 0 for those that do not. Undefined where it holds no question.
 */
export const read = (w: Wording, values: number) => (prompt: string): string | undefined => {
  const found = new Map<string, Array<string>>()
  for (const [, key, value] of prompt.matchAll(patternOf(w.needle))) {
    found.set(key!, [...(found.get(key!) ?? []), value!])
  }
  const asked = [w.one, w.many].flatMap((text) => [...prompt.matchAll(patternOf(text))])
    .reduce<RegExpMatchArray | undefined>(
      (last, m) => last === undefined || m.index > last.index! ? m : last,
      undefined,
    )
  if (asked === undefined) return undefined
  const keys = asked[1]!.split(/, and |, /)
  const pairs = keys.flatMap((key) =>
    Array.from({ length: values }, (_, i) => ({ key, value: found.get(key)?.[i] ?? "0" }))
  )
  return replyTo(w, pairs)
}
