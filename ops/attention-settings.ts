/**
 * What attention is asked for, as users write it: names of axes, masks, sizes of blocks; and the same as the graph takes
 * it, with all that is wrong.
 * @module
 */
import { type Attention, masks, resultsOf, rolesOf } from "../core/graph/attention.ts"
import { align, type AttendMasks, barrier, cast, concat, rename, reshape, sliceAxis } from "../core/graph/build.ts"
import { attentionFaults } from "../core/graph/build/attention.ts"
import { fault, type Faults } from "../core/graph/fault.ts"
import { isNode, tensor } from "../core/graph/given.ts"
import { quoted, show } from "../core/graph/make.ts"
import { count, type Node, sizeOf } from "../core/graph/node.ts"
import type { Axes } from "../core/tensor/axes.ts"
import type { Stopped } from "../core/grad/custom.ts"
import type { Float, Tensor } from "../core/tensor/tensor.ts"
import { literalFaults } from "./sequence.ts"

/** Whole numbers along some of these axes. */
export type Marks<N extends string> = Tensor<"i32" | "u32", ReadonlyArray<N>>

/** Numbers of the places of queries and keys; one tensor where both are the same places (self-attention). */
export type Sides<B extends string, Q extends string, K extends string> =
  | { readonly query: Marks<B | Q>; readonly key: Marks<B | K> }
  | ([K] extends [Q] ? Marks<B | Q> : never)

/** `N` without `Own`; where names are known at run time only, all. */
type But<N extends string, Own extends string> = string extends Own ? N : Exclude<N, Own>

/**
 * What to attend to and how. `A` are the axes of the queries, `B` those of the keys; of these, all but the key's and the
 * head's are batch axes, which go side by side.
 */
export interface AttentionOptions<
  A extends Axes = Axes,
  B extends Axes = Axes,
  Q extends string = string,
  K extends string = string,
  H extends string = string,
  V extends string = string,
> {
  /** The axis along which queries lie; "time". */
  readonly query?: Q
  /** The axis along which keys and values lie: that of the queries where keys have it (self-attention), else "key". */
  readonly key?: K
  /** The axis of features that is summed over; "head". */
  readonly head?: H
  /** The axis of features of the values, and of the result; that of `head`. */
  readonly value?: V
  /** A query sees only keys at its position and before; false. */
  readonly causal?: boolean
  /** Causal between blocks of so many positions, inside of which all see each other; 1. It implies `causal`. */
  readonly causalBlockSize?: number
  /**
   * A query sees only keys of its own segment: the examples of a packed row. Ids do not fall along the sequence; padding
   * has one of its own above the others.
   */
  readonly segments?: Sides<NoInfer<But<B[number], K | H>>, NoInfer<Q>, NoInfer<K>> | undefined
  /**
   * Positions, 0 or more, for `causal` and `window`, in any order; without them places count from 0, on both sides. They
   * do not rotate anything: see `rope`.
   */
  readonly positions?: Sides<NoInfer<But<B[number], K | H>>, NoInfer<Q>, NoInfer<K>> | undefined
  /** A query sees only keys whose position is less than this from its own, on either side. */
  readonly window?: number
  /** Factor of the scores; 1 / sqrt(size of `head`). */
  readonly scale?: number
  /** Softens scores s that go beyond it: cap * tanh(s / cap). */
  readonly cap?: number
  /**
   * Added to the scores. No gradient goes into it, so it must come from `stopGradient`. The keys' axis is the one named in
   * `key`; in self-attention it is called "key".
   */
  readonly bias?:
    | Stopped<Tensor<Float, ReadonlyArray<NoInfer<But<A[number] | B[number], H> | "key">>>>
    | undefined
  /** Queries and keys that are worked on at once; the device chooses what is left out. */
  readonly blocks?: { readonly query?: number; readonly key?: number }
}

/** An attention as the graph takes it. The queries have all axes of the result but `value`. */
export interface Settled {
  readonly op: Attention
  readonly q: Node
  readonly k: Node
  readonly v: Node
  /** In the order of `op.masks`. */
  readonly masks: ReadonlyArray<Node>
  /** Nothing is wrong, neither here nor with an argument itself. */
  readonly fits: boolean
  readonly faults: Faults
}

const known = [
  ...["query", "key", "head", "value", "causal", "causalBlockSize", "segments", "positions", "window", "scale"],
  ...["cap", "bias", "blocks"],
]

/** A whole number from 1, or nothing. */
const counted = (op: string, what: string, value: unknown, otherwise: string): Faults =>
  value === undefined || Number.isSafeInteger(value) && (value as number) >= 1
    ? []
    : [fault("ValueFault", op, `${what} is ${value}; expected a whole number from 1 (${otherwise})`)]

/** Sizes of blocks are a record of two numbers. */
const blockFaults = (op: string, blocks: unknown): Faults => {
  if (blocks === undefined) return []
  const record = typeof blocks === "object" && blocks !== null && !Array.isArray(blocks)
  const strange = record ? Object.keys(blocks).filter((k) => k !== "query" && k !== "key") : []
  return record && strange.length === 0 ? [] : [
    fault(
      "ValueFault",
      op,
      `blocks is ${JSON.stringify(blocks)}; expected { query, key }, either of which may be left out`,
    ),
  ]
}

const optionFaults = (op: string, o: AttentionOptions): Faults => {
  const strange = Object.keys(o).filter((key) => !known.includes(key))
  const free = "leave it out and the device chooses"
  return [
    ...(strange.length === 0
      ? []
      : [fault("ValueFault", op, `there is no option ${quoted(strange)}; known are ${quoted(known)}`)]),
    ...(o.causal === undefined || typeof o.causal === "boolean"
      ? []
      : [fault("ValueFault", op, `causal is ${JSON.stringify(o.causal)}; expected true or false`)]),
    ...blockFaults(op, o.blocks),
    ...counted(op, "causalBlockSize", o.causalBlockSize, "1 is plain causal"),
    ...(o.causal === false && o.causalBlockSize !== undefined
      ? [fault("ValueFault", op, "causal is false and causalBlockSize is given; leave one of them out")]
      : []),
    ...counted(op, "window", o.window, "leave it out to see any distance"),
    ...counted(op, "blocks.query", o.blocks?.query, free),
    ...counted(op, "blocks.key", o.blocks?.key, free),
    ...(o.scale === undefined || Number.isFinite(o.scale)
      ? []
      : [fault("ValueFault", op, `scale is ${o.scale}; expected a finite number`)]),
    ...(o.cap === undefined || Number.isFinite(o.cap) && o.cap > 0
      ? []
      : [fault("ValueFault", op, `cap is ${o.cap}; expected a finite number above 0, or leave it out`)]),
  ]
}

/** Both sides of positions or segments, with the names that the user gave. */
interface Both {
  readonly query: Node
  readonly key: Node
  readonly faults: Faults
}

/** `self`: keys lie along the axis of the queries. */
const sidesOf = (
  op: string,
  what: "positions" | "segments",
  given: unknown,
  axes: { readonly query: string; readonly key: string },
): Both | undefined => {
  if (given === undefined) return undefined
  const self = axes.query === axes.key
  const whole = (x: unknown): Node => {
    const n = tensor(op, x, "i32")
    return n.dtype === "u32" ? cast(n, "i32") : n
  }
  const pair = given as { readonly query?: unknown; readonly key?: unknown } | null
  const two = !isNode(given) && typeof pair === "object" && pair !== null && ("query" in pair || "key" in pair)
  const [query, key] = two ? [whole(pair.query), whole(pair.key)] : [whole(given), whole(given)]
  const literals = [
    ...literalFaults(op, what, query, axes.query),
    ...(key === query ? [] : literalFaults(op, what, key, axes.key)),
  ]
  const lone = two || self || !isNode(given) ? [] : [fault(
    "ValueFault",
    op,
    `one tensor ${show(query)} as ${what} is for keys along the axis of the queries; give { query, key }`,
  )]
  return { query, key, faults: [...lone, ...literals] }
}

/** Does it need no buffer? */
const isCounted = (n: Node): boolean =>
  n.op.tag === "iota" || n.op.tag === "constant" ||
  (n.op.tag === "align" || n.op.tag === "reshape" || n.op.tag === "slice") && isCounted(n.args[0]!)

/**
 * Views of one buffer that holds them all, where they would bind several: kernels may bind few. What comes after `after`
 * is made where that is, so that a loop around takes the buffer in and not each view of it.
 */
export const packed = (all: ReadonlyArray<Node>, after: ReadonlyArray<Node>): ReadonlyMap<Node, Node> => {
  const distinct = [...new Set(all)]
  const lone = distinct.filter(isCounted)
  const apart = distinct.filter((n) => !isCounted(n))
  if (apart.length < 2) return new Map(distinct.map((n) => [n, barrier(n, after, 0)]))
  const axis = "packed"
  const sizes = apart.map((n) => count(n.shape))
  const flat = apart.map((n, i) => reshape(n, [axis], [sizes[i]!]))
  const one = barrier(concat(flat, axis), after, 0)
  const views = apart.map((n, i) => {
    const from = sizes.slice(0, i).reduce((a, b) => a + b, 0)
    return [n, reshape(sliceAxis(one, axis, from, sizes[i]!), n.axes, n.shape)] as const
  })
  return new Map([...views, ...lone.map((n) => [n, barrier(n, after, 0)] as const)])
}

/** A tensor with another name for an axis, where it has that. */
const renamed = (n: Node, from: string, to: string): Node =>
  n.axes.includes(from) && from !== to ? rename(n, { [from]: to }) : n

/** What a user gave as the graph takes it; `op` is what faults call it. */
export const settled = (op: string, given: ReadonlyArray<unknown>, options: unknown): Settled => {
  const record = typeof options === "object" && options !== null && !isNode(options)
  const o: AttentionOptions = record ? options : {}
  const tensors = given.map((x) => tensor(op, x))
  const [q, k, v] = tensors as unknown as readonly [Node, Node, Node]
  const { query = "time", head = "head", blocks } = o
  const { key = k.axes.includes(query) ? query : "key", value = head } = o
  const self = key === query
  const inner = !self ? key : [q, k, v].some((n) => n.axes.includes("key")) ? `${query}.key` : "key"
  const positions = sidesOf(op, "positions", o.positions, { query, key })
  const segments = sidesOf(op, "segments", o.segments, { query, key })
  const causal = o.causal === true || o.causalBlockSize !== undefined ? o.causalBlockSize ?? 1 : 0
  const all: AttendMasks = {
    queryPosition: positions?.query,
    keyPosition: positions && renamed(positions.key, key, inner),
    querySegment: segments?.query,
    keySegment: segments && renamed(segments.key, key, inner),
    bias: o.bias === undefined ? undefined : tensor(op, o.bias),
  }
  const attention: Attention = {
    part: "forward",
    query,
    key: inner,
    head,
    value,
    masks: masks.filter((m) => all[m] !== undefined),
    scale: o.scale ?? 1 / Math.sqrt(Math.max(1, sizeOf(q, head) ?? 1)),
    cap: o.cap ?? 0,
    causal,
    window: o.window ?? 0,
    queryBlock: blocks?.query ?? 0,
    keyBlock: blocks?.key ?? 0,
  }
  const [keys, values] = [renamed(k, key, inner), renamed(v, key, inner)]
  const wrong = [
    ...(record || options === undefined
      ? []
      : [fault("ValueFault", op, `options are ${typeof options}; expected a record such as { causal: true }`)]),
    ...optionFaults(op, o),
    ...(o.bias === undefined || o.bias?.op?.tag === "stop"
      ? []
      : [fault("RuleFault", op, "no gradient goes into a bias; give stopGradient(bias)")]),
    ...(positions?.faults ?? []),
    ...(segments?.faults ?? []),
  ]
  const args = [q, keys, values, ...attention.masks.map((m) => all[m]!)]
  const apart = args.every((n) => n.faults.length === 0)
  const faults = wrong.length > 0 || !apart ? wrong : attentionFaults(attention, args, op)
  const fits = apart && faults.length === 0
  if (!fits) return { op: attention, q, k: keys, v: values, masks: args.slice(3), fits, faults }
  // without a mask that asks for them, positions change nothing
  const used = masks.filter((m) =>
    all[m] !== undefined && (causal > 0 || o.window !== undefined || !m.endsWith("Position"))
  )
  const marks = used.filter((m) => m !== "bias")
  const views = packed(marks.map((m) => sourceOf(all[m]!)), [q])
  const { split } = rolesOf(attention, q, keys)
  return {
    op: { ...attention, masks: used },
    q: align(q, [...split, ...q.axes], [...split.map((a) => sizeOf(keys, a)!), ...q.shape]),
    k: keys,
    v: values,
    masks: used.map((m) => m === "bias" ? all[m]! : viewed(all[m]!, views)),
    fits,
    faults,
  }
}

/** What a renaming renames. */
const sourceOf = (n: Node): Node =>
  n.op.tag === "reshape" && n.args[0]!.shape.length === n.shape.length ? n.args[0]! : n

/** The view of what is renamed, with its new names. */
const viewed = (n: Node, views: ReadonlyMap<Node, Node>): Node => {
  const view = views.get(sourceOf(n))
  return view === undefined ? n : reshape(view, n.axes, n.shape)
}

/** Where something is wrong: a tensor of the expected kind that carries it, so that tracing goes on. */
export const guessed = (s: Settled, result: 0 | 1): Node => {
  const args = [s.q, s.k, s.v, ...s.masks]
  const kind = resultsOf(s.op, args)[result]!
  return { op: { tag: "stop" }, args, dtype: kind.dtype, axes: kind.axes, shape: kind.shape, faults: s.faults }
}
