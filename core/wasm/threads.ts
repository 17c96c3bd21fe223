/**
 * How many threads: what the program asks for, else what `ORRERY_THREADS` says, else what the machine runs at once.
 * @module
 */
import { either as E } from "fp-ts"
import { control } from "./walker.ts"

/** What says how many. */
export interface Wish {
  /** The option `threads`. */
  readonly option: number | undefined
  /** The variable `ORRERY_THREADS`; an empty one says nothing. */
  readonly variable: string | undefined
  /** Threads that the machine runs at once; of more than there may be, so many are used as there may be. */
  readonly processors: number
}

const most = control.threads

const fits = (n: number): boolean => Number.isInteger(n) && n >= 1 && n <= most

/** The number of threads, the caller's included; a sentence if what is asked for is no number of threads. */
export const threadsFor = ({ option, variable, processors }: Wish): E.Either<string, number> => {
  const expected = `expected a whole number from 1 to ${most}`
  if (option !== undefined) {
    return fits(option) ? E.right(option) : E.left(`wasm: the option threads is ${option}; ${expected}`)
  }
  const text = variable?.trim() ?? ""
  if (text === "") return E.right(Math.min(most, Math.max(1, Math.floor(processors) || 1)))
  return /^[0-9]+$/.test(text) && fits(Number(text))
    ? E.right(Number(text))
    : E.left(`wasm: ORRERY_THREADS is '${variable}'; ${expected}, or leave it unset for as many as the machine runs`)
}
