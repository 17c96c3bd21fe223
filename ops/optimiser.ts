/**
 * Optimisers as pure functions `(params, gradients, state) -> { params, state }` on trees of tensors. The step counter
 * is a tensor of the state, so a whole training step is one program; donate `params` and `state` and it works in place.
 *
 * Arithmetic is in f32 whatever the leaves are stored in. The rate of an update is that of the count before it.
 * @module
 */
import { binary, cast, constant, reduce, select, unary } from "../core/graph/build.ts"
import { fault } from "../core/graph/fault.ts"
import { marked, tensor } from "../core/graph/given.ts"
import type { Node } from "../core/graph/node.ts"
import { count } from "../core/graph/node.ts"
import type { Axes } from "../core/tensor/axes.ts"
import type { Host } from "../core/tensor/host.ts"
import { store } from "../core/tensor/host.ts"
import type { AnySpec } from "../core/tensor/spec.ts"
import type { F32, I32 } from "../core/tensor/tensor.ts"
import { typed } from "../core/tensor/tensor.ts"
import type { Leaf } from "../core/tensor/tree.ts"
import { flatten, map, mapSame, toFlat } from "../core/tensor/tree.ts"

/** Parameters and state after an update. */
export interface Updated<P, S> {
  readonly params: P
  readonly state: S
}

/** The state of AdamW: updates so far, mean of gradients, mean of their squares. */
export interface AdamState<P> {
  readonly step: I32
  readonly first: P
  readonly second: P
}

/** The state of SGD: updates so far, and the velocity. */
export interface SgdState<P> {
  readonly step: I32
  readonly velocity: P
}

/** Zeros on the host like the specs (or hosts) of parameters. */
export type Zeros<T> = T extends AnySpec ? Host<T["dtype"], T["axes"]>
  : T extends object ? { readonly [K in keyof T]: Zeros<T[K]> }
  : T

const zerosLike = <T>(specs: T): Zeros<T> =>
  map(specs, (leaf) => {
    const spec = leaf as unknown as AnySpec
    return { ...spec, data: store(spec.dtype, new Float64Array(count(spec.shape))) } as Host<AnySpec["dtype"], Axes>
  }) as unknown as Zeros<T>

const start: Host<"i32", []> = { dtype: "i32", axes: [], shape: [], data: Int32Array.of(0) }

const add = (x: Node | number, y: Node | number): Node => binary("add", x, y)
const sub = (x: Node | number, y: Node | number): Node => binary("sub", x, y)
const mul = (x: Node | number, y: Node | number): Node => binary("mul", x, y)
const div = (x: Node | number, y: Node | number): Node => binary("div", x, y)

const wide = (x: unknown): Node => cast(x as Node, "f32")

/**
 * The leaf of a tree that stands at the same path, in f32. Faults: none there, or something that the parameters lack;
 * they go into the leaf, as every result is made of it.
 */
const beside = (what: string, tree: unknown, params: unknown): At => {
  const flat = toFlat(tree) as { readonly [path: string]: unknown }
  const known = toFlat(params)
  const first = Object.keys(known)[0]
  const beyond = Object.keys(flat).filter((path) => !Object.hasOwn(known, path)).map((path) =>
    fault("NameFault", "optimiser", `${what} has '${path}', which the parameters lack; give trees of the same keys`)
  )
  return once((path) => {
    if (Object.hasOwn(flat, path)) return marked(wide(tensor("optimiser", flat[path])), path === first ? beyond : [])
    const lacking = `${what} lacks '${path}', which the parameters have; give trees of the same keys`
    const wrong = fault("NameFault", "optimiser", lacking)
    return marked(constant("f32", 0), path === first ? [wrong, ...beyond] : [wrong])
  })
}

/** A node for each path. */
type At = (path: string) => Node

/** A tree like the parameters whose leaf at each path is made by `f`, in the dtype of the old leaf there. */
const renewed = <P>(params: P, f: (path: string) => Node, old: P = params): P => {
  const before = toFlat(old) as { readonly [path: string]: Node | undefined }
  return mapSame(params, (leaf, path) => {
    const { dtype } = before[path] ?? leaf as unknown as Node
    return cast(f(path), dtype) as unknown as Leaf<P>
  })
}

/** Results by path, each made once. */
const once = <T>(f: (path: string) => T): (path: string) => T => {
  const made = new Map<string, T>()
  return (path) => {
    const before = made.get(path)
    if (before !== undefined) return before
    const now = f(path)
    made.set(path, now)
    return now
  }
}

/** Square root of the sum of squares of all elements of all leaves, in f32. */
export const globalNorm = <P>(tree: P): F32 => {
  const squares = flatten(tree).map(([, leaf]) => {
    const x = wide(leaf)
    return reduce("sum", mul(x, x), x.axes)
  })
  return typed(unary("sqrt", squares.length === 0 ? constant("f32", 0) : squares.reduce(add)))
}

/** The tree times min(1, limit / norm), and its norm before: a longer gradient is cut to the length `limit`. */
export const clipByGlobalNorm = <P>(tree: P, limit: number): { readonly clipped: P; readonly norm: F32 } => {
  const norm = globalNorm(tree)
  const scale = div(limit, binary("max", norm, limit))
  const clipped = mapSame(tree, (leaf) => {
    const x = leaf as unknown as Node
    return cast(mul(wide(x), scale), x.dtype) as unknown as typeof leaf
  })
  return { clipped, norm }
}

/** A rate: a number, or a function of the step in the graph. */
export type Rate = number | ((step: F32) => F32)

const rateOf = (rate: Rate, step: Node): Node => typeof rate === "number" ? constant("f32", rate) : rate(typed(step))

/** 1 - beta^t without cancellation: -expm1(z) for z = t log(beta), near 0 by z (1 + z/2 (1 + z/3 (1 + z/4 (1 + z/5)))). */
const unbias = (beta: number, t: Node): Node => {
  const z = mul(t, Math.log(beta))
  const series = [5, 4, 3, 2].reduce<Node | number>((sum, n) => add(mul(mul(z, 1 / n), sum), 1), 1)
  return select(binary("gt", z, -0.1), unary("neg", mul(z, series)), sub(1, unary("exp", z)))
}

/** Settings of AdamW. */
export interface AdamW {
  readonly rate: Rate
  /** Memory of the mean of gradients; 0.9 if not given. */
  readonly beta1?: number
  /** Memory of the mean of squares; 0.95 if not given. */
  readonly beta2?: number
  /** 1e-8 if not given. */
  readonly epsilon?: number
  /** Decoupled weight decay; 0 if not given. */
  readonly decay?: number
  /** Which parameters decay; all if not given. */
  readonly decays?: (path: string) => boolean
}

/**
 * The state before the first update, on the host, from the specs or hosts of the parameters. Its leaves are specs too,
 * so `compile` takes it as it is.
 */
export const adamStart = <T>(
  params: T,
): { readonly step: Host<"i32", []>; readonly first: Zeros<T>; readonly second: Zeros<T> } => ({
  step: start,
  first: zerosLike(params),
  second: zerosLike(params),
})

/**
 * AdamW (Loshchilov and Hutter, 2019), t counting from 1:
 * m = b1 m + (1 - b1) g, v = b2 v + (1 - b2) g^2,
 * p = p - rate (m / (1 - b1^t) / (sqrt(v / (1 - b2^t)) + epsilon) + decay p).
 */
export const adamW =
  (settings: AdamW) => <P>(params: P, gradients: P, state: AdamState<P>): Updated<P, AdamState<P>> => {
    const { beta1 = 0.9, beta2 = 0.95, epsilon = 1e-8, decay = 0, decays = () => true } = settings
    const before = wide(tensor("optimiser", state.step, "i32"))
    const t = add(before, 1)
    const rate = rateOf(settings.rate, before)
    const stride = div(rate, unbias(beta1, t))
    const widen = div(1, unbias(beta2, t))
    const shrink = sub(1, mul(rate, decay))
    const [p, g, m, v] = [
      beside("params", params, params),
      beside("gradients", gradients, params),
      beside("state.first", state.first, params),
      beside("state.second", state.second, params),
    ] as const
    const first = once((path) => add(mul(m(path), beta1), mul(g(path), 1 - beta1)))
    const second = once((path) => add(mul(v(path), beta2), mul(mul(g(path), g(path)), 1 - beta2)))
    const moved = (path: string): Node => {
      const root = add(unary("sqrt", mul(second(path), widen)), epsilon)
      const kept = decay !== 0 && decays(path) ? mul(p(path), shrink) : p(path)
      return sub(kept, div(mul(first(path), stride), root))
    }
    return {
      params: renewed(params, moved),
      state: {
        step: typed(binary("add", tensor("optimiser", state.step, "i32"), 1)),
        first: renewed(params, first, state.first),
        second: renewed(params, second, state.second),
      },
    }
  }

/** Settings of stochastic gradient descent. */
export interface Sgd {
  readonly rate: Rate
  /** Memory of the velocity; 0 if not given. */
  readonly momentum?: number
  /** Step along what the velocity will be (Nesterov); false if not given. */
  readonly nesterov?: boolean
}

/** The state before the first update, on the host. See `adamStart`. */
export const sgdStart = <T>(params: T): { readonly step: Host<"i32", []>; readonly velocity: Zeros<T> } => ({
  step: start,
  velocity: zerosLike(params),
})

/** SGD with momentum: v = momentum v + g, p = p - rate v; with Nesterov p = p - rate (g + momentum v). */
export const sgd =
  ({ rate, momentum = 0, nesterov = false }: Sgd) =>
  <P>(params: P, gradients: P, state: SgdState<P>): Updated<P, SgdState<P>> => {
    const speed = rateOf(rate, wide(tensor("optimiser", state.step, "i32")))
    const [p, g, v] = [
      beside("params", params, params),
      beside("gradients", gradients, params),
      beside("state.velocity", state.velocity, params),
    ] as const
    const velocity = once((path) => add(mul(v(path), momentum), g(path)))
    const way = (path: string): Node => nesterov ? add(g(path), mul(velocity(path), momentum)) : velocity(path)
    return {
      params: renewed(params, (path) => sub(p(path), mul(way(path), speed))),
      state: {
        step: typed(binary("add", tensor("optimiser", state.step, "i32"), 1)),
        velocity: renewed(params, velocity, state.velocity),
      },
    }
  }
