/**
 * A tree of tensors in its two other forms: specs before there are values, and values on the host.
 * @module
 */
import type { Axes } from "../../core/tensor/axes.ts"
import type { DType } from "../../core/tensor/dtype.ts"
import type { Host } from "../../core/tensor/host.ts"
import type { Spec } from "../../core/tensor/spec.ts"
import type { Tensor } from "../../core/tensor/tensor.ts"

/** The tree with a spec for every tensor. */
export type Specs<T> = T extends Tensor<infer D extends DType, infer A extends Axes> ? Spec<D, A>
  : { readonly [K in keyof T]: Specs<T[K]> }

/** The tree with values on the host for every tensor. */
export type Hosts<T> = T extends Tensor<infer D extends DType, infer A extends Axes> ? Host<D, A>
  : { readonly [K in keyof T]: Hosts<T[K]> }
