/**
 * Where files lie: a folder, or a map in a test. A file is written whole or not at all: to a temporary file, flushed,
 * renamed, and the folder flushed too, so that a crash at any moment leaves the old file or the new one. The machine's
 * files are asked for when a folder is made, so that this module loads in a browser.
 * @module
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { readWhole, sha256Of } from "./bytes.ts"
import { type Owner, ownerText, self } from "./owner.ts"

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
  /**
   * Writes a file where there is none, whole or not at all, and says whether it did: of many who try at the same time, in
   * one process or several, one does. Such a file is a mark; it need not outlive a crash of the machine.
   */
  readonly claim: (path: string, bytes: Uint8Array) => Effect.Effect<boolean, StoreFault>
  /** Bytes of a file, or undefined where there is no such file. */
  readonly size: (path: string) => Effect.Effect<number | undefined, StoreFault>
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

const full: Meaning = { reason: "full", advice: "the disk is full: free some space or choose another folder" }
const denied: Meaning = {
  reason: "permission",
  advice: "it may not be written or read: check the folder's owner and rights",
}
const notFolder: Meaning = {
  reason: "path",
  advice: "a file stands where a folder is needed: choose another folder",
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
  ["EISDIR", { reason: "path", advice: "a folder stands where a file is needed: choose another folder" }],
  ["ENAMETOOLONG", { reason: "path", advice: "the path is too long: choose a shorter folder" }],
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

/** What a folder needs of the runtime. */
const runtime = async () => ({
  fs: await import("node:fs/promises"),
  windows: (await import("node:process")).default.platform === "win32",
  owner: await self(),
})
type Runtime = Awaited<ReturnType<typeof runtime>>

const partial = ".partial"

/** The name under which a file is written before it is whole: nobody else's, and it says whose. */
const draft = (path: string, owner: Owner): string =>
  `${path}.${ownerText(owner)}.${crypto.randomUUID().slice(0, 8)}${partial}`

/** Whose draft a name is: what `ownerText` gave. Undefined for a name that is no draft. */
export const draftOf = (name: string): string | undefined =>
  name.endsWith(partial) ? /\.([^.]+)\.[^.]+\.partial$/.exec(name)?.[1] ?? "" : undefined

const parent = (path: string): string => path.slice(0, Math.max(1, path.lastIndexOf("/")))

/** Windows cannot open a folder to flush it, and does not need it. */
const flushFolder = async ({ fs, windows }: Runtime, path: string): Promise<void> => {
  if (windows) return
  const handle = await fs.open(path, "r")
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Writes a draft and has it take its place; whatever happens, no draft is left. */
const drafted = async <A>(
  { fs, owner }: Runtime,
  path: string,
  bytes: Uint8Array,
  flush: boolean,
  place: (draft: string) => Promise<A>,
): Promise<A> => {
  await fs.mkdir(parent(path), { recursive: true })
  const own = draft(path, owner)
  try {
    const handle = await fs.open(own, "w")
    try {
      await handle.writeFile(bytes)
      if (flush) await handle.sync()
    } finally {
      await handle.close()
    }
    return await place(own)
  } catch (e) {
    await fs.rm(own, { force: true }).catch(() => undefined)
    throw e
  }
}

const writeWhole = async (run: Runtime, path: string, bytes: Uint8Array): Promise<void> => {
  await drafted(run, path, bytes, true, (own) => run.fs.rename(own, path))
  await flushFolder(run, parent(path))
}

/** File systems without hard links say so in many ways. */
const noLinks: ReadonlySet<string> = new Set(["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK", "NotSupported"])

/** A link is made or is not, with all bytes in it; where there are no links, a file that must be new is next to it. */
const claimWhole = ({ fs, ...run }: Runtime, path: string, bytes: Uint8Array): Promise<boolean> =>
  drafted({ fs, ...run }, path, bytes, false, async (own) => {
    const made = await fs.link(own, path).then(() => true, async (e) => {
      if (codeOf(e) === "EEXIST") return false
      if (!noLinks.has(codeOf(e))) throw e
      return await fs.writeFile(path, bytes, { flag: "wx" }).then(() => true, (f) => {
        if (codeOf(f) === "EEXIST") return false
        throw f
      })
    })
    await fs.rm(own, { force: true }).catch(() => undefined)
    return made
  })

const absent = <A>(instead: A) => (e: unknown): A => {
  if (codeOf(e) === "ENOENT") return instead
  throw e
}

/** Paths are names between "/"; one that leads elsewhere is refused. */
const inside = (root: string, path: string): string => {
  const parts = path.split("/").filter((p) => p !== "" && p !== ".")
  if (path.startsWith("/") || parts.some((p) => p === ".." || /[\\:]/.test(p))) {
    throw new Error(`the path leaves the folder ${root}`)
  }
  return [root, ...parts].join("/")
}

/** Files below a folder of the machine, in Deno and Node. The folder is made at the first write. */
export const folder = (root: string): Layer.Layer<Store> => {
  const ready = runtime()
  ready.catch(() => undefined)
  const attempt = <A>(
    doing: Parameters<typeof storeFault>[0],
    path: string,
    act: (whole: string, run: Runtime) => Promise<A>,
  ) =>
    Effect.tryPromise({
      try: async () => await act(inside(root, path), await ready),
      catch: (cause) => storeFault(doing, `${root}/${path}`, cause),
    })
  return Layer.succeed(Store, {
    root,
    read: (path) =>
      attempt(
        "read",
        path,
        (p, { fs }) => readWhole(fs, p).catch(absent(undefined)),
      ),
    write: (path, bytes) => Effect.uninterruptible(attempt("write", path, (p, run) => writeWhole(run, p, bytes))),
    claim: (path, bytes) => Effect.uninterruptible(attempt("write", path, (p, run) => claimWhole(run, p, bytes))),
    size: (path) =>
      attempt("read", path, (p, { fs }) => fs.stat(p).then((s) => s.isFile() ? s.size : undefined, absent(undefined))),
    append: (path, text) =>
      attempt(
        "write",
        path,
        (p, { fs }) => fs.mkdir(parent(p), { recursive: true }).then(() => fs.appendFile(p, text)),
      ),
    list: (path) =>
      attempt("list", path, (p, { fs }) => fs.readdir(p).then((names) => names.sort(), absent<Array<string>>([]))),
    remove: (path) => attempt("remove", path, (p, { fs }) => fs.rm(p, { force: true })),
  })
}

// ---- a map -----------------------------------------------------------------

/** Files in a map that the caller can look into; for tests. */
export const memory = (files: Map<string, Uint8Array> = new Map()): Layer.Layer<Store> =>
  Layer.succeed(Store, {
    root: "memory",
    read: (path) => Effect.sync(() => files.get(path)?.slice()),
    write: (path, bytes) => Effect.sync(() => void files.set(path, bytes.slice())),
    claim: (path, bytes) => Effect.sync(() => !files.has(path) && (files.set(path, bytes.slice()), true)),
    size: (path) => Effect.sync(() => files.get(path)?.length),
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
export const digest = (bytes: Uint8Array): Effect.Effect<string> => Effect.promise(() => sha256Of(bytes))

/** Text as bytes. */
export const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)
