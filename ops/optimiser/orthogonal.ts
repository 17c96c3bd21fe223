/**
 * The nearest orthogonal matrix, nearly, by products alone.
 * @module
 */
import { dot, reduce, rename, reshape, unary } from "../../core/graph/build.ts"
import { tensor } from "../../core/graph/given.ts"
import { count, type Node } from "../../core/graph/node.ts"
import type { Axes } from "../../core/tensor/axes.ts"
import { type Tensor, typed } from "../../core/tensor/tensor.ts"
import { add, div, mul } from "./tree.ts"

/**
 * Coefficients of x -> a x + b x^3 + c x^5 on singular values. The slope at 0 is as steep as it can be while all that lies
 * in 0 ... 1 ends near 1, between 0.68 and 1.14, after five times (Jordan et al., Muon, 2024).
 */
export const quintic: readonly [a: number, b: number, c: number] = [3.4445, -4.775, 2.0315]

const [rows, columns, again] = ["orthogonal.row", "orthogonal.column", "orthogonal.again"] as const

/**
 * U V^T, nearly, of a matrix U S V^T whose first `leading` axes are its rows: singular values go through the quintic
 * polynomial `times` times after the matrix is divided by its norm. Those that are less than about 1e-3 of the norm are
 * not yet near 1 after five times. Products are as small as the shorter side allows.
 */
export const orthogonal = <A extends Axes>(
  x: Tensor<"f32", A>,
  leading: number,
  times: number = 5,
  epsilon: number = 1e-7,
): Tensor<"f32", A> => {
  const given = tensor("orthogonal", x)
  const sizes = [count(given.shape.slice(0, leading)), count(given.shape.slice(leading))]
  const matrix = reshape(given, [rows, columns], sizes)
  const norm = unary("sqrt", reduce("sum", mul(matrix, matrix), [rows, columns]))
  const [short, long] = sizes[0]! <= sizes[1]! ? [rows, columns] : [columns, rows]
  const [a, b, c] = quintic
  const once = (m: Node): Node => {
    const gram = dot(m, rename(m, { [short]: again }), [long])
    const squared = rename(dot(gram, rename(gram, { [short]: again, [again]: long }), [again]), { [long]: again })
    const bent = add(mul(gram, b), mul(squared, c))
    const turned = rename(dot(bent, m, [short]), { [again]: short })
    return add(mul(m, a), turned)
  }
  const start = div(matrix, add(norm, epsilon))
  return typed(reshape(Array.from({ length: times }).reduce<Node>(once, start), given.axes, given.shape))
}
