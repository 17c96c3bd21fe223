/**
 * Small programs with collectives, for a ring of any number of ranks.
 * @module
 */
import { align, binary, dot, exchange, reduce, unary } from "../../../core/graph/build.ts"
import type { Node } from "../../../core/graph/node.ts"
import { f32 } from "../../../core/tensor/spec.ts"
import type { RankProgram } from "./ranks.ts"

/** One shift around the ring. */
export const permute = (x: Node, ranks: number, shift: number = 1): Node =>
  exchange(x, { kind: "permute", over: ["ring"], ranks, shift })
/** The sum over the ring. */
export const total = (x: Node, ranks: number): Node =>
  exchange(x, { kind: "allReduce", over: ["ring"], ranks, fn: "sum" })

const x = f32("row col", { row: 5, col: 7 })
const long = f32("row col", { row: 2, col: 20_000 })
const w = f32("col out", { col: 7, out: 3 })

/** Each block that goes around is worked on, and what comes of it summed. */
export const ringSum = (ranks: number): RankProgram["body"] => ({ k, w: weights }) => {
  let held = k!
  let sum: Node | undefined
  for (let turn = 0; turn < ranks; turn++) {
    const next = turn + 1 < ranks ? permute(held, ranks) : undefined
    const own = unary("tanh", dot(held, weights!, ["col"]))
    sum = sum === undefined ? own : binary("add", sum, own)
    if (next !== undefined) held = next
  }
  return { sum: sum! }
}

/** Programs by the number of ranks on the ring. */
export const programs: ReadonlyArray<readonly [string, (ranks: number) => Omit<RankProgram, "shape">]> = [
  ["a ring sum", (ranks) => ({ specs: { k: x, w }, body: ringSum(ranks) })],
  ["an all-reduced gradient that updates in place, and a norm of it", (ranks) => ({
    specs: { x, w },
    body: ({ x, w }) => {
      const y = unary("tanh", dot(x!, w!, ["col"]))
      const slope = total(dot(x!, y, ["row"]), ranks)
      return {
        w: binary("sub", w!, binary("mul", slope, 0.1)),
        norm: reduce("sum", binary("mul", slope, slope), ["col", "out"]),
      }
    },
    options: { donate: ["w"] },
  })],
  ["exchanges of an input whose place is taken over", (ranks) => ({
    specs: { x, w },
    body: ({ x, w }) => {
      const sent = permute(w!, ranks)
      const back = permute(w!, ranks, -1)
      return { w: unary("tanh", binary("add", w!, sent)), seen: dot(x!, back, ["col"]) }
    },
    options: { donate: ["w"] },
  })],
  ["inputs that only change places", (ranks) => ({
    specs: { x, w },
    body: ({ x, w }) => ({ x: permute(x!, ranks), w: permute(w!, ranks, 2), both: permute(permute(x!, ranks), ranks) }),
    options: { donate: ["x", "w"] },
  })],
  ["a result that is an output and is sent on", (ranks) => ({
    specs: { x },
    body: ({ x }) => {
      const once = permute(unary("exp", x!), ranks)
      const twice = permute(once, ranks)
      return { once, twice, mixed: binary("mul", once, twice) }
    },
  })],
  ["long folds before and after", (ranks) => ({
    specs: { long },
    body: ({ long }) => {
      const sums = reduce("sum", unary("tanh", long!), ["col"])
      return {
        y: reduce("max", binary("mul", unary("exp", long!), align(permute(sums, ranks), long!.axes, long!.shape)), [
          "col",
        ]),
      }
    },
  })],
  ["gathered, cut, scattered and broadcast", (ranks) => ({
    specs: { x },
    body: ({ x }) => {
      const over = ["ring"]
      const all = exchange(unary("tanh", x!), { kind: "allGather", over, ranks, axis: "rank" })
      const parts = binary("mul", all, align(x!, all.axes, all.shape))
      return {
        most: exchange(x!, { kind: "allReduce", over, ranks, fn: "max" }),
        own: exchange(parts, { kind: "reduceScatter", over, ranks, axis: "rank" }),
        root: exchange(binary("add", x!, 1), { kind: "broadcast", over, ranks, root: ranks - 1 }),
      }
    },
  })],
]
