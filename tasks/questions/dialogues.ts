/**
 * Short chat: dialogues out of records as UltraChat has them, or made of a text by rule where there are none.
 * @module
 */
import { either as E } from "fp-ts"
import * as t from "io-ts"
import { decodeValue } from "../../core/files/codec.ts"
import { hostFold, type HostKey } from "../../core/random/host.ts"
import type { Tokenizer } from "../../models/tokenizers/tokenizer.ts"
import type { Example } from "../data/example.ts"
import type { Chunk } from "./chunks.ts"
import { compose } from "./compose.ts"
import { chatExample, type Turn } from "../language/chat.ts"
import { pairByRule, type Shown, standardShown } from "./rules.ts"

// ---- types -------------------------------------------------------------------

/** One thing said. */
export interface Message {
  readonly role: "system" | "user" | "assistant"
  readonly content: string
}

/** A dialogue: perhaps a system's word, then user and assistant in turn. */
export type Dialogue = ReadonlyArray<Message>

const Message: t.Type<Message, unknown> = t.type({
  role: t.union([t.literal("system"), t.literal("user"), t.literal("assistant")]),
  content: t.string,
})

// ---- records -------------------------------------------------------------------

/** Texts in turn, the user's first: UltraChat's first form. */
const inTurn = (texts: ReadonlyArray<string>): Dialogue =>
  texts.map((content, i) => ({ role: i % 2 === 0 ? "user" : "assistant", content }))

const checked = (dialogue: Dialogue): E.Either<string, Dialogue> => {
  const talk = dialogue[0]?.role === "system" ? dialogue.slice(1) : dialogue
  const wrong = talk.findIndex(({ role }, i) => role !== (i % 2 === 0 ? "user" : "assistant"))
  if (wrong >= 0) return E.left(`message ${wrong + 1} is the ${talk[wrong]!.role}'s; user and assistant take turns`)
  return talk.length < 2 ? E.left("a dialogue needs a user's message and an assistant's") : E.right(dialogue)
}

const Messages = t.strict({ messages: t.readonlyArray(Message) })
const Data = t.strict({ data: t.readonlyArray(t.string) })

/** A dialogue out of a record: `{"messages": [{"role": "user", "content": ".."}, ..]}`, or `{"data": ["..", ".."]}`. */
export const dialogueOf = (
  { messages, data }: { readonly messages?: unknown; readonly data?: unknown },
): E.Either<string, Dialogue> => {
  if (messages !== undefined) {
    const found = decodeValue(Messages, { messages })
    return E.isLeft(found) ? E.left(found.left[0]!.message) : checked(found.right.messages)
  }
  if (data === undefined) {
    return E.left("expected the field messages, with role and content, or data, with texts in turn")
  }
  const found = decodeValue(Data, { data })
  return E.isLeft(found) ? E.left(found.left[0]!.message) : checked(inTurn(found.right.data))
}

// ---- examples ----------------------------------------------------------------------

/** The dialogue in chat form; what the assistant says counts. What a user says last, nobody answers: it is left out. */
export const exampleOf = (tokenizer: Tokenizer, dialogue: Dialogue): Example => {
  const [first] = dialogue
  const own = first?.role === "system" ? { system: first.content.trim() } : {}
  const said = (own.system === undefined ? dialogue : dialogue.slice(1)).map(({ content }) => content.trim())
  const turns = said.flatMap((user, i): ReadonlyArray<Turn> =>
    i % 2 === 0 && i + 1 < said.length ? [{ user, assistant: said[i + 1]! }] : []
  )
  return chatExample(tokenizer, turns, own)
}

/** A short dialogue about a chunk, by rule: at most so many different questions about it. None where nothing can be asked. */
export const dialogueByRule = (
  tokenizer: Tokenizer,
  chunk: Chunk,
  turns: number,
  key: HostKey,
  shown: Shown = standardShown,
): Example | undefined => {
  const drawn = Array.from({ length: 2 * turns }, (_, i) => pairByRule(chunk.text, hostFold(key, i), shown))
  const different = new Map(drawn.flatMap((pair) => pair === undefined ? [] : [[pair.question, pair] as const]))
  const pairs = [...different.values()].slice(0, turns)
  const [example] = compose(tokenizer, [{ chunk, pairs }], Infinity)
  return example && { tokens: example.tokens, counted: example.counted }
}
