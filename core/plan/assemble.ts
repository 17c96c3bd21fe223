/**
 * From ordered kernels, whose buffers are still nodes, to a program: buffers get numbers and places, equal kernels are
 * kept once, the arena is laid out, the forecast counted.
 * @module
 */
import { count, type Node } from "../graph/node.ts"
import { withOperands } from "../kernel/attend.ts"
import { rebuild } from "../kernel/expression.ts"
import { kernelKey } from "../kernel/flat.ts"
import type { Expr, Kernel, Stage, Store } from "../kernel/kernel.ts"
import type { DType } from "../tensor/dtype.ts"
import { layOut, type Life } from "./arena.ts"
import { forecastOf } from "./forecast.ts"
import { exchangesOf } from "./exchange.ts"
import { livesOf } from "./lives.ts"
import { preciseOf } from "./precise.ts"
import { reuse } from "./reuse.ts"
import { type Policy, rounded } from "./policy.ts"
import { type Buffer, bufferBytes, type Place, type Program, type Slot, type Step } from "./program.ts"
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
    case "nearest":
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
  const isInside = (n: Node): boolean => n.op.tag !== "data" && n.op.tag !== "input" && !ends.has(n)
  const precise = preciseOf(parts.moves, (n) => !isInside(ownerOf(n)))
  const taken = reuse(parts.moves, {
    owner: ownerOf,
    temporary: isInside,
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
  const exchanges = exchangesOf(parts.moves, steps, numbers.of, kernels.kernels)
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
