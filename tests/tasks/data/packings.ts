/**
 * Two small packings for tests of the loader: one that takes parts of examples, one that takes whole ones and marks them.
 * @module
 */
import { i32 } from "../../../core/tensor/spec.ts"
import type { Example, Packed, Packing, Rows } from "../../../tasks/data/example.ts"

const rowsOf = (batch: number, time: number, at: (row: number, place: number) => readonly [number, number, number]) => {
  const spec = i32("batch time", { batch, time })
  const all = Array.from({ length: batch * time }, (_, i) => at(Math.floor(i / time), i % time))
  const rows: Rows = {
    tokens: { ...spec, data: Int32Array.from(all, ([token]) => token) },
    targets: { ...spec, data: Int32Array.from(all, ([, target]) => target) },
    weights: { ...spec, dtype: "f32", data: Float32Array.from(all, ([, , weight]) => weight) },
  }
  return rows
}

/** One stream of tokens cut into rows, as the naive packing is: the last target of a row is the first token of the next. */
export const cut: Packing = {
  name: "cut",
  pack: (examples, skip, { batch, time }): Packed | undefined => {
    const need = batch * time + 1
    const tokens: Array<number> = []
    const counted: Array<number> = []
    for (const example of examples) {
      tokens.push(...example.tokens)
      counted.push(...example.counted)
    }
    if (tokens.length - skip < need) return undefined
    const place = (row: number, i: number): number => skip + row * time + i
    const rows = rowsOf(
      batch,
      time,
      (r, i) => [tokens[place(r, i)]!, tokens[place(r, i) + 1]!, counted[place(r, i) + 1]!],
    )
    let left = skip + need - 1
    const used = examples.findIndex((e) => {
      if (left < e.tokens.length) return true
      left -= e.tokens.length
      return false
    })
    return { rows, used: used < 0 ? examples.length : used, skip: used < 0 ? 0 : left }
  },
}

/** One example a row, cut at its end or filled up with 0, with segments 0 and 1 (filling). */
export const alone: Packing = {
  name: "alone",
  pack: (examples: ReadonlyArray<Example>, _skip, { batch, time }): Packed | undefined => {
    if (examples.length < batch) return undefined
    const of = (list: ArrayLike<number>, i: number): number => list[i] ?? 0
    const rows = rowsOf(batch, time, (r, i) => {
      const { tokens, counted } = examples[r]!
      return [of(tokens, i), of(tokens, i + 1), of(counted, i + 1)]
    })
    const spec = i32("batch time", { batch, time })
    const segments = rowsOf(batch, time, (r, i) => [i < examples[r]!.tokens.length ? 0 : 1, 0, 0]).tokens
    return { rows: { ...rows, segments: { ...spec, data: segments.data } }, used: batch, skip: 0 }
  },
}
