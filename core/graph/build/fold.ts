/**
 * Nodes that fold axes away, or along them.
 * @module
 */
import { fault, type GraphFault } from "../fault.ts"
import { clashes, lacking, make, none, quoted, refused, show, twice, unlike } from "../make.ts"
import { type CumulateFn, type Node, type ReduceFn, sizeOf } from "../node.ts"
import { argsortRule, cumulateRules, dotRule, gives, nearestRule, reduceRules } from "../rules.ts"

/** Folds over the axes; what is left keeps its order. Faults: `argmax` and `argmin` of several axes or an empty one. */
export const reduce = (fn: ReduceFn, x: Node, axes: ReadonlyArray<string>): Node => {
  const rule = reduceRules[fn]
  const places = fn === "argmax" || fn === "argmin"
  const faults = [...lacking(fn, x, axes), ...twice(fn, axes), ...refused(fn, rule, x)]
  if (places && axes.length !== 1) {
    faults.push(fault("NameFault", fn, `takes one axis, got [${axes.join(" ")}]; merge them first`))
  }
  if (places && sizeOf(x, axes[0] ?? "") === 0) {
    faults.push(fault("SizeFault", fn, `axis '${axes[0]}' of ${show(x)} is empty and has no extreme`))
  }
  if (axes.length === 0 && faults.length === 0) return x
  const kept = x.axes.filter((a) => !axes.includes(a))
  const kind = { dtype: gives(rule, x.dtype), axes: kept, shape: kept.map((a) => sizeOf(x, a)!) }
  return make(fn, { tag: "reduce", fn, axes }, [x], kind, faults)
}

/**
 * Sums products over the axes `on`, which both have. Other axes that both have go side by side (batch axes). Result:
 * the axes of `x` without `on`, then those of `y` that `x` lacks.
 */
export const dot = (x: Node, y: Node, on: ReadonlyArray<string>): Node => {
  const faults = [
    ...lacking("dot", x, on),
    ...lacking("dot", y, on),
    ...twice("dot", on),
    ...unlike("dot", x, y),
    ...refused("dot", dotRule, x),
    ...clashes("dot", x, y),
  ]
  const left = x.axes.filter((a) => !on.includes(a))
  const right = y.axes.filter((a) => !on.includes(a) && !x.axes.includes(a))
  const shape = [...left.map((a) => sizeOf(x, a)!), ...right.map((a) => sizeOf(y, a)!)]
  return make("dot", { tag: "dot", on }, [x, y], { dtype: x.dtype, axes: [...left, ...right], shape }, faults)
}

/** Running fold along an axis, inclusive; from its end if `reverse`. */
export const cumulate = (fn: CumulateFn, x: Node, axis: string, reverse: boolean = false): Node => {
  const label = `cumulative ${fn}`
  const faults = [...lacking(label, x, [axis]), ...refused(label, cumulateRules[fn], x)]
  return make(label, { tag: "cumulate", fn, axis, reverse }, [x], x, faults.length === 0 ? none : faults)
}

/** Indices (i32) that sort along the axis; stable, NaN last. */
export const argsort = (x: Node, axis: string, descending: boolean = false): Node => {
  const faults = [...lacking("argsort", x, [axis]), ...refused("argsort", argsortRule, x)]
  const kind = { dtype: gives(argsortRule, x.dtype), axes: x.axes, shape: x.shape }
  return make("argsort", { tag: "argsort", axis, descending }, [x], kind, faults)
}

/**
 * The number (i32) of the code of `codebook` along `code` that is nearest to each vector of `z` along `on`; the lowest of
 * equals. Axes that both have go side by side. Faults: a codebook without codes, or with axes that `z` lacks.
 */
export const nearest = (z: Node, codebook: Node, on: string, code: string): Node => {
  const faults: Array<GraphFault> = [
    ...lacking("nearest", z, [on]),
    ...lacking("nearest", codebook, [on, code]),
    ...twice("nearest", [on, code]),
    ...refused("nearest", nearestRule, z),
    ...refused("nearest", nearestRule, codebook),
    ...clashes("nearest", z, codebook),
  ]
  if (z.axes.includes(code)) {
    faults.push(fault("NameFault", "nearest", `axis '${code}' of the codebook is in ${show(z)} too; rename one`))
  }
  const beside = codebook.axes.filter((a) => a !== code && a !== on && !z.axes.includes(a))
  if (beside.length > 0) {
    faults.push(
      fault("NameFault", "nearest", `${show(codebook)} has ${quoted(beside)}, which ${show(z)} lacks; broadcast z`),
    )
  }
  if (sizeOf(codebook, code) === 0) {
    faults.push(
      fault("SizeFault", "nearest", `axis '${code}' of ${show(codebook)} is empty: there is no code to be near`),
    )
  }
  const axes = z.axes.filter((a) => a !== on)
  const kind = { dtype: "i32", axes, shape: axes.map((a) => sizeOf(z, a)!) } as const
  return make("nearest", { tag: "nearest", on, code }, [z, codebook], kind, faults)
}
