/**
 * What differs between engines: how a worker is started, what the engine can be asked to do, how many threads there
 * are. Node and Deno have `worker_threads`, browsers web workers.
 * @module
 */
import { nodePlatform } from "./platform-node.ts"
import { webPlatform } from "./platform-web.ts"
import type { WorkerMessage, WorkerReply } from "./worker.ts"

/** A running worker. */
export interface WorkerHandle {
  readonly send: (message: WorkerMessage) => void
  readonly end: () => Promise<void>
}

/** What a worker's owner hears. */
export interface WorkerEvents {
  readonly reply: (reply: WorkerReply) => void
  /** It ended without being asked to. */
  readonly died: (why: string) => void
}

/** One kind of engine. */
export interface Platform {
  readonly name: "node" | "deno" | "browser"
  /** Threads that the machine runs at once. */
  readonly processors: number
  /** May the main thread sleep? */
  readonly mainMaySleep: boolean
  /** Lets the main thread's events happen. */
  readonly pause: () => Promise<void>
  /** Asks the engine for what helps, before anything is compiled; says whether it joins v128 operations into 256 bits. */
  readonly tune: (wish: { readonly relaxed: boolean; readonly wide: boolean }) => { readonly revectorize: boolean }
  /** How native libraries are loaded, where they may be: by Deno itself, or by `koffi` at that path. */
  readonly foreign: { readonly koffi: string | undefined; readonly require: (name: string) => unknown } | undefined
  readonly spawn: (events: WorkerEvents) => WorkerHandle
  /** A variable of the environment, where there is one and it may be read. */
  readonly variable: (name: string) => string | undefined
}

/** The engine that runs this. */
export const platform = (): Platform => "process" in globalThis ? nodePlatform() : webPlatform()
