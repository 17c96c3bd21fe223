/**
 * Prompts that LWM's models were taught (`lwm/vision_generation.py`, `lwm/vision_chat.py`), as tokens. Parts are encoded by
 * themselves, as examples are that are learned from, so a prompt is the beginning of such an example in every vocabulary;
 * in Llama-2's it is what the whole text gives.
 * @module
 */
import type { Tokenizer } from "../tokenizers/tokenizer.ts"
import type { Delimiters, Laid } from "./layout.ts"

// ---- types -------------------------------------------------------------------

/** The texts of prompts; `{}` stands for what is asked. */
export interface Wording {
  readonly image: string
  readonly video: string
  /** Before the frames that a question is about, and after them. */
  readonly question: string
  readonly answer: string
}

// ---- texts -------------------------------------------------------------------

/** LWM's. */
export const lwmWording: Wording = {
  image: "You are a helpful assistant. USER: Generate an image of {} ASSISTANT:",
  video: "You are a helpful assistant. USER: Generate a video of {} ASSISTANT:",
  question: "You are a helpful assistant. USER: {}\n",
  answer: " ASSISTANT:",
}

/** A wording's text with what is asked. */
export const worded = (wording: string, asked: string): string => wording.split("{}").join(asked)

// ---- tokens --------------------------------------------------------------------

const joined = (parts: ReadonlyArray<Laid>): Laid => ({
  tokens: Int32Array.from(parts.flatMap(({ tokens }) => Array.from(tokens))),
  vision: Uint8Array.from(parts.flatMap(({ vision }) => Array.from(vision))),
})

const ofText = (tokens: ArrayLike<number>): Laid => ({
  tokens: Int32Array.from(tokens),
  vision: new Uint8Array(tokens.length),
})

const begun = ({ bos }: Pick<Tokenizer, "bos">): ReadonlyArray<number> => bos === undefined ? [] : [bos]

/** Asks for an image or a video: it ends with `<vision>`, and codes of the first frame follow. */
export const generationPrompt = (
  tokenizer: Tokenizer,
  { open }: Delimiters,
  kind: "image" | "video",
  asked: string,
  wording: Wording = lwmWording,
): Laid => ofText([...begun(tokenizer), ...tokenizer.encode(worded(wording[kind], asked)), ...open])

/** Asks for no particular image: what classifier-free guidance holds the other prompt against. */
export const unconditionalPrompt = (tokenizer: Tokenizer, { open }: Delimiters): Laid =>
  ofText([...begun(tokenizer), ...open])

/** Asks about the frames of a block; what follows is the answer. */
export const visionChatPrompt = (
  tokenizer: Tokenizer,
  frames: Laid,
  question: string,
  wording: Wording = lwmWording,
): Laid =>
  joined([
    ofText([...begun(tokenizer), ...tokenizer.encode(worded(wording.question, question))]),
    frames,
    ofText(tokenizer.encode(wording.answer)),
  ])
