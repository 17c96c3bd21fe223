/**
 * Attention as one op: what it computes, which axes play which part, and the kinds of its arguments and results.
 *
 * The score of query i and key j is `s = scale * q_i . k_j`, then `cap * tanh(s / cap)` where there is a cap, plus the
 * bias where there is one. Query i sees key j if, of what is asked for, all hold: `floor(p_i / causal) >= floor(p_j /
 * causal)` of their positions, `|p_i - p_j| < window`, equal segments. The result is the mean of the values weighted by
 * exp(s) over the keys that are seen. Scores are never held: keys are folded block by block, and the backward parts
 * compute the weights again from the log-sum-exp (Milakov and Gimelshein, 2018; Rabe and Staats, 2021; Dao, 2023).
 *
 * A row that sees no key has the result 0 and the log-sum-exp `nothing`.
 * @module
 */
import type { Node } from "./node.ts"

/** Optional arguments, in the order in which they stand behind q, k and v. */
export type Mask = "queryPosition" | "keyPosition" | "querySegment" | "keySegment" | "bias"

/** All of them, in order. */
export const masks: ReadonlyArray<Mask> = ["queryPosition", "keyPosition", "querySegment", "keySegment", "bias"]

/**
 * The attributes. args: q, k, v, then those of `masks`, then for the backward parts the log-sum-exp, the sums over
 * `value` of cotangent times result, and the cotangent.
 *
 * - q has `query` and `head`; k has `key` and `head`; v has `key` and `value` and else the axes of k: the *batch* axes.
 *   Axes of q that k lacks are *share* axes: query heads that share keys. Batch axes that q lacks (splits of the keys)
 *   lead the result, and have no gradient.
 * - positions and segments are i32; those of queries have `query` or batch axes, those of keys `key` or batch axes.
 *   Without positions, places count from 0 on both sides. The bias has any of these axes, and no gradient.
 *
 * Results: `forward` gives 0: the mean of values, axes of q with `value` for `head`, and 1: the log-sum-exp (f32), the
 * same without `value`; `query` gives the cotangent of q; `keys` gives those of k and of v.
 */
export interface Attention {
  readonly part: "forward" | "query" | "keys"
  readonly query: string
  readonly key: string
  readonly head: string
  readonly value: string
  readonly masks: ReadonlyArray<Mask>
  readonly scale: number
  /** Softens scores beyond it; 0 is none. */
  readonly cap: number
  /** Positions in a block that see each other; 1 is plain causal, 0 sees everything. */
  readonly causal: number
  /** How far a key may lie from its query, exclusive; 0 is any distance. */
  readonly window: number
  /** Queries and keys in a block; 0 leaves it to the device. */
  readonly queryBlock: number
  readonly keyBlock: number
}

/** The log-sum-exp of a row that sees no key: the lowest f32, so that nothing ever becomes NaN. */
export const nothing = -3.4028234663852886e38

/** What a result is. */
type Kind = Pick<Node, "dtype" | "axes" | "shape">

/** Axes of an attention by the part they play, in the order of the arguments. */
export interface Roles {
  readonly batch: ReadonlyArray<string>
  readonly share: ReadonlyArray<string>
  /** Batch axes that q lacks. */
  readonly split: ReadonlyArray<string>
}

/** Which axes are batch, share and split axes. */
export const rolesOf = (a: Attention, q: Pick<Node, "axes">, k: Pick<Node, "axes">): Roles => {
  const batch = k.axes.filter((x) => x !== a.key && x !== a.head)
  const beside = q.axes.filter((x) => x !== a.query && x !== a.head)
  return {
    batch,
    share: beside.filter((x) => !batch.includes(x)),
    split: batch.filter((x) => !beside.includes(x)),
  }
}

/** The kinds of the results. */
export const resultsOf = (a: Attention, args: ReadonlyArray<Node>): ReadonlyArray<Kind> => {
  const [q, k, v] = args as readonly [Node, Node, Node]
  const kindOf = ({ dtype, axes, shape }: Node): Kind => ({ dtype, axes, shape })
  if (a.part === "query") return [kindOf(q)]
  if (a.part === "keys") return [kindOf(k), kindOf(v)]
  const { split } = rolesOf(a, q, k)
  const lead = split.map((x) => k.shape[k.axes.indexOf(x)]!)
  const value = v.shape[v.axes.indexOf(a.value)] ?? 1
  const kept = q.axes.flatMap((x, i) => x === a.head ? [] : [[x, q.shape[i]!] as const])
  return [
    {
      dtype: q.dtype,
      axes: [...split, ...q.axes.map((x) => x === a.head ? a.value : x)],
      shape: [...lead, ...q.shape.map((n, i) => q.axes[i] === a.head ? value : n)],
    },
    { dtype: "f32", axes: [...split, ...kept.map(([x]) => x)], shape: [...lead, ...kept.map(([, n]) => n)] },
  ]
}

/** Arguments by name. */
export interface Given {
  readonly q: Node
  readonly k: Node
  readonly v: Node
  readonly queryPosition?: Node
  readonly keyPosition?: Node
  readonly querySegment?: Node
  readonly keySegment?: Node
  readonly bias?: Node
  readonly lse?: Node
  readonly delta?: Node
  readonly cotangent?: Node
}

/** The arguments by name. */
export const givenOf = (a: Attention, args: ReadonlyArray<Node>): Given => {
  const names = ["q", "k", "v", ...a.masks, ...(a.part === "forward" ? [] : ["lse", "delta", "cotangent"])]
  return Object.fromEntries(names.map((n, i) => [n, args[i]!])) as unknown as Given
}
