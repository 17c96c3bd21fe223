/**
 * Messages that are under way together: posted at once, so that they move while other things are computed, and looked
 * after until all have arrived. What MPI reads and writes is held here until then: the garbage collector must not have it.
 * @module
 */
import type { Calls, Requests } from "./calls.ts"

/** A message of bytes with another rank. */
export interface Parcel {
  readonly rank: number
  readonly bytes: Uint8Array
}

/** Messages under way. */
export interface Talk {
  readonly requests: Requests
  /** The first ones receive, the rest send. */
  readonly receives: number
  /** The rank that each request is with. */
  readonly ranks: ReadonlyArray<number>
  readonly bytes: number
  readonly held: ReadonlyArray<Uint8Array>
  /** Who looks after it, until all have arrived: whoever asks, or a thread, and then nobody else may. */
  state: "open" | "threaded" | "arrived"
}

/** Bytes of the longest message that is sent in one piece: MPI counts in 32 bits. */
export const longest: number = 2 ** 30

/** Cut where they are too long; both sides cut alike, and MPI keeps the order. */
const pieces = (parcels: ReadonlyArray<Parcel>, most: number): ReadonlyArray<Parcel> =>
  parcels.flatMap(({ rank, bytes }) =>
    Array.from({ length: Math.ceil(bytes.length / most) }, (_, i) => ({
      rank,
      bytes: bytes.subarray(i * most, (i + 1) * most),
    }))
  )

/** Posts messages. Gives MPI's code: 0, or that of the first call that failed. */
export const post = (
  calls: Calls,
  tag: number,
  receives: ReadonlyArray<Parcel>,
  sends: ReadonlyArray<Parcel>,
  most: number = longest,
): { readonly talk: Talk; readonly code: number } => {
  const [ins, outs] = [pieces(receives, most), pieces(sends, most)]
  const all = [...ins, ...outs]
  const requests = calls.requests(all.length)
  const code = all.reduce((code, { rank, bytes }, i) => {
    if (code !== 0) return code
    return i < ins.length ? calls.receive(bytes, rank, tag, requests, i) : calls.send(bytes, rank, tag, requests, i)
  }, 0)
  const talk: Talk = {
    requests,
    receives: ins.length,
    ranks: all.map(({ rank }) => rank),
    bytes: all.reduce((n, { bytes }) => n + bytes.length, 0),
    held: all.map(({ bytes }) => bytes),
    state: "open",
  }
  return { talk, code }
}

/** Looks whether all have arrived, and moves them along. Gives MPI's code. */
export const look = (calls: Calls, talk: Talk): number => {
  if (talk.state !== "open") return 0
  const { code, done } = calls.test(talk.requests)
  if (done) talk.state = "arrived"
  return code
}

/** Takes back what has not begun to arrive. */
export const withdraw = (calls: Calls, talk: Talk): void => {
  if (talk.state === "arrived") return
  for (let i = 0; i < talk.receives; i++) calls.cancel(talk.requests, i)
}

/** The ranks that it still waits for: those that have not sent, else those that have not received. */
export const missing = (calls: Calls, { requests, ranks, receives, state }: Talk): ReadonlyArray<number> => {
  const open = ranks.map((rank, i) => ({ rank, i })).filter(({ i }) => state !== "open" || !calls.arrived(requests, i))
  const first = open.filter(({ i }) => i < receives)
  const named = state === "open" && first.length > 0 ? first : open
  return [...new Set(named.map(({ rank }) => rank))].sort((a, b) => a - b)
}
