/**
 * Questions for users: who writes them about chunks of documents (an endpoint, a model, rules), written once as a stage, and
 * composed into rows to tune on.
 * @module
 */
export { WriterChoice, writerOf, writerText } from "./choice.ts"
export { type Chunk, chunksOf, type Document } from "./chunks.ts"
export { answerShare, type Asked, compose, type Composed } from "./compose.ts"
export { type Dialogue, dialogueByRule, dialogueOf, exampleOf, type Message } from "./dialogues.ts"
export { type Endpoint, endpoint, patient } from "./endpoint.ts"
export { mixedRows, type Portion, stacked } from "./mix.ts"
export { own, type Patience, standardPatience } from "./own.ts"
export { askAll, type Asking, Pairs, readPairs, standardAsking } from "./pairs.ts"
export { pairByRule, rules, type Shown, standardShown } from "./rules.ts"
export * from "./sequences.ts"
export * from "./stage.ts"
export { Pair, Writer, type WriterFault, writerFault } from "./writer.ts"
