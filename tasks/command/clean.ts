/**
 * `deno task clean`: removes what stages have made, and then the files that nobody names any more.
 * @module
 */
import * as Effect from "effect/Effect"
import { either as E } from "fp-ts"
import { logOf } from "../events.ts"
import { bytesText } from "../numbers.ts"
import { dataPath, pagePath } from "../report/outline.ts"
import { clean as cleaned, type Gone, type Meant, type Removal, removal } from "../stage/clean.ts"
import type { StageFault } from "../stage/fault.ts"
import { inOrder, stageNamed } from "../stage/key.ts"
import { folder, Store, type StoreFault } from "../store.ts"
import { failure, known, meant, rootOf, type Shared, shared, type Surroundings } from "./around.ts"
import { type Asked, type Command, type Flag, text, yes } from "./flags.ts"

type CleanFlags = Pick<Shared, "root" | "from" | "stage"> & {
  readonly all: Flag<true>
  readonly yes: Flag<true>
  readonly "dry-run": Flag<true>
}

/** What may be asked of it. */
export const command: Command<CleanFlags> = {
  call: "deno task clean [pipeline] [flags]",
  about:
    "Removes what the stages of a pipeline have made, under all keys, and the files that nobody names any more.\n" +
    "Without a pipeline: only what nobody names, and what processes that were killed have left.",
  names: 1,
  flags: {
    stage: text("NAME", "this stage alone"),
    all: yes("everything that any stage has made, and the logs"),
    "dry-run": yes("says what would go, and how many bytes"),
    yes: yes("does not ask"),
    root: shared.root,
    from: shared.from,
  },
  more: "It asks on a terminal, and nowhere else. What a process makes now is not touched.",
}

// ---- what is meant ---------------------------------------------------------------

/** Which stages go; of a pipeline all that it makes, which others may use, too. */
const stagesOf = (around: Surroundings, { names, values }: Asked<CleanFlags>): Effect.Effect<Meant, StageFault> =>
  Effect.gen(function* () {
    if (values.all === true) return () => true
    if (names[0] === undefined) return (name: string) => name === values.stage
    const recipe = (yield* meant(around, values.from, names[0]))[0]!
    if (values.stage === undefined) {
      const own = new Set(inOrder(recipe.stages).map((s) => s.name))
      return (name: string) => own.has(name)
    }
    const stage = stageNamed(recipe, values.stage)
    if (E.isLeft(stage)) return yield* Effect.fail(stage.left)
    const { name } = stage.right
    return (other: string) => other === name
  })

/** Files of everything else that commands write: logs, reports, and measured rates. */
const others = (around: Surroundings, from: string | undefined) =>
  Effect.gen(function* () {
    const store = yield* Store
    const logs = (yield* known(around, from)).flatMap((r) => [logOf(r.name), pagePath(r.name), dataPath(r.name)])
    const rates = (yield* store.list("rates")).map((name) => `rates/${name}`)
    const sized = yield* Effect.forEach([...logs, ...rates], (path) =>
      Effect.map(store.size(path), (bytes): Gone | undefined =>
        bytes === undefined ? undefined : { path, bytes, what: "rest" }))
    return sized.filter((g) =>
      g !== undefined
    )
  })

// ---- text ----------------------------------------------------------------------

const kinds: ReadonlyArray<readonly [Gone["what"], string]> = [
  ["output", "outputs"],
  ["journal", "journals"],
  ["file", "files"],
  ["rest", "others (logs, drafts, locks)"],
]

const summary = (verb: string, files: ReadonlyArray<Gone>): string => {
  if (files.length === 0) return "nothing to remove\n"
  const parts = kinds.flatMap(([kind, name]) => {
    const own = files.filter((f) => f.what === kind)
    return own.length === 0 ? [] : [`${own.length} ${name}`]
  })
  return `${verb} ${bytesText(files.reduce((n, f) => n + f.bytes, 0))}: ${parts.join(", ")}\n`
}

// ---- the command -----------------------------------------------------------------

const went = (
  around: Surroundings,
  asked: Asked<CleanFlags>,
): Effect.Effect<number, StageFault | StoreFault, Store> =>
  Effect.gen(function* () {
    const { values } = asked
    const { terminal } = around
    const store = yield* Store
    const which = yield* stagesOf(around, asked)
    const more = values.all === true ? yield* others(around, values.from) : []
    const found = yield* removal(which)
    const all = (r: Removal): ReadonlyArray<Gone> => [...r.files, ...more]
    for (const note of found.notes) around.complain(`${note}\n`)
    if (values["dry-run"] === true) {
      for (const { path, bytes } of all(found)) terminal.write(`${path}  ${bytesText(bytes)}\n`)
      terminal.write(summary("would remove", all(found)))
      return 0
    }
    if (terminal.interactive && values.yes !== true && all(found).length > 0) {
      if (!(yield* around.confirm(`${summary("remove", all(found)).trim()} below ${store.root}?`))) return 1
    }
    const gone = yield* cleaned(which)
    for (const { path } of more) yield* store.remove(path)
    terminal.write(summary("removed", all(gone)))
    return 0
  })

/** Runs it; gives the exit code: 1 also where a person has said no. */
export const clean = (around: Surroundings, asked: Asked<CleanFlags>): Effect.Effect<number> =>
  went(around, asked).pipe(Effect.catch(failure(around)), Effect.provide(folder(rootOf(asked.values.root))))
