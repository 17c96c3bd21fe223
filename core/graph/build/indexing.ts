/**
 * Gather and its transpose, scatter. See `Op` in `../node.ts` for the law of their axes.
 * @module
 */
import { fault, type Faults } from "../fault.ts"
import { clashes, lacking, make, none, placeOf, refused, show, spliced, twice, whole } from "../make.ts"
import { type Node, sizeOf } from "../node.ts"
import { gives, indexRule, scatterRule } from "../rules.ts"
import { align } from "./element.ts"

/**
 * Takes `x` along `axis` at the index: the axes of `x` with `axis` replaced in its place by those axes of the index
 * that `x` lacks. An axis of the index named `axis` is one of those; other axes that both have go side by side.
 */
export const gather = (x: Node, index: Node, axis: string): Node => {
  const faults = [
    ...lacking("gather", x, [axis]),
    ...refused("gather", indexRule, index),
    ...clashes("gather", x, index, [axis]),
  ]
  const fresh = index.axes.filter((a) => a === axis || !x.axes.includes(a))
  const i = placeOf(x, axis)
  const kind = {
    dtype: x.dtype,
    axes: spliced(x.axes, i, ...fresh),
    shape: spliced(x.shape, i, ...fresh.map((a) => sizeOf(index, a)!)),
  }
  return make("gather", { tag: "gather", axis }, [x, index], kind, faults)
}

/**
 * Sums updates into places of a new axis `axis` of `size`, at the index. The axes of the index are summed over, but for
 * `batch`, which go side by side. The result has the axes `axes` in that order: `axis`, the updates' axes that the index
 * lacks, and `batch`; without `axes`, it is `axis` first and the rest as in the updates. With the axes of `x` it is the
 * transpose of `gather(x, index, axis)`. Updates that lack an axis of the index are broadcast along it.
 */
export const scatter = (
  updates: Node,
  index: Node,
  axis: string,
  size: number,
  batch: ReadonlyArray<string> = [],
  axes?: ReadonlyArray<string>,
): Node => {
  const spread = index.axes.filter((a) => !updates.axes.includes(a))
  const given = align(
    updates,
    [...spread, ...updates.axes],
    [...spread.map((a) => sizeOf(index, a)!), ...updates.shape],
    "scatter",
  )
  const side = given.axes.filter((a) => !index.axes.includes(a) || (batch.includes(a) && a !== axis))
  const order = axes ?? [axis, ...side]
  const faults: Array<Faults[number]> = [
    ...refused("scatter", scatterRule, updates),
    ...refused("scatter", indexRule, index),
    ...clashes("scatter", given, index),
    ...lacking("scatter", index, batch),
    ...twice("scatter", batch),
    ...whole("scatter", `the size of '${axis}'`, size, 0),
    ...(batch.includes(axis)
      ? [
        fault(
          "NameFault",
          "scatter",
          `axis '${axis}' is new in the result, so it is no batch axis; rename the index's`,
        ),
      ]
      : none),
    ...(side.includes(axis)
      ? [fault("NameFault", "scatter", `axis '${axis}' is in ${show(updates)} and would stand twice; rename one`)]
      : none),
    ...(order.length === side.length + 1 && [axis, ...side].every((a) => order.includes(a)) ? none : [
      fault("NameFault", "scatter", `the result has the axes [${[axis, ...side].join(" ")}], got [${order.join(" ")}]`),
    ]),
  ]
  const shape = order.map((a) => a === axis ? size : sizeOf(given, a) ?? 1)
  const kind = { dtype: gives(scatterRule, updates.dtype), axes: order, shape }
  return make("scatter", { tag: "scatter", axis, size }, [given, index], kind, faults)
}
