/**
 * Checkpoints: a manifest that names files by their digests. Tensors are written first, the manifest last, each whole
 * or not at all; so a manifest whose files are there with the right digests is a whole checkpoint, and anything else
 * is skipped with the reason why.
 *
 *     checkpoints/00000200.json          the manifest: step, settings, files
 *     tensors/<sha256>.safetensors       what it names
 * @module
 */
import * as Effect from "effect/Effect"
import { either as E } from "fp-ts"
import * as t from "io-ts"
import { decodeJson, type FileFault, natural } from "../core/files/codec.ts"
import { decode, encode, type Stored } from "../core/files/safetensors.ts"
import { Digest, FileRef, tensorPath } from "./objects.ts"
import { digest, Store, type StoreFault, utf8 } from "./store.ts"

// ---- types -----------------------------------------------------------------

/** What is written beside the tensors. It holds no time and no place, so that equal runs give equal bytes. */
export interface Manifest {
  readonly format: "orrery-checkpoint"
  readonly version: 1
  /** Steps that are done. */
  readonly step: number
  /** Digest of the settings that must be the same to go on. */
  readonly settings: string
  readonly state: FileRef
}

/** A whole checkpoint. */
export interface Checkpoint {
  readonly manifest: Manifest
  readonly tensors: ReadonlyArray<Stored>
}

/** One that is there but is not whole, or not ours. */
export interface Skipped {
  readonly path: string
  readonly why: string
}

/** The newest whole checkpoint, if there is any, and what was passed over to find it. */
export interface Found {
  readonly checkpoint: Checkpoint | undefined
  readonly skipped: ReadonlyArray<Skipped>
}

/** The codec of manifests. */
export const Manifest: t.Type<Manifest, unknown> = t.strict({
  format: t.literal("orrery-checkpoint"),
  version: t.literal(1),
  step: natural,
  settings: Digest,
  state: FileRef,
})

const manifests = "checkpoints"
const tensorFiles = "tensors"
const manifestPath = (step: number): string => `${manifests}/${String(step).padStart(8, "0")}.json`
const manifestName = /^\d{8,}\.json$/

const sentences = (faults: ReadonlyArray<FileFault>): string => faults.map((f) => f.message).join("; ")

// ---- saving ----------------------------------------------------------------

/**
 * Writes a checkpoint and then removes all but the newest `keep`. Gives its manifest. The tensors must fit their
 * shapes: the caller made them.
 */
export const save: (
  step: number,
  settings: string,
  tensors: ReadonlyArray<Stored>,
  keep: number,
) => Effect.Effect<Manifest, StoreFault | FileFault, Store> = Effect.fnUntraced(
  function* (step, settings, tensors, keep) {
    const store = yield* Store
    const bytes = encode(tensors, new Map([["step", String(step)]]))
    if (E.isLeft(bytes)) return yield* Effect.fail(bytes.left[0]!)
    const state: FileRef = { digest: yield* digest(bytes.right), bytes: bytes.right.length }
    yield* store.write(tensorPath(state.digest), bytes.right)
    const manifest: Manifest = { format: "orrery-checkpoint", version: 1, step, settings, state }
    yield* store.write(manifestPath(step), utf8(JSON.stringify(manifest, null, 2) + "\n"))
    yield* prune(keep)
    return manifest
  },
)

/** Removes manifests but the newest `keep`, and then the tensors and drafts that no manifest names. */
const prune = Effect.fnUntraced(function* (keep: number): Effect.fn.Return<void, StoreFault, Store> {
  const store = yield* Store
  const names = (yield* store.list(manifests)).filter((n) => manifestName.test(n))
  const old = names.slice(0, Math.max(0, names.length - keep))
  for (const name of old) yield* store.remove(`${manifests}/${name}`)
  const kept = yield* Effect.forEach(names.slice(old.length), (name) => readManifest(`${manifests}/${name}`))
  // a manifest that cannot be read may name any of the tensors: then none is removed
  if (kept.some(E.isLeft)) return
  const named = new Set(kept.flatMap((m) => E.isRight(m) ? [tensorPath(m.right.state.digest)] : []))
  for (const name of yield* store.list(tensorFiles)) {
    if (!named.has(`${tensorFiles}/${name}`)) yield* store.remove(`${tensorFiles}/${name}`)
  }
})

// ---- finding ---------------------------------------------------------------

const readManifest = Effect.fnUntraced(function* (
  path: string,
): Effect.fn.Return<E.Either<string, Manifest>, StoreFault, Store> {
  const bytes = yield* (yield* Store).read(path)
  if (bytes === undefined) return E.left("it is gone")
  return E.mapLeft(sentences)(decodeJson(Manifest, new TextDecoder().decode(bytes)))
})

const open = Effect.fnUntraced(function* (
  path: string,
  settings: string | undefined,
): Effect.fn.Return<E.Either<string, Checkpoint>, StoreFault, Store> {
  const manifest = yield* readManifest(path)
  if (E.isLeft(manifest)) return manifest
  const { state, step } = manifest.right
  if (manifestPath(step) !== path) return E.left(`it says step ${step}, which its name does not`)
  if (settings !== undefined && manifest.right.settings !== settings) {
    return E.left(
      `it was made with other settings (${manifest.right.settings.slice(0, 12)}, not ${settings.slice(0, 12)})`,
    )
  }
  const bytes = yield* (yield* Store).read(tensorPath(state.digest))
  if (bytes === undefined) return E.left(`its tensors ${tensorPath(state.digest)} are missing`)
  if (bytes.length !== state.bytes) return E.left(`its tensors have ${bytes.length} bytes, not ${state.bytes}: torn`)
  if ((yield* digest(bytes)) !== state.digest) return E.left("its tensors are damaged: their digest is another")
  const file = E.mapLeft(sentences)(decode(bytes))
  if (E.isLeft(file)) return file
  const told = file.right.metadata.get("step")
  return told === String(step)
    ? E.right({ manifest: manifest.right, tensors: file.right.tensors })
    : E.left(`it says step ${step}, its tensors are of step ${told ?? "unknown"}`)
})

/** The newest whole checkpoint of these settings (of any, if undefined); the torn ones after it are named. */
export const newest: (settings?: string) => Effect.Effect<Found, StoreFault, Store> = Effect.fnUntraced(
  function* (settings) {
    const names = (yield* (yield* Store).list(manifests)).filter((n) => manifestName.test(n))
    const skipped: Array<Skipped> = []
    for (const name of names.reverse()) {
      const path = `${manifests}/${name}`
      const opened = yield* open(path, settings)
      if (E.isRight(opened)) return { checkpoint: opened.right, skipped }
      skipped.push({ path, why: opened.left })
    }
    return { checkpoint: undefined, skipped }
  },
)
