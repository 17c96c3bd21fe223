/**
 * Writes LWM's vision form of JSON lines: one line a still or a video, its codes frame after frame in one flat list.
 * @module
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { either as E } from "fp-ts"
import { mkdir, open, rename, rm } from "node:fs/promises"
import { dirname } from "node:path"
import { framesOf, type Layout, type LayoutFault } from "../../models/world/layout.ts"
import type { Json } from "../stage/stage.ts"
import { type DataFault, dataFault, saying } from "./fault.ts"
import type { Fields } from "./source.ts"
import { isVision } from "./vision.ts"

// ---- one line --------------------------------------------------------------------

/** What a line tells: codes of frames, and texts and whatever else stands beside them. */
export interface Seen {
  /** The codes of each frame. */
  readonly frames: ReadonlyArray<ArrayLike<number>>
  readonly fields: Fields
  /** The name of the list of codes; `vision` without. */
  readonly name?: string
}

/**
 * A line without its end. Faults: no frame, frames of another length, an id outside of the codebook, a name that readers
 * would not take for codes or that is there already.
 */
export const visionLine = (
  layout: Layout,
  { frames, fields, name = "vision" }: Seen,
): E.Either<LayoutFault | DataFault, string> => {
  if (!isVision(name) || Object.hasOwn(fields, name)) {
    const why = isVision(name) ? "is among the fields already" : "does not hold 'vision', by which readers know codes"
    return E.left(dataFault("fields", name, `the name '${name}' ${why}; give another one`))
  }
  const odd = frames.findIndex(({ length }) => length !== layout.frame)
  if (odd >= 0) {
    const message = `frame ${odd} has ${frames[odd]!.length} codes; expected ${layout.frame}`
    return E.left(dataFault("settings", name, `${message}; was it made by another codebook?`))
  }
  const flat = frames.flatMap((frame) => Array.from(frame))
  return E.map(() => JSON.stringify({ ...fields, [name]: flat as Json }))(framesOf(layout, flat))
}

// ---- a file ----------------------------------------------------------------------

/** What happened to a file of lines. */
export interface Written {
  readonly lines: number
  readonly bytes: number
}

const failing = (path: string) => (cause: unknown): DataFault =>
  dataFault("file", path, `cannot write ${path}: ${saying(cause)}; may it be written there, and is there room?`)

/** Writes lines as they come, and makes the folder. The file is there whole at the end, or what was there before stays. */
export const writeLines = <X, R>(
  path: string,
  lines: Stream.Stream<string, X, R>,
): Effect.Effect<Written, X | DataFault, R> => {
  const part = `${path}.part`
  const tried = <A>(run: () => Promise<A>) => Effect.tryPromise({ try: run, catch: failing(path) })
  const written = Effect.acquireUseRelease(
    tried(async () => {
      await mkdir(dirname(path), { recursive: true })
      return await open(part, "w")
    }),
    (file) =>
      Effect.tap(
        Stream.runFoldEffect(lines, (): Written => ({ lines: 0, bytes: 0 }), (now, line) =>
          Effect.map(
            tried(() => file.write(`${line}\n`)),
            ({ bytesWritten }) => ({ lines: now.lines + 1, bytes: now.bytes + bytesWritten }),
          )),
        () => tried(() => file.sync()),
      ),
    (file) => Effect.promise(() => file.close()),
  )
  return Effect.tap(written, () => tried(() => rename(part, path))).pipe(
    Effect.ensuring(Effect.promise(() => rm(part, { force: true }).catch(() => undefined))),
  )
}
