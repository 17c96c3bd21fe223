/**
 * Which process this is, and whether another one still lives: what locks and drafts are marked with. The runtime is asked
 * when it is needed, so that this module loads in a browser, where a page is a process of its own.
 * @module
 */
import * as t from "io-ts"
import { finite, natural } from "../core/files/codec.ts"

// ---- types -----------------------------------------------------------------

/** A process of a machine. */
export interface Owner {
  readonly pid: number
  readonly host: string
  /** When the machine was started, in milliseconds since 1970: its process numbers begin anew then. */
  readonly booted: number
  /** Drawn when the process began, for its number may have been another's before. */
  readonly session: string
}

/** The codec of owners. */
export const Owner: t.Type<Owner, unknown> = t.strict({
  pid: natural,
  host: t.string,
  booted: finite,
  session: t.string,
})

// ---- who -------------------------------------------------------------------

/** Clocks are set and rounded: times of one start differ by less than this. */
const minute = 60_000

const session: string = crypto.randomUUID()

/** This process. */
export const self = async (): Promise<Owner> => {
  if (!("process" in globalThis) && !("Deno" in globalThis)) return { pid: 0, host: "browser", booted: 0, session }
  const [{ hostname, uptime }, { default: process }] = [await import("node:os"), await import("node:process")]
  return { pid: process.pid, host: hostname(), booted: Math.round(Date.now() - 1000 * uptime()), session }
}

/** FNV-1a, to tell machines apart in names of files. */
const short = (text: string): string => {
  const hash = [...text].reduce((h, c) => Math.imul(h ^ c.codePointAt(0)!, 0x01000193) >>> 0, 0x811c9dc5)
  return hash.toString(16).padStart(8, "0")
}

/** An owner as a part of a file's name. */
export const ownerText = ({ host, pid }: Pick<Owner, "host" | "pid">): string => `${short(host)}-${pid}`

/**
 * Is it gone for certain? A process of another machine never is, and one whose number another process has may not be:
 * who waits for it looks whether it gives signs of life.
 */
export const isGone = async (owner: Owner): Promise<boolean> => {
  const here = await self()
  if (owner.host !== here.host) return false
  if (here.booted - owner.booted > minute) return true
  if (owner.pid === here.pid) return owner.session !== session
  return await isGoneHere(owner.pid)
}

/** The same for a process of this machine, by its number. */
const isGoneHere = async (pid: number): Promise<boolean> => {
  if (pid === 0) return false
  const { default: process } = await import("node:process")
  try {
    process.kill(pid, 0)
    return false
  } catch (e) {
    return (e as { readonly code?: unknown }).code === "ESRCH"
  }
}

/** Of a file's name: was it this machine's, and is its process gone? */
export const isOrphan = async (text: string): Promise<boolean> => {
  const [host, pid] = text.split("-")
  const here = await self()
  return host === short(here.host) && Number(pid) !== here.pid && await isGoneHere(Number(pid))
}
