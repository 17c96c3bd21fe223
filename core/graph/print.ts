/**
 * Graphs as text for people: one line a node, arguments by number.
 *
 * ```text
 * %0 = input x                     f32[batch 2, model 3]
 * %1 = input w                     f32[model 3, hidden 4]
 * %2 = dot %0 %1 on model          f32[batch 2, hidden 4]
 * ```
 * @module
 */
import { show } from "./make.ts"
import { type Body, type Node, type Op, topological } from "./node.ts"

const short = (values: ArrayLike<number>): string => {
  const shown = Array.from({ length: Math.min(4, values.length) }, (_, i) => String(values[i]))
  return `[${shown.join(" ")}${values.length > 4 ? " ..." : ""}]`
}

/** What stands behind the arguments, per op. */
const details: { readonly [T in Op["tag"]]?: (op: Extract<Op, { readonly tag: T }>, node: Node) => string } = {
  input: (op) => op.name,
  constant: (op) => String(op.value),
  data: (op) => short(op.values),
  cast: (_, node) => `to ${node.dtype}`,
  bitcast: (_, node) => `to ${node.dtype}`,
  align: (_, node) => `to ${node.axes.join(" ")}`,
  slice: (op, node) =>
    node.axes.map((a, i) => [a, op.start[i]!, op.step[i]!, node.args[0]!.shape[i]!, node.shape[i]!] as const)
      .filter(([, start, step, from, to]) => start !== 0 || step !== 1 || from !== to)
      .map(([a, start, step]) => `${a} from ${start}${step === 1 ? "" : ` by ${step}`}`).join(", "),
  pad: (op, node) =>
    node.axes.map((a, i) => [a, op.low[i]!, op.interior[i]!, node.args[0]!.shape[i]!, node.shape[i]!] as const)
      .filter(([, low, interior, from, to]) => low !== 0 || interior !== 0 || from !== to)
      .map(([a, low, interior]) => `${a} after ${low}${interior === 0 ? "" : ` between ${interior}`}`)
      .concat(op.value === 0 ? [] : [`with ${op.value}`]).join(", "),
  concat: (op) => `along ${op.axis}`,
  window: (op) =>
    `along ${op.axis} tap ${op.tap}${op.stride === 1 ? "" : ` stride ${op.stride}`}` +
    (op.dilation === 1 ? "" : ` dilation ${op.dilation}`),
  reduce: (op) => `over ${op.axes.join(" ")}`,
  dot: (op) => `on ${op.on.join(" ")}`,
  gather: (op) => `along ${op.axis}`,
  scatter: (op) => `into ${op.axis}`,
  cumulate: (op) => `along ${op.axis}${op.reverse ? " from its end" : ""}`,
  argsort: (op) => `along ${op.axis}${op.descending ? " descending" : ""}`,
  nearest: (op) => `along ${op.code} by ${op.on}`,
  scan: (op) => `along ${op.axis} ${op.length} turns${op.reverse ? " from its end" : ""}`,
  attend: (op) =>
    [
      `${op.part} ${op.query} to ${op.key}`,
      ...(op.causal === 0 ? [] : [op.causal === 1 ? "causal" : `causal by ${op.causal}`]),
      ...(op.window === 0 ? [] : [`window ${op.window}`]),
      ...(op.cap === 0 ? [] : [`cap ${op.cap}`]),
      ...(op.masks.length === 0 ? [] : [`with ${op.masks.join(" ")}`]),
    ].join(" "),
  write: (op) => `along ${op.axis}`,
  exchange: ({ collective: c }) =>
    `over ${c.over.join(" ")} of ${c.ranks}${c.kind === "permute" ? ` by ${c.shift}` : ""}`,
  pick: (op) => String(op.index),
  barrier: (op) => `key ${op.key}`,
}

/** The op as a word: `sum`, `add`, `dot`. */
export const nameOf = (op: Op): string => {
  switch (op.tag) {
    case "unary":
    case "binary":
    case "reduce":
      return op.fn
    case "cumulate":
      return `cumulative ${op.fn}`
    case "exchange":
      return op.collective.kind
    default:
      return op.tag
  }
}

const bodyLines = (body: Body): ReadonlyArray<string> => {
  const lines = print([...body.next, ...body.out]).split("\n")
  return lines.map((l) => `    ${l}`)
}

/** The listing of all that the roots need, arguments first, and the roots in a last line. */
export const print = (roots: ReadonlyArray<Node>): string => {
  const nodes = topological(roots)
  const number = new Map(nodes.map((n, i) => [n, `%${i}`] as const))
  const lines = nodes.flatMap((node, i) => {
    const detail = (details[node.op.tag] as ((op: Op, node: Node) => string) | undefined)?.(node.op, node) ?? ""
    const words = [`%${i} = ${nameOf(node.op)}`, ...node.args.map((a) => number.get(a)!), detail].filter((w) =>
      w !== ""
    )
    const faults = node.faults.map((f) => `    fault: ${f.message}`)
    const own = `${words.join(" ").padEnd(40)} ${show(node)}`
    return [own, ...faults, ...(node.op.tag === "scan" ? bodyLines(node.op.body) : [])]
  })
  return [...lines, `-> ${roots.map((r) => number.get(r)!).join(" ")}`].join("\n")
}
