/**
 * What a language model is told to write, and how its reply is read: two lines, as models of any size manage.
 * @module
 */
import { either as E } from "fp-ts"
import type { Pair } from "./writer.ts"

/** Raised when the request means something else: pairs written before are not taken for those of now. */
export const version = "1"

/** Characters of a question or an answer at most. */
const longest = 400

/** The request for one pair about a text. */
export const request = (text: string): string =>
  [
    "Here is a passage from a long document:",
    "",
    text.trim(),
    "",
    "Write one question that this passage answers, and its answer in a few words. Name people and things, so that the " +
    "question is clear without the passage at hand. Reply with exactly two lines:",
    "Question: ...",
    "Answer: ...",
  ].join("\n")

const oneLine = (text: string): string => text.replace(/\s+/g, " ").trim()

const after = (reply: string, name: string, until: string): string | undefined => {
  const found = new RegExp(`(?:^|\\n)[\\s*#>-]*${name}\\s*:[*\\s]*([\\s\\S]*?)${until}`, "i").exec(reply)?.[1]
  return found === undefined ? undefined : oneLine(found.replace(/\*+/g, ""))
}

/** Reads a reply. What it is not, it says. */
export const parse = (reply: string): E.Either<string, Pair> => {
  const question = after(reply, "question", "(?=\\n[\\s*#>-]*answer\\s*:)")
  const answer = after(reply, "answer", "(?=\\n\\s*\\n|\\n[\\s*#>-]*question\\s*:|$)")
  const shown = JSON.stringify(oneLine(reply).slice(0, 80))
  if (question === undefined || answer === undefined) {
    return E.left(`expected the lines "Question: ..." and "Answer: ...", got ${shown}`)
  }
  if (question === "" || answer === "") return E.left(`the question or the answer is empty in ${shown}`)
  if (question.length > longest || answer.length > longest) {
    return E.left(`the question or the answer is longer than ${longest} characters in ${shown}`)
  }
  return E.right({ question, answer })
}
