/**
 * The training step that every framework here does: a small Llama (RMSNorm, rotary positions, SwiGLU, causal attention,
 * untied head), batch 4 x 256, plain Adam, all of them from the same weights and tokens, written once to a folder that
 * the peers read.
 * @module
 */
import { writeFileSync } from "node:fs"
import { join } from "node:path"

/** The sizes of one model. */
export interface Size {
  readonly name: "s" | "m"
  readonly model: number
  readonly hidden: number
  readonly heads: number
  readonly vocab: number
  readonly layers: number
  readonly batch: number
  readonly time: number
  readonly theta: number
  readonly epsilon: number
}

/** Adam as all of them do it. */
export const adam = { rate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 } as const

const shared = { heads: 4, layers: 2, batch: 4, time: 256, theta: 10_000, epsilon: 1e-6 } as const

/** Model s: 0.46 M parameters, 3.4 GFLOP a step. Model m: 2.1 M, 13 GFLOP. */
export const sizes: Readonly<Record<"s" | "m", Size>> = {
  s: { name: "s", model: 128, hidden: 344, vocab: 256, ...shared },
  m: { name: "m", model: 256, hidden: 688, vocab: 1024, ...shared },
}

/** One parameter: row-major, `[in, out]`; heads and then their elements lie within the second axis of query, key, value. */
export interface Parameter {
  readonly name: string
  readonly shape: ReadonlyArray<number>
  readonly data: Float32Array
}

/** A 32-bit mix of a counter (Mueller's `lowbias32`): the same integers wherever it is written. */
const mix = (n: number): number => {
  const a = Math.imul(n ^ (n >>> 16), 0x7feb352d), b = Math.imul(a ^ (a >>> 15), 0x846ca68b)
  return (b ^ (b >>> 16)) >>> 0
}

/** Values between -bound and bound. */
export const uniform = (shape: ReadonlyArray<number>, seed: number, bound: number): Float32Array =>
  Float32Array.from(
    { length: shape.reduce((a, b) => a * b, 1) },
    (_, i) => (mix(seed * 0x9e3779b1 + i) / 2 ** 31 - 1) * bound,
  )

/** The weights of a size: uniform with a standard deviation of 1 / sqrt(in), the embedding of 1, norms 1. */
export const parameters = (s: Size): ReadonlyArray<Parameter> => {
  const matrix = (
    name: string,
    rows: number,
    columns: number,
    seed: number,
    deviation = 1 / Math.sqrt(rows),
  ): Parameter => ({
    name,
    shape: [rows, columns],
    data: uniform([rows, columns], seed, deviation * Math.sqrt(3)),
  })
  const norm = (name: string): Parameter => ({ name, shape: [s.model], data: new Float32Array(s.model).fill(1) })
  const block = (i: number): ReadonlyArray<Parameter> => [
    norm(`${i}.attentionNorm`),
    matrix(`${i}.query`, s.model, s.model, 10 * i + 11),
    matrix(`${i}.key`, s.model, s.model, 10 * i + 12),
    matrix(`${i}.value`, s.model, s.model, 10 * i + 13),
    matrix(`${i}.output`, s.model, s.model, 10 * i + 14),
    norm(`${i}.feedNorm`),
    matrix(`${i}.gate`, s.model, s.hidden, 10 * i + 15),
    matrix(`${i}.up`, s.model, s.hidden, 10 * i + 16),
    matrix(`${i}.down`, s.hidden, s.model, 10 * i + 17),
  ]
  return [
    matrix("embedding", s.vocab, s.model, 1, 1),
    ...Array.from({ length: s.layers }, (_, i) => block(i)).flat(),
    norm("norm"),
    matrix("head", s.model, s.vocab, 2),
  ]
}

/** `batch` rows of `time + 1` tokens: what stands before and what comes after. */
export const tokens = (s: Size): Int32Array =>
  Int32Array.from({ length: s.batch * (s.time + 1) }, (_, i) => mix(77_000_000 + i) % s.vocab)

/** Writes weights and tokens where the peers find them; gives the folder. */
export const write = (s: Size, folder: string): string => {
  const all = parameters(s)
  writeFileSync(
    join(folder, `${s.name}.json`),
    JSON.stringify({
      ...s,
      adam,
      parameters: all.map(({ name, shape }) => ({ name, shape })),
    }),
  )
  writeFileSync(
    join(folder, `${s.name}.f32`),
    all.reduce((bytes, p) => {
      bytes.set(new Uint8Array(p.data.buffer), all.slice(0, all.indexOf(p)).reduce((n, q) => n + q.data.byteLength, 0))
      return bytes
    }, new Uint8Array(all.reduce((n, p) => n + p.data.byteLength, 0))),
  )
  writeFileSync(join(folder, `${s.name}.i32`), new Uint8Array(tokens(s).buffer))
  return folder
}
