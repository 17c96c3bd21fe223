/**
 * What MPI needs of the runtime: native libraries, the environment, and last words. Node and Deno are one platform here:
 * `koffi` works in both, and what else is asked for are Node's built-in modules, at run time, so that a bundle for
 * browsers does not hold them.
 * @module
 */

/** A foreign function: called here, or on a thread of its own. */
export interface Foreign {
  (...args: ReadonlyArray<unknown>): unknown
  readonly async: (...args: ReadonlyArray<unknown>) => void
}

/** An open native library. */
export interface NativeLibrary {
  readonly func: (name: string, result: string, args: ReadonlyArray<string>) => Foreign
  /** Throws where there is no such symbol. */
  readonly symbol: (name: string) => unknown
}

/** As much of koffi as is used. */
export interface Koffi {
  readonly config: (options?: { readonly [name: string]: number }) => { readonly async_stack_size: number }
  readonly load: (path: string, options: { readonly lazy: boolean; readonly global?: boolean }) => NativeLibrary
  readonly address: (pointer: unknown) => bigint
}

/** The runtime that a rank runs in. */
export interface Host {
  /** A variable of the environment, where it may be read. */
  readonly variable: (name: string) => string | undefined
  /** Sets a variable for the native libraries of this process, unless it is set. */
  readonly settle: (name: string, value: string) => void
  /** Rejects where koffi is not installed. */
  readonly koffi: () => Promise<Koffi>
  readonly process: number
  readonly machine: string
  /** Writes a line to standard error, at once. */
  readonly say: (line: string) => void
  /** Stands still. */
  readonly pause: (milliseconds: number) => void
  /** Calls back when the process ends by itself, with its exit code and what was thrown; gives what takes that back. */
  readonly onExit: (last: (code: number, thrown: string) => void) => () => void
  /** Ends the process by a signal: nothing more of it runs. */
  readonly kill: () => void
  /**
   * A line that is written to standard error should this process end without having taken it back, in whatever way; it
   * is a process of its own that waits for that, and keeps these files open until it has spoken. Gives what takes it back.
   */
  readonly lastWords: (line: string, held: ReadonlyArray<number>) => () => void
  /** Ends the process with a line on standard error, even if its main thread stands still; gives what takes it back. */
  readonly within: (seconds: number, line: string) => () => void
}

type Listen = (event: string, handler: () => void) => void

interface NodeListen {
  (event: "exit", handler: (code: number) => void): void
  (event: "uncaughtExceptionMonitor", handler: (error: unknown) => void): void
}
/** As much of Node's modules as is used. */
interface NodeProcess {
  readonly env: { [name: string]: string | undefined }
  readonly pid: number
  readonly exitCode?: number
  readonly getBuiltinModule: (name: string) => unknown
  readonly kill: (pid: number, signal: string) => void
  readonly on: NodeListen
  readonly off: NodeListen
}
interface Child {
  readonly stdin: { readonly unref?: () => void; readonly on: (event: "error", handler: () => void) => void }
  readonly on: (event: "error", handler: () => void) => void
  readonly unref: () => void
  readonly pid: number | undefined
}
interface Modules {
  readonly fs: { readonly writeSync: (fd: number, text: string) => void }
  readonly os: { readonly hostname: () => string }
  readonly child_process: {
    readonly spawn: (command: string, args: ReadonlyArray<string>, options: object) => Child
  }
  readonly worker_threads: {
    readonly Worker: new (source: string, options: object) => { readonly unref: () => void }
  }
}

/** The names are not written into the `import`, so that bundles for browsers do not try to hold a native addon. */
const loadKoffi = async (): Promise<Koffi> => {
  const names = ["koffi", ...("Deno" in globalThis ? ["npm:koffi@3.3.4"] : [])]
  const told: Array<unknown> = []
  for (const name of names) {
    try {
      return (await import(name) as { readonly default: Koffi }).default
    } catch (error) {
      told.push(error)
    }
  }
  throw told[0]
}

/** Waits for its standard input to end: then its parent is gone, and it speaks for it. */
const mourner = 'IFS= read -r line; printf "%s\\n" "$1" >&2'

/** Runs in a thread: the main one may stand in a call that never comes back. */
const guard = `const { workerData: { cell, milliseconds, line, process: pid } } = require("node:worker_threads");
if (Atomics.wait(cell, 0, 0, milliseconds) === "timed-out") {
  require("node:fs").writeSync(2, line + "\\n");
  process.kill(pid, "SIGKILL");
}`

/** Node and Deno. */
export const nodeHost = (): Host => {
  const process = (globalThis as unknown as { readonly process: NodeProcess }).process
  const builtin = <K extends keyof Modules>(name: K): Modules[K] =>
    process.getBuiltinModule(`node:${name}`) as Modules[K]
  const say = (line: string): void => {
    try {
      builtin("fs").writeSync(2, line + "\n")
    } catch {
      return // nobody reads it
    }
  }
  return {
    variable: (name) => {
      try {
        return process.env[name]
      } catch {
        return undefined // no permission to read it
      }
    },
    settle: (name, value) => {
      process.env[name] ??= value
    },
    koffi: loadKoffi,
    process: process.pid,
    machine: builtin("os").hostname(),
    say,
    pause: (milliseconds) => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds),
    onExit: (last) => {
      const thrown = { text: "" }
      // Node prints what was thrown after this, Deno before: in Node it would never be seen
      const seen = (error: unknown): void => {
        thrown.text = error instanceof Error ? error.stack ?? error.message : String(error)
      }
      let told = false
      const exit = (code: number): void => {
        if (told) return
        told = true
        last(code, thrown.text)
      }
      // Deno.exit is no exit of Node's: it says `unload`, and not its code
      const unload = (): void => exit(process.exitCode ?? 0)
      const events = globalThis as { readonly addEventListener?: Listen; readonly removeEventListener?: Listen }
      process.on("uncaughtExceptionMonitor", seen)
      process.on("exit", exit)
      events.addEventListener?.("unload", unload)
      return () => {
        process.off("uncaughtExceptionMonitor", seen)
        process.off("exit", exit)
        events.removeEventListener?.("unload", unload)
      }
    },
    kill: () => process.kill(process.pid, "SIGKILL"),
    lastWords: (line, held) => {
      try {
        const child = builtin("child_process").spawn("/bin/sh", ["-c", mourner, "sh", line], {
          stdio: ["pipe", "inherit", "inherit", ...held],
        })
        const ignore = (): void => {}
        child.on("error", ignore) // no shell: then the launcher's own words must do
        child.stdin.on("error", ignore)
        child.unref()
        child.stdin.unref?.()
        return () => {
          try {
            // by its number: Deno's `child.kill` closes the pipe first, and the child would speak
            if (child.pid !== undefined) process.kill(child.pid, "SIGKILL")
          } catch {
            return // it is gone
          }
        }
      } catch {
        return () => {}
      }
    },
    within: (seconds, line) => {
      const cell = new Int32Array(new SharedArrayBuffer(4))
      const { Worker } = builtin("worker_threads")
      const workerData = { cell, milliseconds: seconds * 1000, line, process: process.pid }
      new Worker(guard, { eval: true, execArgv: [], workerData }).unref()
      return () => {
        Atomics.store(cell, 0, 1)
        Atomics.notify(cell, 0)
      }
    },
  }
}
