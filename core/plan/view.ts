/**
 * Nodes that are read where another lies. Steps that bind whole buffers (loops, updates, collectives) take an argument
 * that only reorders, cuts or splits another from that one's buffer, if its places there are sums of multiples of its
 * indices; no copy is made.
 * @module
 */
import { addIndex, constantIndex, scaleIndex, shiftIndex } from "../kernel/affine.ts"
import type { Index } from "../kernel/kernel.ts"
import { count, type Node } from "../graph/node.ts"
import { awaited, core, flat, isMovement, type Site } from "./attempt.ts"
import { flatIndex, rowMajor } from "./layout.ts"

type Indices = ReadonlyArray<Index>

/** A node that is read where another lies, and where, from where that one lies. */
export interface View {
  readonly base: Node
  readonly site: (from: Site) => Site
}

/** Indices of the argument of a reshape that only splits axes, or puts in and takes out axes of one place. */
const unsplit = (from: ReadonlyArray<number>, to: ReadonlyArray<number>): ((ix: Indices) => Indices) | undefined => {
  if (count(to) === 0) return () => from.map(() => constantIndex(0))
  const parts: Array<{ readonly low: number; readonly high: number }> = []
  let j = 0
  for (const size of from) {
    const low = j
    let product = 1
    while (product < size && j < to.length) product *= to[j++]!
    if (product !== size) return undefined
    parts.push({ low, high: j })
  }
  if (to.slice(j).some((size) => size !== 1)) return undefined
  return (ix) =>
    parts.map(({ low, high }) => {
      const strides = rowMajor(to.slice(low, high))
      return ix.slice(low, high).reduce((s, i, k) => addIndex(s, scaleIndex(i, strides[k]!)), constantIndex(0))
    })
}

/** How the elements of a movement lie in its argument; undefined where that takes more than sums. */
const through = (n: Node): ((ix: Indices) => Indices) | undefined => {
  const { op } = n
  const x = n.args[0]!
  switch (op.tag) {
    case "stop":
    case "custom":
    case "barrier":
      return (ix) => ix
    case "align":
      return (ix) => x.axes.map((a, d) => x.shape[d] === 1 ? constantIndex(0) : ix[n.axes.indexOf(a)]!)
    case "slice":
      return (ix) => ix.map((i, d) => shiftIndex(scaleIndex(i, op.step[d]!), op.start[d]!))
    case "reshape":
      return unsplit(x.shape, n.shape)
    default:
      return undefined
  }
}

/** Is its buffer its own, in row-major order? What is given to a graph may be a part of something. */
const isOwn = (n: Node): boolean => n.op.tag !== "input" && n.op.tag !== "data"

/**
 * The node that `n` lies in, as far down as it goes, but not below what is `stored`; `n` itself where it is no view. Where
 * axes are merged, places are counted in row-major order, which what only waits, splits and merges does not change.
 */
export const viewOf = (n: Node, stored: (n: Node) => boolean = () => false): View => {
  let base = n
  let at = (ix: Indices): Indices => ix
  while (!stored(base)) {
    const [step, before] = [through(base), at]
    if (step === undefined) break
    at = (ix) => step(before(ix))
    base = base.args[0]!
  }
  const [turned, whole] = [base, flatOf(base, stored)]
  return whole !== base && isOwn(whole)
    ? { base: whole, site: ({ buffer }) => ({ buffer, at: (ix) => flatIndex(turned.shape, at(ix)) }) }
    : { base, site: (from) => ({ buffer: from.buffer, at: (ix) => from.at(at(ix)) }) }
}

/** As `flat`, but not below what is stored. */
const flatOf = (n: Node, stored: (n: Node) => boolean): Node =>
  !stored(n) && flat(n) !== n ? flatOf(n.args[0]!, stored) : n

/**
 * Where the elements of `n` are in `top`, which only reorders its axes and then splits or merges them: the place in
 * row-major order, from n's indices. Undefined where `top` is anything else.
 */
export const placeIn = (top: Node, n: Node): ((ix: Indices) => Index) | undefined => {
  if (top === n) return (ix) => flatIndex(n.shape, ix)
  const x = top.args[0]
  if (x === undefined || count(x.shape) !== count(top.shape)) return undefined
  // the order of the elements stays, and with it each one's place
  if (top.op.tag === "reshape") return placeIn(x, n)
  if (top.op.tag !== "align" || x !== n) return undefined
  return (ix) => flatIndex(top.shape, top.axes.map((a) => ix[n.axes.indexOf(a)] ?? constantIndex(0)))
}

/** What must have been computed before a node that is a movement of another: what its barriers wait for. */
const waits = (n: Node): ReadonlyArray<Node> =>
  isMovement(n) ? [...(n.op.tag === "barrier" ? n.args.slice(1) : []), ...waits(n.args[0]!)] : []

/** Does it take no buffer, as every reader can say it? */
export const isSaid = (n: Node): boolean => n.op.tag === "constant" || n.op.tag === "iota"

/** What a step of its own needs. */
export interface Taken {
  /** These must have buffers. */
  readonly reads: ReadonlyArray<Node>
  /** And these, or what they are computed from, come before. */
  readonly after: ReadonlyArray<Node>
}

const nothing: Taken = { reads: [], after: [] }

/** What the steps take that no kernel of a group makes: those of loops, updates and collectives. */
export const takenBy = (n: Node): Taken => {
  const { op, args } = n
  switch (op.tag) {
    case "scan": {
      const carries = op.body.carry.length
      const inits = args.slice(0, carries).map(core).filter((x) => !isSaid(x))
      return { reads: [...inits, ...args.slice(carries).map((a) => viewOf(a).base)], after: args.flatMap(waits) }
    }
    case "pick":
      return args[0]!.op.tag === "scan" ? takenBy(args[0]!) : nothing
    case "write":
      return { reads: args.map(core), after: args.flatMap(waits) }
    case "exchange":
      // a collective moves whole buffers
      return { reads: [flat(args[0]!)], after: awaited(args[0]!) }
    default:
      return nothing
  }
}

/** The stored nodes that these are or wait for. */
export const storedBelow = (nodes: ReadonlyArray<Node>, stored: ReadonlySet<Node>): ReadonlySet<Node> => {
  const found = new Set<Node>()
  const seen = new Set<Node>()
  const stack = [...nodes]
  while (stack.length > 0) {
    const n = stack.pop()!
    if (seen.has(n)) continue
    seen.add(n)
    if (stored.has(n)) found.add(n)
    else stack.push(...n.args)
  }
  return found
}
