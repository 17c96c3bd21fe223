/**
 * Ranks that are processes: the first one writes to the store and the others follow. A follower's writes are promises that
 * the first rank keeps: what it has "written" it waits for when it reads.
 * @module
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { MeshFault } from "../../core/device/engine.ts"
import { Mesh } from "../../core/mesh/mesh.ts"
import type { Store, StoreFault } from "../store.ts"

// ---- ranks -------------------------------------------------------------------

/** This process among those that make a stage together. */
export interface Place {
  readonly leads: boolean
  /** Waits until all are here. */
  readonly meet: Effect.Effect<void, MeshFault>
}

/** The only one, or the first. */
const only: Place = { leads: true, meet: Effect.void }

/** Where the Mesh service says that this process is; without one, or with all ranks in this process, it is the only one. */
export const place: Effect.Effect<Place> = Effect.map(
  Effect.serviceOption(Mesh),
  (mesh) =>
    Option.isNone(mesh) || mesh.value.where !== "processes" || mesh.value.ranks === 1
      ? only
      : { leads: mesh.value.rank === 0, meet: mesh.value.barrier },
)

// ---- the store of a follower -----------------------------------------------------

/** Milliseconds between two looks, and looks at most: a minute. */
const pause = 50
const looks = 1200

/** A store that changes nothing, and reads what the first rank writes. */
export const following = (store: Store): Store => {
  const promised = new Set<string>()
  const awaited = (path: string): Effect.Effect<Uint8Array | undefined, StoreFault> =>
    Effect.gen(function* () {
      for (let n = 0; n < looks && promised.has(path); n++) {
        const bytes = yield* store.read(path)
        if (bytes !== undefined) return bytes
        yield* Effect.sleep(pause)
      }
      return yield* store.read(path)
    })
  return {
    ...store,
    read: awaited,
    write: (path) => Effect.sync(() => void promised.add(path)),
    claim: () => Effect.succeed(false),
    append: () => Effect.void,
    remove: (path) => Effect.sync(() => void promised.delete(path)),
  }
}
