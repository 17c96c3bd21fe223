/**
 * Pipelines with settings that may be said on a command line: `--with=books=FOLDER,writer=rules`. A setting is a way to
 * change the settings by a text; the pipeline is declared anew with what comes of all of them.
 *
 * ```ts
 * import { either as E } from "fp-ts"
 * import { adjustable } from "./adjust.ts"
 * import { pipeline } from "../stage/stage.ts"
 *
 * const greeting = adjustable(({ name }: { readonly name: string }) => pipeline(name, `Greets ${name}`, {}), {
 *   standard: { name: "somebody" },
 *   settings: { name: { about: "whom it greets", set: (_, name) => E.right({ name }) } },
 * })
 * ```
 * @module
 */
import { either as E } from "fp-ts"
import { type StageFault, stageFault } from "../stage/fault.ts"
import type { Needs, Pipeline } from "../stage/stage.ts"

// ---- types -------------------------------------------------------------------

/** A setting by its name; a left of `set` says what was expected. */
export interface Setting<S> {
  readonly about: string
  readonly set: (settings: S, text: string) => E.Either<string, S>
}

/** Texts by the names of settings. */
export type Said = { readonly [name: string]: string }

/** What a command can ask of a pipeline. */
export interface Adjustment<N extends Needs = Needs> {
  /** What each setting is, by its name. */
  readonly settings: { readonly [name: string]: string }
  /** The pipeline with these settings. */
  readonly adjusted: (said: Said) => E.Either<StageFault, Pipeline<N>>
}

/** A pipeline that may be adjusted. */
export type Adjustable<N extends Needs = Needs> = Pipeline<N> & { readonly adjust: Adjustment<N> }

// ---- constructors --------------------------------------------------------------

/** A pipeline out of settings, as it is by itself and as it may be. */
export const adjustable = <S, P extends Pipeline>(
  make: (settings: S) => P,
  { standard, settings }: { readonly standard: S; readonly settings: { readonly [name: string]: Setting<S> } },
): P & { readonly adjust: Adjustment<P["stages"]> } => {
  const plain = make(standard)
  const adjusted = (said: Said): E.Either<StageFault, P> => {
    const unknown = Object.keys(said).find((name) => !Object.hasOwn(settings, name))
    if (unknown !== undefined) {
      const there = Object.entries(settings).map(([name, { about }]) => `${name} (${about})`).join(", ")
      return E.left(stageFault("settings", plain.name, `there is no setting '${unknown}'; there are ${there}`))
    }
    // in the order of the table: a later one may build on what an earlier one has chosen
    const all = Object.entries(settings).flatMap(([name, { set }]) => {
      const text = said[name]
      return text === undefined ? [] : [{ name, text, set }]
    })
    const changed = all.reduce<E.Either<StageFault, S>>(
      (now, { name, text, set }) =>
        E.flatMap((s: S) =>
          E.mapLeft((expected: string) =>
            stageFault("settings", plain.name, `${name} is '${text}'; expected ${expected}`)
          )(set(s, text))
        )(now),
      E.right(standard),
    )
    return E.map(make)(changed)
  }
  const abouts = Object.fromEntries(Object.entries(settings).map(([name, { about }]) => [name, about]))
  return { ...plain, adjust: { settings: abouts, adjusted } }
}

/** `books=FOLDER,writer=rules` as texts by names; a left says what was expected. */
export const readSaid = (text: string): E.Either<string, Said> => {
  const parts = text.split(",").map((part) => [part, part.indexOf("=")] as const)
  const pairs = parts.map(([part, at]) => [part.slice(0, at), part.slice(at + 1)] as const)
  const good = parts.every(([, at]) => at > 0) && pairs.every(([, value]) => value !== "")
  const once = new Set(pairs.map(([name]) => name)).size === pairs.length
  return good && once
    ? E.right(Object.fromEntries(pairs))
    : E.left("settings and their values, each once: NAME=VALUE,NAME=VALUE")
}

/** The pipeline with these settings. Faults: it has none, or not these. */
export const adjustedBy = <P extends Pipeline>(
  recipe: P & { readonly adjust?: Adjustment<P["stages"]> },
  said: Said,
): E.Either<StageFault, Pipeline<P["stages"]>> =>
  recipe.adjust === undefined
    ? E.left(stageFault("settings", recipe.name, "the pipeline has no settings to be said; leave --with out"))
    : recipe.adjust.adjusted(said)
