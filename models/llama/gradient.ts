/**
 * The loss of a batch and its gradient: in one pass, or part after part so that activations are of one part only; from
 * parameters in f32, or from a narrow copy of them.
 * @module
 */
import { barrier, binary, cast, constant, sliceAxis } from "../../core/graph/build.ts"
import { fault } from "../../core/graph/fault.ts"
import { marked } from "../../core/graph/given.ts"
import { leaves, withLeaves } from "../../core/graph/leaves.ts"
import { type Node, sizeOf } from "../../core/graph/node.ts"
import { valueAndGrad } from "../../core/grad/grad.ts"
import { type F32, typed } from "../../core/tensor/tensor.ts"
import { looped } from "../../ops/slices.ts"
import type { Config } from "./config.ts"
import type { Examples } from "./examples.ts"
import { overRanks, tokenLosses } from "./loss.ts"
import type { Parameters } from "./parameters.ts"
import { type Plan, ringOf } from "./plan.ts"
import type { Recipe } from "./recipe.ts"
import { sharesOf } from "./shares.ts"
import type { State } from "./state.ts"

// ---- types -----------------------------------------------------------------

/** The loss of the whole batch and its gradient in f32, summed over all ranks. */
export interface Pass {
  readonly loss: F32
  readonly gradient: Parameters
}

type Nodes = ReadonlyArray<Node>

/** From parameters as the pass reads them and one part of the batch to its loss and gradient. */
type Part = (params: Nodes, part: Nodes) => { readonly loss: Node; readonly gradient: Nodes }

const add = (x: Node, y: Node): Node => binary("add", x, y)

const wide = (x: Node): Node => cast(x, "f32")

// ---- one part --------------------------------------------------------------

/** What the batch is cut along; what lacks the axis is the same for all parts. */
const hasRows = (x: Node): boolean => x.axes.includes("batch")

/** `keys` are the names of the batch's tensors, in the order in which a part gives them. */
const partOf =
  (c: Config, plan: Plan, like: Parameters, scale: Node | undefined) =>
  (keys: ReadonlyArray<string>): Part =>
  (params, part) => {
    const { tokens, targets, weights, segments, positions } = Object.fromEntries(
      keys.map((key, i) => [key, part[i]]),
    ) as unknown as Examples & { readonly weights: F32<"batch time"> }
    const { value, gradient } = valueAndGrad((p: Nodes) => {
      // the model is the same in any float: its types say f32, its ops take what they are given and sum in f32
      const { total } = tokenLosses(c, plan)(withLeaves(like, p), tokens, targets, { weights, segments, positions })
      return { loss: scale === undefined ? total : typed<F32>(binary("mul", total, scale)), aux: total }
    })(params)
    return { loss: value.aux, gradient }
  }

// ---- all parts -------------------------------------------------------------

/** Part after part in a loop, where no part needs another rank. */
const inLoop = (part: Part, params: Nodes, given: Nodes, parts: number): ReturnType<Part> => {
  const rows = sizeOf(given[0]!, "batch")!
  const cut = given.filter(hasRows)
  const zeros = [constant("f32", 0), ...params.map((p) => constant("f32", 0, p.axes, p.shape))]
  const { carry } = looped(
    ([loss, ...sums], slices) => {
      // what is captured is read in the loop as it is stored, not widened before it
      const own = params.map((p) => barrier(p, [slices[0]!], 0))
      let i = 0
      const now = part(own, given.map((x) => hasRows(x) ? slices[i++]! : x))
      return { carry: [add(loss!, now.loss), ...now.gradient.map((g, k) => add(sums[k]!, wide(g)))], out: [] }
    },
    { axis: "batch", turns: parts, places: rows / parts, rest: 0 },
    cut,
    zeros,
  )
  const [loss, ...gradient] = carry
  return { loss: loss!, gradient }
}

/** Part after part written out: ranks meet between the steps of a program, and a loop is one step. */
const inLine = (part: Part, params: Nodes, given: Nodes, parts: number): ReturnType<Part> => {
  const places = sizeOf(given[0]!, "batch")! / parts
  const slice = (i: number): Nodes => given.map((x) => hasRows(x) ? sliceAxis(x, "batch", i * places, places) : x)
  const first = part(params, slice(0))
  return Array.from({ length: parts - 1 }, (_, i) => i + 1).reduce<ReturnType<Part>>((sum, i) => {
    const after = [sum.loss, ...sum.gradient]
    const late = (x: Node): Node => barrier(x, after, i)
    const now = part(params.map(late), slice(i).map(late))
    return { loss: add(sum.loss, now.loss), gradient: now.gradient.map((g, k) => add(sum.gradient[k]!, wide(g))) }
  }, { loss: first.loss, gradient: first.gradient.map(wide) })
}

/** All at once; a narrow gradient is kept as it is, and widened where it is read. */
const atOnce = (part: Part, params: Nodes, given: Nodes): ReturnType<Part> => {
  const { loss, gradient } = part(params, given)
  return { loss, gradient: gradient.map((g) => g.dtype === "f32" ? g : wide(barrier(g, [], 0))) }
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
const stored = (params: Nodes, { storage = "f32" }: Recipe): Nodes =>
  storage === "f32" ? params : params.map((p) => barrier(cast(p, storage), [], 0))

/**
 * Loss and gradient of the whole batch. `accumulate` parts are computed one after the other and summed in f32; ranks sum
 * once, at the end. With a narrow storage, a copy of the parameters is made, the passes read that, and gradients are rounded
 * to the same; with a loss scale the loss is multiplied by it before and the gradient divided after.
 */
export const pass = (c: Config, r: Recipe, plan: Plan) => (state: State, examples: Examples): Pass => {
  const { tokens, targets, weights, ...rest } = examples
  const shares = sharesOf(r.reduction ?? "tokens", tokens, weights, plan)
  const batch = { tokens, targets, weights: shares, ...rest }
  const [keys, given] = [Object.keys(batch), Object.values(batch) as unknown as Nodes]
  const params = stored(leaves(state.parameters), r)
  const part = partOf(c, plan, state.parameters, state.scale?.value)(keys)
  const parts = r.accumulate ?? 1
  const wrong = cutFaults(sizeOf(tokens, "batch") ?? 1, parts)
  const way = parts === 1 || wrong.length > 0 ? atOnce : ringOf(plan).ranks > 1 ? inLine : inLoop
  const all = way(part, params, given, parts)
  const whole = all.gradient.map((g) => overRanks(typed<F32>(g), plan))
  const unscaled = state.scale === undefined
    ? whole
    : whole.map((g) => binary("mul", g, binary("div", 1, state.scale!.value)))
  return {
    loss: overRanks(typed(marked(all.loss, wrong)), plan),
    gradient: withLeaves(state.parameters, unscaled),
  }
}
