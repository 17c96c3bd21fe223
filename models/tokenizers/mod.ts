/**
 * Tokenizers: bytes, vocabularies learned here, any `tokenizer.json`.
 * @module
 */
export { type BpeRecipe, learnBpe, specials, superwords } from "./bpe.ts"
export { bytes } from "./bytes.ts"
export type { AddedToken, TokenizerConfig, TokenizerFile } from "./file.ts"
export { fromFile, huggingface, type HuggingFaceOptions } from "./huggingface.ts"
export { llama2, llama2File, type Llama2Vocabulary } from "./llama2.ts"
export type { Tokenizer } from "./tokenizer.ts"
