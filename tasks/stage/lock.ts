/**
 * A lock is a file that only one process can make. Who finds it there waits, and takes it over where its owner is gone: its
 * process has ended, its machine was started anew, or it gives no sign of life.
 *
 * Nobody removes a lock that is not his own: two who both found the same dead owner would remove each other's. To take over
 * is to make a file that is named after the dead one, which again only one can do. So a lock is a chain,
 *
 *     <path>  <path>.after-<first>  <path>.after-<second> ...
 *
 * and its last link is the owner. Released, the first link goes first: who has joined a chain looks at its first link again,
 * and leaves it where that is no longer the one that he has followed.
 * @module
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { either as E } from "fp-ts"
import * as t from "io-ts"
import { decodeJson, finite } from "../../core/files/codec.ts"
import { isGone, Owner, self } from "../owner.ts"
import { digest, Store, type StoreFault, utf8 } from "../store.ts"

// ---- types -----------------------------------------------------------------

/** Who holds a lock. A file that cannot be read has an owner that nobody knows. */
export interface Holder {
  readonly token: string
  readonly owner: Owner | undefined
  /** Milliseconds since 1970. */
  readonly since: number
}

/** A lock that is held until the scope ends. */
export interface Held {
  /** Is it still ours? It is not where this process stood still for so long that another one took over. */
  readonly holds: Effect.Effect<boolean, StoreFault>
}

/** How to wait. */
export interface Waiting {
  /** Told once of everyone who is waited for. */
  readonly waits?: (holder: Holder) => Effect.Effect<void>
  /** Told whose lock was taken over. */
  readonly takes?: (holder: Holder) => Effect.Effect<void>
  /** Milliseconds without a sign of life after which an owner is taken for dead: 10 minutes. */
  readonly patience?: number
  /** Milliseconds between two looks. */
  readonly pause?: number
}

// ---- files -------------------------------------------------------------------

const Link = t.strict({
  format: t.literal("orrery-lock"),
  token: t.string,
  owner: Owner,
  since: finite,
})

const written = (token: string, owner: Owner, since: number): Uint8Array =>
  utf8(JSON.stringify({ format: "orrery-lock", token, owner, since }) + "\n")

const after = (path: string, token: string): string => `${path}.after-${token}`
const beatPath = (path: string, token: string): string => `${path}.beat-${token}`

/** Is a name that of a lock, or of what belongs to one? */
export const isLockFile = (name: string): boolean => /\.lock(\.(after|beat)-[^.]+)?$/.test(name)

const readLink = (path: string): Effect.Effect<Holder | undefined, StoreFault, Store> =>
  Effect.gen(function* () {
    const bytes = yield* (yield* Store).read(path)
    if (bytes === undefined) return undefined
    const link = decodeJson(Link, new TextDecoder().decode(bytes))
    if (E.isRight(link)) return link.right
    return { token: `unread${(yield* digest(bytes)).slice(0, 16)}`, owner: undefined, since: 0 }
  })

/** The links of a lock, the first one first; none where nobody holds it. */
const chain = (path: string): Effect.Effect<ReadonlyArray<Holder>, StoreFault, Store> =>
  Effect.gen(function* () {
    const links: Array<Holder> = []
    for (let at = path; links.length < 1000;) {
      const link = yield* readLink(at)
      if (link === undefined) break
      links.push(link)
      at = after(path, link.token)
    }
    return links
  })

/** Who holds a lock and is not known to be gone; undefined where it may be taken. */
export const holderOf = (path: string): Effect.Effect<Holder | undefined, StoreFault, Store> =>
  Effect.gen(function* () {
    const last = (yield* chain(path)).at(-1)
    return last === undefined || (yield* gone(last)) ? undefined : last
  })

const gone = ({ owner }: Holder): Effect.Effect<boolean> =>
  owner === undefined ? Effect.succeed(false) : Effect.promise(() => isGone(owner))

/** A holder for people. */
export const holderText = ({ owner }: Holder): string =>
  owner === undefined ? "an unknown process" : `process ${owner.pid} on ${owner.host}`

// ---- taking ------------------------------------------------------------------

/** What came of trying once: the tokens of a chain that ends with ours, or who is in the way. */
type Tried =
  | { readonly _tag: "Taken"; readonly tokens: ReadonlyArray<string>; readonly from: Holder | undefined }
  | { readonly _tag: "InTheWay"; readonly holder: Holder | undefined }

const inTheWay = (holder: Holder | undefined): Tried => ({ _tag: "InTheWay", holder })

/** Tries once. `dead` says of a holder whether he has been waited for in vain. */
const tryOnce = (
  path: string,
  token: string,
  dead: (holder: Holder) => boolean,
): Effect.Effect<Tried, StoreFault, Store> =>
  Effect.gen(function* () {
    const store = yield* Store
    const own = written(token, yield* Effect.promise(self), yield* Clock.currentTimeMillis)
    if (yield* store.claim(path, own)) return { _tag: "Taken", tokens: [token], from: undefined }
    const links = yield* chain(path)
    const last = links.at(-1)
    if (last === undefined) return inTheWay(undefined)
    if (!dead(last) && !(yield* gone(last))) return inTheWay(last)
    const mine = after(path, last.token)
    if (!(yield* store.claim(mine, own))) return inTheWay(undefined)
    if ((yield* readLink(path))?.token === links[0]!.token) {
      return { _tag: "Taken", tokens: [...links.map((l) => l.token), token], from: last }
    }
    yield* store.remove(mine)
    return inTheWay(undefined)
  })

const released = (path: string, tokens: ReadonlyArray<string>): Effect.Effect<void, never, Store> =>
  Effect.gen(function* () {
    const store = yield* Store
    yield* store.remove(path)
    for (const token of tokens) yield* store.remove(beatPath(path, token))
    for (const token of tokens.slice(0, -1)) yield* store.remove(after(path, token))
  }).pipe(Effect.ignore)

// ---- signs of life -------------------------------------------------------------

/** Milliseconds between two signs of life. */
const pulse = 10_000

/** Gives a sign of life every now and then; a store that fails meanwhile is told of by what is done under the lock. */
const beating = (path: string, token: string): Effect.Effect<never, never, Store> =>
  Effect.gen(function* () {
    const store = yield* Store
    for (let n = 0;; n++) {
      yield* Effect.sleep(pulse)
      yield* Effect.ignore(store.write(beatPath(path, token), utf8(String(n))))
    }
  })

/** How long a holder has given no sign of life, by our own looks at him. */
interface Silence {
  readonly token: string
  readonly beat: string
  readonly quiet: number
}

const listened = (path: string, holder: Holder, before: Silence | undefined, pause: number) =>
  Effect.gen(function* () {
    const bytes = yield* (yield* Store).read(beatPath(path, holder.token))
    const beat = bytes === undefined ? "" : new TextDecoder().decode(bytes)
    const same = before?.token === holder.token && before.beat === beat
    return { token: holder.token, beat, quiet: same ? before.quiet + pause : 0 }
  })

// ---- holding -----------------------------------------------------------------

/**
 * Holds a lock until the scope ends, waiting for it as long as its owner lives. It is released also by failure and
 * interruption. Silence counts in looks, not by the clock: a machine that slept is not a dead owner.
 */
export const hold = (
  path: string,
  { waits, takes, patience = 600_000, pause = 200 }: Waiting = {},
): Effect.Effect<Held, StoreFault, Store | Scope.Scope> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.gen(function* () {
      const store = yield* Store
      const token: string = crypto.randomUUID()
      let silence: Silence | undefined
      let told: string | undefined
      for (;;) {
        const dead = (h: Holder): boolean => silence?.token === h.token && silence.quiet >= patience
        const tried: Tried = yield* tryOnce(path, token, dead)
        if (tried._tag === "Taken") {
          yield* Effect.addFinalizer(() => Effect.provideService(released(path, tried.tokens), Store, store))
          if (tried.from !== undefined && takes !== undefined) yield* takes(tried.from)
          yield* Effect.forkScoped(restore(beating(path, token)))
          const holds = Effect.map(chain(path), (links) => links.at(-1)?.token === token)
          return { holds: Effect.provideService(holds, Store, store) }
        }
        const { holder } = tried
        if (holder === undefined) {
          yield* restore(Effect.yieldNow)
          continue
        }
        if (told !== holder.token && waits !== undefined) yield* waits(holder)
        told = holder.token
        silence = yield* listened(path, holder, silence, pause)
        yield* restore(Effect.sleep(pause))
      }
    })
  )
