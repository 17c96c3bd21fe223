/**
 * Examples as people see them: each token of its own shade, what counts in the loss in green, what is given in grey. Where
 * nothing is coloured, a `+` stands before what counts and a `-` before what is given.
 * @module
 */
import type { Tokenizer } from "../../models/tokenizers/tokenizer.ts"
import { eofOf } from "../../models/world/layout.ts"
import { grouped, several, tame } from "../numbers.ts"
import type { Bin } from "./documents.ts"
import type { Example } from "./example.ts"
import { type Tally, tallyText } from "./tally.ts"
import type { VisionExample } from "./vision-example.ts"

// ---- tokens --------------------------------------------------------------------

/** Text that a reader sees at once, and what it is made of: one token, or several that only together are a character. */
interface Glyph {
  readonly text: string
  readonly counted: boolean
}

const specials = (tokenizer: Tokenizer): ReadonlyMap<number, string> =>
  new Map((["bos", "eos", "pad"] as const).flatMap((name) => {
    const id = tokenizer[name]
    return id === undefined ? [] : [[id, `<|${name}|>`] as const]
  }))

/** Tokens that are no text, by their place: specials, and codes of frames with what ends those. */
const namesOf = (
  example: Example | VisionExample,
  tokenizer: Tokenizer,
  { codes = Infinity }: Style,
): (at: number) => string | undefined => {
  const names = specials(tokenizer)
  const vision = "vision" in example ? example.vision : undefined
  const seen = (id: number): string => id < codes ? `‹${id}›` : id === eofOf({ codes }) ? "‹eof›" : "‹eov›"
  return (at) => vision?.[at] === 1 ? seen(example.tokens[at]!) : names.get(example.tokens[at]!)
}

/** Tokens that may be needed for one character. */
const most = 4

/** Texts of tokens in their place: what each adds to the text of those before it, as blanks may depend on them. */
const glyphs = (example: Example | VisionExample, tokenizer: Tokenizer, style: Style): ReadonlyArray<Glyph> => {
  const { tokens, counted } = example
  const names = namesOf(example, tokenizer, style)
  const all: Array<Glyph> = []
  const end = Math.min(tokens.length, style.tokens)
  const glyph = (text: string, at: number): Glyph => ({
    text: tame(text).replaceAll("\n", "⏎"),
    counted: counted[at] === 1,
  })
  let [begin, before] = [0, ""]
  for (let at = 0; at < end;) {
    const name = names(at)
    let n = 1
    let text = name === undefined ? tokenizer.decode(tokens.subarray(begin, at + 1)) : ""
    while (text.endsWith("\ufffd") && n < most && at + n < end && names(at + n) === undefined) {
      text = tokenizer.decode(tokens.subarray(begin, at + ++n))
    }
    all.push(glyph(name ?? text.slice(before.length), at))
    at += n
    ;[begin, before] = name === undefined ? [begin, text] : [at, ""]
  }
  return all
}

const shades = { counted: ["\x1b[32m", "\x1b[92m"], given: ["\x1b[90m", "\x1b[37m"] } as const
const plain = "\x1b[0m"

const coloured = (all: ReadonlyArray<Glyph>): string =>
  all.map(({ text, counted }, i) => shades[counted ? "counted" : "given"][i % 2]! + text).join("") + plain

/** Runs of tokens that count and that do not, a line each. */
const marked = (all: ReadonlyArray<Glyph>): ReadonlyArray<string> => {
  const lines: Array<{ readonly counted: boolean; text: string }> = []
  for (const { text, counted } of all) {
    const last = lines.at(-1)
    if (last !== undefined && last.counted === counted) last.text += text
    else lines.push({ counted, text })
  }
  return lines.map(({ counted, text }) => `${counted ? "+" : "-"} ${text}`)
}

/** How much is shown, and with colours or without. */
export interface Style {
  readonly colours: boolean
  /** Tokens of an example that are shown. */
  readonly tokens: number
  /** Codes of the codebook, of examples with frames. */
  readonly codes?: number
}

/** An example as lines. */
export const exampleText = (
  id: string,
  example: Example | VisionExample,
  tokenizer: Tokenizer,
  style: Style,
): string => {
  const all = glyphs(example, tokenizer, style)
  const left = example.tokens.length - style.tokens
  const counts = example.counted.reduce((a, b) => a + b, 0)
  return [
    `${tame(id)}  ${several(example.tokens.length, "token")}, ${grouped(counts)} of them counted`,
    ...(style.colours ? [coloured(all)] : marked(all)).map((line) => `  ${line}`),
    ...(left > 0 ? [`  and ${several(left, "token")} more`] : []),
  ].join("\n")
}

// ---- counts ----------------------------------------------------------------------

/** Lengths that are told apart where nothing else is asked for: tens, and the paper's. */
export const usualBins: ReadonlyArray<Bin> = [0, 100, 1000, 10_000, 100_000, 200_000, 500_000, 1_000_000].map(
  (from, i, all) => ({ from, below: all[i + 1] ?? Infinity }),
)

/** Counts of each bin in columns; bins that hold nothing are left out. */
export const binsText = (
  bins: ReadonlyArray<Bin>,
  counts: ReadonlyArray<{ readonly examples: number; readonly tokens: number }>,
): string => {
  const rows = bins.flatMap(({ from, below }, i) => {
    const { examples, tokens } = counts[i]!
    const length = below === Infinity ? `${grouped(from)} or more` : `${grouped(from)} to ${grouped(below - 1)}`
    return examples === 0 ? [] : [[length, grouped(examples), grouped(tokens)]]
  })
  const all = [["tokens of an example", "examples", "tokens"], ...rows]
  const widths = all[0]!.map((_, c) => Math.max(...all.map((row) => row[c]!.length)))
  return all.map((row) => row.map((cell, c) => cell.padStart(widths[c]!)).join("  ")).join("\n")
}

/** What could not be used, a line each. */
export const malformedText = (tally: Tally): string =>
  tally.count === 0
    ? "every reading can be used"
    : `${several(tally.count, "reading")} cannot be used: ${tame(tallyText(tally))}`
