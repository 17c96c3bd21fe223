/**
 * Arguments of ops of two and more: tensors, or numbers where a scalar would do. A number takes the dtype of the tensor
 * beside it and must be one that it can hold: NaN, a number beyond its range, a fraction beside ints and, but for what
 * `select` chooses, infinity are faults. `constant`, `full` and `pad` take infinity too; NaN comes of tensors only.
 * @module
 */
import type { Axes, Fits, ShapeError, Wider } from "./axes.ts"
import type { DType } from "./dtype.ts"
import type { AnyTensor, Tensor } from "./tensor.ts"

/** A tensor or a number. */
export type Operand<D extends DType = DType> = Tensor<D, Axes> | number

/** Both have one dtype, and one has all axes of the other. */
export type Paired<X, Y> = X extends AnyTensor
  ? Y extends AnyTensor ? [Y["dtype"]] extends [X["dtype"]] ? Fits<X["axes"], Y["axes"]>
    : ShapeError<`dtype ${Y["dtype"]} beside ${X["dtype"]}: cast one to the other's`>
  : unknown
  : unknown

/** The tensor that two operands give: their dtype, the axes of the one that has all. */
export type Both<X, Y> = X extends AnyTensor
  ? Y extends AnyTensor ? Tensor<X["dtype"], Wider<X["axes"], Y["axes"]>> : Tensor<X["dtype"], X["axes"]>
  : Y extends AnyTensor ? Tensor<Y["dtype"], Y["axes"]>
  : Tensor<"f32", []>

/** `T` with another dtype. */
export type As<D extends DType, T> = T extends AnyTensor ? Tensor<D, T["axes"]> : never

/** An op of one tensor that keeps dtype and axes. */
export interface Unary<K extends DType> {
  <D extends K, A extends Axes>(x: Tensor<D, A>): Tensor<D, A>
}

/** An op of one tensor that gives `G`. */
export interface UnaryTo<K extends DType, G extends DType> {
  <A extends Axes>(x: Tensor<K, A>): Tensor<G, A>
}

/** An op of two operands that fit by name. */
export interface Binary<K extends DType> {
  <X extends Operand<K>, Y extends Operand<K>>(x: X, y: Y & Paired<X, Y>): Both<X, Y>
}

/** An op of two operands that fit by name, and gives `G`. */
export interface BinaryTo<K extends DType, G extends DType> {
  <X extends Operand<K>, Y extends Operand<K>>(x: X, y: Y & Paired<X, Y>): As<G, Both<X, Y>>
}
