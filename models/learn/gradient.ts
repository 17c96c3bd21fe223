/**
 * The loss of a batch and its gradient, of any model: in one pass, or part after part so that activations are of one part
 * only; from parameters in f32, or from a narrow copy of them; on one rank, or on all of a mesh.
 * @module
 */
import { barrier, binary, cast, constant, exchange, sliceAxis } from "../../core/graph/build.ts"
import { fault } from "../../core/graph/fault.ts"
import { marked } from "../../core/graph/given.ts"
import { leaves, withLeaves } from "../../core/graph/leaves.ts"
import { type Node, sizeOf } from "../../core/graph/node.ts"
import { valueAndGrad } from "../../core/grad/grad.ts"
import { alone, ranksOf, type Spread } from "../../core/mesh/shape.ts"
import { type F32, typed } from "../../core/tensor/tensor.ts"
import { looped } from "../../ops/slices.ts"
import type { Recipe } from "./recipe.ts"
import type { State } from "./state.ts"

// ---- types -----------------------------------------------------------------

/** Tensors that a step learns from; those with an axis `batch` are cut into parts along it. */
export interface Batch {
  readonly [name: string]: Node | undefined
}

/** What a part of the batch says of parameters: the loss, and further numbers to be told (`M` are their names). */
export interface Judged<M extends string> {
  readonly loss: F32
  readonly more?: { readonly [K in M]: F32 }
}

/** From parameters and a part of the batch to the loss. */
export interface Objective<P, B, M extends string = never> {
  readonly judge: (parameters: P, part: B) => Judged<M>
  /** Names of the further numbers. */
  readonly more?: ReadonlyArray<M>
  /**
   * How numbers of parts and ranks become those of the batch. `mean`: each is a mean over its rows. `sum`: each is already
   * its share of the whole, as where rows count differently.
   */
  readonly over: "mean" | "sum"
  /** The mesh that the batch lies on; one rank if not given. */
  readonly spread?: Spread
  /** Do ranks meet inside of a part, as on a ring? Then parts are written out, for ranks meet between steps of a program. */
  readonly meets?: boolean
}

/** The loss of the whole batch and its gradient in f32, of all ranks. */
export interface Pass<P, M extends string = never> {
  readonly loss: F32
  readonly more: { readonly [K in M]: F32 }
  readonly gradient: P
}

type Nodes = ReadonlyArray<Node>

/** What is told (the loss first), and the gradient. */
interface Summed {
  readonly told: Nodes
  readonly gradient: Nodes
}

/** From parameters as the pass reads them and one part of the batch to its numbers and gradient. */
type Part = (params: Nodes, part: Nodes) => Summed

const add = (x: Node, y: Node): Node => binary("add", x, y)

const wide = (x: Node): Node => cast(x, "f32")

// ---- one part --------------------------------------------------------------

/** What the batch is cut along; what lacks the axis is the same for all parts. */
const hasRows = (x: Node): boolean => x.axes.includes("batch")

/** Rows of the batch on this rank. */
const rowsOf = (given: Nodes): number => {
  const first = given.find(hasRows)
  return first === undefined ? 1 : sizeOf(first, "batch")!
}

/** `keys` are the names of the batch's tensors, in the order in which a part gives them. */
const partOf = <P, B, M extends string>(
  { judge, more = [] }: Objective<P, B, M>,
  like: P,
  share: number,
  scale: Node | undefined,
  keys: ReadonlyArray<string>,
): Part =>
(params, part) => {
  const batch = Object.fromEntries(keys.map((key, i) => [key, part[i]])) as B
  const shared = (x: Node): Node => share === 1 ? x : binary("mul", x, share)
  const { value, gradient } = valueAndGrad((p: Nodes) => {
    // a model is the same in any float: its types say f32, its ops take what they are given and sum in f32
    const judged = judge(withLeaves(like, p), batch)
    const loss = shared(judged.loss)
    const told = [loss, ...more.map((name) => shared(judged.more![name]))]
    return { loss: typed<F32>(scale === undefined ? loss : binary("mul", loss, scale)), aux: told }
  })(params)
  return { told: value.aux, gradient }
}

// ---- all parts -------------------------------------------------------------

/** Part after part in a loop, where no part needs another rank. */
const inLoop = (part: Part, params: Nodes, given: Nodes, parts: number, numbers: number): Summed => {
  const rows = rowsOf(given)
  const cut = given.filter(hasRows)
  const zeros = [
    ...Array.from({ length: numbers }, () => constant("f32", 0)),
    ...params.map((p) => constant("f32", 0, p.axes, p.shape)),
  ]
  const { carry } = looped(
    (sums, slices) => {
      // what is captured is read in the loop as it is stored, not widened before it
      const own = params.map((p) => barrier(p, [slices[0]!], 0))
      let i = 0
      const now = part(own, given.map((x) => hasRows(x) ? slices[i++]! : x))
      return { carry: [...now.told, ...now.gradient.map(wide)].map((x, k) => add(sums[k]!, x)), out: [] }
    },
    { axis: "batch", turns: parts, places: rows / parts, rest: 0 },
    cut,
    zeros,
  )
  return { told: carry.slice(0, numbers), gradient: carry.slice(numbers) }
}

/** Part after part written out: ranks meet between the steps of a program, and a loop is one step. */
const inLine = (part: Part, params: Nodes, given: Nodes, parts: number): Summed => {
  const places = rowsOf(given) / parts
  const slice = (i: number): Nodes => given.map((x) => hasRows(x) ? sliceAxis(x, "batch", i * places, places) : x)
  const first = part(params, slice(0))
  return Array.from({ length: parts - 1 }, (_, i) => i + 1).reduce<Summed>((sum, i) => {
    const after = [...sum.told, ...sum.gradient]
    const late = (x: Node): Node => barrier(x, after, i)
    const now = part(params.map(late), slice(i).map(late))
    return {
      told: now.told.map((x, k) => add(sum.told[k]!, x)),
      gradient: now.gradient.map((g, k) => add(sum.gradient[k]!, wide(g))),
    }
  }, { told: first.told, gradient: first.gradient.map(wide) })
}

/** All at once; a narrow gradient is kept as it is, and widened where it is read. */
const atOnce = (part: Part, params: Nodes, given: Nodes): Summed => {
  const { told, gradient } = part(params, given)
  return { told, gradient: gradient.map((g) => g.dtype === "f32" ? g : wide(barrier(g, [], 0))) }
}

/** What is wrong with cutting this rank's rows. */
const cutFaults = (rows: number, parts: number): ReadonlyArray<ReturnType<typeof fault>> =>
  Number.isSafeInteger(parts) && parts >= 1 && rows % parts === 0 ? [] : [
    fault(
      "SizeFault",
      "accumulate",
      `${rows} rows of a rank are no ${parts} parts of whole rows; accumulate a divisor of ${rows}`,
    ),
  ]

/** Parameters as the passes read them. */
const stored = (params: Nodes, { storage = "f32" }: Pick<Recipe, "storage">): Nodes =>
  storage === "f32" ? params : params.map((p) => barrier(cast(p, storage), [], 0))

/** The sum over all ranks of a mesh, on every rank. */
const overRanks = (x: Node, { shape }: Spread): Node =>
  exchange(x, { kind: "allReduce", over: Object.keys(shape), ranks: ranksOf(shape), fn: "sum" })

/**
 * Loss and gradient of the whole batch. `accumulate` parts are computed one after the other and summed in f32; ranks sum
 * once, at the end. With a narrow storage, a copy of the parameters is made, the passes read that, and gradients are rounded
 * to the same; with a loss scale the loss is multiplied by it before and the gradient divided after.
 */
export const pass =
  <P, B, M extends string = never>(r: Pick<Recipe, "accumulate" | "storage">, objective: Objective<P, B, M>) =>
  (state: Pick<State<P>, "parameters" | "scale">, batch: B): Pass<P, M> => {
    const { more = [], spread = alone } = objective
    const present = Object.entries(batch as unknown as Batch).filter(([, x]) => x !== undefined)
    const [keys, given] = [present.map(([key]) => key), present.map(([, x]) => x as Node)]
    const params = stored(leaves(state.parameters), r)
    const parts = r.accumulate ?? 1
    const wrong = cutFaults(rowsOf(given), parts)
    const cut = parts === 1 || wrong.length > 0 ? 1 : parts
    const share = objective.over === "sum" ? 1 : 1 / (cut * ranksOf(spread.shape))
    const part = partOf(objective, state.parameters, share, state.scale?.value, keys)
    const way = cut === 1 ? atOnce : objective.meets === true ? inLine : inLoop
    const all = way(part, params, given, parts, 1 + more.length)
    const whole = all.gradient.map((g) => overRanks(g, spread))
    const unscaled = state.scale === undefined
      ? whole
      : whole.map((g) => binary("mul", g, binary("div", 1, state.scale!.value)))
    const [loss, ...numbers] = all.told
    return {
      loss: typed(overRanks(marked(loss!, wrong), spread)),
      more: Object.fromEntries(more.map((name, i) => [name, typed<F32>(overRanks(numbers[i]!, spread))])) as {
        readonly [K in M]: F32
      },
      gradient: withLeaves(state.parameters, unscaled),
    }
  }
