/**
 * How well a language foretells held-out text: nats by position at full context, where more context should help; and bits per
 * byte at the base context, which an extension should not spoil. Bits per byte do not depend on the tokenizer.
 * @module
 */
import * as Effect from "effect/Effect"
import * as t from "io-ts"
import type { DeviceFault } from "../../core/device/backend.ts"
import { finite, natural, positive } from "../../core/files/codec.ts"
import type { Tokenizer } from "../../models/tokenizers/tokenizer.ts"
import { type Events, say } from "../events.ts"
import type { AskFault, Language } from "../language/language.ts"
import { type PoseFault, poseFault } from "./task.ts"

// ---- types -------------------------------------------------------------------

/** Places with `from` up to `to` - 1 tokens before them. */
export interface Bin {
  readonly from: number
  readonly to: number
  /** Tokens that were foretold there. */
  readonly tokens: number
  /** Mean negative log likelihood of them, in nats; its exponential is the perplexity. */
  readonly nats: number
}

/** Nats by position. */
export interface ByPosition {
  readonly language: string
  readonly digest: string
  readonly context: number
  readonly rows: number
  readonly bins: ReadonlyArray<Bin>
}

/** The codec of nats by position. */
export const ByPosition: t.Type<ByPosition, unknown> = t.strict({
  language: t.string,
  digest: t.string,
  context: positive,
  rows: natural,
  bins: t.readonlyArray(t.strict({ from: natural, to: natural, tokens: natural, nats: finite })),
})

/** Bits per byte of a text. */
export interface BitsPerByte {
  readonly language: string
  readonly digest: string
  /** Tokens of a window. */
  readonly context: number
  readonly tokens: number
  /** Bytes of the text that was foretold. */
  readonly bytes: number
  readonly bits: number
}

/** The codec of bits per byte. */
export const BitsPerByte: t.Type<BitsPerByte, unknown> = t.strict({
  language: t.string,
  digest: t.string,
  context: positive,
  tokens: natural,
  bytes: natural,
  bits: finite,
})

/** The same text before and after an extension. */
export interface Regression {
  readonly before: BitsPerByte
  readonly after: BitsPerByte
  /** Bits per byte more than before, as a share: 0.01 is one percent worse. */
  readonly change: number
}

/** The codec of comparisons. */
export const Regression: t.Type<Regression, unknown> = t.strict({
  before: BitsPerByte,
  after: BitsPerByte,
  change: finite,
})

// ---- bins ----------------------------------------------------------------------

/** Bounds of bins that double, with `per` bins in each doubling, from 1 to `context`: 1, 2, 4, ... */
export const logBounds = (context: number, per = 1): ReadonlyArray<number> => {
  const steps = Math.ceil(per * Math.log2(context))
  const all = Array.from({ length: Math.max(0, steps) }, (_, i) => Math.round(2 ** (i / per))).filter((b) =>
    b < context
  )
  return [...new Set([...all, context])]
}

/** Sums nats of places into bins; place i has i + 1 tokens before it. Bins in which nothing lies are left out. */
export const binned = (bounds: ReadonlyArray<number>, rows: ReadonlyArray<ArrayLike<number>>): ReadonlyArray<Bin> =>
  bounds.slice(0, -1).flatMap((from, b) => {
    const to = bounds[b + 1]!
    let [sum, tokens] = [0, 0]
    for (const row of rows) {
      for (let i = from - 1; i < Math.min(to - 1, row.length); i++, tokens++) sum += row[i]!
    }
    return tokens === 0 ? [] : [{ from, to, tokens, nats: sum / tokens }]
  })

// ---- by position ---------------------------------------------------------------

/** Rows of a batch: as many as the tokens allow, and one at least. */
const groups = <A>(rows: ReadonlyArray<A>, context: number, batch: number): ReadonlyArray<ReadonlyArray<A>> => {
  const size = Math.max(1, Math.floor(batch / context))
  return Array.from({ length: Math.ceil(rows.length / size) }, (_, i) => rows.slice(i * size, (i + 1) * size))
}

type Foretold = Effect.Effect<ReadonlyArray<Float32Array>, DeviceFault | AskFault, Events>

const foretold = (
  what: string,
  l: Language,
  rows: ReadonlyArray<Int32Array>,
  context: number,
  batch: number,
): Foretold =>
  Effect.gen(function* () {
    const all: Array<Float32Array> = []
    for (const group of groups(rows, context, batch)) {
      all.push(...(yield* l.nats(group)))
      yield* say({ _tag: "Progress", what, done: all.length, total: rows.length, unit: "rows" })
    }
    return all
  })

/**
 * Nats by position over documents, cut into rows of `context` tokens that begin with `bos` where there is one; what is left
 * of a document is not used. At most `rows` rows, `batch` tokens at once.
 */
export const perplexityByPosition = (
  language: Language,
  documents: ReadonlyArray<string>,
  options: { readonly context: number; readonly rows: number; readonly batch: number; readonly bins?: number },
): Effect.Effect<ByPosition, DeviceFault | AskFault | PoseFault, Events> =>
  Effect.gen(function* () {
    const { context, batch } = options
    const { tokenizer } = language
    const first = tokenizer.bos === undefined ? [] : [tokenizer.bos]
    const length = context - first.length
    const rows = documents.flatMap((document) => {
      const tokens = tokenizer.encode(document)
      return Array.from(
        { length: length < 1 ? 0 : Math.floor(tokens.length / length) },
        (_, i) => Int32Array.from([...first, ...tokens.subarray(i * length, (i + 1) * length)]),
      )
    }).slice(0, options.rows)
    if (rows.length === 0) {
      const message = `no held-out document has ${context} tokens; give longer documents, or join them`
      return yield* Effect.fail(poseFault(message))
    }
    const nats = yield* foretold("perplexity", language, rows, context, batch)
    const bins = binned(logBounds(context, options.bins ?? 1), nats)
    return { language: language.name, digest: language.digest, context, rows: rows.length, bins }
  })

// ---- bits per byte ---------------------------------------------------------------

/** A window, and its first place that no window before it has foretold. */
interface Window {
  readonly tokens: Int32Array
  readonly fresh: number
}

/**
 * Windows of `context` tokens that slide by half of it: each token but the first is foretold once, with half a window before
 * it at least, where there is as much.
 */
export const windowsOf = (tokens: Int32Array, context: number): ReadonlyArray<Window> => {
  const half = Math.max(1, Math.floor(context / 2))
  const last = Math.max(0, tokens.length - context)
  const starts = [...Array.from({ length: Math.ceil(last / half) }, (_, i) => i * half), last]
  return starts.map((start, i) => ({
    tokens: tokens.slice(start, start + context),
    fresh: i === 0 ? 0 : starts[i - 1]! + context - start - 1,
  }))
}

/** Bytes that tokens stand for: those of the text, less those of a first token that nobody foretells. */
const bytesOf = (tokenizer: Tokenizer, text: string, first: number | undefined): number => {
  const bytes = new TextEncoder().encode(text).length
  if (first === undefined) return bytes
  const alone = tokenizer.decode([first])
  return bytes - (alone.includes("\ufffd") ? 1 : new TextEncoder().encode(alone).length)
}

/** Bits per byte of a text by windows of `context` tokens, `batch` tokens at once. */
export const bitsPerByte = (
  language: Language,
  text: string,
  options: { readonly context: number; readonly batch: number },
): Effect.Effect<BitsPerByte, DeviceFault | AskFault | PoseFault, Events> =>
  Effect.gen(function* () {
    const { context, batch } = options
    const { tokenizer } = language
    const { bos } = tokenizer
    const plain = tokenizer.encode(text)
    const tokens = bos === undefined ? plain : Int32Array.from([bos, ...plain])
    if (tokens.length < 2 || context < 2) {
      return yield* Effect.fail(poseFault("bits per byte need a text of two tokens and windows of two at least"))
    }
    const windows = windowsOf(tokens, context)
    const nats = yield* foretold("bits per byte", language, windows.map((w) => w.tokens), context, batch)
    const sum = windows.reduce((all, { fresh }, i) => nats[i]!.subarray(fresh).reduce((s, x) => s + x, all), 0)
    const bytes = bytesOf(tokenizer, text, bos === undefined ? plain[0] : undefined)
    const bits = sum / Math.LN2 / bytes
    yield* say({ _tag: "Evaluated", bits, bytes })
    const { name, digest } = language
    return { language: name, digest, context, tokens: tokens.length - 1, bytes, bits }
  })

/** Compares two measurements of one text; they must be of the same bytes, and windows as long. */
export const regression = (before: BitsPerByte, after: BitsPerByte): Regression => ({
  before,
  after,
  change: after.bits / before.bits - 1,
})
