/**
 * Random graphs: a list of whole numbers is read as a list of ops on what is there already. What would have faults or
 * grow large is left out, so every list gives a valid graph, and a shorter list a smaller one.
 * @module
 */
import * as fc from "fast-check"
import * as b from "../../../core/graph/build.ts"
import { count, type Node } from "../../../core/graph/node.ts"
import { print } from "../../../core/graph/print.ts"
import { faultsOf } from "../../../core/graph/validity.ts"

/** A graph with inputs `f.0` (f32[a, b]), `f.1` (f32[b, c]), `i.0` (i32[a, c], values from 0 to 5). */
export interface RandomGraph {
  readonly inputs: ReadonlyArray<Node>
  readonly roots: ReadonlyArray<Node>
  /** How fast-check shows it. */
  readonly [fc.toStringMethod]: () => string
}

/** Chooses by the next numbers of a list. */
interface Choose {
  readonly one: <T>(list: ReadonlyArray<T>) => T
  /** A node, more often a late one. */
  readonly node: (test?: (n: Node) => boolean) => Node
  /** One of a node's axes. */
  readonly axis: (n: Node) => string
  /** A name that the node has not. */
  readonly fresh: (n: Node) => string
}

const names = ["a", "b", "c", "d", "e", "f"]
const isFloat = (n: Node): boolean => n.dtype === "f32"
const isInt = (n: Node): boolean => n.dtype === "i32"

/** Ops, each of what is there; a node with faults is thrown away. */
const steps: ReadonlyArray<(c: Choose) => Node> = [
  (c) => b.unary(c.one(["neg", "abs", "tanh", "sigmoid", "sin", "exp"] as const), c.node(isFloat)),
  (c) => b.binary(c.one(["add", "sub", "mul", "max", "min"] as const), c.node(), c.node()),
  (c) => {
    const x = c.node()
    return b.binary("mul", x, b.reduce(c.one(["sum", "max"] as const), x, [c.axis(x)]))
  },
  (c) => b.binary(c.one(["add", "mul", "sub"] as const), c.node(), c.one([0, 1, 2, -1])),
  (c) => {
    const x = c.node(isFloat)
    return b.select(b.binary(c.one(["lt", "eq"] as const), x, c.one([0, 1])), c.node(isFloat), x)
  },
  (c) => b.cast(c.node(), c.one(["f32", "i32", "bool"] as const)),
  (c) => {
    const x = c.node()
    return b.transpose(x, x.axes.length < 2 ? x.axes : [...x.axes.slice(1), x.axes[0]!])
  },
  (c) => {
    const x = c.node()
    return b.rename(x, { [c.axis(x)]: c.fresh(x) })
  },
  (c) => {
    const x = c.node()
    return b.broadcast(x, [c.fresh(x)], [c.one([1, 2, 3])])
  },
  (c) => {
    const x = c.node()
    const axis = c.axis(x)
    return b.split(x, axis, [axis, c.fresh(x)], { [axis]: c.one([1, 2, 3]) })
  },
  (c) => {
    const x = c.node()
    return b.merge(x, x.axes.slice(c.one([0, 1])).slice(0, c.one([2, 3])), c.fresh(x))
  },
  (c) => {
    const x = c.node()
    return b.sliceAxis(x, c.axis(x), c.one([0, 1, 2]), c.one([1, 2, 3, 0]), c.one([1, 1, 2, -1]))
  },
  (c) => {
    const x = c.node()
    return b.flip(x, [c.axis(x)])
  },
  (c) => {
    const x = c.node()
    return b.padAxis(x, c.axis(x), c.one([0, 1, 2]), c.one([0, 1]), c.one([0, 1]), c.one([0, 1]))
  },
  (c) => {
    const x = c.node()
    const axis = c.axis(x)
    return b.concat([x, b.flip(x, [axis]), b.sliceAxis(x, axis, 0, 1)], axis)
  },
  (c) => {
    const x = c.node()
    return b.stack([x, b.binary("add", x, x)], c.fresh(x))
  },
  (c) => {
    const x = c.node()
    return b.window(x, c.axis(x), c.fresh(x), c.one([1, 2, 3]), c.one([1, 2]), c.one([1, 2]))
  },
  (c) => {
    const x = c.node()
    return b.reduce(c.one(["sum", "max", "min", "prod"] as const), x, [c.axis(x)])
  },
  (c) => {
    const x = c.node()
    return b.reduce(c.one(["argmax", "argmin"] as const), x, [c.axis(x)])
  },
  (c) => {
    const x = c.node()
    return b.dot(x, c.node(), [c.axis(x)])
  },
  (c) => {
    const x = c.node()
    const [on, other] = [c.axis(x), c.axis(x)]
    return b.dot(x, b.rename(b.unary("sin", b.cast(x, "f32")), { [other]: c.fresh(x) }), [on])
  },
  (c) => {
    const x = c.node()
    return b.gather(x, c.node(isInt), c.axis(x))
  },
  (c) => {
    const [x, index] = [c.node(isFloat), c.node(isInt)]
    const batch = index.axes.filter(() => c.one([false, false, true]))
    return b.scatter(x, index, c.fresh(x), c.one([1, 3]), batch)
  },
  (c) => {
    const x = c.node()
    return b.cumulate(c.one(["sum", "max"] as const), x, c.axis(x), c.one([false, true]))
  },
  (c) => {
    const x = c.node()
    return b.argsort(x, c.axis(x), c.one([false, true]))
  },
  (c) => {
    const x = c.node(isFloat)
    const code = c.fresh(x)
    return b.nearest(
      b.unary("tanh", x),
      b.rename(b.unary("sin", x), { [x.axes[0] ?? ""]: code }),
      x.axes.at(-1) ?? "",
      code,
    )
  },
  (c) => b.stop(c.node()),
]

const read = (
  numbers: ReadonlyArray<number>,
  sizes: readonly [number, number, number],
  most: number,
): RandomGraph => {
  const [sizeA, sizeB, sizeC] = sizes
  const inputs = [
    b.input("f.0", "f32", ["a", "b"], [sizeA, sizeB]),
    b.input("f.1", "f32", ["b", "c"], [sizeB, sizeC]),
    b.input("i.0", "i32", ["a", "c"], [sizeA, sizeC]),
  ]
  const pool = [...inputs]
  let at = 0
  const one = <T>(list: ReadonlyArray<T>): T => list[numbers[at++ % numbers.length]! % list.length]!
  const choose: Choose = {
    one,
    node: (test = () => true) =>
      one(
        [pool, pool.slice(-4), pool.slice(-2), pool.slice(-1)].map((p) => p.filter(test)).filter((p) => p.length > 0)
          .map(one),
      ),
    axis: (n) => n.axes.length === 0 ? "" : one(n.axes),
    fresh: (n) => one(names.filter((a) => !n.axes.includes(a))),
  }
  while (at < numbers.length) {
    const made = one(steps)(choose)
    if (faultsOf([made]).length === 0 && count(made.shape) <= most && made.axes.length <= 5) pool.push(made)
  }
  const used = new Set(pool.flatMap((n) => n.args))
  const roots = pool.filter((n) => !used.has(n) && !inputs.includes(n)).slice(-4)
  return { inputs, roots, [fc.toStringMethod]: () => `\n${print(roots)}\n` }
}

/** Random graphs of up to so many numbers, inputs with axes of up to `largest`. */
export const randomGraph = (length: number, largest: number = 4): fc.Arbitrary<RandomGraph> =>
  fc.tuple(
    fc.array(fc.nat(997), { minLength: 4, maxLength: length, size: "max" }),
    fc.tuple(
      fc.integer({ min: 0, max: largest }),
      fc.integer({ min: 1, max: largest }),
      fc.integer({ min: 1, max: largest }),
    ),
  ).map(([numbers, sizes]) => read(numbers, sizes, 50 * largest))

/** The roots with other nodes for the inputs. */
export const withInputs = (
  roots: ReadonlyArray<Node>,
  tree: { readonly [name: string]: Node },
): ReadonlyArray<Node> => {
  const made = new Map<Node, Node>()
  const of = (n: Node): Node => {
    const known = made.get(n)
    if (known !== undefined) return known
    const again = n.op.tag === "input" ? tree[n.op.name]! : { ...n, args: n.args.map(of) }
    made.set(n, again)
    return again
  }
  return roots.map(of)
}
