/**
 * Rewriting: arguments first, every node is made once (common subexpressions), then the rules are tried until none
 * applies. What no output needs is never visited.
 * @module
 */
import { type Body, type Node, type Op, topological } from "../graph/node.ts"
import { type Rule, rules } from "./rules.ts"

/** A text that equal ops share; ops that must stay apart have none. */
const opKey = (op: Op, name: (x: object) => number): string => {
  switch (op.tag) {
    case "data":
      return op.values.length <= 65_536
        ? `data:${op.values.constructor.name}:${op.values.join()}`
        : `data#${name(op.values)}`
    case "custom":
      return `custom#${name(op.vjp)}`
    case "scan":
      return `scan#${name(op.body)}:${op.axis}:${op.length}:${op.reverse}`
    case "constant":
      return `constant:${Object.is(op.value, -0) ? "-0" : op.value}`
    default:
      return JSON.stringify(op, (_, v) => typeof v === "number" ? String(v) : v)
  }
}

interface Table {
  readonly intern: (n: Node) => Node
}

/** Nodes by what they are: two that compute the same from the same arguments are one. */
const table = (): Table => {
  const names = new Map<object, number>()
  const nodes = new Map<string, Node>()
  const name = (x: object): number => {
    const known = names.get(x)
    if (known !== undefined) return known
    names.set(x, names.size)
    return names.size - 1
  }
  return {
    intern: (n) => {
      if (n.op.tag === "input") return n
      const key = `${opKey(n.op, name)}|${n.dtype}|${n.axes.join()}|${n.shape.join()}|${n.args.map(name).join()}`
      const known = nodes.get(key)
      if (known) return known
      nodes.set(key, n)
      return n
    },
  }
}

const applyAll = (n: Node, laws: ReadonlyArray<Rule>): Node | undefined => {
  for (const r of laws) {
    const next = r.apply(n)
    if (next !== undefined && next !== n) return next
  }
  return undefined
}

/** Most often a rule may follow on a rule at one node; beyond it, two rules undo each other. */
const patience = 64

const settle = (n: Node, t: Table, laws: ReadonlyArray<Rule>, done: Map<Node, Node>): Node => {
  let now = t.intern(n)
  for (let turn = 0; turn < patience; turn++) {
    const next = applyAll(now, laws)
    if (next === undefined) return now
    now = visit(next, t, laws, done)
  }
  throw new Error(`rewrite rules do not settle at ${n.op.tag}`)
}

/** Rewrites what a rule made: its new arguments are few and near, those it kept are done. */
const visit = (n: Node, t: Table, laws: ReadonlyArray<Rule>, done: Map<Node, Node>): Node => {
  const known = done.get(n)
  if (known) return known
  const args = n.args.map((a) => done.get(a) ?? settled(a, t, laws, done))
  const kept = args.every((a, i) => a === n.args[i])
  return t.intern(kept ? n : { ...n, args })
}

const settled = (n: Node, t: Table, laws: ReadonlyArray<Rule>, done: Map<Node, Node>): Node => {
  const made = settle(visit(n, t, laws, done), t, laws, done)
  done.set(n, made)
  done.set(made, made)
  return made
}

const rewriteBody = (body: Body, laws: ReadonlyArray<Rule>): Body => {
  const all = rewriteWith([...body.next, ...body.out], laws)
  return { ...body, next: all.slice(0, body.next.length), out: all.slice(body.next.length) }
}

/** Rewrites with a table of rules. The results stand in the order of the roots. */
export const rewriteWith = (roots: ReadonlyArray<Node>, laws: ReadonlyArray<Rule>): ReadonlyArray<Node> => {
  const t = table()
  const done = new Map<Node, Node>()
  for (const n of topological(roots)) {
    const own: Node = n.op.tag === "scan" ? { ...n, op: { ...n.op, body: rewriteBody(n.op.body, laws) } } : n
    const made = settled(own, t, laws, done)
    done.set(n, made)
  }
  return roots.map((r) => done.get(r)!)
}

/** Rewrites with all rules. */
export const rewrite = (roots: ReadonlyArray<Node>): ReadonlyArray<Node> => rewriteWith(roots, rules)
