/**
 * The last product of a language model and its loss as one: logits are made by blocks of tokens and of the vocabulary, used
 * and forgotten, forward and back.
 *
 * ```ts
 * import { div, type F32, type I32, linearCrossEntropy } from "@orrery/orrery"
 *
 * const loss = (x: F32<"batch time model">, head: F32<"model vocab">, next: I32<"batch time">): F32 => {
 *   const { total, weight } = linearCrossEntropy(x, head, next, { feature: "model", vocab: "vocab", along: "time" })
 *   return div(total, weight)
 * }
 * ```
 * @module
 */
import { align, barrier, binary, cast, constant, dot, reduce } from "../core/graph/build.ts"
import { fault, type Faults } from "../core/graph/fault.ts"
import { marked, tensor } from "../core/graph/given.ts"
import { clashes, lacking, quoted, show, whole } from "../core/graph/make.ts"
import { count, type Node, sizeOf } from "../core/graph/node.ts"
import type { Axes, Has, Lacks, Same, Sub, Without } from "../core/tensor/axes.ts"
import { dtypes } from "../core/tensor/dtype.ts"
import { type Float, type Int, type Tensor, typed } from "../core/tensor/tensor.ts"
import { tokenLoss } from "./loss.ts"
import { type Blocks, known, lossesOf } from "./vocabulary.ts"

/** Places of the axis `along`, and words of the vocabulary, in a block of logits. */
export interface LogitBlock {
  readonly tokens?: number
  readonly vocab?: number
}

/** How the axes are called, and how the work is cut. */
export interface LinearCrossEntropy<A extends Axes, T extends Axes, F, V, L, W extends Axes> {
  /** The axis that x and the head share. */
  readonly feature: F
  /** The other axis of the head. */
  readonly vocab: V
  /** The axis of the tokens that is cut. */
  readonly along: L
  /** Of each token, for the total; may lack axes of the tokens. */
  readonly weights?: Tensor<"f32", W> & Sub<T, W>
  /** What is left out is chosen so that a block of logits takes 32 MiB. */
  readonly chunk?: LogitBlock
  /**
   * Make all logits at once and keep them for the backward pass, which is faster where there is room for them. Left out,
   * it is true where they take at most 64 MiB and no chunk is given.
   */
  readonly keep?: boolean
}

/** Losses and hits of tokens. */
export interface TokenLosses<T extends Axes> {
  /** -log softmax of the logits at the target, in nats. */
  readonly losses: Tensor<"f32", T>
  /** Is the target the word with the greatest logit, the first of those with the same? */
  readonly correct: Tensor<"bool", T>
  /** Sum of weight * loss. */
  readonly total: Tensor<"f32", []>
  /** Sum of the weights; without weights the number of tokens. */
  readonly weight: Tensor<"f32", []>
}

const mebibyte = 2 ** 20
/** Bytes of logits that are kept at most unless `keep` says so, and that a block takes. */
const room = { kept: 64 * mebibyte, block: 32 * mebibyte } as const

/** The arguments as nodes; types forbid most of what may be wrong with them. */
interface Given {
  readonly x: Node
  readonly head: Node
  readonly targets: Node
  readonly weights: Node | undefined
  readonly feature: string
  readonly vocab: string
  readonly along: string
  readonly chunk: LogitBlock
}

const name = "linearCrossEntropy"

/** A chunk is a record of two numbers. */
const strangers = (chunk: unknown): Faults => {
  const record = typeof chunk === "object" && chunk !== null && !Array.isArray(chunk)
  const strange = record ? Object.keys(chunk).filter((k) => k !== "tokens" && k !== "vocab") : []
  return record && strange.length === 0 ? [] : [
    fault(
      "ValueFault",
      name,
      `chunk is ${JSON.stringify(chunk)}; expected { tokens, vocab }, either may be left out`,
    ),
  ]
}

const faultsOf = ({ x, head, targets, weights, feature, vocab, along, chunk }: Given): Faults => {
  const tokens = {
    ...x,
    axes: x.axes.filter((a) => a !== feature),
    shape: x.shape.filter((_, d) => x.axes[d] !== feature),
  }
  const beyond = head.axes.filter((a) => a !== feature && a !== vocab)
  const stray = (weights?.axes ?? []).filter((a) => !tokens.axes.includes(a))
  const odd = (kind: string, takes: string, n: Node): Faults =>
    dtypes[n.dtype].kind === kind ? [] : [fault("DTypeFault", name, `takes ${takes}, got ${show(n)}; cast it first`)]
  return [
    ...lacking(name, x, [feature]),
    ...lacking(name, head, [feature, vocab]),
    ...(beyond.length === 0 ? [] : [
      fault(
        "NameFault",
        name,
        `the head ${show(head)} has ${quoted(beyond)} too; it takes '${feature}' and '${vocab}'`,
      ),
    ]),
    ...(x.axes.includes(vocab) ? [fault("NameFault", name, `${show(x)} has the axis '${vocab}'; rename it`)] : []),
    ...lacking(name, targets, tokens.axes),
    ...lacking(name, tokens, [...targets.axes, along]),
    ...(stray.length === 0 ? [] : lacking(name, targets, stray)),
    ...clashes(name, x, head),
    ...clashes(name, tokens, targets),
    ...(weights === undefined ? [] : clashes(name, targets, weights)),
    ...odd("float", "features that are floats", x),
    ...odd("float", "a head of floats", head),
    ...odd("int", "targets that are whole numbers", targets),
    ...strangers(chunk),
    ...(chunk.tokens === undefined ? [] : whole(name, "chunk.tokens", chunk.tokens, 1)),
    ...(chunk.vocab === undefined ? [] : whole(name, "chunk.vocab", chunk.vocab, 1)),
  ]
}

/** The greatest power of two up to n, 1 at least. */
const powerUpTo = (n: number): number => 2 ** Math.floor(Math.log2(Math.max(1, n)))

/** The sizes of a block where they are not given: whole rows of logits first, but not of fewer than 128 tokens. */
const blockOf = (
  { targets, head, along, vocab, chunk }: Given,
): { readonly tokens: number; readonly words: number } => {
  const places = Math.max(1, sizeOf(targets, along) ?? 1)
  const rows = Math.max(1, count(targets.shape) / places)
  const all = Math.max(1, sizeOf(head, vocab) ?? 1)
  const most = room.block / 4 / rows
  const few = Math.min(places, Math.ceil(128 / rows))
  const tokens = chunk.tokens ?? Math.min(places, Math.max(few, powerUpTo(most / (chunk.vocab ?? all))))
  return { tokens, words: chunk.vocab ?? Math.min(all, Math.max(128, powerUpTo(most / tokens))) }
}

/**
 * The cross-entropy of the logits `x . head` at the targets: what `tokenLoss` and `argmax` of them give, in f32 whatever
 * the dtypes are, without more of them at a time than a block of `chunk.tokens` places along `along` (times the other axes
 * of the tokens) and `chunk.vocab` words. Sizes need not divide. It is differentiable in x, the head and the weights; kept for
 * the backward pass is one number a token, and each block is computed again there (not where there is one block, or for the
 * shorter last one: these may be kept). Gradients of the head are summed in
 * f32. A target outside of the vocabulary has the logit 0 and is never correct.
 *
 * Faults: axes that are not there, or too many; sizes or dtypes that do not fit; a chunk that is no whole number above 0.
 */
export const linearCrossEntropy = <
  D extends Float,
  A extends Axes,
  H extends Axes,
  T extends Axes,
  const F extends string,
  const V extends string,
  const L extends string,
  W extends Axes = [],
>(
  x: Tensor<D, A>,
  head: Tensor<Float, H>,
  targets: Tensor<Int, T> & Same<Without<A, F>, T>,
  options: LinearCrossEntropy<
    A,
    T,
    F & Has<A, F> & Has<H, F>,
    V & Has<H, V> & Lacks<A, V>,
    L & Has<T, L>,
    W
  >,
): TokenLosses<Without<A, F>> => {
  const { feature, vocab, along, weights, chunk = {}, keep } = options
  const given: Given = {
    x: tensor(name, x),
    head: tensor(name, head),
    targets: tensor(name, targets, "i32"),
    weights: weights === undefined ? undefined : tensor(name, weights),
    feature,
    vocab,
    along,
    chunk,
  }
  const axes = given.x.axes.filter((a) => a !== feature)
  const shape = axes.map((a) => sizeOf(given.x, a)!)
  const { losses, correct } = tokensOf(given, axes, shape, keep)
  const w = given.weights && align(given.weights, axes, shape)
  return {
    losses: typed(losses),
    correct: typed(correct),
    total: typed(reduce("sum", w ? binary("mul", losses, w) : losses, axes)),
    weight: typed(w ? reduce("sum", w, axes) : constant("f32", count(shape))),
  }
}

/** Loss and hit of every token. */
const tokensOf = (
  given: Given,
  axes: ReadonlyArray<string>,
  shape: ReadonlyArray<number>,
  keep: boolean | undefined,
): { readonly losses: Node; readonly correct: Node } => {
  const { x, head, feature, vocab, along, chunk } = given
  const faults = faultsOf(given)
  if (faults.length > 0) {
    const wrong = marked(constant("f32", 0), faults)
    const like = (dtype: "f32" | "bool"): Node =>
      barrier(constant(dtype, 0, axes, shape), [x, head, given.targets, wrong], 0)
    return { losses: like("f32"), correct: like("bool") }
  }
  const targets = align(cast(given.targets, "i32"), axes, shape)
  const bytes = 4 * count(shape) * sizeOf(head, vocab)!
  const cut = chunk.tokens !== undefined || chunk.vocab !== undefined
  if (keep ?? (!cut && bytes <= room.kept)) {
    const logits = dot(cast(x, "f32"), cast(head, "f32"), [feature])
    const loss = tokenLoss<Axes, Axes, string>(typed(logits), typed(targets), vocab)
    return { losses: loss, correct: binary("eq", reduce("argmax", logits, [vocab]), targets) }
  }
  const blocks: Blocks = { feature, vocab, along, ...blockOf(given) }
  const found = known(blocks, x, head, targets)
  return { losses: lossesOf(blocks, x, head, targets, found), correct: binary("eq", found.best, targets) }
}
