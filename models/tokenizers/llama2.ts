/**
 * Llama-2's tokenizer (Touvron et al., 2023), which LWM's models have too: SentencePiece's byte-pair encoding over the whole
 * text, 32000 tokens, numbers digit by digit, bytes for what is not in the vocabulary. `bos` is 1, `eos` 2, and nothing
 * fills up.
 *
 * Texts come back as they were but for U+2581 (a block that SentencePiece writes for a space): it comes back as a space.
 * @module
 */
import { either as E } from "fp-ts"
import { type FileFault, fileFault } from "../../core/files/codec.ts"
import { sha256Text } from "../../core/graph/sha256.ts"
import type { TokenizerFile } from "./file.ts"
import { fromFile } from "./huggingface.ts"
import type { Tokenizer } from "./tokenizer.ts"

/** What the package `llama-tokenizer-js` gives: tokens by id, and merges as `left right` in their order. */
export interface Llama2Vocabulary {
  readonly vocabById: ReadonlyArray<string>
  readonly merges: ReadonlyMap<string, number>
}

/** SHA-256 of Llama-2's tokens and merges. */
const known = "fdd30fc86827cd0967a6820f1827c821cdefa9d80a3d5586da1b3e76749672fc"

/** Llama-2's `tokenizer.json` out of its vocabulary. */
export const llama2File = ({ vocabById, merges }: Llama2Vocabulary): TokenizerFile => ({
  version: "1.0",
  added_tokens: ["<unk>", "<s>", "</s>"].map((content, id) => ({
    ...{ id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true },
  })),
  normalizer: {
    type: "Sequence",
    normalizers: [{ type: "Prepend", prepend: "▁" }, { type: "Replace", pattern: { String: " " }, content: "▁" }],
  },
  pre_tokenizer: null,
  post_processor: null,
  decoder: {
    type: "Sequence",
    decoders: [
      { type: "Replace", pattern: { String: "▁" }, content: " " },
      { type: "ByteFallback" },
      { type: "Fuse" },
      { type: "Strip", content: " ", start: 1, stop: 0 },
    ],
  },
  model: {
    ...{ type: "BPE", dropout: null, unk_token: "<unk>", fuse_unk: true, byte_fallback: true },
    vocab: Object.fromEntries(vocabById.map((token, id) => [token, id])),
    merges: [...merges].sort(([, a], [, b]) => a - b).map(([pair]) => pair.split(" ")),
  },
})

/**
 * Llama-2's tokenizer out of the vocabulary that the package `llama-tokenizer-js` exports. Others go by that name and are
 * not it (Mistral's has as many tokens), so its digest is looked at.
 */
export const llama2 = (vocabulary: Llama2Vocabulary): E.Either<ReadonlyArray<FileFault>, Tokenizer> => {
  const file = llama2File(vocabulary)
  const got = sha256Text(JSON.stringify([vocabulary.vocabById, file.model["merges"]]))
  if (got !== known) {
    const message = `llama2: expected Llama-2's vocabulary, got another of ${vocabulary.vocabById.length} tokens ` +
      `(SHA-256 ${got.slice(0, 12)}); give what llama-tokenizer-js exports, or its own tokenizer.json to fromFile`
    return E.left([fileFault("value", "vocabulary", message)])
  }
  return fromFile(file, { name: "llama2" })
}
