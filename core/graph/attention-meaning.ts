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
  /** Elements from `base` on, along one axis or two. */
  const along = (n: Node | undefined, base: number, axis: string): (i: number) => number => {
    const [held, step] = [data(n), at(n, [axis])[0]!]
    return (i) => held[base + i * step]!
  }
  const across = (n: Node | undefined, base: number, ...axes: readonly [string, string]) => {
    const held = data(n)
    const [a, b] = at(n, axes) as [number, number]
    return (i: number, j: number): number => held[base + i * a + j * b]!
  }
  const growing = ({ data, axes, shape }: Value, base: number, ...over: readonly [string, string]) => {
    const [a, b] = strides({ axes, shape }, over) as [number, number]
    return (i: number, j: number, by: number): void => {
      data[base + i * a + j * b]! += by
    }
  }

  walk(box, lists, ([q, k, v, qp, kp, qs, ks, bias, lse, delta, ct, ...out]) => {
    const place = (n: Node | undefined, base: number, axis: string): (i: number) => number =>
      n === undefined ? (i) => i : along(n, base, axis)
    const pi = place(nodes.queryPosition, qp!, op.query), pj = place(nodes.keyPosition, kp!, op.key)
    const si = along(nodes.querySegment, qs!, op.query), sj = along(nodes.keySegment, ks!, op.key)
    const sees = (i: number, j: number): boolean => {
      if (op.causal > 0 && Math.floor(pi(i) / op.causal) < Math.floor(pj(j) / op.causal)) return false
      if (op.window > 0 && Math.abs(pi(i) - pj(j)) >= op.window) return false
      return nodes.querySegment === undefined || si(i) === sj(j)
    }
    const qAt = across(nodes.q, q!, op.query, op.head), kAt = across(nodes.k, k!, op.key, op.head)
    const vAt = across(nodes.v, v!, op.key, op.value), biasAt = across(nodes.bias, bias!, op.query, op.key)
    const score = (i: number, j: number): Score => {
      let sum = 0
      for (let d = 0; d < head; d++) sum += qAt(i, d) * kAt(j, d)
      const raw = sum * op.scale
      const soft = op.cap > 0 ? op.cap * Math.tanh(raw / op.cap) : raw
      const added = nodes.bias === undefined ? 0 : biasAt(i, j)
      return { value: soft + added, slope: op.scale * (op.cap > 0 ? 1 - (soft / op.cap) ** 2 : 1) }
    }
    const all = Array.from({ length: keys }, (_, j) => j)
    const forward = (i: number, seen: ReadonlyArray<number>, scores: ReadonlyArray<Score>): void => {
      const top = scores.reduce((m, s) => Math.max(m, s.value), -Infinity)
      const weights = scores.map((s) => Math.exp(s.value - top))
      const total = weights.reduce((a, b) => a + b, 0)
      const [mean, log] = [outs[0]!, outs[1]!]
      log.data[out[1]! + i * strides(log, [op.query])[0]!] = seen.length === 0 ? nothing : top + Math.log(total)
      const put = growing(mean, out[0]!, op.query, op.value)
      for (let d = 0; d < width && seen.length > 0; d++) {
        put(i, d, seen.reduce((sum, j, n) => sum + weights[n]! * vAt(j, d), 0) / total)
      }
    }
    const backward = (): (i: number, seen: ReadonlyArray<number>, scores: ReadonlyArray<Score>) => void => {
      const lseAt = along(nodes.lse, lse!, op.query), deltaAt = along(nodes.delta, delta!, op.query)
      const ctAt = across(nodes.cotangent, ct!, op.query, op.value)
      const keyed = op.part === "keys"
      const first = growing(outs[0]!, out[0]!, keyed ? op.key : op.query, op.head)
      const second = keyed ? growing(outs[1]!, out[1]!, op.key, op.value) : undefined
      return (i, seen, scores) =>
        seen.forEach((j, n) => {
          const p = Math.exp(scores[n]!.value - lseAt(i))
          let dp = 0
          for (let d = 0; d < width; d++) dp += ctAt(i, d) * vAt(j, d)
          const ds = p * (dp - deltaAt(i)) * scores[n]!.slope
          for (let d = 0; d < head; d++) {
            if (keyed) first(j, d, ds * qAt(i, d))
            else first(i, d, ds * kAt(j, d))
          }
          for (let d = 0; d < width; d++) second?.(j, d, p * ctAt(i, d))
        })
    }
    const row = op.part === "forward" ? forward : backward()
    for (let i = 0; i < rows; i++) {
      const seen = all.filter((j) => sees(i, j))
      row(i, seen, seen.map((j) => score(i, j)))
    }
  })
  return outs
}
