/**
 * A small world model on the oracle, and rows of texts and frames for it.
 * @module
 */
import { either as E } from "fp-ts"
import { input } from "../../../core/graph/build.ts"
import { evaluate, type Inputs } from "../../../core/graph/meaning.ts"
import type { Node } from "../../../core/graph/node.ts"
import { hostKey } from "../../../core/random/host.ts"
import type { AnyHost } from "../../../core/tensor/host.ts"
import type { AnySpec } from "../../../core/tensor/spec.ts"
import { flatten, map } from "../../../core/tensor/tree.ts"
import type { Hosts } from "../../../models/llama/parameters.ts"
import type { WorldConfig } from "../../../models/world/config.ts"
import type { Examples } from "../../../models/world/examples.ts"
import { examples } from "../../../models/world/examples.ts"
import { initialise, type Parameters, specs } from "../../../models/world/parameters.ts"

/** More codes than words, so that an id of a frame is often none of a text. */
export const config: WorldConfig = {
  ...{ vocab: 7, model: 8, hidden: 12, layers: 2, groups: 1, share: 2, head: 4, theta: 100, epsilon: 1e-5 },
  ...{ context: 32, codes: 9, vision: 13 },
}

export type Rows = ReadonlyArray<ReadonlyArray<number>>

/** What a batch may hold, row by row. */
export type Batch = Readonly<Record<keyof Required<Examples>, Rows>>

/** Nodes and the values of their inputs. */
export interface Traced<T> {
  readonly nodes: T
  readonly values: Readonly<Record<string, ReadonlyArray<number>>>
}

/** Larger than the beginning, so that every part of the model matters. */
export const strong = (c: WorldConfig, seed: number): Hosts<Parameters> =>
  map(initialise(c, hostKey(seed)), (leaf, path) => {
    const { data, ...spec } = leaf as AnyHost
    const scale = path.includes("ision") ? 24 : 20
    return { ...spec, data: Float32Array.from(data, (x, i) => x === 1 ? 1 + 0.2 * Math.sin(i + seed) : x * scale) }
  }) as unknown as Hosts<Parameters>

/** A batch of rows, each a few words, a frame of four codes with its end, and words; the third row is text alone. */
export const rowsOf = (c: WorldConfig, batch: number, time: number, seed: number = 0): Batch => {
  const each = (f: (row: number, t: number) => number, places = time): Rows =>
    Array.from({ length: batch }, (_, r) => Array.from({ length: places }, (_, t) => f(r, t)))
  const seen = each((r, t) => r % 3 === 2 ? 0 : t % 8 >= 2 + r % 2 && t % 8 < 7 + r % 2 ? 1 : 0, time + 1)
  const ids = each((r, t) => {
    const of = seen[r]![t] === 1 ? c.codes + 2 : c.vocab
    return (t * t * 5 + 3 * r + seed) % of
  }, time + 1)
  const cut = (rows: Rows, from: number): Rows => rows.map((row) => row.slice(from, from + time))
  return {
    tokens: cut(ids, 0),
    targets: cut(ids, 1),
    vision: cut(seen, 0),
    visionTargets: cut(seen, 1),
    weights: each((r, t) => [1, 0.5, 0, 0.25][(r + t) % 4]!),
    segments: each((_, t) => Math.floor(t * 2.5 / time)),
    positions: each((_, t) => t),
  }
}

/** Inputs of a graph by path. */
const inputsOf = (tree: unknown, prefix: string = ""): unknown =>
  map(tree, (leaf, path) => {
    const { dtype, axes, shape } = leaf as unknown as AnySpec
    return input(prefix + path, dtype, axes, shape)
  })

/** The parameters as inputs, and their values by path. */
export const traced = (c: WorldConfig, p: Hosts<Parameters>): Traced<Parameters> => ({
  nodes: inputsOf(specs(c)) as Parameters,
  values: Object.fromEntries(
    (flatten(p) as unknown as ReadonlyArray<readonly [string, AnyHost]>).map(([path, h]) => [path, Array.from(h.data)]),
  ),
})

/** The rows as inputs, and their values by path: those that are named. */
export const batchOf = (rows: Partial<Batch>): Traced<Examples> => {
  const [batch, time] = [rows.tokens!.length, rows.tokens![0]!.length]
  const all = examples({ batch, time }, { weights: true, packed: true })
  const own = Object.fromEntries(Object.entries(all).filter(([key]) => key in rows))
  return {
    nodes: inputsOf(own, "batch.") as Examples,
    values: Object.fromEntries(Object.entries(rows).map(([key, xs]) => [`batch.${key}`, xs.flat()])),
  }
}

/** Values of nodes on the oracle. Throws its faults. */
export const computed = (nodes: ReadonlyArray<Node>, inputs: Inputs): ReadonlyArray<ReadonlyArray<number>> => {
  const out = evaluate(nodes, inputs)
  if (E.isLeft(out)) throw new Error(out.left.map((f) => f.message).join("\n"))
  return out.right.map((v) => Array.from(v.data))
}
