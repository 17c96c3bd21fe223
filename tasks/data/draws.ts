/**
 * Which of several streams is next: drawn by a counter, so that draw n is the same whoever asks, whenever.
 * @module
 */
import { either as E } from "fp-ts"
import { hostBits, hostFold, type HostKey, hostKey } from "../../core/random/host.ts"
import { type DataFault, dataFault } from "./fault.ts"

/** Shares as parts of 1. Below 0, all 0, or none is a fault. */
export const partsOf = (shares: ReadonlyArray<number>): E.Either<DataFault, ReadonlyArray<number>> => {
  const sum = shares.reduce((a, b) => a + b, 0)
  const wrong = shares.find((share) => !(share >= 0 && share < Infinity))
  if (wrong === undefined && sum > 0) return E.right(shares.map((share) => share / sum))
  const found = wrong === undefined ? "nothing above 0" : `${wrong}`
  return E.left(dataFault("settings", "shares", `shares are numbers of 0 or more, one of them above 0; got ${found}`))
}

/** The place of a document in what is drawn: a hash of its id (FNV-1a), as ids stay when a run goes on or is divided. */
export const hashOf = (text: string): number => {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return hash >>> 0
}

/** A number from 0 up to 1, of 32 bits. */
export const uniformAt = (key: HostKey, n: number): number => hostBits(hostFold(key, n), 1)[0]! / 2 ** 32

/** The stream that draw n takes; each draw is independent of the others. */
export const drawer = (parts: ReadonlyArray<number>, seed: number): (n: number) => number => {
  const key = hostFold(hostKey(seed), 0x6d6978)
  const ends = parts.map((_, i) => parts.slice(0, i + 1).reduce((a, b) => a + b, 0))
  const last = parts.reduce((found, part, i) => part > 0 ? i : found, 0)
  return (n) => {
    const u = uniformAt(key, n)
    const found = ends.findIndex((end) => u < end)
    return found < 0 ? last : found
  }
}
