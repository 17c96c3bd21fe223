/**
 * A look at a sequence of examples: the first ones, how long all are, and what cannot be used.
 * @module
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { either as E } from "fp-ts"
import type { Tokenizer } from "../../models/tokenizers/tokenizer.ts"
import { grouped, several } from "../numbers.ts"
import type { Terminal } from "../progress.ts"
import { counts } from "./documents.ts"
import type { Example } from "./example.ts"
import { type DataFault, dataFault } from "./fault.ts"
import { binsText, exampleText, malformedText, usualBins } from "./shown.ts"
import type { Sequence } from "./source.ts"
import { another, none, type Tally, tooMany } from "./tally.ts"

/** How much is looked at. */
export interface Glance {
  /** Examples that are shown, and tokens of each. */
  readonly show: number
  readonly tokens: number
  /** Readings that may be of no use. */
  readonly limit: number
  /** Codes of the codebook, of examples with frames. */
  readonly codes?: number | undefined
}

interface Seen {
  readonly tally: Tally
  readonly lengths: Array<number>
  readonly counted: number
}

/** Tells on a terminal how far it is; a pipe hears nothing. */
const progress = ({ interactive, write }: Terminal, { lengths }: Seen): void => {
  if (interactive && lengths.length % 100 === 0) write(`\r\x1b[2K${grouped(lengths.length)} examples`)
}

/** Reads all of it, and tells. Faults: more readings of no use than the limit, and not a single example. */
export const look = (
  sequence: Sequence<Example>,
  tokenizer: Tokenizer,
  { show, tokens, limit, codes }: Glance,
  out: Terminal,
): Effect.Effect<void, DataFault> =>
  Effect.gen(function* () {
    const style = { colours: out.interactive, tokens, ...(codes === undefined ? {} : { codes }) }
    const erase = out.interactive ? "\r\x1b[2K" : ""
    const seen = yield* Stream.runFoldEffect(
      sequence.read(undefined),
      (): Seen => ({ tally: none, lengths: [], counted: 0 }),
      (now, { id, value }) =>
        Effect.gen(function* () {
          if (E.isLeft(value)) {
            const tally = another(now.tally, { id, why: value.left })
            const fault = tooMany(sequence.name, tally, limit)
            return fault === undefined ? { ...now, tally } : yield* Effect.fail(fault)
          }
          now.lengths.push(value.right.tokens.length)
          progress(out, now)
          if (now.lengths.length <= show) out.write(`${erase}${exampleText(id, value.right, tokenizer, style)}\n\n`)
          return { ...now, counted: now.counted + value.right.counted.reduce((a, b) => a + b, 0) }
        }),
    )
    const all = seen.lengths.reduce((a, b) => a + b, 0)
    const sizes = [
      several(seen.lengths.length, "example"),
      several(all, "token"),
      `${grouped(seen.counted)} of them counted`,
    ]
    out.write(`${erase}${sequence.name} by ${tokenizer.name}: ${sizes.join(", ")}\n`)
    if (seen.lengths.length > 0) out.write(`${binsText(usualBins, counts(seen, usualBins))}\n`)
    out.write(`${malformedText(seen.tally)}\n`)
    if (seen.lengths.length > 0) return
    const message = `${sequence.name} gives no example; look at the fields that its documents have`
    return yield* Effect.fail(dataFault("empty", sequence.name, message))
  })
