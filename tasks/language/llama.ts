/**
 * A trained Llama as a language. Prompts of different lengths are read together, whole chunks at a time, into caches that
 * stay on the device, and go on together token by token, each from its own end: an answer depends on its own prompt alone.
 *
 * ```ts
 * import * as Effect from "effect/Effect"
 * import type { Language } from "./language.ts"
 * import { greedy } from "./sampling.ts"
 *
 * const say = (l: Language, text: string) =>
 *   Effect.map(
 *     l.answer([l.tokenizer.encode(text)], { sampling: greedy, limit: 64, stop: [], until: ["\n"] }),
 *     ([answer]) => l.tokenizer.decode(answer!),
 *   )
 * ```
 * @module
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import type { DeviceFault } from "../../core/device/backend.ts"
import { Device, type Values } from "../../core/device/device.ts"
import type { HostKey } from "../../core/random/host.ts"
import type { AnyHost } from "../../core/tensor/host.ts"
import { flatten } from "../../core/tensor/tree.ts"
import type { Config } from "../../models/llama/config.ts"
import type { Parameters } from "../../models/llama/parameters.ts"
import type { Tokenizer } from "../../models/tokenizers/tokenizer.ts"
import type { Storage } from "../../ops/cache.ts"
import { digest, utf8 } from "../store.ts"
import { askFault, askFaults, type Limits, lossFaults, memoryFault } from "./asking.ts"
import { type Answer, begun, grown } from "./ending.ts"
import type { Ask, AskFault, Language } from "./language.ts"
import { type Reader, reader } from "./reader.ts"
import { floorPower, type Group, groups } from "./rows.ts"
import { draw, promptKeys } from "./sampling.ts"

// ---- types -------------------------------------------------------------------

/** What a language is made of. */
export interface LlamaParts {
  readonly config: Config
  /** At home, or on the device already. */
  readonly parameters: Values<Parameters>
  readonly tokenizer: Tokenizer
  readonly name?: string
  /** Digest of the parameters; without it they are brought home and it is computed. */
  readonly digest?: string
  /** How keys and values are kept; f32. */
  readonly storage?: Storage
  /** Bytes that caches and programs may take beside the parameters; 1 GiB. */
  readonly memory?: number
  /** Rows that are answered together at most; 16. */
  readonly rows?: number
}

/** A prompt under way. */
interface Row {
  readonly prompt: ArrayLike<number>
  readonly key: HostKey
  answer: Answer
}

// ---- digests -------------------------------------------------------------------

/** SHA-256 of the config and of all parameters in stored form. */
export const parameterDigest = (
  config: Config,
  parameters: Values<Parameters>,
): Effect.Effect<string, DeviceFault, Device> =>
  Effect.gen(function* () {
    const home = yield* Effect.flatMap(Device, (device) => device.fetch(parameters))
    const parts = [JSON.stringify(Object.entries(config).sort(([a], [b]) => a < b ? -1 : 1))]
    for (const [path, leaf] of flatten(home) as ReadonlyArray<readonly [string, AnyHost]>) {
      const { dtype, shape, data } = leaf
      const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
      parts.push(`${path} ${dtype} ${shape.join(" ")} ${yield* digest(bytes)}`)
    }
    return yield* digest(utf8(parts.join("\n")))
  })

// ---- answering -----------------------------------------------------------------

/** The last token of each row so far, and its place; rows that have ended stay where they are. */
const lastOf = (rows: ReadonlyArray<Row>, wide: number): readonly [tokens: Int32Array, places: Int32Array] => {
  const tokens = new Int32Array(wide), places = new Int32Array(wide)
  rows.forEach(({ prompt, answer }, r) => {
    const said = answer.tokens.length
    tokens[r] = answer.done ? 0 : said > 0 ? answer.tokens[said - 1]! : prompt[prompt.length - 1]!
    places[r] = prompt.length - 1 + (answer.done ? 0 : said)
  })
  return [tokens, places]
}

const answerGroup = (
  r: Reader,
  tokenizer: Tokenizer,
  group: Group,
  all: ReadonlyArray<Row>,
  ask: Ask,
  read: (tokens: number) => Effect.Effect<void>,
): Effect.Effect<void, DeviceFault> =>
  Effect.scoped(Effect.gen(function* () {
    const rows = group.members.map((i) => all[i]!)
    const before = rows.map(({ prompt }) => Int32Array.from(prompt).subarray(0, -1))
    const doneAt = (place: number): number => before.reduce((n, row) => n + Math.min(row.length, place), 0)
    let desk = yield* r.open(group.rows, group.capacity)
    desk = yield* r.read(desk, before, 0, (place) => read(doneAt(place)))
    const what = ask.sampling.temperature === 0 ? "ids" : "logits"
    const vocab = r.config.vocab
    for (let n = 0; rows.some((row) => !row.answer.done); n++) {
      const out = yield* r.next(desk, ...lastOf(rows, group.rows), what)
      desk = out.desk
      if (n === 0) yield* read(doneAt(Infinity) + rows.length)
      for (const [i, row] of rows.entries()) {
        if (row.answer.done) continue
        const token = out.ids?.[i] ??
          draw(out.logits!.subarray(i * vocab, (i + 1) * vocab), ask.sampling, row.key, n)
        row.answer = grown(tokenizer, ask, row.answer, token)
        if (ask.heard !== undefined && !ask.stop.includes(token)) yield* ask.heard(group.members[i]!, token)
      }
    }
  }))

// ---- constructors --------------------------------------------------------------

const gibibyte = 2 ** 30

/** A model that is ready to read. */
export interface Opened {
  readonly reader: Reader
  readonly digest: string
  readonly limits: Limits
  /** Bytes that there may be beside the parameters. */
  readonly memory: number
}

/** Places the parameters. Faults: a tokenizer of another model, not enough memory. */
export const opened = (
  { config, parameters, tokenizer, name, digest: given, storage = "f32", memory = gibibyte }: LlamaParts,
): Effect.Effect<Opened, DeviceFault | AskFault, Device | Scope.Scope> =>
  Effect.gen(function* () {
    const device = yield* Device
    if (tokenizer.vocab > config.vocab) {
      return yield* Effect.fail(askFault(
        `the tokenizer '${tokenizer.name}' has ${tokenizer.vocab} tokens, the model a vocabulary of ${config.vocab}; give ` +
          "the tokenizer that the model was trained with",
      ))
    }
    const placed = (yield* device.place(parameters)) as unknown as Values<Parameters>
    const digest = given ?? (yield* parameterDigest(config, placed))
    const limits: Limits = {
      name: name ?? `llama ${digest.slice(0, 8)}`,
      context: config.context,
      vocab: config.vocab,
    }
    return { reader: yield* reader(config, placed, storage, memory), digest, limits, memory }
  })

/** A language out of a model. It lives as long as the scope; it does one thing at a time. */
export const llamaLanguage = (
  trained: LlamaParts,
): Effect.Effect<Language, DeviceFault | AskFault, Device | Scope.Scope> =>
  Effect.gen(function* () {
    const { tokenizer, rows: most = 16 } = trained
    const { reader: r, digest: own, limits, memory } = yield* opened(trained)
    const alone = yield* Semaphore.make(1)

    /** Rows that fit into memory with so much room each: a power of two. */
    const mostRows = (capacity: number): number => {
      const room = Math.floor(memory / 2 / (capacity * r.tokenBytes))
      return Math.max(1, Math.min(floorPower(most), floorPower(room)))
    }
    const planned = (lengths: ReadonlyArray<number>): Effect.Effect<ReadonlyArray<Group>, DeviceFault | AskFault> =>
      Effect.gen(function* () {
        const made = groups(lengths, mostRows)
        if (made.length === 0) return made
        const bytes = yield* r.beyond(Math.max(...made.map((g) => g.rows)), made[0]!.capacity, memory)
        if (bytes === undefined) return made
        const about = { bytes, perToken: r.tokenBytes, memory }
        return yield* Effect.fail(memoryFault(Math.max(...lengths), about))
      })

    const answer: Language["answer"] = (prompts, ask) =>
      alone.withPermits(1)(Effect.gen(function* () {
        const faults = askFaults(limits, prompts, ask)
        if (faults.length > 0) return yield* Effect.fail(faults[0]!)
        const keys = promptKeys(prompts, ask.sampling.seed)
        const rows = prompts.map((prompt, i): Row => ({ prompt, key: keys[i]!, answer: begun(ask) }))
        const total = prompts.reduce((n, p) => n + p.length, 0)
        let before = 0
        for (const group of yield* planned(ask.limit === 0 ? [] : prompts.map((p) => p.length + ask.limit))) {
          const read = (n: number): Effect.Effect<void> => ask.read?.(before + n, total) ?? Effect.void
          yield* answerGroup(r, tokenizer, group, rows, ask, read)
          before += group.members.reduce((n, i) => n + prompts[i]!.length, 0)
        }
        return rows.map((row) => Int32Array.from(row.answer.tokens))
      }))

    const nats: Language["nats"] = (rows) =>
      alone.withPermits(1)(Effect.gen(function* () {
        const faults = lossFaults(limits, rows)
        if (faults.length > 0) return yield* Effect.fail(faults[0]!)
        const made: Array<Float32Array> = rows.map(() => new Float32Array(0))
        for (const group of yield* planned(rows.map((row) => row.length))) {
          const own = yield* Effect.scoped(Effect.flatMap(
            r.open(group.rows, group.capacity),
            (desk) => r.losses(desk, group.members.map((i) => rows[i]!)),
          ))
          own.forEach((losses, k) => made[group.members[k]!] = losses)
        }
        return made
      }))

    return { name: limits.name, digest: own, tokenizer, context: limits.context, answer, nats }
  })
