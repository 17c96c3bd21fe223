/**
 * A Llama in plain loops over float64, written from the paper's formulas and without any of the project's ops: what the
 * graph is compared with.
 * @module
 */
import type { Config } from "../../models/llama/config.ts"
import type { Hosts, Parameters } from "../../models/llama/parameters.ts"

type Vector = ReadonlyArray<number>
type Rows = ReadonlyArray<Vector>
interface Values {
  readonly data: ArrayLike<number>
}

const sum = (xs: Vector): number => xs.reduce((a, b) => a + b, 0)
const plus = (a: Vector, b: Vector): Vector => a.map((x, i) => x + b[i]!)
const inner = (a: Vector, b: Vector): number => sum(a.map((x, i) => x * b[i]!))

/** x times a matrix of `columns` columns, row-major. */
const times = (x: Vector, w: Values, columns: number): Vector =>
  Array.from({ length: columns }, (_, j) => sum(x.map((v, i) => v * w.data[i * columns + j]!)))

const norm = (x: Vector, w: Values, epsilon: number): Vector => {
  const root = Math.sqrt(inner(x, x) / x.length + epsilon)
  return x.map((v, i) => v / root * w.data[i]!)
}

/** Turns pairs (2i, 2i + 1) of one head. */
const turned = (x: Vector, position: number, theta: number): Vector =>
  x.map((v, i) => {
    const angle = position * theta ** (-(i - i % 2) / x.length)
    return i % 2 === 0
      ? v * Math.cos(angle) - x[i + 1]! * Math.sin(angle)
      : x[i - 1]! * Math.sin(angle) + v * Math.cos(angle)
  })

const softmax = (x: Vector): Vector => {
  const top = Math.max(...x)
  const e = x.map((v) => Math.exp(v - top))
  return e.map((v) => v / sum(e))
}

const attend = (c: Config, block: Hosts<Parameters>["blocks"][number], xs: Rows): Rows => {
  const wide = c.groups * c.share * c.head
  const headsOf = (x: Vector, turn: number | undefined): Rows =>
    Array.from({ length: x.length / c.head }, (_, h) => x.slice(h * c.head, (h + 1) * c.head))
      .map((v) => turn === undefined ? v : turned(v, turn, c.theta))
  const q = xs.map((x, t) => headsOf(times(x, block.query, wide), t))
  const k = xs.map((x, t) => headsOf(times(x, block.key, c.groups * c.head), t))
  const v = xs.map((x) => headsOf(times(x, block.value, c.groups * c.head), undefined))
  return xs.map((_, t) => {
    const seen = Array.from({ length: t + 1 }, (_, s) => s)
    const out = q[t]!.flatMap((query, h) => {
      const group = Math.floor(h / c.share)
      const weights = softmax(seen.map((s) => inner(query, k[s]![group]!) / Math.sqrt(c.head)))
      return Array.from({ length: c.head }, (_, i) => sum(seen.map((s) => weights[s]! * v[s]![group]![i]!)))
    })
    return times(out, block.output, c.model)
  })
}

const feed = (c: Config, block: Hosts<Parameters>["blocks"][number], x: Vector): Vector => {
  const up = times(x, block.up, c.hidden)
  const inside = times(x, block.gate, c.hidden).map((g, i) => g / (1 + Math.exp(-g)) * up[i]!)
  return times(inside, block.down, c.model)
}

/** Rows of a table. */
export const rowsOf = (table: Values, ids: Vector, columns: number): Rows =>
  ids.map((t) => Array.from(table.data).slice(t * columns, (t + 1) * columns))

/** The last stream, normalised, of the one that the blocks begin with. */
export const stream = (c: Config, p: Hosts<Parameters>, first: Rows): Rows => {
  let xs = first
  for (const block of p.blocks) {
    const seen = attend(c, block, xs.map((x) => norm(x, block.attentionNorm, c.epsilon)))
    xs = xs.map((x, t) => plus(x, seen[t]!))
    xs = xs.map((x) => plus(x, feed(c, block, norm(x, block.feedNorm, c.epsilon))))
  }
  return xs.map((x) => norm(x, p.norm, c.epsilon))
}

/** What a head of so many columns makes of a stream. */
export const headed = (xs: Rows, head: Values, columns: number): Rows => xs.map((x) => times(x, head, columns))

/** Logits of one row of tokens. */
export const logits = (c: Config, p: Hosts<Parameters>, tokens: Vector): Rows =>
  headed(stream(c, p, rowsOf(p.embedding, tokens, c.model)), p.head, c.vocab)

/** Negative log likelihood of a target. */
export const nats = (scores: Vector, target: number): number => -Math.log(softmax(scores)[target]!)

/** Mean negative log likelihood of the targets, over rows. */
export const loss = (c: Config, p: Hosts<Parameters>, tokens: Rows, targets: Rows): number => {
  const each = tokens.flatMap((row, r) => logits(c, p, row).map((scores, t) => nats(scores, targets[r]![t]!)))
  return sum(each) / each.length
}
