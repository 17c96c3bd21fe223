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
import { type OfText, type Readable, readableLlama } from "./programs.ts"
import { type Reader, reader } from "./reader.ts"
import { floorPower, type Group, groups } from "./rows.ts"
import { draw, promptKeys } from "./sampling.ts"

// ---- types -------------------------------------------------------------------

/** What any model that can be read is made of. */
export interface Parts<P> {
  /** At home, or on the device already. */
  readonly parameters: Values<P>
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

/** What a language is made of. */
export interface LlamaParts extends Parts<Parameters> {
  readonly config: Config
}

/** A prompt under way. */
interface Row {
  readonly prompt: ArrayLike<number>
  readonly key: HostKey
  answer: Answer
}

// ---- digests -------------------------------------------------------------------

/** SHA-256 of the config and of all parameters in stored form. */
export const parameterDigest = <P>(
  config: Config,
  parameters: Values<P>,
): Effect.Effect<string, DeviceFault, Device> =>
  Effect.gen(function* () {
    const home: unknown = yield* Effect.flatMap(Device, (device) => device.fetch(parameters as never))
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
  r: Reader<OfText>,
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
export interface Opened<K extends string = OfText> {
  readonly reader: Reader<K>
  readonly tokenizer: Tokenizer
  readonly digest: string
  readonly limits: Limits
  /** Bytes that there may be beside the parameters. */
  readonly memory: number
  /** Rows at most that go on together. */
  readonly rows: number
  /** It does one thing at a time. */
  readonly alone: Semaphore.Semaphore
}

/** Places the parameters of a model that can be read. Faults: a tokenizer of another model, not enough memory. */
export const openedAs = <P, K extends string>(
  m: Readable<P, K>,
  { parameters, tokenizer, name, digest: given, storage = "f32", memory = gibibyte, rows = 16 }: Parts<P>,
): Effect.Effect<Opened<K> & { readonly parameters: Values<P> }, DeviceFault | AskFault, Device | Scope.Scope> =>
  Effect.gen(function* () {
    const device = yield* Device
    const { vocab, context } = m.config
    if (tokenizer.vocab > vocab) {
      return yield* Effect.fail(askFault(
        `the tokenizer '${tokenizer.name}' has ${tokenizer.vocab} tokens, the model a vocabulary of ${vocab}; give ` +
          "the tokenizer that the model was trained with",
      ))
    }
    const placed = (yield* device.place(parameters as never)) as unknown as Values<P>
    const digest = given ?? (yield* parameterDigest(m.config, placed))
    const limits: Limits = { name: name ?? `llama ${digest.slice(0, 8)}`, context, vocab }
    const own = yield* reader(m, placed, storage, memory)
    const alone = yield* Semaphore.make(1)
    return { ...{ reader: own, tokenizer, digest, limits, memory, rows, alone }, parameters: placed }
  })

/** Places a Llama's parameters. Faults: a tokenizer of another model, not enough memory. */
export const opened = (
  { config, ...parts }: LlamaParts,
): Effect.Effect<Opened, DeviceFault | AskFault, Device | Scope.Scope> => openedAs(readableLlama(config), parts)

/** Groups of rows of these lengths that fit into memory; each takes `wide` rows of the caches. Faults: too long a row. */
export const planned = <K extends string>(
  { reader: r, memory, rows: most }: Opened<K>,
  lengths: ReadonlyArray<number>,
  wide = 1,
): Effect.Effect<ReadonlyArray<Group>, DeviceFault | AskFault> =>
  Effect.gen(function* () {
    const mostRows = (capacity: number): number => {
      const room = Math.floor(memory / 2 / (capacity * r.tokenBytes * wide))
      return Math.max(1, Math.min(floorPower(most), floorPower(room)))
    }
    const made = groups(lengths, mostRows)
    if (made.length === 0) return made
    const bytes = yield* r.beyond(wide * Math.max(...made.map((g) => g.rows)), made[0]!.capacity, memory)
    if (bytes === undefined) return made
    const about = { bytes, perToken: r.tokenBytes * wide, memory }
    return yield* Effect.fail(memoryFault(Math.max(...lengths), about))
  })

/** What answers by a model that is open. */
export const answering = <K extends string>(o: Opened<K | OfText>): Language => {
  const { reader: r, tokenizer, digest, limits, alone } = o
  const answer: Language["answer"] = (prompts, ask) =>
    alone.withPermits(1)(Effect.gen(function* () {
      const faults = askFaults(limits, prompts, ask)
      if (faults.length > 0) return yield* Effect.fail(faults[0]!)
      const keys = promptKeys(prompts, ask.sampling.seed)
      const rows = prompts.map((prompt, i): Row => ({ prompt, key: keys[i]!, answer: begun(ask) }))
      const total = prompts.reduce((n, p) => n + p.length, 0)
      let before = 0
      for (const group of yield* planned(o, ask.limit === 0 ? [] : prompts.map((p) => p.length + ask.limit))) {
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
      for (const group of yield* planned(o, rows.map((row) => row.length))) {
        const own = yield* Effect.scoped(Effect.flatMap(
          r.open(group.rows, group.capacity),
          (desk) => r.losses(desk, group.members.map((i) => rows[i]!)),
        ))
        own.forEach((losses, k) => made[group.members[k]!] = losses)
      }
      return made
    }))

  return { name: limits.name, digest, tokenizer, context: limits.context, answer, nats }
}

/** A language out of a model. It lives as long as the scope; it does one thing at a time. */
export const llamaLanguage = (
  trained: LlamaParts,
): Effect.Effect<Language, DeviceFault | AskFault, Device | Scope.Scope> => Effect.map(opened(trained), answering)
