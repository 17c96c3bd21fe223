/**
 * What a program costs, counted from its kernels: operations, bytes moved and sent, the longest chain.
 * @module
 */
import { innerIndices } from "../kernel/affine.ts"
import { pairFlops, pairsOf } from "../kernel/attend.ts"
import { loadsOf, sizesOf, storesOf, valuesOf, walk, written } from "../kernel/expression.ts"
import type { Expr, Index, Kernel } from "../kernel/kernel.ts"
import { dtypes } from "../tensor/dtype.ts"
import {
  type Buffer,
  bufferBytes,
  type Exchange,
  type Forecast,
  type Place,
  type Program,
  type Step,
} from "./program.ts"

const product = (xs: ReadonlyArray<number>): number => xs.reduce((a, b) => a * b, 1)

const working = new Set<Expr["tag"]>(["unary", "binary", "select", "cast"])

const opsIn = (es: ReadonlyArray<Expr>): number => walk(es).filter((e) => working.has(e.tag)).length

/** Arithmetic operations of one run of a kernel; a multiply-add counts two. */
export const flopsOf = (k: Kernel): number => {
  switch (k.tag) {
    case "loop": {
      const outer = product(k.dims)
      const inner = product(k.over)
      return k.stages.reduce((sum, s) => {
        if (s.tag === "fold") return sum + outer * inner * s.folds.reduce((n, f) => n + 1 + opsIn([f.value]), 0)
        return sum + outer * (s.tag === "sweep" ? inner : 1) * opsIn(s.stores.map((t) => t.value))
      }, 0)
    }
    case "contract": {
      const points = product(k.batch) * product(k.rows) * product(k.cols)
      return points * (2 * product(k.depth) + opsIn(k.stores.map((s) => s.value)))
    }
    case "nearest": {
      const [rows, depth] = [product(k.rows), product(k.depth)]
      return product(k.batch) * k.codes * (rows * (2 * depth + 3) + 2 * depth)
    }
    case "scatter":
    case "cumulate":
      return product(sizesOf(k)) * (1 + opsIn(valuesOf(k)))
    case "attend":
      return product(k.batch) * product(k.share) * pairsOf(k) * pairFlops(k)
    case "sort":
      return product(k.dims) * k.length * Math.ceil(Math.log2(Math.max(2, k.length)))
  }
}

const variablesIn = (i: Index): ReadonlySet<number> =>
  new Set(innerIndices(i).flatMap((x) => x.terms.flatMap((t) => t.atom.tag === "var" ? [t.atom.id] : [])))

const reach = (k: Kernel, at: Index, elements: number): number => {
  const sizes = sizesOf(k)
  const dynamic = innerIndices(at).some((x) => x.terms.some((t) => t.atom.tag === "value"))
  return dynamic
    ? Math.min(elements, product(sizes))
    : Math.min(elements, product([...variablesIn(at)].map((v) => sizes[v]!)))
}

/** Bytes that one run of a kernel reads and writes, each element once. */
export const trafficOf = (k: Kernel, buffers: ReadonlyArray<Buffer>): number => {
  const bytes = (b: number, elements: number): number => elements * dtypes[buffers[b]!.dtype].bytes
  const reads = new Map<number, number>()
  for (const l of loadsOf(k)) {
    const size = buffers[l.buffer]!.elements
    reads.set(l.buffer, Math.min(size, (reads.get(l.buffer) ?? 0) + reach(k, l.at, size)))
  }
  const read = [...reads].reduce((sum, [b, n]) => sum + bytes(b, n), 0)
  const stores = storesOf(k).reduce((sum, s) => sum + bytes(s.buffer, reach(k, s.at, buffers[s.buffer]!.elements)), 0)
  const whole = k.tag === "scatter" || k.tag === "sort" ? bytes(k.buffer, buffers[k.buffer]!.elements) : 0
  return read + stores + whole
}

/** Sums over the steps; a repeated step counts as often as it runs. */
const overSteps = (steps: ReadonlyArray<Step>, of: (s: Extract<Step, { tag: "dispatch" }>) => number): number =>
  steps.reduce((sum, s) => sum + (s.tag === "dispatch" ? of(s) : s.times * overSteps(s.steps, of)), 0)

/** Kernels on the longest chain in which each reads what one before it wrote, on this rank or another. */
const longestChain = (
  steps: ReadonlyArray<Step>,
  kernels: ReadonlyArray<Kernel>,
  exchanges: ReadonlyArray<Exchange>,
): number => {
  const reached = new Map<number, number>()
  const run = (list: ReadonlyArray<Step>): number =>
    list.reduce((most, s) => {
      if (s.tag === "repeat") {
        const before = Math.max(0, ...reached.values())
        const once = run(s.steps)
        return Math.max(most, once + (once - before) * (s.times - 1))
      }
      const length = 1 + Math.max(0, ...s.buffers.map((b) => reached.get(b) ?? 0))
      for (const w of written(kernels[s.kernel]!)) reached.set(s.buffers[w]!, length)
      return Math.max(most, length)
    }, 0)
  return steps.reduce((most, s, at) => {
    for (const e of exchanges) if (e.finish === at) reached.set(e.to, reached.get(e.from) ?? 0)
    return Math.max(most, run([s]))
  }, 0)
}

/** The part of a forecast that the steps make. */
type Work = Pick<Forecast, "flops" | "traffic" | "dispatches" | "depth">

/** Operations, bytes moved, kernel runs and the longest chain of the steps. */
const work = (
  steps: ReadonlyArray<Step>,
  kernels: ReadonlyArray<Kernel>,
  buffers: ReadonlyArray<Buffer>,
  exchanges: ReadonlyArray<Exchange>,
): Work => ({
  flops: overSteps(steps, (s) => flopsOf(kernels[s.kernel]!)),
  traffic: overSteps(steps, (s) => trafficOf(kernels[s.kernel]!, s.buffers.map((b) => buffers[b]!))),
  dispatches: overSteps(steps, () => 1),
  depth: longestChain(steps, kernels, exchanges),
})

/** Bytes that one rank sends in a collective, done as a ring does it. */
const sentBy = ({ collective: c, from }: Exchange, buffers: ReadonlyArray<Buffer>): number => {
  const bytes = bufferBytes(buffers[from]!.dtype, buffers[from]!.elements)
  const others = c.ranks - 1
  switch (c.kind) {
    case "permute":
      return c.shift % c.ranks === 0 ? 0 : bytes
    case "allReduce":
      return Math.ceil((2 * bytes * others) / c.ranks)
    case "allGather":
      return bytes * others
    case "reduceScatter":
      return Math.ceil((bytes * others) / c.ranks)
    case "broadcast":
      return bytes
  }
}

/** The whole forecast: bytes by where the buffers lie, and the work of the steps. */
export const forecastOf = (p: Pick<Program, "buffers" | "arena" | "steps" | "kernels" | "exchanges">): Forecast => {
  const sum = (tag: Place["tag"]): number =>
    p.buffers.reduce((s, b) => s + (b.place.tag === tag ? bufferBytes(b.dtype, b.elements) : 0), 0)
  const [inputs, outputs, constants] = [sum("input"), sum("output"), sum("constant")]
  const peak = inputs + outputs + constants + p.arena
  const sent = p.exchanges.reduce((n, e) => n + sentBy(e, p.buffers), 0)
  return { inputs, outputs, constants, arena: p.arena, peak, ...work(p.steps, p.kernels, p.buffers, p.exchanges), sent }
}
