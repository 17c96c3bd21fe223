/**
 * How the desk model begins: not quite at random. Small models spend millions of tokens before their first heads look at the
 * token before, and nothing else can be learned until they do. So the first layer's heads begin by looking one, two and
 * three tokens back, and write what they see into places of the stream of their own; the second layer's begin by comparing
 * those places with each other, in the pairs that rotate slowly. Everything is learned on from there. (Mimetic
 * initialisation: Trockman & Kolter, 2023; what such heads do together is induction: Olsson et al., 2022.)
 * @module
 */
import { hostFold, type HostKey, hostKey, hostNormal } from "../../../core/random/host.ts"
import { f32 } from "../../../core/tensor/spec.ts"
import type { Config } from "../../../models/llama/config.ts"
import { type Hosts, initialise, type Parameters } from "../../../models/llama/parameters.ts"

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
  readonly slots: ReadonlyArray<number>
  readonly slot: number
}

const placesOf = ({ model }: Config): Places => {
  const slot = Math.floor(model / 6)
  const token = model - 1 - 3 * slot
  return { token, constant: token, slots: [0, 1, 2].map((i) => token + 1 + i * slot), slot }
}

/** Pairs of a head that turn by less than a radian over the whole context, and those that tell neighbours apart. */
const pairsOf = ({ head, theta, context }: Config): { readonly slow: number; readonly fast: number } => {
  const turns = Array.from({ length: head / 2 }, (_, i) => theta ** (-2 * i / head))
  return { slow: Math.max(1, turns.filter((t) => t * context < 2).length), fast: turns.filter((t) => t > 0.1).length }
}

/** Writes into a tensor's data of rows `model` and columns `group head`, or the other way round. */
const at = (c: Config, row: number, head: number, column: number): number => (row * c.groups + head) * c.head + column

/** Parameters before the first step, drawn from a seed. Faults: none; models of fewer than two layers begin at random. */
export const begun = (c: Config, seed: number): Hosts<Parameters> => {
  const drawn = initialise(c, hostKey(seed))
  if (c.layers < 2 || c.groups < 4 || c.share !== 1) return drawn
  const key = hostFold(hostKey(seed), 2 ** 20)
  const p = placesOf(c)
  const { slow, fast } = pairsOf(c)

  const embedding = Float32Array.from(drawn.embedding.data)
  const names = normal(hostFold(key, 0), c.vocab, p.token)
  names.forEach((name, id) => {
    embedding.fill(0, id * c.model, (id + 1) * c.model)
    name.forEach((x, i) => embedding[id * c.model + i] = x / Math.sqrt(p.token))
    embedding[id * c.model + p.constant] = 1
  })

  // what of a token is written into a slot, by every head of the first layer alike
  const seen = normal(hostFold(key, 1), p.token, p.slot).map((row) => row.map((x) => x / Math.sqrt(p.token)))
  const [first, second, ...rest] = drawn.blocks
  const look = [first!.query, first!.key, first!.value, first!.output].map((t) => Float32Array.from(t.data))
  const [q0, k0, v0, o0] = look as [Float32Array, Float32Array, Float32Array, Float32Array]
  p.slots.forEach((slot, head) => {
    const back = head + 1
    for (let r = 0; r < c.model; r++) {
      for (let i = 0; i < c.head; i++) q0[at(c, r, head, i)] = k0[at(c, r, head, i)] = v0[at(c, r, head, i)] = 0
    }
    for (let i = 0; i < fast; i++) {
      const angle = back * c.theta ** (-2 * i / c.head)
      q0[at(c, p.constant, head, 2 * i)] = 1
      k0[at(c, p.constant, head, 2 * i)] = Math.cos(angle)
      k0[at(c, p.constant, head, 2 * i + 1)] = Math.sin(angle)
    }
    seen.forEach((row, r) => row.forEach((x, i) => v0[at(c, r, head, i)] = x))
    for (let i = 0; i < c.head; i++) {
      const out = (head * c.head + i) * c.model
      o0.fill(0, out, out + c.model)
      if (i < p.slot) o0[out + slot + i] = 1 / 8
    }
  })

  // what is compared: this token with the one before that one; the one before with the one two before; and so on
  const slowest = normal(hostFold(key, 2), p.slot, 2 * slow).map((row) => row.map((x) => 3 * x / Math.sqrt(p.slot)))
  const compare = [second!.query, second!.key].map((t) => Float32Array.from(t.data))
  const [q1, k1] = compare as [Float32Array, Float32Array]
  const put = (to: Float32Array, head: number, from: number | "token"): void => {
    for (let r = 0; r < c.model; r++) for (let i = 0; i < c.head; i++) to[at(c, r, head, i)] = 0
    const begin = c.head - 2 * slow
    slowest.forEach((row, s) =>
      row.forEach((x, i) => {
        if (from !== "token") to[at(c, from + s, head, begin + i)] = x
        else seen.forEach((w, r) => to[at(c, r, head, begin + i)]! += w[s]! * x)
      })
    )
  }
  const compared = [["token", p.slots[0]!], [p.slots[0]!, p.slots[1]!], [p.slots[1]!, p.slots[2]!]] as const
  compared.forEach(([query, by], head) => {
    put(q1, head, query)
    put(k1, head, by)
  })
  const blocks = [
    {
      ...first!,
      query: { ...first!.query, data: q0 },
      key: { ...first!.key, data: k0 },
      value: { ...first!.value, data: v0 },
      output: { ...first!.output, data: o0 },
    },
    { ...second!, query: { ...second!.query, data: q1 }, key: { ...second!.key, data: k1 } },
    ...rest,
  ]
  return { ...drawn, embedding: { ...drawn.embedding, data: embedding }, blocks }
}
