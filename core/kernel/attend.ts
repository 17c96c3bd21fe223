/**
 * The parts of an attention kernel: its variables, its operands by name, and which queries see which keys.
 * @module
 */
import type { Attend, Expr } from "./kernel.ts"

/** Names of the operands, in the order in which they are told. */
export const operandNames = [
  "q",
  "k",
  "v",
  "queryPosition",
  "keyPosition",
  "querySegment",
  "keySegment",
  "bias",
  "lse",
  "delta",
  "cotangent",
] as const

/** The name of an operand. */
export type OperandName = typeof operandNames[number]

/** The operands that are there. */
export const operandsOf = (k: Attend): ReadonlyArray<Expr> =>
  operandNames.flatMap((n) => {
    const e = k[n]
    return e === undefined ? [] : [e]
  })

/** The kernel with other operands. */
export const withOperands = (k: Attend, of: (e: Expr, name: OperandName) => Expr): Attend =>
  Object.assign(
    { ...k },
    ...operandNames.map((n) => {
      const e = k[n]
      return e === undefined ? {} : { [n]: of(e, n) }
    }),
  ) as Attend

/** Numbers of the variables. */
export interface Variables {
  readonly batch: ReadonlyArray<number>
  readonly share: ReadonlyArray<number>
  readonly query: number
  readonly key: number
  readonly head: number
  readonly value: number
}

/** Numbers of the variables of an attention kernel. */
export const variablesOf = ({ batch, share }: Attend): Variables => {
  const first = batch.length + share.length
  return {
    batch: batch.map((_, i) => i),
    share: share.map((_, i) => batch.length + i),
    query: first,
    key: first + 1,
    head: first + 2,
    value: first + 3,
  }
}

/** Are the positions on both sides the places themselves, counted from 0? */
export const isPlaced = (k: Attend): boolean => {
  const { query, key } = variablesOf(k)
  const counts = (e: Expr, id: number): boolean =>
    e.tag === "index" && e.at.base === 0 && e.at.terms.length <= 1 &&
    e.at.terms.every(({ coef, atom }) => coef === 1 && atom.tag === "var" && atom.id === id)
  return counts(k.queryPosition, query) && counts(k.keyPosition, key)
}

/** Pairs of a query and a key that see each other, as far as is known before it runs: of one point of batch and share. */
export const pairsOf = (k: Attend): number => {
  const { causal, window } = k
  // positions that are known only when it runs: in all, the blocks of a sequence in any order come to half of its pairs
  if (!isPlaced(k)) return causal > 0 ? Math.ceil((k.query * k.key) / 2) : k.query * k.key
  if (causal === 0 && window === 0) return k.query * k.key
  let pairs = 0
  for (let i = 0; i < k.query; i++) {
    const end = causal > 0 ? (Math.floor(i / causal) + 1) * causal : k.key
    const high = Math.min(k.key, end, window > 0 ? i + window : k.key)
    const low = window > 0 ? Math.max(0, i - window + 1) : 0
    pairs += Math.max(0, high - low)
  }
  return pairs
}

/** Arithmetic operations of a pair: products of depth head and value, and a few more; a multiply-add counts two. */
export const pairFlops = ({ part, head, value }: Attend): number =>
  part === "forward" ? 2 * head + 2 * value + 6 : part === "query" ? 4 * head + 2 * value + 8 : 4 * head + 4 * value + 8
