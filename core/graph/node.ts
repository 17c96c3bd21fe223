/**
 * The graph: an immutable value with named axes. A node says what is computed, never how; sizes are numbers known at
 * tracing, names are known to the compiler. Binary ops take arguments with the same axes in the same order: `align`
 * is the one op that reorders and broadcasts, `reshape` the one that splits, merges and renames.
 * @module
 */
import type { DType, HostArray } from "../tensor/dtype.ts"
import type { Attention } from "./attention.ts"
import type { Collective } from "./collective.ts"
import type { GraphFault } from "./fault.ts"

/** Functions of one element. Comparisons with NaN, signed zeros and infinities follow IEEE 754. */
export type UnaryFn =
  | "neg"
  | "abs"
  | "sign"
  | "exp"
  | "log"
  | "sqrt"
  | "rsqrt"
  | "recip"
  | "sin"
  | "cos"
  | "tanh"
  | "erf"
  | "sigmoid"
  | "floor"
  | "ceil"
  | "round" // half to even
  | "trunc"
  | "not" // logical for bool, bitwise for ints
  | "isnan"
  | "isfinite"

/** Functions of two elements of one dtype. `rem` has the sign of the dividend; `min`/`max` give NaN if either is NaN. */
export type BinaryFn =
  | "add"
  | "sub"
  | "mul"
  | "div"
  | "rem"
  | "pow"
  | "min"
  | "max"
  | "and"
  | "or"
  | "xor"
  | "shl"
  | "shr"
  | Comparison

/** Comparisons give `bool`. */
export type Comparison = "eq" | "ne" | "lt" | "le" | "gt" | "ge"

/** Folds over axes. `argmax`/`argmin` take one axis, give `i32`, the lowest index on a tie; NaN counts as the extreme. */
export type ReduceFn = "sum" | "prod" | "max" | "min" | "argmax" | "argmin"

/** Running folds along one axis, inclusive. */
export type CumulateFn = "sum" | "prod" | "max" | "min"

/** What a node computes. Attributes that are arrays go position by position with the axes of the argument. */
export type Op =
  /** A value given when the program runs. Its name is its path in the inputs' tree. */
  | { readonly tag: "input"; readonly name: string }
  /** The same value everywhere. */
  | { readonly tag: "constant"; readonly value: number }
  /** Literal elements in row-major order, in stored form (a Float64Array of numbers is good for every float). */
  | { readonly tag: "data"; readonly values: HostArray }
  /** 0, 1, 2, ... along the node's only axis. */
  | { readonly tag: "iota" }
  | { readonly tag: "unary"; readonly fn: UnaryFn }
  | { readonly tag: "binary"; readonly fn: BinaryFn }
  /** args: condition (bool), where true, where false. */
  | { readonly tag: "select" }
  /** Value conversion; float to int truncates and saturates, NaN gives 0. */
  | { readonly tag: "cast" }
  /** Same bits, other dtype of the same width. */
  | { readonly tag: "bitcast" }
  /** Reorders by name and broadcasts along the node's axes that the argument lacks. */
  | { readonly tag: "align" }
  /** Same elements in row-major order, other axes. */
  | { readonly tag: "reshape" }
  /** Element i along an axis is element `start + i * step` of the argument; step may be negative. */
  | { readonly tag: "slice"; readonly start: ReadonlyArray<number>; readonly step: ReadonlyArray<number> }
  /** `low` values before, `interior` between any two, the rest after; the size is the node's. */
  | {
    readonly tag: "pad"
    readonly low: ReadonlyArray<number>
    readonly interior: ReadonlyArray<number>
    readonly value: number
  }
  /** One after another along `axis`. */
  | { readonly tag: "concat"; readonly axis: string }
  /** Windows: axis `axis` of the argument becomes `axis` (places) and `tap`: element place * stride + tap * dilation. */
  | {
    readonly tag: "window"
    readonly axis: string
    readonly tap: string
    readonly stride: number
    readonly dilation: number
  }
  | { readonly tag: "reduce"; readonly fn: ReduceFn; readonly axes: ReadonlyArray<string> }
  /** Sums products over the axes `on`; axes both have and not in `on` go side by side. */
  | { readonly tag: "dot"; readonly on: ReadonlyArray<string> }
  /**
   * args: x, index. Takes x along `axis` at the index (a whole number); outside gives 0. Axes: those of x with `axis`
   * replaced, in its place, by the axes of the index that x lacks or that are named `axis` too (x's `axis` is gone by
   * then). Other axes that both have go side by side (batch axes).
   */
  | { readonly tag: "gather"; readonly axis: string }
  /**
   * args: updates, index. The transpose of gather: sums updates into a new axis `axis` of `size` at the index; outside
   * is dropped. The updates have all axes of the index. The node's own axes say what is summed: an axis of the index
   * that the node has too is a batch axis, but for one named `axis`; the index's other axes are summed over. The node's
   * axes are `axis`, the batch axes and the updates' axes that the index lacks, in any order.
   */
  | { readonly tag: "scatter"; readonly axis: string; readonly size: number }
  | { readonly tag: "cumulate"; readonly fn: CumulateFn; readonly axis: string; readonly reverse: boolean }
  /** Indices (i32) that sort the argument along `axis`, stable, NaN last. */
  | { readonly tag: "argsort"; readonly axis: string; readonly descending: boolean }
  /** A loop: see `Body`. args: inits, then sequences, then constants of the body; `pick` takes its results. */
  | {
    readonly tag: "scan"
    readonly body: Body
    readonly axis: string
    readonly length: number
    readonly reverse: boolean
  }
  /**
   * args: z, codebook. The number of the nearest code of each vector: along `code`, the least |e|^2 - 2 z e over the
   * features `on`, the lowest of equals. Only a score below infinity is the least, so NaN is none; where no score is, 0.
   * Axes: those of z without `on`. The codebook's axes are `code`, `on` and some of z's, which go side by side.
   */
  | { readonly tag: "nearest"; readonly on: string; readonly code: string }
  /** Attention folded over keys, forward or one half of its gradient: see `Attention`. `pick` takes its results. */
  | { readonly tag: "attend" } & Attention
  /**
   * args: x, updates, start (i32, with axes of x other than `axis` or none). x with the updates from `start` on along
   * `axis`; start is held inside x.
   */
  | { readonly tag: "write"; readonly axis: string }
  /** args: x. What a collective gives this rank: see `Collective`. */
  | { readonly tag: "exchange"; readonly collective: Collective }
  /**
   * Result `index` of a scan (final carries first, then stacked outputs, axis of the scan in front) or of an attend.
   */
  | { readonly tag: "pick"; readonly index: number }
  /** args: x. Identity with no gradient. */
  | { readonly tag: "stop" }
  /** args: x, after... Identity that is not computed before what stands after it is. `key` keeps it apart from others. */
  | { readonly tag: "barrier"; readonly key: number }
  /**
   * args: value, inputs... Identity of the first, whose gradient for the inputs is the rule's. `keep` are the numbers of
   * those arguments that are dear: recomputation takes them from the forward pass.
   */
  | {
    readonly tag: "custom"
    readonly vjp: (cotangent: Node, value: Node, inputs: ReadonlyArray<Node>) => ReadonlyArray<Node>
    readonly keep?: ReadonlyArray<number>
  }

/** The body of a scan: nodes whose inputs are named `carry.i`, `each.i` (one slice, without the axis) and `const.i`. */
export interface Body {
  readonly carry: ReadonlyArray<Node>
  readonly each: ReadonlyArray<Node>
  readonly constants: ReadonlyArray<Node>
  /** New carries, same count, axes, sizes and dtypes as `carry`. */
  readonly next: ReadonlyArray<Node>
  /** What is stacked. */
  readonly out: ReadonlyArray<Node>
}

/** One value of the graph. Never changed after it is made. */
export interface Node {
  readonly op: Op
  readonly args: ReadonlyArray<Node>
  readonly dtype: DType
  readonly axes: ReadonlyArray<string>
  readonly shape: ReadonlyArray<number>
  /** What is wrong with this node itself; a node with faults keeps a best guess of its shape so that tracing goes on. */
  readonly faults: ReadonlyArray<GraphFault>
}

/** Number of elements. */
export const count = (shape: ReadonlyArray<number>): number => shape.reduce((a, b) => a * b, 1)

/** Size of the axis of that name; undefined if the node has no such axis. */
export const sizeOf = (node: Node, axis: string): number | undefined => node.shape[node.axes.indexOf(axis)]

/** All nodes that the roots need, arguments first, each once. Iterative: graphs are deep. */
export const topological = (roots: ReadonlyArray<Node>): ReadonlyArray<Node> => {
  const done = new Set<Node>()
  const stack: Array<readonly [Node, boolean]> = [...roots].reverse().map((r) => [r, false] as const)
  while (stack.length > 0) {
    const [node, ready] = stack.pop()!
    if (done.has(node)) continue
    if (ready) done.add(node)
    else {
      stack.push([node, true])
      for (let i = node.args.length - 1; i >= 0; i--) if (!done.has(node.args[i]!)) stack.push([node.args[i]!, false])
    }
  }
  return [...done]
}
