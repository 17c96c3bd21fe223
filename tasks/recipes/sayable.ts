/**
 * Settings that several recipes let people say: where books and dialogues are, and who writes questions.
 * @module
 */
import { either as E } from "fp-ts"
import type { WriterChoice } from "../questions/choice.ts"
import type { Setting } from "./adjust.ts"

/** What these settings are about. */
export interface Sayable {
  readonly books: ReadonlyArray<string>
  readonly dialogues: ReadonlyArray<string>
  readonly writer: WriterChoice
}

/** A model that somebody serves, as it is asked if nothing is said of it. */
export const served: Extract<WriterChoice, { readonly kind: "endpoint" }> = {
  kind: "endpoint",
  url: "http://localhost:8080/v1",
  model: "llama-2-7b-chat",
  secretIn: "OPENAI_API_KEY",
  together: 16,
}

const writerNamed = (text: string): E.Either<string, WriterChoice> =>
  text === "rules" || text === "own"
    ? E.right({ kind: text })
    : /^https?:\/\//.test(text)
    ? E.right({ ...served, url: text })
    : E.left("rules, own, or the URL of an endpoint: http://localhost:8080/v1")

/** The settings, in the order in which they build on each other. */
export const sayable = <S extends Sayable>(): { readonly [name: string]: Setting<S> } => ({
  books: {
    about: "a folder of .txt files, a .jsonl or .parquet file, or a book of npm: moby-dick, speeches",
    set: (s, text) => E.right({ ...s, books: [text] }),
  },
  dialogues: {
    about: "a .jsonl file of dialogues as UltraChat has them; made of the books by rule without",
    set: (s, text) => E.right({ ...s, dialogues: [text] }),
  },
  writer: {
    about: "who writes questions: rules, own (the base), or the URL of an endpoint",
    set: (s, text) => E.map((writer: WriterChoice) => ({ ...s, writer }))(writerNamed(text)),
  },
  model: {
    about: "the model that the endpoint is asked for",
    set: (s, text) =>
      s.writer.kind === "endpoint"
        ? E.right({ ...s, writer: { ...s.writer, model: text } })
        : E.left("a writer that is an endpoint: say writer=URL, too"),
  },
})
