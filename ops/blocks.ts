/**
 * Which blocks of an attention have work, as devices see it: from the lowest and highest position and segment of a block.
 * A plan counts with it what a layout of the sequence costs each rank; nothing is computed.
 *
 * ```ts
 * import { either as E } from "fp-ts"
 * import { attentionBlocks } from "@orrery/orrery"
 * const blocks = attentionBlocks({ query: 2048, key: 2048, blocks: { query: 256, key: 512 }, causal: true })
 * if (E.isRight(blocks)) console.log(blocks.right.filter((b) => b.state !== "skipped").length) // => 20
 * ```
 * @module
 */
import { either as E } from "fp-ts"
import { fault, type Faults } from "../core/graph/fault.ts"

/** How many places, counted from 0; or the position of each, in the order in which they lie. */
export type Places = number | ArrayLike<number>

/** A layout of queries and keys, cut into blocks. */
export interface BlockLayout {
  readonly query: Places
  readonly key: Places
  readonly blocks: { readonly query: number; readonly key: number }
  /** As in `AttentionOptions`. */
  readonly causal?: boolean
  readonly causalBlockSize?: number
  readonly window?: number
  readonly segments?: { readonly query: ArrayLike<number>; readonly key: ArrayLike<number> }
}

/** Nothing of it is seen; some is; all is, so that no mask is needed. */
export type BlockState = "skipped" | "masked" | "whole"

/** A block of queries and one of keys, by their numbers. */
export interface AttentionBlock {
  readonly query: number
  readonly key: number
  readonly state: BlockState
}

interface Range {
  readonly low: number
  readonly high: number
}

/** What a law says of two ranges: nothing between them is seen, or everything. */
interface Law {
  readonly none: (q: Range, k: Range) => boolean
  readonly all: (q: Range, k: Range) => boolean
}

const causal = (size: number): Law => ({
  none: (q, k) => Math.floor(q.high / size) < Math.floor(k.low / size),
  all: (q, k) => Math.floor(q.low / size) >= Math.floor(k.high / size),
})

const within = (window: number): Law => ({
  none: (q, k) => Math.max(q.low - k.high, k.low - q.high) >= window,
  all: (q, k) => Math.max(q.high - k.low, k.high - q.low) < window,
})

const together: Law = {
  none: (q, k) => q.high < k.low || k.high < q.low,
  all: (q, k) => q.low === q.high && k.low === k.high && q.low === k.low,
}

const lengthOf = (places: Places): number => typeof places === "number" ? places : places.length

/** Lowest and highest of each block. */
const ranges = (places: Places, block: number): ReadonlyArray<Range> =>
  Array.from({ length: Math.ceil(lengthOf(places) / block) }, (_, b) => {
    const [from, to] = [b * block, Math.min(lengthOf(places), (b + 1) * block)]
    if (typeof places === "number") return { low: from, high: to - 1 }
    const all = Array.from({ length: to - from }, (_, i) => places[from + i]!)
    return all.reduce((r: Range, p) => ({ low: Math.min(r.low, p), high: Math.max(r.high, p) }), {
      low: Infinity,
      high: -Infinity,
    })
  })

const faultsOf = (l: BlockLayout): Faults => {
  const sizes = [
    ["blocks.query", l.blocks.query],
    ["blocks.key", l.blocks.key],
    ["causalBlockSize", l.causalBlockSize ?? 1],
    ["window", l.window ?? 1],
  ] as const
  const sides = (["query", "key"] as const).filter((s) => (l.segments?.[s].length ?? lengthOf(l[s])) !== lengthOf(l[s]))
  return [
    ...sizes.filter(([, n]) => !(Number.isSafeInteger(n) && n >= 1)).map(([what, n]) =>
      fault("ValueFault", "attentionBlocks", `${what} is ${n}; expected a whole number from 1`)
    ),
    ...sides.map((s) =>
      fault(
        "SizeFault",
        "attentionBlocks",
        `there are ${lengthOf(l[s])} places and ${l.segments![s].length} segments of the ${s} side; give each one`,
      )
    ),
  ]
}

/**
 * All blocks, queries outermost. Blocks at the ends may be shorter. Skipped is what surely sees nothing: with positions or
 * segments that have gaps, a block may be called masked though none of its pairs is seen. Faults: sizes that are no whole
 * numbers from 1, segments of another length.
 */
export const attentionBlocks = (l: BlockLayout): E.Either<Faults, ReadonlyArray<AttentionBlock>> => {
  const faults = faultsOf(l)
  if (faults.length > 0) return E.left(faults)
  const size = l.causal === true || l.causalBlockSize !== undefined ? l.causalBlockSize ?? 1 : 0
  const places = [ranges(l.query, l.blocks.query), ranges(l.key, l.blocks.key)] as const
  const segments = l.segments &&
    [ranges(l.segments.query, l.blocks.query), ranges(l.segments.key, l.blocks.key)] as const
  const laws = [
    ...(size > 0 ? [[causal(size), places] as const] : []),
    ...(l.window !== undefined ? [[within(l.window), places] as const] : []),
    ...(segments ? [[together, segments] as const] : []),
  ]
  const state = (query: number, key: number): BlockState =>
    laws.some(([law, [q, k]]) => law.none(q[query]!, k[key]!))
      ? "skipped"
      : laws.every(([law, [q, k]]) => law.all(q[query]!, k[key]!))
      ? "whole"
      : "masked"
  return E.right(places[0].flatMap((_, query) => places[1].map((_, key) => ({ query, key, state: state(query, key) }))))
}
