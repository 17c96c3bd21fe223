/**
 * The writer for a machine with no model at all: questions by rule. It finds sentences that say who did what, who said what,
 * and words that are missed when they are left out. Its questions are those of a quiz, not of a reader.
 * @module
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { hostBits, type HostKey } from "../../core/random/host.ts"
import { flat, isName, namesIn, sentencesOf, type Word, wordsOf } from "./sentences.ts"
import { type Pair, Writer } from "./writer.ts"

/** A way to find questions in a text that lies on one line. */
type Form = (text: string, sentences: ReadonlyArray<string>) => ReadonlyArray<Pair>

// ---- who did what -----------------------------------------------------------------

const verbs =
  ("was is had has took came went stood sat made gave saw knew looked turned held found left lived began became " +
    "seemed thought called kept ran drew wrote told heard felt brought would could must did").split(" ")

const deed = new RegExp(`^(\\p{Lu}\\p{Ll}+(?: \\p{Lu}\\p{Ll}+)?) (${verbs.join("|")}) ([^"“”;:?!()]+)[.!]$`, "u")

/** `Queequeg was a native of Rokovoko.` -> `Who or what was a native of Rokovoko?` */
const whoDid: Form = (text, sentences) => {
  const names = new Set(namesIn(text).map((n) => n.text))
  return sentences.flatMap((s): ReadonlyArray<Pair> => {
    const [, name, verb, rest] = deed.exec(s) ?? []
    if (name === undefined || !name.split(" ").every((n) => isName(n) && names.has(n))) return []
    const words = wordsOf(rest!).length
    return words < 3 || words > 18 ? [] : [{ question: `Who or what ${verb} ${rest}?`, answer: name }]
  })
}

// ---- who said what ----------------------------------------------------------------

const speech =
  /["“]([^"“”]{8,120}?)[,.]?["”],? (said|cried|asked|answered|replied|exclaimed) (\p{Lu}\p{Ll}+(?: \p{Lu}\p{Ll}+)?)\b/gu

/** Shorter words than that anybody may have said. */
const telling = 4

/** `"I will have no man in my boat," said Starbuck` -> `Who said this: "I will have no man in my boat"?` */
const whoSaid: Form = (text) =>
  Array.from(text.matchAll(speech)).flatMap(([, words, verb, name]) =>
    name!.split(" ").every(isName) && wordsOf(words!).length >= telling
      ? [{ question: `Who ${verb} this: "${words}"?`, answer: name! }]
      : []
  )

// ---- which word is missing -----------------------------------------------------------

const blank = "____"
const plain: ReadonlySet<string> = new Set(
  ("because through another himself herself without nothing something between against however therefore everything " +
    "anything themselves whatever whenever although together according certain several perhaps towards already").split(
      " ",
    ),
)

/** Words before and after the blank that are shown, and how many there must be. */
export interface Shown {
  readonly before: number
  readonly after: number
  readonly least: number
}

/** About as much as tells a place in a book. */
export const standardShown: Shown = { before: 10, after: 6, least: 5 }

/** The words around one of a sentence, as they stand, and where they begin and end. */
const around = (shown: Shown, sentence: string, words: ReadonlyArray<Word>, i: number) => {
  const first = words[Math.max(0, i - shown.before)]!
  const last = words[Math.min(words.length - 1, i + shown.after)]!
  const word = words[i]!
  return {
    before: sentence.slice(first.at, word.at),
    after: sentence.slice(word.at + word.text.length, last.at + last.text.length),
    known: Math.min(i, shown.before) + Math.min(words.length - 1 - i, shown.after),
  }
}

const times = (text: string, part: string): number => text.split(part).length - 1

/** The cloze of a word, where what is shown tells which place in the text is meant. */
const clozeOf = (
  shown: Shown,
  text: string,
  sentence: string,
  words: ReadonlyArray<Word>,
  i: number,
): ReadonlyArray<Pair> => {
  const { before, after, known } = around(shown, sentence, words, i)
  const clear = times(text, before) === 1 || times(text, after) === 1
  const told = wordsOf(`${before} ${after}`).some(({ text: w }) => w === words[i]!.text)
  if (known < shown.least || !clear || told || /["“”_]/u.test(before + after)) return []
  return [{ question: `Which word is missing in "${before}${blank}${after}"?`, answer: words[i]!.text }]
}

type Fits = (word: Word, names: ReadonlyArray<Word>, text: string) => boolean

const cloze = (fits: Fits) => (shown: Shown): Form => (text, sentences) =>
  sentences.flatMap((s) => {
    const words = wordsOf(s)
    const names = namesIn(s)
    return words.flatMap((w, i) => fits(w, names, text) ? clozeOf(shown, text, s, words, i) : [])
  })

const missingName = cloze((w, names) => names.some(({ at }) => at === w.at))

const missingWord = cloze(({ text: w }, _, text) =>
  /^\p{Ll}{7,}$/u.test(w) && !plain.has(w) && times(text.toLowerCase(), w) === 1
)

// ---- the writer ------------------------------------------------------------------------

const forms = (shown: Shown): ReadonlyArray<Form> => [whoDid, whoSaid, missingName(shown), missingWord(shown)]

/** Sentences that read like prose: neither headings nor endless. */
const prose = (s: string): boolean => {
  const words = wordsOf(s)
  const loud = words.filter(({ text }) => text.length > 1 && text === text.toUpperCase()).length
  return words.length >= 5 && words.length <= 60 && loud * 4 < words.length
}

/** A pair by rule, or undefined where no rule finds anything. The key chooses among the forms that do, then among their finds. */
export const pairByRule = (text: string, key: HostKey, shown: Shown = standardShown): Pair | undefined => {
  const line = flat(text)
  const sentences = sentencesOf(line).filter(prose)
  const found = forms(shown).map((form) => form(line, sentences)).filter((pairs) => pairs.length > 0)
  const [which, place] = hostBits(key, 2)
  const pairs = found[which! % Math.max(1, found.length)]
  return pairs?.[place! % pairs.length]
}

/** The rules as a writer. */
export const rules = (shown: Shown = standardShown): Layer.Layer<Writer> =>
  Layer.succeed(Writer, {
    label: "rules",
    identity: `rules 1 ${shown.before} ${shown.after} ${shown.least}`,
    write: ({ text }, key) => Effect.sync(() => pairByRule(text, key, shown)),
  })
