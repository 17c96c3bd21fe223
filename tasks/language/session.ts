/**
 * A dialogue with a model whose cache goes on: what was read or said is never read again. It may be interrupted at any
 * token; what it has read and said until then stays, and the next question goes on from there.
 * @module
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Ref from "effect/Ref"
import * as Scope from "effect/Scope"
import { setImmediate } from "node:timers"
import type { DeviceFault } from "../../core/device/backend.ts"
import type { Device } from "../../core/device/device.ts"
import { hostKey } from "../../core/random/host.ts"
import { askFault, askFaults, memoryFault } from "./asking.ts"
import { begun, grown } from "./ending.ts"
import type { Ask, AskFault } from "./language.ts"
import { type LlamaParts, opened } from "./llama.ts"
import type { Desk } from "./reader.ts"
import { capacityFor } from "./rows.ts"
import { draw } from "./sampling.ts"

/** A dialogue under way. */
export interface Session {
  readonly name: string
  readonly digest: string
  /** Tokens at most, all that is read and said together. */
  readonly context: number
  /** Tokens that were read or said so far. */
  readonly used: Effect.Effect<number>
  /**
   * Reads tokens behind all before, and answers. `ask.read` hears how many of the tokens that are new are read. Faults:
   * more than the context holds or there is memory for, unknown ids.
   */
  readonly reply: (tokens: ArrayLike<number>, ask: Ask) => Effect.Effect<Int32Array, DeviceFault | AskFault>
}

/** What was read is on the desk; what is to be read yet comes first of all that follows. */
interface State {
  readonly desk: Desk | undefined
  readonly scope: Scope.Closeable | undefined
  readonly read: number
  readonly unread: Int32Array
}

/** Tokens that are read before it may be interrupted. */
const chunk = 1024

/** Lets others have their turn: a key that was pressed, a line that is to be shown. */
const breath: Effect.Effect<void> = Effect.promise(() => new Promise<void>((go) => void setImmediate(go)))

const both = (x: ArrayLike<number>, y: ArrayLike<number>): Int32Array => {
  const all = new Int32Array(x.length + y.length)
  all.set(x)
  all.set(y, x.length)
  return all
}

/** How many tokens both begin with. */
const common = (x: ReadonlyArray<number>, y: ReadonlyArray<number>): number => {
  const at = x.findIndex((token, i) => token !== y[i])
  return at < 0 ? x.length : at
}

/** Begins a dialogue, for the life of the scope. */
export const session = (
  trained: LlamaParts,
): Effect.Effect<Session, DeviceFault | AskFault, Device | Scope.Scope> =>
  Effect.gen(function* () {
    const { tokenizer } = trained
    const { reader: r, digest, limits, memory } = yield* opened(trained)
    const outer = yield* Effect.scope
    const state = yield* Ref.make<State>({ desk: undefined, scope: undefined, read: 0, unread: new Int32Array(0) })
    const change = (part: Partial<State>): Effect.Effect<void> => Ref.update(state, (s) => ({ ...s, ...part }))

    /** Makes room for so many tokens; what was read stays. */
    const makeRoom = (tokens: number): Effect.Effect<void, DeviceFault | AskFault> =>
      Effect.uninterruptible(Effect.gen(function* () {
        const { desk, scope: old } = yield* Ref.get(state)
        if (desk !== undefined && desk.capacity >= tokens) return
        const capacity = capacityFor(tokens)
        const bytes = yield* r.beyond(1, capacity, memory)
        if (bytes !== undefined) {
          return yield* Effect.fail(memoryFault(tokens, { bytes, perToken: r.tokenBytes, memory }))
        }
        const scope = yield* Scope.fork(outer)
        const made = desk === undefined ? r.open(1, capacity) : r.grow(desk, capacity)
        yield* change({ desk: yield* Effect.provideService(made, Scope.Scope, scope), scope })
        if (old !== undefined) yield* Scope.close(old, Exit.void)
      }))

    /** Reads a chunk of what is unread, but for the last token. */
    const readChunk: Effect.Effect<void, DeviceFault> = Effect.uninterruptible(Effect.gen(function* () {
      const { desk, read, unread } = yield* Ref.get(state)
      const part = unread.subarray(0, Math.min(unread.length - 1, chunk))
      const next = yield* r.read(desk!, [part], read)
      yield* change({ desk: next, read: read + part.length, unread: unread.subarray(part.length) })
    }))

    /** Reads the last token and draws the next, which is then the last. */
    const step = ({ sampling }: Ask): Effect.Effect<number, DeviceFault> =>
      Effect.uninterruptible(Effect.gen(function* () {
        const { desk, read, unread } = yield* Ref.get(state)
        const out = yield* r.next(desk!, unread, Int32Array.of(read), sampling.temperature === 0 ? "ids" : "logits")
        const token = out.ids?.[0] ?? draw(out.logits!, sampling, hostKey(sampling.seed), read + 1)
        yield* change({ desk: out.desk, read: read + 1, unread: Int32Array.of(token) })
        return token
      }))

    const fits = (before: number, more: number, ask: Ask): ReadonlyArray<AskFault> => {
      const over = before + more + ask.limit - limits.context
      return over <= 0 ? [] : [askFault(
        `${before} tokens so far, ${more} more and up to ${ask.limit} of an answer are ${over} more than the context of ` +
          `${limits.name}, ${limits.context}; give less context, ask for fewer tokens, or begin anew`,
      )]
    }

    const reply: Session["reply"] = (tokens, ask) =>
      Effect.gen(function* () {
        const { read, unread } = yield* Ref.get(state)
        const all = both(unread, tokens)
        const faults = [
          ...askFaults({ ...limits, context: Infinity }, [all], ask),
          ...fits(read + unread.length, tokens.length, ask),
        ]
        if (faults.length > 0) return yield* Effect.fail(faults[0]!)
        const first = read + all.length
        yield* makeRoom(first + ask.limit)
        yield* change({ unread: all })
        while ((yield* Ref.get(state)).unread.length > 1) {
          yield* readChunk
          if (ask.read !== undefined) yield* ask.read((yield* Ref.get(state)).read - read, all.length)
          yield* breath
        }
        const said: Array<number> = []
        let answer = begun(ask)
        while (!answer.done) {
          said.push(yield* step(ask))
          if (said.length === 1 && ask.read !== undefined) yield* ask.read(all.length, all.length)
          const token = said.at(-1)!
          answer = grown(tokenizer, ask, answer, token)
          if (ask.heard !== undefined && !ask.stop.includes(token)) yield* ask.heard(0, token)
          yield* breath
        }
        // what was said beyond the answer is as if it had never been: the cache is written over from there
        const kept = Math.min((yield* Ref.get(state)).read, first + common(answer.tokens, said))
        if (answer.tokens.length > 0 || said.length > 0) {
          yield* change({ read: kept, unread: Int32Array.from(answer.tokens.slice(kept - first)) })
        }
        return Int32Array.from(answer.tokens)
      })

    return {
      ...{ name: limits.name, digest, context: limits.context, reply },
      used: Effect.map(Ref.get(state), ({ read, unread }) => read + unread.length),
    }
  })
