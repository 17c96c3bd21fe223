/**
 * Reverse-mode differentiation of a graph: from nodes to nodes. Cotangents are gathered over the nodes in reverse
 * order, without recursion, and only along paths from an output to what is asked for.
 * @module
 */
import { fault } from "../graph/fault.ts"
import type { Node, Op } from "../graph/node.ts"
import { carryingNodes } from "./activity.ts"
import { elementwise } from "./elementwise.ts"
import { exchanges } from "./exchange.ts"
import { fold } from "./fold.ts"
import type { Loop } from "./loop.ts"
import { loopBack, withSaved } from "./loop.ts"
import { movement } from "./movement.ts"
import type { Pull, Rule } from "./rule.ts"
import { add, zeros } from "./rule.ts"
import { upTo } from "../graph/substitute.ts"

/** Outputs (their loops now save what the backward pass needs), and the transpose of their derivative. */
export interface Linear {
  readonly outputs: ReadonlyArray<Node>
  /** Cotangents of the outputs (null is 0) to those of what was asked for; what has no influence gets zeros. */
  readonly pullback: (cotangents: ReadonlyArray<Node | null>) => ReadonlyArray<Node>
}

/** Of what has no arguments, or passes nothing on to them. */
const none = (): ReadonlyArray<Pull | null> => []

const rules: { readonly [T in Exclude<Op["tag"], "scan" | "pick">]: Rule<T> } = {
  ...elementwise,
  ...movement,
  ...fold,
  ...exchanges,
  input: none,
  constant: none,
  data: none,
  iota: none,
  bitcast: none,
  argsort: none,
  nearest: none,
  stop: none,
  barrier: (_op, _node, ct) => [() => ct],
  attend: (_op, node) => [() => underivable(node.args[0]!)],
  custom: (op, node, ct) => {
    const inputs = node.args.slice(1)
    let made: ReadonlyArray<Node> | null = null
    const all = (): ReadonlyArray<Node> => made ??= op.vjp(ct, node, inputs)
    return [null, ...inputs.map((x, i): Pull => () => all()[i] ?? zeros(x))]
  },
}

/** Attention has its gradient from `blockwiseAttention`; the gradient of that gradient, or of the bare op, is not known. */
const underivable = (like: Node): Node => ({
  ...zeros(like),
  faults: [
    fault(
      "RuleFault",
      "attend",
      "has no derivative here: use blockwiseAttention, which is differentiated once; for second derivatives, softmax",
    ),
  ],
})

/** Makes active loops save the carries of every turn; gives the outputs anew and what was learnt about each loop. */
const savingLoops = (
  outputs: ReadonlyArray<Node>,
  sources: ReadonlySet<Node>,
): { readonly outputs: ReadonlyArray<Node>; readonly loops: ReadonlyMap<Node, Loop> } => {
  const order = upTo(outputs, sources)
  const active = carryingNodes(order, sources, outputs)
  if (!order.some((node) => node.op.tag === "scan" && active.has(node))) return { outputs, loops: new Map() }
  const made = new Map<Node, Node>()
  const loops = new Map<Node, Loop>()
  for (const node of order) {
    const args = node.args.map((arg) => made.get(arg)!)
    const moved = !sources.has(node) && args.some((arg, i) => arg !== node.args[i])
    const now = moved ? { ...node, args } : node
    const needs = node.args.map((arg) => active.has(arg))
    if (now.op.tag === "scan" && active.has(node) && !sources.has(node)) {
      const loop = withSaved(now, now.op, needs, linearise)
      loops.set(loop.node, loop)
      made.set(node, loop.node)
    } else made.set(node, now)
  }
  return { outputs: outputs.map((o) => made.get(o)!), loops }
}

/** Differentiates the outputs for the sources, which count as independent of each other. */
export const linearise = (given: ReadonlyArray<Node>, wanted: ReadonlyArray<Node>): Linear => {
  const sources = new Set(wanted)
  const { outputs, loops } = savingLoops(given, sources)
  const order = upTo(outputs, sources)
  const active = carryingNodes(order, sources, outputs)

  const pullback = (cotangents: ReadonlyArray<Node | null>): ReadonlyArray<Node> => {
    const gathered = new Map<Node, Array<Node | undefined>>()
    const give = (node: Node, ct: Node, result = 0): void => {
      if (!active.has(node)) return
      const list = gathered.get(node) ?? []
      const before = list[result]
      list[result] = before === undefined ? ct : add(before, ct)
      gathered.set(node, list)
    }
    outputs.forEach((output, i) => {
      const ct = cotangents[i]
      if (ct) give(output, ct)
    })
    for (let i = order.length - 1; i >= 0; i--) {
      const node = order[i]!
      const own = gathered.get(node)
      if (own === undefined || sources.has(node)) continue
      const { op } = node
      if (op.tag === "pick") give(node.args[0]!, own[0]!, op.index)
      else if (op.tag === "scan") {
        loopBack(loops.get(node)!, own, linearise).forEach((ct, k) => ct && give(node.args[k]!, ct))
      } else {
        const rule = rules[op.tag] as Rule<Op["tag"]>
        rule(op, node, own[0]!).forEach((pull, k) => {
          if (pull !== null && active.has(node.args[k]!)) give(node.args[k]!, pull())
        })
      }
    }
    return wanted.map((node) => gathered.get(node)?.[0] ?? zeros(node))
  }
  return { outputs, pullback }
}
