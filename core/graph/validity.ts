/**
 * What every graph must be, as a table of named rules. `build` makes only such nodes; compiler passes are held to the
 * table in tests, and graphs from outside when they are read. A broken rule is told by its name.
 * @module
 */
import { fault, type Faults, type GraphFault } from "./fault.ts"
import {
  agree,
  arities,
  attended,
  type Broken,
  concatenated,
  dotted,
  dtypeOf,
  exchanged,
  gathered,
  inside,
  looped,
  type Of,
  padded,
  picked,
  pointwise,
  reduced,
  scattered,
  searched,
  sliced,
  type Tag,
  unless,
  windowed,
  wrote,
} from "./laws.ts"
import { alike, kindFaults, show } from "./make.ts"
import { count, type Node, topological } from "./node.ts"
import { nameOf } from "./print.ts"
import { holds } from "./rules.ts"

/** A rule that each node is asked. */
export interface NodeRule {
  readonly name: string
  readonly broken: (node: Node) => Broken
}

/** A rule for nodes of one kind. */
const rule = <T extends Tag>(name: string, tag: T, broken: (op: Of<T>, node: Node) => Broken): NodeRule => ({
  name,
  broken: (node) => node.op.tag === tag ? broken(node.op as Of<T>, node) : undefined,
})

/** Every rule, asked in this order; the first one that a node breaks is told. */
export const rules: ReadonlyArray<NodeRule> = [
  { name: "no-faults", broken: (n) => n.faults[0]?.message },
  {
    name: "arity",
    broken: ({ op, args }) => {
      const [fewest, most] = arities[op.tag]
      return unless(args.length >= fewest && args.length <= most, () => `has ${args.length} arguments`)
    },
  },
  { name: "names-and-sizes", broken: (n) => kindFaults(n.op.tag, n)[0]?.message },
  {
    name: "same-axes",
    broken: (n) => {
      const odd = n.args.slice(0, pointwise[n.op.tag] ?? 0).find((x) => !alike(x, n))
      return unless(odd === undefined, () => `${show(odd!)} beside ${show(n)}`)
    },
  },
  { name: "dtypes", broken: dtypeOf },
  rule("constant-fits", "constant", (op, n) => unless(holds(n.dtype, op.value), () => `${op.value} is no ${n.dtype}`)),
  rule(
    "data-count",
    "data",
    (op, n) => unless(op.values.length === count(n.shape), () => `${op.values.length} elements in ${show(n)}`),
  ),
  rule("iota-axis", "iota", (_, n) => unless(n.axes.length === 1, () => `counts along ${show(n)}`)),
  rule("align-within", "align", (_, n) => {
    const x = n.args[0]!
    return inside(n, x.axes) ?? unless(agree(x, n), () => `${show(x)} into ${show(n)}`)
  }),
  rule(
    "reshape-count",
    "reshape",
    (_, n) => unless(count(n.args[0]!.shape) === count(n.shape), () => `${show(n.args[0]!)} into ${show(n)}`),
  ),
  rule("slice-inside", "slice", sliced),
  rule("pad-fits", "pad", padded),
  rule("concat-sum", "concat", concatenated),
  rule("window-inside", "window", windowed),
  rule("reduce-keeps", "reduce", reduced),
  rule("dot-axes", "dot", dotted),
  rule("gather-axes", "gather", gathered),
  rule("scatter-axes", "scatter", scattered),
  rule("cumulate-axis", "cumulate", (op, n) => inside(n, [op.axis])),
  rule("argsort-axis", "argsort", (op, n) => inside(n, [op.axis])),
  rule("nearest-axes", "nearest", searched),
  rule("scan-body", "scan", looped),
  rule("attend-fits", "attend", attended),
  rule("write-fits", "write", wrote),
  rule("exchange-fits", "exchange", exchanged),
  rule("pick-result", "pick", picked),
]

const ruleFault = (node: Node, name: string, sentence: string): GraphFault =>
  fault("RuleFault", nameOf(node.op), `breaks the rule '${name}': ${sentence}`)

/** One name is one input. */
const inputsDiffer = (nodes: ReadonlyArray<Node>): Faults => {
  const seen = new Map<string, Node>()
  return nodes.flatMap((node): Faults => {
    if (node.op.tag !== "input") return []
    const other = seen.get(node.op.name)
    seen.set(node.op.name, node)
    if (other === undefined || (other.dtype === node.dtype && alike(other, node))) return []
    return [ruleFault(node, "one-input-a-name", `'${node.op.name}' is ${show(other)} and ${show(node)}`)]
  })
}

/** The first rule that a node breaks. Rules may rely on those before them, so they are asked one by one. */
const firstBroken = (node: Node): Faults => {
  for (const { name, broken } of rules) {
    const sentence = broken(node)
    if (sentence !== undefined) return [ruleFault(node, name, sentence)]
  }
  return []
}

/** The first broken rule of every node, bodies of scans included; nothing where the graph is valid. */
export const check = (roots: ReadonlyArray<Node>): Faults => {
  const nodes = topological(roots)
  const own = nodes.flatMap((node): Faults => {
    const broken = firstBroken(node)
    if (broken.length > 0 || node.op.tag !== "scan") return broken
    return check([...node.op.body.next, ...node.op.body.out])
  })
  return [...own, ...inputsDiffer(nodes)]
}

/** All faults that tracing has gathered, in the order of the graph. */
export const faultsOf = (roots: ReadonlyArray<Node>): Faults => topological(roots).flatMap((n) => n.faults)
