/**
 * Softmax over a vocabulary whose logits are a product, by blocks of tokens and of the vocabulary, so that they are never
 * there all at once: a running maximum and sum (Milakov and Gimelshein, Online normalizer calculation for softmax, 2018),
 * and a gradient that computes each block again from the log of the sum alone. Everything in f32.
 * @module
 */
import { align, binary, cast, constant, custom, dot, iota, reduce, select, stop, unary } from "../core/graph/build.ts"
import { type Node, sizeOf } from "../core/graph/node.ts"
import { cutOf, foldParts, foldSlices, type Nodes, type Part, partsOf, whole } from "./slices.ts"

/** Names of the axes, and the sizes of a block: places of `along`, and of the vocabulary. */
export interface Blocks {
  readonly feature: string
  readonly vocab: string
  readonly along: string
  readonly tokens: number
  readonly words: number
}

/** What is known of every token: log of the sum of the exponentials, the target's logit, the best word. */
export interface Known {
  readonly logSum: Node
  readonly chosen: Node
  readonly best: Node
}

/** Below every logit that is a number, and finite: what is subtracted from it stays a number. */
const lowest = -3.4e38

const add = (x: Node, y: Node): Node => binary("add", x, y)
const sub = (x: Node, y: Node): Node => binary("sub", x, y)
const mul = (x: Node, y: Node): Node => binary("mul", x, y)
const fill = (dtype: "f32" | "i32", value: number, like: Node): Node => constant(dtype, value, like.axes, like.shape)

/** Logits of a block. */
const logitsOf = (b: Blocks, x: Node, head: Node): Node => dot(cast(x, "f32"), cast(head, "f32"), [b.feature])

/** Where the block has the target: its words begin at number `from`. */
const hits = (b: Blocks, logits: Node, targets: Node, from: Node): Node => {
  const place = binary("add", iota(b.vocab, sizeOf(logits, b.vocab) ?? 1), from)
  return binary("eq", align(targets, logits.axes, logits.shape), align(place, logits.axes, logits.shape))
}

/** One block more of the vocabulary: the greatest logit, the sum beside it, the target's logit, the best word. */
const taken = (b: Blocks, x: Node, targets: Node) => (state: Nodes, [head]: Nodes, from: Node): Part => {
  const [top, total, chosen, best] = state as [Node, Node, Node, Node]
  const logits = logitsOf(b, x, head!)
  const most = reduce("max", logits, [b.vocab])
  const next = binary("max", top, most)
  const more = reduce("sum", unary("exp", sub(logits, next)), [b.vocab])
  const hit = reduce("sum", select(hits(b, logits, targets, from), logits, 0), [b.vocab])
  const strange = binary("and", unary("isnan", most), unary("not", unary("isnan", top)))
  const better = binary("or", binary("gt", most, top), strange)
  const found = add(reduce("argmax", logits, [b.vocab]), from)
  return {
    carry: [
      next,
      add(mul(total, unary("exp", sub(top, next))), more),
      add(chosen, hit),
      select(better, found, best),
    ],
    out: [],
  }
}

/** All tokens, by blocks. */
export const known = (b: Blocks, x: Node, head: Node, targets: Node): Known => {
  const rows = (_: Nodes, slices: Nodes): Part => {
    const [tokens, goals] = slices as [Node, Node]
    const start = [fill("f32", lowest, goals), fill("f32", 0, goals), fill("f32", 0, goals), fill("i32", 0, goals)]
    const { carry } = foldSlices(taken(b, tokens, goals), b.vocab, b.words, [head], start)
    const [top, total, chosen, best] = carry as [Node, Node, Node, Node]
    return { carry: [], out: [add(top, unary("log", total)), chosen, best] }
  }
  const [logSum, chosen, best] = foldSlices(rows, b.along, b.tokens, [x, targets], []).out as [Node, Node, Node]
  return { logSum, chosen, best }
}

/** The log of the sum and its cotangent; and, where there are targets, what `chosen` is owed less. */
interface Owed {
  readonly logSum: Node
  readonly toLogSum: Node
  readonly chosen?: { readonly targets: Node; readonly less: Node }
}

/**
 * Cotangents of x and of the head: each block of logits is computed again, and with it both products. What the head is owed
 * is carried in the parts that the vocabulary is cut into, so that each block of it is added to where it lies.
 */
const pulled = (b: Blocks, x: Node, head: Node, owed: Owed): Nodes => {
  const cut = cutOf(b.vocab, sizeOf(head, b.vocab) ?? 0, b.words)
  const heads = partsOf([head], cut)
  const rows = (sums: Nodes, [tokens, logSum, toLogSum, targets, less]: Nodes): Part => {
    const words = ([dx]: Nodes, [part, dpart]: Nodes, from: Node): Part => {
      const logits = logitsOf(b, tokens!, part!)
      const weights = mul(unary("exp", sub(logits, logSum!)), toLogSum!)
      const hit = targets && select(hits(b, logits, targets, from), align(less!, logits.axes, logits.shape), 0)
      const d = hit ? sub(weights, hit) : weights
      const turned = dot(d, cast(part!, "f32"), [b.vocab])
      const axes = logits.axes.filter((a) => a !== b.vocab)
      const first = part!.axes[0] === b.feature
      const crossed = first ? dot(cast(tokens!, "f32"), d, axes) : dot(d, cast(tokens!, "f32"), axes)
      return { carry: [add(dx!, align(turned, tokens!.axes, tokens!.shape))], out: [add(dpart!, crossed)] }
    }
    const start = constant("f32", 0, tokens!.axes, tokens!.shape)
    const parts = { main: [...heads.main, sums[0]!], rest: [...heads.rest, ...sums.slice(1)] }
    const { carry, main, rest } = foldParts(words, cut, parts, [start])
    return { carry: [...main, ...rest], out: [cast(carry[0]!, x.dtype)] }
  }
  const given = [x, owed.logSum, owed.toLogSum, ...(owed.chosen ? [owed.chosen.targets, owed.chosen.less] : [])]
  const none = [...heads.main, ...heads.rest].map((part) => constant("f32", 0, part.axes, part.shape))
  const { carry, out } = foldSlices(rows, b.along, b.tokens, given, none)
  const [dhead] = whole({ main: carry.slice(0, 1), rest: carry.slice(1) }, cut)
  return [out[0]!, cast(dhead!, head.dtype)]
}

/** The log of the sum as a function of x and the head: what the gradient below is differentiated by. */
const logSumOf = (b: Blocks, x: Node, head: Node, logSum: Node): Node =>
  custom(
    logSum,
    [x, head, logSum],
    (ct, _, [y, h, l]) => pulled(b, y!, h!, { logSum: logSumOf(b, y!, h!, stop(l!)), toLogSum: ct }),
  )

/** logSum - chosen for every token, differentiable in x and in the head; kept for the backward pass is the log of the sum. */
export const lossesOf = (b: Blocks, x: Node, head: Node, targets: Node, { logSum, chosen }: Known): Node =>
  custom(
    sub(logSum, chosen),
    [x, head, targets, stop(logSum)],
    (ct, _, [y, h, t, l]) =>
      pulled(b, y!, h!, {
        logSum: logSumOf(b, y!, h!, stop(l!)),
        toLogSum: ct,
        chosen: { targets: t!, less: ct },
      }),
    [0, 4],
  )
