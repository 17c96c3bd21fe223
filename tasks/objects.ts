/**
 * Files named by what is in them: `tensors/<sha256>.safetensors` and `blobs/<sha256>`. Who holds a reference can tell
 * whether the file is whole; equal content is one file.
 * @module
 */
import * as Effect from "effect/Effect"
import { either as E } from "fp-ts"
import * as t from "io-ts"
import { type FileFault, fileFault, natural } from "../core/files/codec.ts"
import { decode, encode, type Stored } from "../core/files/safetensors.ts"
import { digest, Store, type StoreFault } from "./store.ts"

// ---- types -------------------------------------------------------------------

/** A file by what is in it. */
export interface FileRef {
  /** SHA-256, 64 hexadecimal digits. */
  readonly digest: string
  readonly bytes: number
}

const isDigest = (u: unknown): u is string => typeof u === "string" && /^[0-9a-f]{64}$/.test(u)

/** A SHA-256 as text. */
export const Digest: t.Type<string, unknown> = new t.Type<string, unknown>(
  "SHA-256 in hexadecimal",
  isDigest,
  (u, c) => isDigest(u) ? t.success(u) : t.failure(u, c),
  t.identity,
)

/** The codec of references. */
export const FileRef: t.Type<FileRef, unknown> = t.strict({ digest: Digest, bytes: natural })

// ---- paths -------------------------------------------------------------------

/** Where tensors lie. */
export const tensorPath = (name: string): string => `tensors/${name}.safetensors`

/** Where other bytes lie. */
export const blobPath = (name: string): string => `blobs/${name}`

// ---- bytes -------------------------------------------------------------------

/** Writes bytes at a path that their digest makes. */
export const put = (path: (name: string) => string, bytes: Uint8Array): Effect.Effect<FileRef, StoreFault, Store> =>
  Effect.gen(function* () {
    const ref: FileRef = { digest: yield* digest(bytes), bytes: bytes.length }
    yield* (yield* Store).write(path(ref.digest), bytes)
    return ref
  })

/** The bytes, or why they are not whole: missing, torn, damaged. */
export const get = (path: string, ref: FileRef): Effect.Effect<Uint8Array, StoreFault | FileFault, Store> =>
  Effect.gen(function* () {
    const bytes = yield* (yield* Store).read(path)
    const again = "remove what names it (deno task clean) and run again"
    if (bytes === undefined) return yield* Effect.fail(fileFault("missing", path, `${path} is missing; ${again}`))
    if (bytes.length !== ref.bytes) {
      const message = `${path} has ${bytes.length} bytes, not ${ref.bytes}: it is torn; ${again}`
      return yield* Effect.fail(fileFault("truncated", path, message))
    }
    if ((yield* digest(bytes)) !== ref.digest) {
      return yield* Effect.fail(fileFault("value", path, `${path} is damaged: its digest is another; ${again}`))
    }
    return bytes
  })

/** Writes bytes under their digest. */
export const putBytes = (bytes: Uint8Array): Effect.Effect<FileRef, StoreFault, Store> => put(blobPath, bytes)

/** Reads bytes and checks that they are whole. */
export const getBytes = (ref: FileRef): Effect.Effect<Uint8Array, StoreFault | FileFault, Store> =>
  get(blobPath(ref.digest), ref)

// ---- tensors -----------------------------------------------------------------

/** Writes tensors as one safetensors file under its digest. */
export const putTensors = (
  tensors: ReadonlyArray<Stored>,
  metadata: ReadonlyMap<string, string> = new Map(),
): Effect.Effect<FileRef, StoreFault | FileFault, Store> =>
  Effect.gen(function* () {
    const bytes = encode(tensors, new Map(metadata))
    if (E.isLeft(bytes)) return yield* Effect.fail(bytes.left[0]!)
    return yield* put(tensorPath, bytes.right)
  })

/** Reads tensors and checks that they are whole. */
export const getTensors = (ref: FileRef): Effect.Effect<ReadonlyArray<Stored>, StoreFault | FileFault, Store> =>
  Effect.gen(function* () {
    const file = decode(yield* get(tensorPath(ref.digest), ref))
    if (E.isLeft(file)) return yield* Effect.fail(file.left[0]!)
    return file.right.tensors
  })
