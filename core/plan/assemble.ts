/**
 * From ordered kernels, whose buffers are still nodes, to a program: buffers get numbers and places, equal kernels are
 * kept once, the arena is laid out, the forecast counted.
 * @module
 */
import { count, type Node, topological } from "../graph/node.ts"
import { withOperands } from "../kernel/attend.ts"
import { rebuild, written } from "../kernel/expression.ts"
import { kernelKey } from "../kernel/flat.ts"
import type { Expr, Kernel, Stage, Store } from "../kernel/kernel.ts"
import type { DType } from "../tensor/dtype.ts"
import { core } from "./attempt.ts"
import { layOut, type Life } from "./arena.ts"
import { forecastOf } from "./forecast.ts"
import { livesOf, touched } from "./lives.ts"
import { reuse } from "./reuse.ts"
import { type Policy, rounded } from "./policy.ts"
import { type Buffer, bufferBytes, type Exchange, type Place, type Program, type Slot, type Step } from "./program.ts"
import type { Move } from "./item.ts"

/** One output: its path, the node that holds it, its own names and sizes for that, and the input it takes over. */
export interface Result {
  readonly path: string
  readonly node: Node
  readonly axes: ReadonlyArray<string>
  readonly shape: ReadonlyArray<number>
  readonly donated: number | undefined
}

/** All that a program is made of. */
export interface Parts {
  readonly inputs: ReadonlyArray<{ readonly path: string; readonly node: Node }>
  readonly outputs: ReadonlyArray<Result>
  readonly moves: ReadonlyArray<Move>
  readonly policy: Policy
}

/** The kernel with its buffers renumbered. */
const rebind = (k: Kernel, to: (b: number) => number): Kernel => {
  const expr = rebuild(
    (i, again) => ({
      base: i.base,
      terms: i.terms.map(({ coef, atom }) => ({
        coef,
        atom: atom.tag === "value" ? { tag: "value", of: again(atom.of) } : atom,
      })),
    }),
    (e: Expr): Expr => e.tag === "load" ? { ...e, buffer: to(e.buffer) } : e,
  )
  const store = (s: Store): Store => ({ buffer: to(s.buffer), at: s.at, value: expr(s.value) })
  switch (k.tag) {
    case "loop":
      return {
        ...k,
        stages: k.stages.map((s): Stage =>
          s.tag === "fold"
            ? { ...s, folds: s.folds.map((f) => ({ ...f, value: expr(f.value) })) }
            : { ...s, stores: s.stores.map(store) }
        ),
      }
    case "contract":
      return { ...k, a: expr(k.a), b: expr(k.b), stores: k.stores.map(store) }
    case "scatter":
      return { ...k, buffer: to(k.buffer), row: expr(k.row), value: expr(k.value) }
    case "cumulate":
      return { ...k, value: expr(k.value), stores: k.stores.map(store) }
    case "sort":
      return { ...k, buffer: to(k.buffer), key: expr(k.key) }
    case "attend":
      return { ...withOperands(k, expr), stores: k.stores.map(store) }
  }
}

/** Numbers of buffers, given out in the order in which steps name them. */
interface Numbering {
  readonly of: (n: Node) => number
  readonly nodes: ReadonlyArray<Node>
}

const numbering = (owner: (n: Node) => Node): Numbering => {
  const nodes: Array<Node> = []
  const numbers = new Map<Node, number>()
  return {
    nodes,
    of: (n) => {
      const key = owner(n)
      const known = numbers.get(key)
      if (known !== undefined) return known
      numbers.set(key, nodes.length)
      return nodes.push(key) - 1
    },
  }
}

/** The kernels, each once, by their text. */
interface Shelf {
  readonly kernels: ReadonlyArray<Kernel>
  readonly put: (k: Kernel) => number
}

const shelf = (): Shelf => {
  const kernels: Array<Kernel> = []
  const keys = new Map<string, number>()
  return {
    kernels,
    put: (k) => {
      const key = kernelKey(k)
      const known = keys.get(key)
      if (known !== undefined) return known
      keys.set(key, kernels.length)
      return kernels.push(k) - 1
    },
  }
}

const stepsOf = (
  moves: ReadonlyArray<Move>,
  numbers: Numbering,
  kernels: Shelf,
  policy: Policy,
): ReadonlyArray<Step> =>
  moves.flatMap((m): ReadonlyArray<Step> => {
    if (m.tag === "repeat") {
      return [{ tag: "repeat", times: m.times, reverse: m.reverse, steps: stepsOf(m.moves, numbers, kernels, policy) }]
    }
    if (m.tag !== "kernel") return []
    const all = m.lowered.buffers.map(numbers.of)
    const distinct = [...new Set(all)]
    const kernel = distinct.length === all.length
      ? m.lowered.kernel
      : rebind(m.lowered.kernel, (b) => distinct.indexOf(all[b]!))
    return [{ tag: "dispatch", kernel: kernels.put(rounded(kernel, policy)), buffers: distinct }]
  })

/**
 * The collectives with the steps between which they run: a collective is started as soon as its argument is whole and
 * finished just before the first step that reads its result.
 */
const exchangesOf = (
  moves: ReadonlyArray<Move>,
  steps: ReadonlyArray<Step>,
  numbers: Numbering,
  kernels: ReadonlyArray<Kernel>,
): ReadonlyArray<Exchange> => {
  const uses = steps.map((s) => new Set(touched([s])))
  const writes = steps.map((s) => new Set(stored([s], kernels)))
  const found: Array<Exchange> = []
  const there = madeAt(moves)
  let at = 0
  for (const m of moves) {
    if (m.tag === "start" && m.node.op.tag === "exchange") {
      const [from, to] = [numbers.of(m.from), numbers.of(m.node)]
      const filled = found.find((e) => e.to === from)?.finish ?? 0
      const earliest = Math.max(filled, ...[...m.needs].map((n) => there.get(n) ?? 0))
      let start = at
      while (start > earliest && !writes[start - 1]!.has(from) && !uses[start - 1]!.has(to)) start--
      let finish = at
      while (finish < steps.length && !uses[finish]!.has(to) && !writes[finish]!.has(from)) finish++
      found.push({ collective: m.node.op.collective, from, to, start, finish })
    }
    at += m.tag === "start" || m.tag === "finish" ? 0 : 1
  }
  // what another collective sends must have come before it is started
  for (let i = found.length - 1; i >= 0; i--) {
    const e = found[i]!
    const sent = found.slice(i + 1).filter((l) => l.from === e.to).map((l) => l.start)
    found[i] = { ...e, finish: Math.max(e.start, Math.min(e.finish, ...sent)) }
  }
  return found
}

/** After which step each node is there. */
const madeAt = (moves: ReadonlyArray<Move>): ReadonlyMap<Node, number> => {
  const made = new Map<Node, number>()
  const storing = (m: Move): ReadonlyArray<Node> =>
    m.tag === "kernel" ? m.lowered.stored : m.tag === "repeat" ? m.moves.flatMap(storing) : []
  let at = 0
  for (const m of moves) {
    if (m.tag === "start" || m.tag === "finish") continue
    at++
    for (const n of storing(m)) made.set(n, at)
  }
  return made
}

/** Buffers that the steps write. */
const stored = (steps: ReadonlyArray<Step>, kernels: ReadonlyArray<Kernel>): ReadonlyArray<number> =>
  steps.flatMap((s) =>
    s.tag === "dispatch" ? written(kernels[s.kernel]!).map((w) => s.buffers[w]!) : stored(s.steps, kernels)
  )

/**
 * What is never kept in halves: logs of sums, which weights are computed again from, as an error of a log is one of a
 * factor; and what loops carry, as sums of many small parts would stop growing.
 */
const preciseOf = (nodes: ReadonlyArray<Node>): ReadonlySet<Node> => {
  const rows = nodes.flatMap((n) =>
    n.op.tag === "attend" && n.op.part !== "forward" ? n.args.slice(-3, -1).map(core) : []
  )
  return new Set([...rows, ...nodes.filter((n) => isLog(n) || isCarry(n))])
}

/** Is it a log, or a log and something more; or one that an attention gives, or that a loop stacks? */
const isLog = (n: Node): boolean => {
  const { op, args } = n
  const bare = (x: Node): boolean => x.op.tag === "unary" && x.op.fn === "log"
  if (op.tag !== "pick") return bare(n) || (op.tag === "binary" && op.fn === "add" && args.map(core).some(bare))
  const made = args[0]!.op
  if (made.tag === "attend") return op.index === 1 && made.part === "forward"
  const out = made.tag === "scan" ? made.body.out[op.index - made.body.carry.length] : undefined
  return out !== undefined && isLog(out)
}

/** Does a loop carry it? Its buffer is that of the last value's pick, or of the body's own input. */
const isCarry = (n: Node): boolean => {
  const loop = n.args[0]?.op
  return n.op.tag === "input" || (n.op.tag === "pick" && loop?.tag === "scan" && n.op.index < loop.body.carry.length)
}

/** The nodes whose buffers the moves bind, those inside of loops too. */
const nodesOf = (moves: ReadonlyArray<Move>): ReadonlyArray<Node> =>
  moves.flatMap((m) => m.tag === "kernel" ? m.lowered.buffers : m.tag === "repeat" ? nodesOf(m.moves) : [m.node])

/** Puts the parts together. */
export const assemble = (parts: Parts): Program => {
  const takenOver = new Map<Node, Node>()
  for (const o of parts.outputs) {
    if (o.donated !== undefined) takenOver.set(o.node, parts.inputs[o.donated]!.node)
  }
  const ends = new Set<Node>([
    ...parts.inputs.map((i) => i.node),
    ...parts.outputs.map((o) => takenOver.get(o.node) ?? o.node),
  ])
  const ownerOf = (n: Node): Node => takenOver.get(n) ?? n
  const precise = preciseOf(topological(nodesOf(parts.moves)))
  const taken = reuse(parts.moves, {
    owner: ownerOf,
    temporary: (n) => n.op.tag !== "data" && n.op.tag !== "input" && !ends.has(n),
    alike: (a, b) => a.dtype === b.dtype && count(a.shape) === count(b.shape) && precise.has(a) === precise.has(b),
  })
  const rootOf = (n: Node): Node => {
    const next = taken.get(n)
    return next === undefined ? n : rootOf(next)
  }
  const numbers = numbering((n) => rootOf(ownerOf(n)))
  const inputAt = new Map(parts.inputs.map((s, i) => [numbers.of(s.node), i]))
  const outputAt = new Map<number, number>()
  const slotOf = (path: string, n: Node): Slot => ({
    path,
    dtype: n.dtype,
    axes: n.axes,
    shape: n.shape,
    buffer: numbers.of(n),
  })
  const inputs = parts.inputs.map((s) => slotOf(s.path, s.node))
  const outputs = parts.outputs.map((o, i): Slot => {
    const slot = { ...slotOf(o.path, o.node), axes: o.axes, shape: o.shape }
    if (o.donated !== undefined) return { ...slot, donated: o.donated }
    outputAt.set(slot.buffer, i)
    return slot
  })
  const kernels = shelf()
  const steps = stepsOf(parts.moves, numbers, kernels, parts.policy)
  const exchanges = exchangesOf(parts.moves, steps, numbers, kernels.kernels)
  const lives = livesOf(steps, kernels.kernels, exchanges)
  const isTemporary = (n: Node, b: number): boolean => n.op.tag !== "data" && !inputAt.has(b) && !outputAt.has(b)
  const temporary = numbers.nodes.flatMap((n, b) => isTemporary(n, b) ? [b] : [])
  const dtypeOf = (n: Node, b: number): DType =>
    isTemporary(n, b) && n.dtype === "f32" && !precise.has(n) ? parts.policy.storage : n.dtype
  const plain = numbers.nodes.map((n, b) => ({ dtype: dtypeOf(n, b), elements: count(n.shape) }))
  const life = (b: number): Life => {
    const [first, last] = lives.get(b) ?? [0, 0]
    return { bytes: bufferBytes(plain[b]!.dtype, plain[b]!.elements), first, last }
  }
  const { offsets, bytes: arena } = layOut(temporary.map(life))
  const placeOf = (n: Node, b: number): Place =>
    inputAt.has(b)
      ? { tag: "input", index: inputAt.get(b)! }
      : outputAt.has(b)
      ? { tag: "output", index: outputAt.get(b)! }
      : n.op.tag === "data"
      ? { tag: "constant", values: Array.from(n.op.values) }
      : { tag: "arena", offset: offsets[temporary.indexOf(b)]! }
  const buffers = numbers.nodes.map((n, b): Buffer => ({ ...plain[b]!, place: placeOf(n, b) }))
  const planned = { buffers, kernels: kernels.kernels, steps, exchanges, arena }
  return { version: 2, inputs, outputs, ...planned, forecast: forecastOf(planned) }
}
