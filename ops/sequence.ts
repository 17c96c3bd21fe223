/**
 * Positions and segment ids of a packed sequence, looked at on the host before they are believed: a program sees them
 * only when it runs, and then has no way to complain. Data pipelines call these.
 * @module
 */
import { fault, type Faults } from "../core/graph/fault.ts"
import { quoted, show } from "../core/graph/make.ts"
import type { Node } from "../core/graph/node.ts"
import type { AnyHost } from "../core/tensor/host.ts"
import type { HostArray } from "../core/tensor/dtype.ts"

/** What may be wrong with an element and the one before it along the axis; nothing where it is right. */
type Law = (now: number, before: number | undefined) => string | undefined

const laws: { readonly [W in "positions" | "segments"]: Law } = {
  positions: (now) => now < 0 ? `is ${now}; a position is 0 or more` : undefined,
  segments: (now, before) =>
    before !== undefined && now < before
      ? `is ${now} after ${before}; ids must not fall along the sequence, so sort the examples of a row, and give ` +
        `padding an id of its own above the others`
      : undefined,
}

interface Marked {
  readonly dtype: Node["dtype"]
  readonly axes: ReadonlyArray<string>
  readonly shape: ReadonlyArray<number>
}

/** The first element that breaks the law, with its place. */
const broken = (op: string, what: keyof typeof laws, kind: Marked, data: HostArray, axis: string): Faults => {
  const d = kind.axes.indexOf(axis)
  const size = kind.shape[d] ?? 1
  const inner = d < 0 ? 1 : kind.shape.slice(d + 1).reduce((a, b) => a * b, 1)
  for (let i = 0; i < data.length; i++) {
    const first = d < 0 || Math.floor(i / inner) % size === 0
    const sentence = laws[what](data[i]!, first ? undefined : data[i - inner]!)
    if (sentence === undefined) continue
    let rest = i
    const places = kind.axes.map((_, k) => {
      const step = kind.shape.slice(k + 1).reduce((a, b) => a * b, 1)
      const at = Math.floor(rest / step)
      rest -= at * step
      return at
    })
    const where = kind.axes.map((a, k) => `${a} ${places[k]}`).join(", ") || "its only place"
    return [fault("ValueFault", op, `${what} ${show(kind)}: what stands at ${where} ${sentence}`)]
  }
  return []
}

const hostFaults = (what: keyof typeof laws, host: AnyHost, axis: string): Faults => {
  const op = `${what} on the host`
  if (host.dtype !== "i32" && host.dtype !== "u32") {
    return [fault("DTypeFault", op, `${show(host)} are no whole numbers; give i32 or u32`)]
  }
  if (!host.axes.includes(axis)) {
    return [fault("NameFault", op, `no axis '${axis}' in ${show(host)}; its axes are ${quoted(host.axes)}`)]
  }
  return broken(op, what, host, host.data, axis)
}

/** What is wrong with segment ids: one that falls along the axis, with its row and place. Nothing where all is right. */
export const segmentFaults = (segments: AnyHost, axis: string = "time"): Faults =>
  hostFaults("segments", segments, axis)

/** What is wrong with positions: one below 0, with its row and place. Nothing where all is right. */
export const positionFaults = (positions: AnyHost, axis: string = "time"): Faults =>
  hostFaults("positions", positions, axis)

/** The same of literal values in a graph, which are known while tracing; of others nothing is known. */
export const literalFaults = (op: string, what: keyof typeof laws, node: Node, axis: string): Faults =>
  node.op.tag === "data" ? broken(op, what, node, node.op.values, axis) : []
