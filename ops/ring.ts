/**
 * Attention over a sequence that is spread over the ranks of a ring (Liu, Zaharia and Abbeel, 2023): every rank keeps its
 * queries, while keys and values go around with their positions and segments, and partial results are merged. Any layout
 * of the sequence is masked right, as positions travel with the keys; zigzag gives every rank equal work under a causal
 * mask. Nothing that a rank keeps grows with the number of ranks.
 *
 * ```ts
 * import { type F32, type I32, ringAttention } from "@orrery/orrery"
 * type Q = F32<"batch time group share head">
 * type K = F32<"batch time group head">
 * const spread = (q: Q, k: K, v: K, positions: I32<"time">): Q =>
 *   ringAttention(q, k, v, { ranks: 4 }, { causal: true, positions })
 * ```
 * @module
 */
import type { Attention } from "../core/graph/attention.ts"
import {
  attend,
  type AttendMasks,
  barrier,
  binary,
  cast,
  custom,
  exchange,
  pick,
  reduce,
  stop,
} from "../core/graph/build.ts"
import { fault, type Faults } from "../core/graph/fault.ts"
import type { Node } from "../core/graph/node.ts"
import type { Axes, Has } from "../core/tensor/axes.ts"
import { type Float, type Tensor, typed } from "../core/tensor/tensor.ts"
import type { Attended, DefaultKey, ValueAxes } from "./attention.ts"
import { back } from "./attention-gradient.ts"
import { type AttentionOptions, guessed, packed, type Settled, settled } from "./attention-settings.ts"
import { finish, merge, ofFinished, type PartialAttention } from "./partial.ts"

/** The ring. */
export interface Ring {
  /** How many ranks there are in it. */
  readonly ranks: number
  /** Its axis of the mesh; "ring". */
  readonly over?: string
  /**
   * How cotangents of keys and values come home: `travel` with their block, one sum at a time (least memory), or `direct`,
   * each at once by one shift of its own, while later steps compute (one block a rank is held until the end).
   */
  readonly home?: "travel" | "direct"
}

/** One shift around the ring. */
const shifted = (x: Node, { ranks, over = "ring" }: Ring, shift: number): Node =>
  exchange(x, { kind: "permute", over: [over], ranks, shift })

type Wide = Tensor<"f32", Axes>

/** What travels: keys, values, and the marks of their side. */
interface Block {
  readonly k: Node
  readonly v: Node
  readonly marks: ReadonlyArray<Node>
}

const isKeyMark = (m: string): boolean => m === "keyPosition" || m === "keySegment"

const blockOf = (op: Attention, k: Node, v: Node, masks: ReadonlyArray<Node>): Block => ({
  k,
  v,
  marks: masks.filter((_, i) => isKeyMark(op.masks[i]!)),
})

const onward = ({ k, v, marks }: Block, ring: Ring): Block => ({
  k: shifted(k, ring, 1),
  v: shifted(v, ring, 1),
  marks: marks.map((m) => shifted(m, ring, 1)),
})

/** The masks of the queries against a block that has come, in the order of the op. */
const masksAgainst = (op: Attention, own: ReadonlyArray<Node>, { marks }: Block): ReadonlyArray<Node> => {
  let next = 0
  return op.masks.map((m, i) => isKeyMark(m) ? marks[next++]! : own[i]!)
}

/** The masks of the queries against a block that has come: kernels bind few buffers, so they are views of one. */
const against = (op: Attention, own: ReadonlyArray<Node>, block: Block): ReadonlyArray<Node> => {
  // a rank that has not heard of a block yet need not wait for its marks
  const all = masksAgainst(op, own, block).map((m) => barrier(m, [block.k], 0))
  const views = packed(all, [block.k])
  return all.map((m) => views.get(m) ?? m)
}

/** Steps are merged one by one, each when it has come: together they would need the results of all at once. */
const held = (
  { max, sum, weighted }: PartialAttention<Axes, Axes>,
  until: Node,
): PartialAttention<Axes, Axes> => ({
  max: typed(barrier(max, [until], 0)),
  sum: typed(barrier(sum, [until], 0)),
  weighted: typed(barrier(weighted, [until], 0)),
})

/** The fold over ranks: what each block that comes by adds is merged. */
const around = (s: Settled, ring: Ring): { readonly out: Node; readonly lse: Node } => {
  const { part: _, masks: __, ...options } = s.op
  const q = cast(s.q, "f32")
  let block = blockOf(s.op, s.k, s.v, s.masks)
  let state: PartialAttention<Axes, Axes> | undefined
  for (let step = 0; step < ring.ranks; step++) {
    const next = step + 1 < ring.ranks ? onward(block, ring) : undefined
    const marks = against(s.op, s.masks, block)
    const seen: AttendMasks = Object.fromEntries(s.op.masks.map((m, i) => [m, marks[i]!]))
    const made = attend("forward", [q, block.k, block.v], seen, options)
    const own = ofFinished({ out: typed<Wide>(pick(made, 0)), logSumExp: typed<Wide>(pick(made, 1)) })
    state = state === undefined ? own : merge(held(state, pick(made, 1)), own)
    if (next !== undefined) block = next
  }
  const { out, logSumExp } = finish(state!)
  return { out: cast(out, s.q.dtype), lse: logSumExp }
}

/** The fold over ranks once more: cotangents of queries stay, those of keys and values come home. */
const aroundBack =
  (op: Attention, ring: Ring) => (ct: Node, out: Node, inputs: ReadonlyArray<Node>): ReadonlyArray<Node> => {
    const [q, k, v] = inputs as readonly [Node, Node, Node]
    const masks = inputs.slice(3, 3 + op.masks.length)
    const lse = inputs[3 + op.masks.length]!
    const delta = reduce("sum", binary("mul", cast(out, "f32"), cast(ct, "f32")), [op.value])
    const { ranks, home = "travel" } = ring
    // blocks go around once more: those of the forward pass are not kept
    const late = (x: Node): Node => barrier(x, [ct, lse], 0)
    let block = blockOf(op, late(k), late(v), masks.map(late))
    let dq: Node | undefined
    let last: Node | undefined
    let travelling: readonly [Node, Node] | undefined
    const arrived: Array<readonly [Node, Node]> = []
    for (let step = 0; step < ranks; step++) {
      const next = step + 1 < ranks ? onward(block, ring) : undefined
      const given = [q, block.k, block.v, ...against(op, masks, block)]
      // in order: what has been done is on its way home while the next is done
      const turn = last === undefined ? ct : barrier(ct, [last], 0)
      const keys = back("keys", op, given, [lse, delta], turn)
      last = pick(keys, 0)
      const own: readonly [Node, Node] = [cast(pick(keys, 0), "f32"), cast(pick(keys, 1), "f32")]
      const mine = cast(pick(back("query", op, given, [lse, delta], turn), 0), "f32")
      dq = dq === undefined ? mine : binary("add", barrier(dq, [mine], 0), mine)
      if (home === "direct") arrived.push([shifted(own[0], ring, -step), shifted(own[1], ring, -step)])
      else {
        const before = travelling
        travelling = before === undefined
          ? own
          : [binary("add", shifted(before[0], ring, 1), own[0]), binary("add", shifted(before[1], ring, 1), own[1])]
      }
      if (next !== undefined) block = next
    }
    const whole = home === "travel"
      ? [shifted(travelling![0], ring, 1), shifted(travelling![1], ring, 1)] as const
      : arrived.reduce((a, b) => [binary("add", a[0], b[0]), binary("add", a[1], b[1])] as const)
    return [cast(dq!, q.dtype), cast(whole[0], k.dtype), cast(whole[1], v.dtype)]
  }

const ringFaults = ({ ranks, home }: Ring, s: Settled, causal: boolean): Faults => [
  ...(Number.isSafeInteger(ranks) && ranks >= 1
    ? []
    : [fault("ValueFault", "ringAttention", `the ring has ${ranks} ranks; expected a whole number from 1`)]),
  ...(home === undefined || home === "travel" || home === "direct"
    ? []
    : [fault("ValueFault", "ringAttention", `home is '${home}'; expected 'travel' or 'direct'`)]),
  ...(ranks > 1 && causal && !s.op.masks.includes("queryPosition")
    ? [
      fault(
        "ValueFault",
        "ringAttention",
        "a causal mask or a window over several ranks needs positions: a rank does not know by itself which places of " +
          "the sequence it has; give { positions }",
      ),
    ]
    : []),
  ...(ranks > 1 && s.op.masks.includes("bias")
    ? [
      fault("ValueFault", "ringAttention", "a bias does not travel around a ring; use positions, segments or a window"),
    ]
    : []),
]

/**
 * `blockwiseAttention` over all keys of the ring, for the queries of this rank. Queries and keys are the parts that this
 * rank has; positions and segments say where they belong, and are needed where order matters. With one rank it is
 * `blockwiseAttention`. Partial results are merged in f32; the result has the dtype of the queries.
 *
 * Faults: those of `blockwiseAttention`; no positions under a causal mask or a window; a bias.
 */
export const ringAttention = <
  D extends Float,
  A extends Axes,
  B extends Axes,
  C extends Axes,
  const Q extends string = "time",
  const K extends string = DefaultKey<B, Q>,
  const H extends string = "head",
  const V extends string = H,
>(
  q: Tensor<D, A> & Has<A, Q | H>,
  k: Tensor<Float, B> & Has<B, K | H>,
  v: Tensor<Float, C> & ValueAxes<B, C, K, H, V>,
  ring: Ring,
  options?: AttentionOptions<A, B, Q, K, H, V>,
): Tensor<D, Attended<A, B, K, H, V>> => {
  const s = settled("ringAttention", [q, k, v], options)
  const wrong = ringFaults((ring ?? {}) as Ring, s, s.op.causal > 0 || s.op.window > 0)
  if (!s.fits || wrong.length > 0) return typed(guessed({ ...s, faults: [...s.faults, ...wrong] }, 0))
  const { out, lse } = around(s, ring)
  const inputs = [s.q, s.k, s.v, ...s.masks]
  return typed(custom(out, [...inputs, stop(lse)], aroundBack(s.op, ring), [0, inputs.length + 1]))
}
