/**
 * Convolution over any number of axes, as windows and a contraction (as in machine learning: the kernel is not turned).
 *
 * ```ts
 * import { convolve, type F32 } from "@orrery/orrery"
 * const image = (x: F32<"batch row col in">, w: F32<"drow dcol in out">): F32<"batch row col out"> =>
 *   convolve(x, w, { row: "drow", col: "dcol" }, "in", { padding: "same", stride: 2 })
 * ```
 *
 * Groups need no option: an axis that image and kernel both have, and that is not summed over, goes side by side.
 *
 * ```ts
 * import { convolve, type F32 } from "@orrery/orrery"
 * const grouped = (x: F32<"row group in">, w: F32<"group drow in out">): F32<"row group out"> =>
 *   convolve(x, w, { row: "drow" }, "in")
 * ```
 * @module
 */
import { fault, type Faults } from "../core/graph/fault.ts"
import { marked } from "../core/graph/given.ts"
import { type Node, sizeOf } from "../core/graph/node.ts"
import type { Axes, Has, Lacks, Without, Word } from "../core/tensor/axes.ts"
import { words } from "../core/tensor/spec.ts"
import { type Float, type Tensor, typed } from "../core/tensor/tensor.ts"
import { convolved, type Way } from "./convolution-gradient.ts"

/**
 * What is put around an axis: nothing, zeros so that each stride has one place, or so many before and after; fewer than
 * none takes places away.
 */
export type Padding = "valid" | "same" | readonly [low: number, high: number]

/** One value for all axes, or one for each. */
export type PerAxis<T> = T | { readonly [axis: string]: T }

/** How the kernel goes over the image. */
export interface Convolution {
  /** From one place to the next; 1. */
  readonly stride?: PerAxis<number>
  /** From one tap to the next; 1. */
  readonly dilation?: PerAxis<number>
  /** "valid". */
  readonly padding?: PerAxis<Padding>
}

const chosen = <T>(value: PerAxis<T> | undefined, axis: string, otherwise: T): T => {
  if (value === undefined) return otherwise
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value as T
  return (value as { readonly [axis: string]: T })[axis] ?? otherwise
}

const around = (padding: Padding, size: number, span: number, stride: number): readonly [number, number] => {
  if (padding === "valid") return [0, 0]
  if (padding !== "same") return padding
  const lacking = Math.max(0, (Math.ceil(size / stride) - 1) * stride + span - size)
  return [Math.floor(lacking / 2), Math.ceil(lacking / 2)]
}

const howOf = ["stride", "dilation", "padding"] as const

/** What is said of axes that the kernel does not go along, and paddings that are none: neither is passed over. */
const wrongIn = (how: Convolution, along: ReadonlyArray<string>): Faults =>
  howOf.flatMap((name): Faults => {
    const value: unknown = how[name]
    const each = typeof value === "object" && value !== null && !Array.isArray(value)
    const strange = each ? Object.keys(value).filter((axis) => !along.includes(axis)) : []
    const all: ReadonlyArray<unknown> = each ? Object.values(value) : [value]
    const odd = name === "padding" ? all.filter((p) => !(p === undefined || isPadding(p))) : []
    return [
      ...strange.map((axis) =>
        fault(
          "NameFault",
          "convolve",
          `its ${name} is said of '${axis}', along which it does not go; it goes along ${along.join(", ") || "none"}`,
        )
      ),
      ...odd.map((p) =>
        fault(
          "ValueFault",
          "convolve",
          `its padding is ${JSON.stringify(p)}; expected "valid", "same", or whole numbers [before, after]`,
        )
      ),
    ]
  })

const isPadding = (p: unknown): boolean =>
  p === "valid" || p === "same" || (Array.isArray(p) && p.length === 2 && p.every(Number.isInteger))

const wayOf = (x: Node, kernel: Node, axis: string, tap: string, how: Convolution): Way => {
  const taps = sizeOf(kernel, tap) ?? 1
  const [stride, dilation] = [chosen(how.stride, axis, 1), chosen(how.dilation, axis, 1)]
  const size = sizeOf(x, axis) ?? 1
  const [low, high] = around(chosen<Padding>(how.padding, axis, "valid"), size, (taps - 1) * dilation + 1, stride)
  return { axis, tap, stride, dilation, low, high }
}

/**
 * Sums products of the kernel and the image under it. `along` pairs each axis of the image with the kernel's axis of
 * taps; `on` names what is summed besides. The result has the image's axes without `on`, then the kernel's others.
 * Faults: an image smaller than the kernel, strides and dilations that are no whole numbers from 1, a padding that is
 * none, and what is said of an axis along which it does not go.
 */
export const convolve = <
  D extends Float,
  A extends Axes,
  K extends Axes,
  const M extends Readonly<Record<string, string>>,
  const N extends string,
>(
  x: Tensor<D, A>,
  kernel: Tensor<NoInfer<D>, K>,
  along: M & Has<A, keyof M & string> & Has<K, M[keyof M]> & Lacks<A, M[keyof M]>,
  on: N & Has<A, Word<N>> & Has<K, Word<N>>,
  how: Convolution = {},
): Tensor<D, [...Without<A, Word<N>>, ...Without<K, Word<N> | M[keyof M] | A[number]>]> => {
  const wrong = wrongIn(how, Object.keys(along))
  if (wrong.length > 0) return convolve(typed(marked(x, wrong)), kernel, along, on)
  const ways = Object.entries<string>(along).map(([axis, tap]) => wayOf(x, kernel, axis, tap, how))
  return typed(convolved(x, kernel, ways, words<string>(on)))
}
