/**
 * Stages for users: declare them, name them together, and run them over a folder.
 *
 * ```ts
 * import * as Effect from "effect/Effect"
 * import * as t from "io-ts"
 * import { events, folder, run, stage } from "./mod.ts"
 *
 * const answer = stage({
 *   name: "answer",
 *   version: "1",
 *   codec: t.strict({ of: t.number }),
 *   settings: { of: 6 },
 *   needs: {},
 *   output: t.number,
 *   make: (_, { of }) => Effect.succeed(7 * of),
 * })
 * const made = run(answer).pipe(Effect.provide(events), Effect.provide(folder("runs")))
 * ```
 * @module
 */
export * from "./stage.ts"
export { decodeValue, type FileFault, finite, natural, positive } from "../../core/files/codec.ts"
export { canonical } from "./json.ts"
export type { StageFault } from "./fault.ts"
export { inOrder, keyOf, pipelineFaults, stageNamed } from "./key.ts"
export { type Options, run, runAll, type RunFault } from "./run.ts"
export {
  type Event,
  Events,
  events,
  type Happening,
  heardBy,
  listen,
  logTo,
  parseLog,
  say,
  StageName,
} from "../events.ts"
export { Digest, FileRef, getBytes, getTensors, putBytes, putTensors } from "../objects.ts"
export { digest, folder, memory, Store, type StoreFault, utf8 } from "../store.ts"
