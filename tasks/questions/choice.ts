/**
 * Which writer, as settings. Secrets are not among them: the settings name a variable of the environment.
 * @module
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as t from "io-ts"
import process from "node:process"
import { positive } from "../../core/files/codec.ts"
import type { Language } from "../language/language.ts"
import { endpoint, patient } from "./endpoint.ts"
import { own } from "./own.ts"
import { rules } from "./rules.ts"
import { Writer, type WriterFault, writerFault } from "./writer.ts"

/** The choices. */
export type WriterChoice =
  | { readonly kind: "rules" }
  /** The model that the recipe has made so far. */
  | { readonly kind: "own" }
  | {
    readonly kind: "endpoint"
    readonly url: string
    readonly model: string
    /** The variable that holds the secret; `OPENAI_API_KEY` as a rule. It may be missing where none is asked for. */
    readonly secretIn: string
    /** Requests under way at once. */
    readonly together: number
  }

/** The codec of choices. */
export const WriterChoice: t.Type<WriterChoice, unknown> = t.union([
  t.strict({ kind: t.literal("rules") }),
  t.strict({ kind: t.literal("own") }),
  t.strict({
    kind: t.literal("endpoint"),
    url: t.string,
    model: t.string,
    secretIn: t.string,
    together: positive,
  }),
])

/** A choice for people. */
export const writerText = (choice: WriterChoice): string => {
  switch (choice.kind) {
    case "rules":
      return "rules over the text"
    case "own":
      return "the recipe's own model"
    case "endpoint":
      return `${choice.model} at ${choice.url}`
  }
}

/** The writer of a choice. `language` is the model of one's own, where there is one. */
export const writerOf = <X = never, R = never>(
  choice: WriterChoice,
  language?: Effect.Effect<Language, X, R | Scope.Scope>,
): Layer.Layer<Writer, WriterFault | X, R> => {
  switch (choice.kind) {
    case "rules":
      return rules()
    case "endpoint":
      return endpoint({ ...patient, url: choice.url, model: choice.model, secret: process.env[choice.secretIn] })
    case "own": {
      const none = writerFault(
        "refused",
        "this recipe has no model of its own that could write; choose rules or endpoint",
      )
      return language === undefined
        ? Layer.effect(Writer, Effect.fail(none))
        : Layer.unwrap(Effect.map(language, (l) => own(l)))
    }
  }
}
