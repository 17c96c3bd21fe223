/**
 * Packages that only some tasks need: looked up when they are needed, and named to who has not installed them.
 * @module
 */
import * as Effect from "effect/Effect"
import { type DataFault, dataFault, saying } from "./fault.ts"

/** Loads a package; a fault says how to install it. */
export const brought = <A>(name: string, load: () => Promise<A>): Effect.Effect<A, DataFault> =>
  Effect.tryPromise({
    try: load,
    catch: (e) =>
      dataFault(
        "missing",
        name,
        `the package ${name} cannot be loaded (${saying(e)}); install it once: npm install ${name}`,
      ),
  })
