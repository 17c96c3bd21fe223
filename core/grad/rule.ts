/**
 * What a gradient rule is, and the few shapes of nodes that rules are written in.
 * @module
 */
import { align, binary, constant, reduce } from "../graph/build.ts"
import type { BinaryFn, Node, Op } from "../graph/node.ts"
import { dtypes } from "../tensor/dtype.ts"

/** Makes the cotangent of one argument, when it is asked for. */
export type Pull = () => Node

/**
 * The vector-Jacobian product of one op: from the node and the cotangent of its value, one `Pull` for each argument;
 * null where the derivative is 0 everywhere or there is none.
 */
export type Rule<T extends Op["tag"]> = (
  op: Extract<Op, { readonly tag: T }>,
  node: Node,
  cotangent: Node,
) => ReadonlyArray<Pull | null>

/** Is it a tensor of real numbers? */
export const isFloat = (node: Node): boolean => dtypes[node.dtype].kind === "float"

const of = (fn: BinaryFn) => (x: Node | number, y: Node | number): Node => binary(fn, x, y)

/** x + y */
export const add: (x: Node | number, y: Node | number) => Node = of("add")
/** x - y */
export const sub: (x: Node | number, y: Node | number) => Node = of("sub")
/** x y */
export const mul: (x: Node | number, y: Node | number) => Node = of("mul")
/** x / y */
export const div: (x: Node | number, y: Node | number) => Node = of("div")

/** Nought, of dtype, axes and sizes of another node. */
export const zeros = (like: Node): Node => constant(like.dtype, 0, like.axes, like.shape)

/** One, of dtype, axes and sizes of another node. */
export const ones = (like: Node): Node => constant(like.dtype, 1, like.axes, like.shape)

/** The transpose of `align`: sums over the axes that `like` lacks, broadcasts along those that `x` lacks, reorders. */
export const fit = (x: Node, like: Node): Node =>
  align(reduce("sum", x, x.axes.filter((a) => !like.axes.includes(a))), like.axes, like.shape)

/** A list with one item replaced. */
export const put = <T>(list: ReadonlyArray<T>, at: number, item: T): ReadonlyArray<T> =>
  list.map((old, i) => i === at ? item : old)
