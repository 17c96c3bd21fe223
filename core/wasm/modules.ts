/**
 * Compiled modules, by the digest of their bytes: code has no addresses in it, so equal programs share one, now and when
 * they are prepared again. Of those that no program uses only the latest are kept.
 * @module
 */
import * as Effect from "effect/Effect"
import { type DeviceFault, deviceFault } from "../device/backend.ts"
import type { ProgramCode } from "./module.ts"
import type { Entry, Pool } from "./pool.ts"

/** A module that all threads know by its number. */
export interface Loaded {
  readonly id: number
  readonly entry: Entry
  /** A program is done with it. */
  readonly release: () => void
}

/** The modules of a device. */
export interface Modules {
  readonly get: (code: ProgramCode) => Effect.Effect<Loaded, DeviceFault>
}

/** Unused modules that are kept. */
const kept = 32

const digest = async (bytes: Uint8Array<ArrayBuffer>): Promise<string | undefined> => {
  // pages that did not come by https have no digests: there, no module is found again
  if (globalThis.crypto?.subtle === undefined) return undefined
  const sum = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes))
  return [...sum].map((b) => b.toString(16).padStart(2, "0")).join("")
}

interface Known {
  readonly id: number
  readonly entry: Promise<Entry>
  users: number
}

/** No modules yet. */
export const modulesFor = (threads: Pool, imports: WebAssembly.ModuleImports): Modules => {
  /** In the order of last use. */
  const known = new Map<string, Known>()
  let count = 0
  const compile = async (bytes: Uint8Array<ArrayBuffer>, id: number): Promise<Entry> => {
    const module = await WebAssembly.compile(bytes)
    threads.load(id, module)
    return new WebAssembly.Instance(module, { m: imports }).exports as unknown as Entry
  }
  const forget = (): void => {
    const unused = [...known].filter(([, k]) => k.users === 0)
    for (const [key, { id }] of unused.slice(0, Math.max(0, unused.length - kept))) {
      known.delete(key)
      threads.drop(id)
    }
  }
  const load = async (code: ProgramCode): Promise<Loaded> => {
    count += 1
    const id = count
    const key = (await digest(code.bytes)) ?? `${id}`
    const found = known.get(key) ?? { id, entry: compile(code.bytes, id), users: 0 }
    known.delete(key)
    known.set(key, found)
    found.users += 1
    const release = (): void => {
      found.users -= 1
      forget()
    }
    try {
      return { id: found.id, entry: await found.entry, release }
    } catch (cause) {
      known.delete(key)
      throw cause
    }
  }
  return {
    get: (code) =>
      Effect.tryPromise({
        try: () => load(code),
        catch: (cause) => deviceFault("compile", `wasm: the engine refused the module of a program: ${cause}`),
      }),
  }
}
