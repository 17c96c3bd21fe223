/**
 * Data for users: sources of documents, what of their fields is learned, tokenising once, order, packing, and batches.
 *
 * ```ts
 * import { bytes } from "../../models/tokenizers/bytes.ts"
 * import { examples, jsonLines } from "./mod.ts"
 *
 * const told = examples(jsonLines("chat.jsonl"), { fields: "[question],answer" }, bytes)
 * ```
 * @module
 */

// documents
export * from "./source.ts"
export { chapters, mobyDick, speeches } from "./books.ts"
export { filesDigest, filesOf } from "./files.ts"
export { folder, textFiles } from "./folder.ts"
export { jsonLines } from "./jsonl.ts"
export { books, named } from "./named.ts"
export { parquet } from "./parquet.ts"
export { type Held, type Split, split } from "./split.ts"

// what is learned of them
export * from "./example.ts"
export { examples, type Reader } from "./examples.ts"
export * from "./fields.ts"
export { tokenizerNamed } from "./tokenizers.ts"

// order, shares, lengths
export { type Bin, counts, gathered, paper, within } from "./documents.ts"
export { keep, type Keeping, type Kept, type KeptFault } from "./kept.ts"
export { mixed, type Share } from "./mixed.ts"
export * from "./order.ts"

// rows
export { batches, type Loading, rowsFault, type Shard, shardOf } from "./loader.ts"
export * from "./packing.ts"

// text and pictures
export * from "./vision-example.ts"
export { isVision, visionExamples, type VisionReader } from "./vision.ts"
export { type KeepingVision, keepVision, type KeptVision } from "./vision-kept.ts"
export { type Seen, visionLine, writeLines, type Written } from "./vision-lines.ts"
export { type Kind, mixedKinds, ofText, paperMixes, type Shares, tasked } from "./vision-mixture.ts"
export * from "./vision-packing.ts"
export { visionLines } from "./vision-source.ts"
export { kindRows, type RowsOfKind } from "./vision-rows.ts"
export { lwmPairing, type Pairing, shuffledPairs, type Turned, turnedAs } from "./vision-pairs.ts"

// what is wrong
export { type DataFault, dataFault } from "./fault.ts"
export { type Malformed, Tally, tallyText } from "./tally.ts"
