/**
 * The browser's side: learns on the device that the address names, and gives back what came of it.
 * @module
 */
import * as Effect from "effect/Effect"
import type { Backend } from "../../core/device/backend.ts"
import { choose } from "../../core/device/choose.ts"
import { layer } from "../../core/device/device.ts"
import { wasm } from "../../core/wasm/backend.ts"
import { learn, type Learned } from "./model.ts"

/** Called by the page that Chromium opens. */
export const main = (device: string): Promise<Learned | { readonly fault: string }> => {
  const backend = device === "wasm"
    ? Effect.map(wasm({ threads: 2 }), (b) => b as Backend)
    : Effect.map(choose(device), (chosen) => chosen.backend)
  return Effect.runPromise(Effect.match(Effect.provide(learn, layer(backend)), {
    onFailure: ({ message }) => ({ fault: message }),
    onSuccess: (learned) => learned,
  }))
}
