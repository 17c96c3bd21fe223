/**
 * Where files lie: a folder, or a map in a test. A file is written whole or not at all: to a temporary file, flushed,
 * renamed, and the folder flushed too, so that a crash at any moment leaves the old file or the new one.
 * @module
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { appendFile, mkdir, open, readdir, readFile, rename, rm } from "node:fs/promises"
import { dirname, join, normalize } from "node:path"

// ---- types -----------------------------------------------------------------

/** Something that the store could not do. Nothing is half written after it. */
export interface StoreFault {
  readonly _tag: "StoreFault"
  readonly reason: "full" | "permission" | "path" | "other"
  readonly path: string
  /** What failed, where, and what to do about it. */
  readonly message: string
}

/** Files by path, with "/" between folders, below one root. */
export interface Store {
  /** The root, for people. */
  readonly root: string
  /** All bytes, or undefined where there is no such file. */
  readonly read: (path: string) => Effect.Effect<Uint8Array | undefined, StoreFault>
  /** Whole or not at all. */
  readonly write: (path: string, bytes: Uint8Array) => Effect.Effect<void, StoreFault>
  /** Adds to the end; for logs, whose last line may be torn by a crash. */
  readonly append: (path: string, text: string) => Effect.Effect<void, StoreFault>
  /** Names in a folder, sorted; none where there is no such folder. */
  readonly list: (folder: string) => Effect.Effect<ReadonlyArray<string>, StoreFault>
  /** Removes a file; well if there is none. */
  readonly remove: (path: string) => Effect.Effect<void, StoreFault>
}

/** The service. */
export const Store: Context.Service<Store, Store> = Context.Service<Store>("orrery/tasks/Store")

// ---- faults ----------------------------------------------------------------

interface Meaning {
  readonly reason: StoreFault["reason"]
  readonly advice: string
}

const full: Meaning = { reason: "full", advice: "the disk is full: free some space or choose another --out folder" }
const denied: Meaning = {
  reason: "permission",
  advice: "it may not be written or read: check the folder's owner and rights",
}
const notFolder: Meaning = {
  reason: "path",
  advice: "a file stands where a folder is needed: choose another --out folder",
}

/** What the system's error codes mean for people. */
const meanings: ReadonlyMap<string, Meaning> = new Map([
  ["ENOSPC", full],
  ["EDQUOT", full],
  ["EACCES", denied],
  ["EPERM", denied],
  ["EROFS", denied],
  ["NotCapable", denied],
  ["ENOENT", { reason: "path", advice: "there is no such file, and no folder for it can be made there" }],
  ["ENOTDIR", notFolder],
  ["EEXIST", notFolder],
  ["EISDIR", { reason: "path", advice: "a folder stands where a file is needed: choose another --out folder" }],
  ["ENAMETOOLONG", { reason: "path", advice: "the path is too long: choose a shorter --out folder" }],
])

const codeOf = (cause: unknown): string => {
  const e = cause as { readonly code?: unknown; readonly name?: unknown }
  return typeof e?.code === "string" ? e.code : typeof e?.name === "string" ? e.name : ""
}

/** A fault out of what the system threw. */
export const storeFault = (doing: "read" | "write" | "list" | "remove", path: string, cause: unknown): StoreFault => {
  const meaning = meanings.get(codeOf(cause))
  const why = meaning?.advice ?? (cause instanceof Error ? cause.message : String(cause))
  return { _tag: "StoreFault", reason: meaning?.reason ?? "other", path, message: `cannot ${doing} ${path}: ${why}` }
}

// ---- a folder --------------------------------------------------------------

/** The name under which a file is written before it is whole. */
const draft = (path: string): string => `${path}.partial`

/** Windows cannot open a folder to flush it, and does not need it. */
const flushFolder = async (path: string): Promise<void> => {
  if (process.platform === "win32") return
  const handle = await open(path, "r")
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

const writeWhole = async (path: string, bytes: Uint8Array): Promise<void> => {
  await mkdir(dirname(path), { recursive: true })
  try {
    const handle = await open(draft(path), "w")
    try {
      await handle.writeFile(bytes)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(draft(path), path)
  } catch (e) {
    await rm(draft(path), { force: true }).catch(() => undefined)
    throw e
  }
  await flushFolder(dirname(path))
}

const absent = <A>(instead: A) => (e: unknown): A => {
  if (codeOf(e) === "ENOENT") return instead
  throw e
}

/** Files below a folder of the machine, in Deno and Node. The folder is made at the first write. */
export const folder = (root: string): Layer.Layer<Store> => {
  const place = (path: string): string => {
    const whole = normalize(join(root, path))
    if (!whole.startsWith(normalize(join(root, "/"))) && whole !== normalize(root)) {
      throw new Error(`the path leaves the folder ${root}`)
    }
    return whole
  }
  const attempt = <A>(doing: Parameters<typeof storeFault>[0], path: string, run: (whole: string) => Promise<A>) =>
    Effect.tryPromise({
      try: async () => await run(place(path)),
      catch: (cause) => storeFault(doing, join(root, path), cause),
    })
  return Layer.succeed(Store, {
    root,
    read: (path) =>
      attempt(
        "read",
        path,
        (p) => readFile(p).then((b) => new Uint8Array(b.buffer, b.byteOffset, b.length), absent(undefined)),
      ),
    write: (path, bytes) => Effect.uninterruptible(attempt("write", path, (p) => writeWhole(p, bytes))),
    append: (path, text) =>
      attempt("write", path, (p) => mkdir(dirname(p), { recursive: true }).then(() => appendFile(p, text))),
    list: (path) => attempt("list", path, (p) => readdir(p).then((names) => names.sort(), absent<Array<string>>([]))),
    remove: (path) => attempt("remove", path, (p) => rm(p, { force: true })),
  })
}

// ---- a map -----------------------------------------------------------------

/** Files in a map that the caller can look into; for tests. */
export const memory = (files: Map<string, Uint8Array> = new Map()): Layer.Layer<Store> =>
  Layer.succeed(Store, {
    root: "memory",
    read: (path) => Effect.sync(() => files.get(path)?.slice()),
    write: (path, bytes) => Effect.sync(() => void files.set(path, bytes.slice())),
    append: (path, text) =>
      Effect.sync(() => {
        const old = files.get(path) ?? new Uint8Array()
        const more = new TextEncoder().encode(text)
        const both = new Uint8Array(old.length + more.length)
        both.set(old)
        both.set(more, old.length)
        files.set(path, both)
      }),
    list: (path) =>
      Effect.sync(() => {
        const below = path === "" || path === "." ? "" : `${path}/`
        const inside = [...files.keys()].filter((k) => k.startsWith(below)).map((k) =>
          k.slice(below.length).split("/")[0]!
        )
        return [...new Set(inside)].sort()
      }),
    remove: (path) => Effect.sync(() => void files.delete(path)),
  })

// ---- digests ---------------------------------------------------------------

/** SHA-256 in 64 hexadecimal digits. */
export const digest = (bytes: Uint8Array): Effect.Effect<string> =>
  Effect.promise(async () => {
    const hash = await crypto.subtle.digest("SHA-256", bytes as Uint8Array<ArrayBuffer>)
    return Array.from(new Uint8Array(hash), (b) => b.toString(16).padStart(2, "0")).join("")
  })

/** Text as bytes. */
export const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)
