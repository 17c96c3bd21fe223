/**
 * Tensors: nodes of the graph whose dtype and axis names the compiler knows. A tensor is a value; ops take tensors and
 * give tensors, and nothing runs. Sizes are in `shape`, so they are known while tracing.
 * @module
 */
import type { Node } from "../graph/node.ts"
import type { Axes, Words } from "./axes.ts"
import type { DType } from "./dtype.ts"

/** A node of the graph with its dtype and its axis names in the type. */
export interface Tensor<out D extends DType, out A extends Axes> extends Node {
  readonly dtype: D
  readonly axes: A
  readonly shape: { readonly [K in keyof A]: number }
}

/** A tensor of any dtype and axes. */
export type AnyTensor = Tensor<DType, Axes>

/** dtypes of real numbers. */
export type Float = "f32" | "f16" | "bf16"

/** dtypes of whole numbers. */
export type Int = "i32" | "u32" | "u8"

/** dtypes that can be added. */
export type Numeric = Float | Int

/** Words of axis names: `F32<"batch time model">`; `F32` alone is a scalar. */
export type F32<S extends string = ""> = Tensor<"f32", Words<S>>

/** Half precision: 5 bits of exponent, 10 of fraction. Stored; computed in f32. */
export type F16<S extends string = ""> = Tensor<"f16", Words<S>>

/** Brain float: the upper half of an f32. Stored; computed in f32. */
export type BF16<S extends string = ""> = Tensor<"bf16", Words<S>>

/** Signed whole numbers. */
export type I32<S extends string = ""> = Tensor<"i32", Words<S>>

/** Unsigned whole numbers, modulo 2^32. */
export type U32<S extends string = ""> = Tensor<"u32", Words<S>>

/** Bytes. Stored; computed in u32. */
export type U8<S extends string = ""> = Tensor<"u8", Words<S>>

/** True or false. */
export type Bool<S extends string = ""> = Tensor<"bool", Words<S>>

/** The node, believed to have the dtype and axes of the type `T`: for wrappers whose signature is the proof. */
export const typed = <T extends AnyTensor>(node: Node): T => node as T
