/**
 * Sentences and words of running text, as far as questions by rule need them: enough for prose in scripts with capitals.
 * @module
 */

/** A word and where it begins in its sentence. */
export interface Word {
  readonly text: string
  readonly at: number
}

/** Ends of which no new sentence begins. */
const abbreviated = /(?:^|[\s"“'‘(])(?:Mr|Mrs|Ms|Dr|St|Capt|Rev|Hon|Gen|Col|Jr|Sr|Messrs|No|vs|etc|\p{Lu})\.$/u

/** The text on one line. */
export const flat = (text: string): string => text.replace(/\s+/gu, " ").trim()

/** Whole sentences of a flat text, in order: those that a cut at either end has torn are left out. */
export const sentencesOf = (text: string): ReadonlyArray<string> => {
  const parts = text.split(/(?<=[.!?]["”'’)]?) (?=["“'‘(]?\p{Lu})/u)
  const joined = parts.reduce<ReadonlyArray<string>>((list, part) => {
    const last = list.at(-1)
    return last !== undefined && abbreviated.test(last) ? [...list.slice(0, -1), `${last} ${part}`] : [...list, part]
  }, [])
  return joined.filter((s) => /^["“'‘(]?\p{Lu}/u.test(s) && /[.!?]["”'’)]?$/u.test(s))
}

/** The words of a text, in order. */
export const wordsOf = (text: string): ReadonlyArray<Word> =>
  Array.from(text.matchAll(/[\p{L}\p{M}]+(?:['’-][\p{L}\p{M}]+)*/gu), (m) => ({ text: m[0], at: m.index }))

/** Words with a capital that say nothing of whose name they are. */
const noNames: ReadonlySet<string> = new Set(
  ("A An And As At Aye Ah Alas All Am Any Are Be But By Ere Even Every For From Had Has Have He Her Here His How However If " +
    "In Is It Its Let Look Many May More Most My Nay No Nor Not Now O Of Oh On Once One Or Our Out She So Some Such Than " +
    "That The Thee Their Them Then There These They This Those Thou Though Thus Thy To Was We Well Were What When Where " +
    "Which While Who Why Will With Would Yes Yet You Your Chapter Book Part").split(" "),
)

/** Is the word the name of somebody or something by its form alone? */
export const isName = (word: string): boolean => /^\p{Lu}\p{Ll}+$/u.test(word) && !noNames.has(word)

/** Names inside of a sentence, where a capital means something: after a lower-case word and a plain space. */
export const namesIn = (sentence: string): ReadonlyArray<Word> =>
  wordsOf(sentence).filter(({ text, at }) => isName(text) && /[\p{Ll},] $/u.test(sentence.slice(0, at)))
