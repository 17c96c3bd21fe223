/**
 * What a trial draws: whole numbers, a choice without putting back, numbers with so many digits, invented names. All of it
 * depends on a key alone.
 * @module
 */
import { hostFold, hostInt, type HostKey, hostKey, hostPermutation } from "../../core/random/host.ts"
import { i32 } from "../../core/tensor/spec.ts"
import type { Trial } from "./task.ts"

/** The key of a trial: another trial of the same grid, or another seed, is another stream. */
export const trialKey = (seed: number, { length, depth, round }: Trial): HostKey =>
  [length, depth === null ? 0 : 1 + Math.round(1000 * depth), round].reduce(hostFold, hostKey(seed))

/** The key of a round: the haystack of a round is one passage at all depths, as in LWM. */
export const roundKey = (seed: number, round: number): HostKey => hostFold(hostFold(hostKey(seed), 0), round)

/** A whole number from 0 below `n`. */
export const below = (key: HostKey, n: number): number => hostInt(key, i32(), 0, n).data[0]!

/** `count` of them in random order, none twice. */
export const sample = <A>(key: HostKey, from: ReadonlyArray<A>, count: number): ReadonlyArray<A> =>
  Array.from(hostPermutation(key, from.length).subarray(0, count), (i) => from[i]!)

/** The first `count` different ones that a key draws. There must be as many. */
const different = (key: HostKey, count: number, draw: (key: HostKey) => string): ReadonlyArray<string> => {
  const found = new Set<string>()
  for (let i = 0; found.size < count; i++) found.add(draw(hostFold(key, i)))
  return [...found]
}

/** Different numbers of so many digits (at most 9), the first of them not 0, as LWM draws them. */
export const numbers = (key: HostKey, count: number, digits: number): ReadonlyArray<string> => {
  const least = 10 ** (digits - 1)
  return different(key, count, (k) => String(least + below(k, 9 * least)))
}

/** Different names of so many capital letters. */
export const letters = (key: HostKey, count: number, length: number): ReadonlyArray<string> =>
  different(key, count, (k) => String.fromCharCode(...hostInt(k, i32("letter", { letter: length }), 65, 91).data))

const syllables = "ba be bo da de di fa fo ga go ka ki la li lo ma me mo na ne no pa po ra re ri sa so ta ti to va"
  .split(" ")

/** Different words that nobody has read: three or four syllables. */
export const words = (key: HostKey, count: number): ReadonlyArray<string> =>
  different(key, count, (k) => {
    const drawn = hostInt(k, i32("syllable", { syllable: 5 }), 0, syllables.length).data
    return Array.from(drawn.subarray(0, 3 + (drawn[4]! & 1)), (i) => syllables[i]!).join("")
  })
