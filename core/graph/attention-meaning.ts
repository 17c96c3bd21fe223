/**
 * The meaning of attention in float64: rows of scores, as plain as can be. Blocks and folds are held to this.
 * @module
 */
import { givenOf, nothing, resultsOf, rolesOf } from "./attention.ts"
import { count, type Node, type Op } from "./node.ts"
import { strides, type Value, walk } from "./value.ts"

type Attend = Extract<Op, { readonly tag: "attend" }>

/** One score, and what a change of the product q . k changes in it. */
interface Score {
  readonly value: number
  readonly slope: number
}

/** Values of all results, in their order. */
export const attendMeaning = (op: Attend, node: Node, args: ReadonlyArray<Value>): ReadonlyArray<Value> => {
  const nodes = givenOf(op, node.args)
  const value = new Map(node.args.map((n, i) => [n, args[i]!] as const))
  const { batch, share } = rolesOf(op, nodes.q, nodes.k)
  const sizeIn = (axis: string): number => {
    const holder = [nodes.k, nodes.q, nodes.v].find((n) => n.axes.includes(axis))!
    return holder.shape[holder.axes.indexOf(axis)]!
  }
  const outer = [...batch, ...share]
  const box = outer.map(sizeIn)
  const at = (n: Node | undefined, axes: ReadonlyArray<string>): ReadonlyArray<number> =>
    n === undefined ? axes.map(() => 0) : strides(n, axes)
  const results = resultsOf(op, node.args)
  const outs = results.map((r): Value => ({ axes: r.axes, shape: r.shape, data: new Float64Array(count(r.shape)) }))
  const size = (n: Node, axis: string): number => n.shape[n.axes.indexOf(axis)]!
  const [rows, keys, head, width] = [
    size(nodes.q, op.query),
    size(nodes.k, op.key),
    size(nodes.q, op.head),
    size(nodes.v, op.value),
  ]
  const data = (n: Node | undefined): Float64Array => n === undefined ? new Float64Array(1) : value.get(n)!.data
  const named = [
    ...[nodes.q, nodes.k, nodes.v, nodes.queryPosition, nodes.keyPosition, nodes.querySegment, nodes.keySegment],
    ...[nodes.bias, nodes.lse, nodes.delta, nodes.cotangent],
  ]
  const lists = [...named.map((n) => at(n, outer)), ...outs.map((o) => strides(o, outer))]
  const step = (n: Node | undefined, axis: string): number => at(n, [axis])[0]!
  const place = (n: Node | undefined, i: number): number => n === undefined ? i : NaN

  walk(box, lists, ([q, k, v, qp, kp, qs, ks, bias, lse, delta, ct, ...out]) => {
    const whole = (n: Node | undefined, base: number, axis: string, i: number): number =>
      n === undefined ? place(n, i) : data(n)[base + i * step(n, axis)]!
    const sees = (i: number, j: number): boolean => {
      const [pi, pj] = [whole(nodes.queryPosition, qp!, op.query, i), whole(nodes.keyPosition, kp!, op.key, j)]
      if (op.causal > 0 && Math.floor(pi / op.causal) < Math.floor(pj / op.causal)) return false
      if (op.window > 0 && Math.abs(pi - pj) >= op.window) return false
      if (nodes.querySegment === undefined) return true
      return whole(nodes.querySegment, qs!, op.query, i) === whole(nodes.keySegment, ks!, op.key, j)
    }
    const score = (i: number, j: number): Score => {
      let sum = 0
      for (let d = 0; d < head; d++) {
        sum += data(nodes.q)[q! + i * step(nodes.q, op.query) + d * step(nodes.q, op.head)]! *
          data(nodes.k)[k! + j * step(nodes.k, op.key) + d * step(nodes.k, op.head)]!
      }
      const raw = sum * op.scale
      const soft = op.cap > 0 ? op.cap * Math.tanh(raw / op.cap) : raw
      const added = nodes.bias === undefined
        ? 0
        : data(nodes.bias)[bias! + i * step(nodes.bias, op.query) + j * step(nodes.bias, op.key)]!
      return { value: soft + added, slope: op.scale * (op.cap > 0 ? 1 - (soft / op.cap) ** 2 : 1) }
    }
    const vAt = (j: number, d: number): number =>
      data(nodes.v)[v! + j * step(nodes.v, op.key) + d * step(nodes.v, op.value)]!
    for (let i = 0; i < rows; i++) {
      const seen = Array.from({ length: keys }, (_, j) => j).filter((j) => sees(i, j))
      const scores = seen.map((j) => score(i, j))
      if (op.part === "forward") {
        const top = scores.reduce((m, s) => Math.max(m, s.value), -Infinity)
        const weights = scores.map((s) => Math.exp(s.value - top))
        const total = weights.reduce((a, b) => a + b, 0)
        const [mean, log] = [outs[0]!, outs[1]!]
        log.data[out[1]! + i * strides(log, [op.query])[0]!] = seen.length === 0 ? nothing : top + Math.log(total)
        const [row, col] = strides(mean, [op.query, op.value])
        for (let d = 0; d < width; d++) {
          mean.data[out[0]! + i * row! + d * col!] = seen.length === 0
            ? 0
            : seen.reduce((sum, j, n) => sum + weights[n]! * vAt(j, d), 0) / total
        }
        continue
      }
      const rowAt = (n: Node | undefined, base: number): number => data(n)[base + i * step(n, op.query)]!
      const ctAt = (d: number): number =>
        data(nodes.cotangent)[ct! + i * step(nodes.cotangent, op.query) + d * step(nodes.cotangent, op.value)]!
      seen.forEach((j, n) => {
        const p = Math.exp(scores[n]!.value - rowAt(nodes.lse, lse!))
        let dp = 0
        for (let d = 0; d < width; d++) dp += ctAt(d) * vAt(j, d)
        const ds = p * (dp - rowAt(nodes.delta, delta!)) * scores[n]!.slope
        const grow = (
          o: Value,
          base: number,
          axis: string,
          line: number,
          along: string,
          d: number,
          by: number,
        ): void => {
          const [a, b] = strides(o, [axis, along])
          o.data[base + line * a! + d * b!]! += by
        }
        for (let d = 0; d < head; d++) {
          const qd = data(nodes.q)[q! + i * step(nodes.q, op.query) + d * step(nodes.q, op.head)]!
          const kd = data(nodes.k)[k! + j * step(nodes.k, op.key) + d * step(nodes.k, op.head)]!
          if (op.part === "query") grow(outs[0]!, out[0]!, op.query, i, op.head, d, ds * kd)
          else grow(outs[0]!, out[0]!, op.key, j, op.head, d, ds * qd)
        }
        if (op.part === "keys") {
          for (let d = 0; d < width; d++) grow(outs[1]!, out[1]!, op.key, j, op.value, d, p * ctAt(d))
        }
      })
    }
  })
  return outs
}
