/**
 * The attention that every framework here does: causal, one row of a batch, 8 heads of 64, float32, all of them from the
 * same numbers, written once to a folder; and what must come out, in float64, at some rows. The gradient is that of
 * sum(out * w).
 * @module
 */
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { uniform } from "./training.ts"

/** Heads, and features of one. */
export const heads = 8
export const head = 64

/** What is measured: the result; or the result and the gradients of queries, keys and values. */
export type Part = "forward" | "gradient"

/** What a contestant reads: `w` is the cotangent of the result. */
export type Input = "q" | "k" | "v" | "w"

/** What a contestant writes: the result `out` in part `forward`, else the gradients. */
export type Output = "out" | "dq" | "dk" | "dv"

/** What is written in each part. */
export const outputs: { readonly [P in Part]: ReadonlyArray<Output> } = {
  forward: ["out"],
  gradient: ["dq", "dk", "dv"],
}

/** Bytes of one array of `[head, time, feature]`. */
export const bytesOf = (time: number): number => heads * time * head * 4

/** Files of one length of the sequence. */
export const fileOf = (folder: string, time: number, name: Input | Output): string =>
  join(folder, `${time}-${name}.f32`)

/** Floats of a file. */
export const floats = (file: string): Float32Array => {
  const bytes = readFileSync(file)
  return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4)
}

/** Writes the inputs: uniform with a standard deviation of 1. */
export const write = (folder: string, time: number): void => {
  for (const [i, name] of (["q", "k", "v", "w"] as const).entries()) {
    const data = uniform([heads, time, head], 31 * time + i, Math.sqrt(3))
    writeFileSync(fileOf(folder, time, name), new Uint8Array(data.buffer))
  }
}

// -----------------------------------------------------------------------------
// what must come out
// -----------------------------------------------------------------------------

/** One row of one result. */
export interface Expected {
  readonly output: Output
  readonly head: number
  readonly place: number
  readonly values: Float64Array
}

/** The head whose gradients are checked: all of its rows take part. */
const chosen = 5

/** Some places of the sequence. */
const placesOf = (time: number): ReadonlyArray<number> =>
  [0, 1, Math.floor(time / 3), Math.floor(time / 2) - 1, time - 97, time - 2, time - 1].filter((i) => i >= 0)

type Reader = (name: Input, h: number) => Float32Array

const product = (a: Float32Array, i: number, b: Float32Array, j: number): number => {
  let sum = 0
  for (let d = 0; d < head; d++) sum += a[i * head + d]! * b[j * head + d]!
  return sum
}

const add = (to: Float64Array, factor: number, x: Float32Array, place: number): void => {
  for (let d = 0; d < head; d++) to[d]! += factor * x[place * head + d]!
}

/** Weights of one query over the keys up to it. */
const weights = (q: Float32Array, k: Float32Array, place: number): Float64Array => {
  const p = new Float64Array(place + 1)
  let most = -Infinity, sum = 0
  for (let j = 0; j <= place; j++) most = Math.max(most, p[j] = product(q, place, k, j) / Math.sqrt(head))
  for (let j = 0; j <= place; j++) sum += p[j] = Math.exp(p[j]! - most)
  for (let j = 0; j <= place; j++) p[j]! /= sum
  return p
}

const forwardRows = (read: Reader, time: number): ReadonlyArray<Expected> =>
  [0, chosen].flatMap((h) => {
    const [q, k, v] = [read("q", h), read("k", h), read("v", h)]
    return placesOf(time).map((place): Expected => {
      const values = new Float64Array(head)
      weights(q, k, place).forEach((p, j) => add(values, p, v, j))
      return { output: "out", head: h, place, values }
    })
  })

const gradientRows = (read: Reader, time: number): ReadonlyArray<Expected> => {
  const [q, k, v, w] = [read("q", chosen), read("k", chosen), read("v", chosen), read("w", chosen)]
  const at = new Map(
    placesOf(time).map((place) => {
      const row = (): Float64Array => new Float64Array(head)
      return [place, { dq: row(), dk: row(), dv: row() }] as const
    }),
  )
  for (let i = 0; i < time; i++) {
    const p = weights(q, k, i)
    const dp = p.map((_, j) => product(w, i, v, j))
    const delta = p.reduce((sum, x, j) => sum + x * dp[j]!, 0)
    const own = at.get(i)
    if (own !== undefined) p.forEach((x, j) => add(own.dq, x * (dp[j]! - delta) / Math.sqrt(head), k, j))
    for (const [j, rows] of at) {
      if (j > i) continue
      add(rows.dv, p[j]!, w, i)
      add(rows.dk, p[j]! * (dp[j]! - delta) / Math.sqrt(head), q, i)
    }
  }
  return [...at].flatMap(([place, rows]) =>
    outputs.gradient.map((output): Expected => ({
      output,
      head: chosen,
      place,
      values: rows[output as keyof typeof rows],
    }))
  )
}

/** What must come out, of the inputs in the folder. */
export const expected = (folder: string, time: number, part: Part): ReadonlyArray<Expected> => {
  const all = new Map((["q", "k", "v", "w"] as const).map((name) => [name, floats(fileOf(folder, time, name))]))
  const read: Reader = (name, h) => all.get(name)!.subarray(h * time * head, (h + 1) * time * head)
  return part === "forward" ? forwardRows(read, time) : gradientRows(read, time)
}

/** The largest error of what was written, relative to the largest value of its array; nothing where a file is missing. */
export const errorOf = (folder: string, time: number, rows: ReadonlyArray<Expected>): number | undefined => {
  const names = [...new Set(rows.map((r) => r.output))]
  if (!names.every((name) => existsSync(fileOf(folder, time, name)))) return undefined
  return Math.max(...names.map((name) => {
    const data = floats(fileOf(folder, time, name))
    const of = rows.filter((r) => r.output === name)
    const largest = Math.max(...of.flatMap(({ values }) => [...values].map(Math.abs)))
    const off = of.flatMap(({ head: h, place, values }) =>
      [...values].map((x, d) => Math.abs(x - (data[(h * time + place) * head + d] ?? NaN)))
    )
    return off.some(Number.isNaN) ? Infinity : Math.max(...off) / largest
  }))
}

/** Takes away what a contestant wrote. */
export const forget = (folder: string, time: number, part: Part): void => {
  for (const name of outputs[part]) rmSync(fileOf(folder, time, name), { force: true })
}
