/**
 * How the desk model begins: not quite at random. Small models spend millions of tokens before their first heads look at the
 * token before, and nothing else can be learned until they do. So the first layer's heads begin by looking one, two and
 * three tokens back, and write what they see into places of the stream of their own; the second layer's begin by comparing
 * those places with each other, in the pairs that rotate slowly. Everything is learned on from there. (Mimetic
 * initialisation: Trockman & Kolter, 2023; what such heads do together is induction: Olsson et al., 2022.)
 * @module
 */
import { hostFold, type HostKey, hostKey, hostNormal } from "../../../core/random/host.ts"
import { cos, power, sin } from "../../../core/tensor/elementary.ts"
import type { AnyHost } from "../../../core/tensor/host.ts"
import { f32 } from "../../../core/tensor/spec.ts"
import type { Config } from "../../../models/llama/config.ts"
import { type Block, type Hosts, initialise, type Parameters } from "../../../models/llama/parameters.ts"

// ---- places ------------------------------------------------------------------

/** A matrix by rows. */
type Matrix = ReadonlyArray<Float64Array>

const normal = (key: HostKey, rows: number, columns: number): Matrix => {
  const { data } = hostNormal(key, f32("row column", { row: rows, column: columns }))
  return Array.from({ length: rows }, (_, r) => Float64Array.from(data.subarray(r * columns, (r + 1) * columns)))
}

/**
 * Places of the stream, `width` wide, in this order: which token it is (as wide as what is left), a constant, and the
 * tokens one, two and three before it, each as `slot` numbers.
 */
interface Places {
  readonly token: number
  readonly constant: number
  readonly slots: readonly [one: number, two: number, three: number]
  readonly slot: number
}

/** A slot is what a head can write, and no more than leaves half of the stream to the token. */
const placesOf = ({ model, head }: Config): Places => {
  const slot = Math.min(head, Math.floor(model / 6))
  const token = model - 1 - 3 * slot
  return { token, constant: token, slots: [token + 1, token + 1 + slot, token + 1 + 2 * slot], slot }
}

/** Radians that pair i of a head turns by from token to token. */
const turn = ({ head, theta }: Pick<Config, "head" | "theta">, i: number): number => power(theta, -2 * i / head)

/** Pairs of a head that turn by less than two radians over the whole context, and those that tell neighbours apart. */
const pairsOf = (c: Config): { readonly slow: number; readonly fast: number } => {
  const turns = Array.from({ length: c.head / 2 }, (_, i) => turn(c, i))
  return { slow: Math.max(1, turns.filter((t) => t * c.context < 2).length), fast: turns.filter((t) => t > 0.1).length }
}

/** Where a number lies in a tensor of the axes model, group and head. */
const at = (c: Config, row: number, head: number, column: number): number => (row * c.groups + head) * c.head + column

const copied = ({ data }: AnyHost): Float32Array => Float32Array.from(data)

/** All numbers of a head, in a tensor of the axes model, group and head, become 0. */
const clear = (c: Config, data: Float32Array, head: number): void => {
  for (let r = 0; r < c.model; r++) data.fill(0, at(c, r, head, 0), at(c, r, head, c.head))
}

// ---- parts -------------------------------------------------------------------

/** A name for each token, a constant, and empty slots. */
const named = (c: Config, p: Places, key: HostKey): Float32Array => {
  const data = new Float32Array(c.vocab * c.model)
  normal(key, c.vocab, p.token).forEach((name, id) => {
    name.forEach((x, i) => data[id * c.model + i] = x / Math.sqrt(p.token))
    data[id * c.model + p.constant] = 1
  })
  return data
}

/**
 * Heads that look one, two and three tokens back: the query is the constant, the key the constant turned by as many tokens,
 * so that they agree best where a key stands as far back. They write what of its token is `seen` into a slot each.
 */
const looking = (c: Config, p: Places, seen: Matrix, block: Hosts<Block>): Hosts<Block> => {
  const { fast } = pairsOf(c)
  const [query, key] = [copied(block.query), copied(block.key)]
  const [value, output] = [copied(block.value), copied(block.output)]
  p.slots.forEach((slot, head) => {
    for (const data of [query, key, value]) clear(c, data, head)
    for (let i = 0; i < fast; i++) {
      const angle = (head + 1) * turn(c, i)
      query[at(c, p.constant, head, 2 * i)] = 1
      key[at(c, p.constant, head, 2 * i)] = cos(angle)
      key[at(c, p.constant, head, 2 * i + 1)] = sin(angle)
    }
    seen.forEach((row, r) => row.forEach((x, i) => value[at(c, r, head, i)] = x))
    const out = (i: number): number => (head * c.head + i) * c.model
    output.fill(0, out(0), out(c.head))
    for (let i = 0; i < p.slot; i++) output[out(i) + slot + i] = 1 / 8
  })
  return {
    ...block,
    query: { ...block.query, data: query },
    key: { ...block.key, data: key },
    value: { ...block.value, data: value },
    output: { ...block.output, data: output },
  }
}

/**
 * Heads that compare: this token with the one before that one, the one before with the one two before, the one two before
 * with the one three before. All in the slow pairs, so that it counts little how far away something stands.
 */
const comparing = (c: Config, p: Places, seen: Matrix, random: HostKey, block: Hosts<Block>): Hosts<Block> => {
  const { slow } = pairsOf(c)
  const compared = normal(random, p.slot, 2 * slow).map((row) => row.map((x) => 3 * x / Math.sqrt(p.slot)))
  const first = c.head - 2 * slow
  const [query, key] = [copied(block.query), copied(block.key)]
  const put = (to: Float32Array, head: number, from: number | "token"): void => {
    clear(c, to, head)
    compared.forEach((row, s) =>
      row.forEach((x, i) => {
        if (from !== "token") to[at(c, from + s, head, first + i)] = x
        else seen.forEach((w, r) => to[at(c, r, head, first + i)]! += w[s]! * x)
      })
    )
  }
  const [one, two, three] = p.slots
  for (const [head, [mine, theirs]] of ([["token", one], [one, two], [two, three]] as const).entries()) {
    put(query, head, mine)
    put(key, head, theirs)
  }
  return { ...block, query: { ...block.query, data: query }, key: { ...block.key, data: key } }
}

// ---- the whole ---------------------------------------------------------------

/**
 * Parameters before the first step, drawn from a seed: the same bits on every engine. Models of fewer than two layers, or of
 * fewer than four heads, or whose heads share keys, begin at random. Faults: none.
 */
export const begun = (c: Config, seed: number): Hosts<Parameters> => {
  const drawn = initialise(c, hostKey(seed))
  const [first, second, ...rest] = drawn.blocks
  if (first === undefined || second === undefined || c.groups < 4 || c.share !== 1) return drawn
  const key = hostFold(hostKey(seed), 2 ** 20)
  const p = placesOf(c)
  // what of a token is written into a slot, by every head of the first layer alike
  const seen = normal(hostFold(key, 1), p.token, p.slot).map((row) => row.map((x) => x / Math.sqrt(p.token)))
  return {
    ...drawn,
    embedding: { ...drawn.embedding, data: named(c, p, hostFold(key, 0)) },
    blocks: [looking(c, p, seen, first), comparing(c, p, seen, hostFold(key, 2), second), ...rest],
  }
}
