/**
 * Mapping a function over a new axis: `f` is traced with one place of the axis, then its graph is rewritten to do all
 * places at once. As axes have names, most ops need nothing but the name in front; the table holds the others.
 *
 * Invariant: a node that depends on the place has the axis as its first.
 * @module
 */
import {
  align,
  attend,
  custom,
  dot,
  exchange,
  gather,
  input,
  nearest,
  pick,
  reduce,
  scan,
  scatter,
  write,
} from "../graph/build.ts"
import type { Faults } from "../graph/fault.ts"
import { fault } from "../graph/fault.ts"
import { leaves, withLeaves } from "../graph/leaves.ts"
import type { Node, Op } from "../graph/node.ts"
import { sizeOf } from "../graph/node.ts"
import { above } from "../graph/substitute.ts"
import type { ShapeError } from "../tensor/axes.ts"
import type { Sliced, Stacked } from "../tensor/slices.ts"

/** The mapped axis. */
interface Place {
  readonly axis: string
  readonly size: number
}

const isMapped = (node: Node, { axis }: Place): boolean => node.axes[0] === axis

/** The kind of a node with the axis in front. */
const lifted = (like: Node, { axis, size }: Place): Pick<Node, "axes" | "shape"> => ({
  axes: [axis, ...like.axes],
  shape: [size, ...like.shape],
})

/** `x`, which does or does not depend on the place, with the axis in front of the axes of `like`. */
const leading = (x: Node, like: Node, place: Place): Node => {
  const { axes, shape } = lifted(like, place)
  return align(x, axes, shape)
}

/** The node with all arguments led by the axis: right for every op that names axes, or none. */
const plain = (node: Node, args: ReadonlyArray<Node>, place: Place, op: Op = node.op): Node => ({
  ...node,
  op,
  args: args.map((arg, i) => leading(arg, node.args[i]!, place)),
  ...lifted(node, place),
})

type Batching<T extends Op["tag"]> = (
  op: Extract<Op, { readonly tag: T }>,
  node: Node,
  args: ReadonlyArray<Node>,
  place: Place,
) => Node

/** A placeholder for one place of a node that may have the axis. */
const single = (node: Node, name: string, { axis }: Place): Node => {
  const axes = node.axes.filter((a) => a !== axis)
  return input(name, node.dtype, axes, axes.map((a) => sizeOf(node, a)!))
}

/** The loop over all places: carries that come to depend on the place are led by the axis from the start. */
const batchScan: Batching<"scan"> = (op, _node, args, place) => {
  const { body } = op
  const [carries, sequences] = [body.carry.length, body.each.length]
  const flags = body.carry.map((_, i) => isMapped(args[i]!, place))
  const named = (name: string, like: Node, i: number, mapped: boolean): Node => {
    const kind = mapped ? lifted(like, place) : like
    return mapped ? input(`${name}.${i}`, like.dtype, kind.axes, kind.shape) : like
  }
  const each = body.each.map((like, i) => named("each", like, i, args[carries + i]!.axes.includes(place.axis)))
  const constants = body.constants.map((like, i) =>
    named("const", like, i, isMapped(args[carries + sequences + i]!, place))
  )
  for (;;) {
    const carry = body.carry.map((like, i) => named("carry", like, i, flags[i]!))
    const pairs = [
      ...body.carry.map((from, i) => [from, carry[i]!] as const),
      ...body.each.map((from, i) => [from, each[i]!] as const),
      ...body.constants.map((from, i) => [from, constants[i]!] as const),
    ]
    const results = batched([...body.next, ...body.out], new Map(pairs), place)
    const next = results.slice(0, carries)
    const late = next.findIndex((n, i) => !flags[i] && isMapped(n, place))
    if (late >= 0) {
      flags[late] = true
      continue
    }
    return scan({
      body: {
        carry,
        each,
        constants,
        next: next.map((n, i) => flags[i] ? leading(n, body.carry[i]!, place) : n),
        out: results.slice(carries),
      },
      inits: args.slice(0, carries).map((arg, i) => flags[i] ? leading(arg, body.carry[i]!, place) : arg),
      sequences: args.slice(carries, carries + sequences),
      constants: args.slice(carries + sequences),
      axis: op.axis,
      length: op.length,
      reverse: op.reverse,
    })
  }
}

/** The rule, mapped too; what it gives for an input that is the same at all places is summed over them. */
const batchCustom: Batching<"custom"> = (op, node, args, place) => {
  const [value, ...inputs] = [leading(args[0]!, node.args[0]!, place), ...args.slice(1)]
  const rule = (ct: Node, result: Node, given: ReadonlyArray<Node>): ReadonlyArray<Node> => {
    const all = [ct, result, ...given]
    const one = all.map((n, i) => single(n, `place.${i}`, place))
    const pulled = op.vjp(one[0]!, one[1]!, one.slice(2))
    const mapped = batched(pulled, new Map(one.map((n, i) => [n, all[i]!] as const)), place)
    return mapped.map((n, i) => {
      if (given[i] === undefined) return n
      if (isMapped(given[i]!, place)) return leading(n, one[i + 2]!, place)
      const led = leading(n, one[i + 2]!, place)
      return reduce("sum", led, [place.axis])
    })
  }
  return custom(value!, inputs, rule, op.keep)
}

/** All of q, k and v get the axis, as a batch axis; masks keep it where they have it. */
const batchAttend: Batching<"attend"> = ({ tag: _, ...op }, node, args, place) => {
  const rows = op.part === "forward" ? 0 : 3
  const led = args.map((arg, i) => i < 3 || i >= args.length - rows ? leading(arg, node.args[i]!, place) : arg)
  const given = Object.fromEntries(op.masks.map((m, i) => [m, led[3 + i]!]))
  return attend(op.part, [led[0]!, led[1]!, led[2]!], given, op, led.slice(led.length - rows))
}

const special: { readonly [T in Op["tag"]]?: Batching<T> } = {
  slice: (op, node, args, place) => plain(node, args, place, { ...op, start: [0, ...op.start], step: [1, ...op.step] }),
  pad: (op, node, args, place) =>
    plain(node, args, place, { ...op, low: [0, ...op.low], interior: [0, ...op.interior] }),
  dot: ({ on }, node, [x, y], place) => leading(dot(x!, y!, on), node, place),
  nearest: ({ on, code }, node, [z, codebook], place) =>
    nearest(leading(z!, node.args[0]!, place), codebook!, on, code),
  gather: ({ axis }, node, [x, index], place) => leading(gather(x!, index!, axis), node, place),
  scatter: ({ axis, size }, node, [updates, index], place) => {
    const beside = index!.axes.filter((a) => a === place.axis || (a !== axis && node.axes.includes(a)))
    const led = leading(updates!, node.args[0]!, place)
    return scatter(led, index!, axis, size, beside, [place.axis, ...node.axes])
  },
  scan: batchScan,
  pick: ({ index }, node, [loop], place) => {
    const result = pick(loop!, index)
    return result.axes.includes(place.axis) ? leading(result, node, place) : result
  },
  custom: batchCustom,
  attend: batchAttend,
  write: ({ axis }, node, [x, updates, start], place) =>
    write(leading(x!, node.args[0]!, place), leading(updates!, node.args[1]!, place), start!, axis),
  exchange: ({ collective: c }, node, [x], place) => {
    if (c.kind !== "allGather" && c.kind !== "reduceScatter") return exchange(x!, c)
    const [lead, ...rest] = c.kind === "reduceScatter" ? node.args[0]!.axes : [c.axis, ...node.args[0]!.axes]
    const order = [lead!, place.axis, ...rest]
    const turned = c.kind === "allGather" ? x! : align(x!, order, order.map((a) => sizeOf(x!, a)!))
    return leading(exchange(turned, c), node, place)
  },
}

const taken = (node: Node, { axis }: Place): Node => ({
  ...node,
  faults: [
    ...node.faults,
    fault("NameFault", "vmap", `axis '${axis}' is mapped over, but there is one of that name inside; rename one`),
  ],
})

/** The roots for all places at once; `by` gives for each placeholder what stands for it. */
const batched = (
  roots: ReadonlyArray<Node>,
  by: ReadonlyMap<Node, Node>,
  place: Place,
): ReadonlyArray<Node> => {
  const made = new Map<Node, Node>(by)
  for (const node of above(roots, new Set(by.keys()))) {
    if (made.has(node)) continue
    const args = node.args.map((arg) => made.get(arg) ?? arg)
    const outside = node.args.filter((arg) => !made.has(arg))
    const rule = special[node.op.tag] as Batching<Op["tag"]> | undefined
    const loops = node.op.tag === "scan" || node.op.tag === "pick" || node.op.tag === "attend"
    if ([node, ...outside].some((n) => n.axes.includes(place.axis))) made.set(node, taken({ ...node, args }, place))
    else if (!loops && !args.some((arg) => isMapped(arg, place))) made.set(node, { ...node, args })
    else made.set(node, rule ? rule(node.op, node, args, place) : plain(node, args, place))
  }
  return roots.map((node) => made.get(node) ?? node)
}

/** A tree that, at one place of the axis, is what the function takes. */
export type Mappable<P, N extends string, Q> = Sliced<P, N> extends Q ? unknown
  : ShapeError<`without the axis '${N}' these are not what the mapped function takes`>

/** What is wrong with the sizes of the axis, in the leaves that have it. */
const sizeFaults = (axis: string, sizes: ReadonlyArray<number>): Faults =>
  sizes.length === 0
    ? [fault("NameFault", "vmap", `no input has the axis '${axis}'; add it to what should be mapped over`)]
    : sizes.length > 1
    ? [fault("SizeFault", "vmap", `axis '${axis}' has the sizes ${sizes.join(" and ")}; make them the same`)]
    : []

/**
 * `f` for every place along `axis`: leaves that have the axis are mapped over, the others (and what `f` captures) are the
 * same for all places; every result has the axis in front. Random keys are mapped like all else: give each place a key
 * of its own. Faults: no leaf with the axis, leaves with different sizes of it, an axis of that name inside `f`.
 *
 * ```ts
 * import type { F32 } from "../tensor/tensor.ts"
 * import { dot } from "../../ops/contraction.ts"
 * const product = ({ x, y }: { x: F32<"model">; y: F32<"model"> }): F32 => dot(x, y, "model")
 * const products = (x: F32<"batch model">, y: F32<"model">): F32<"batch"> => vmap("batch", product)({ x, y })
 * ```
 */
export const vmap = <const N extends string, Q, T>(
  axis: N,
  f: (inputs: Q) => T,
): <P>(inputs: P & Mappable<P, N, Q>) => Stacked<T, N> =>
(inputs) => {
  const given = leaves(inputs)
  const sizes = [...new Set(given.flatMap((node) => sizeOf(node, axis) ?? []))]
  const place = { axis, size: sizes[0] ?? 1 }
  const inside = given.map((node) => node.axes.includes(axis) ? single(node, "place", place) : node)
  const traced = f(withLeaves(inputs, inside) as unknown as Q)
  const pairs = given.flatMap((node, i) =>
    inside[i] === node ? [] : [[inside[i]!, leading(node, inside[i]!, place)] as const]
  )
  const results = leaves(traced)
  const faults = sizeFaults(axis, sizes)
  const mapped = batched(results, new Map(pairs), place).map((node, i) => {
    const result = results[i]!
    if (result.axes.includes(axis)) return taken(node, place)
    const led = isMapped(node, place) ? node : leading(node, result, place)
    return faults.length === 0 ? led : { ...led, faults: [...led.faults, ...faults] }
  })
  return withLeaves(traced, mapped) as unknown as Stacked<T, N>
}
