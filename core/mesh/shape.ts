/**
 * The shape of a mesh, and how the axes of tensors lie on it: `{ data: 2, ring: 4 }` is 8 ranks, numbered along the axes
 * in their order, the last the fastest; `{ batch: "data", time: "ring" }` says which axes of tensors are spread over them.
 * @module
 */
import { fault, type Faults } from "../graph/fault.ts"
import type { Kind } from "../graph/make.ts"

/** Sizes of the mesh's axes, in order. */
export type Shape = { readonly [axis: string]: number }

/** Which mesh axis an axis of tensors is spread over. */
export type Mapping = { readonly [axis: string]: string }

/** Which places of a sequence a rank of the ring has. `zigzag` gives every rank equal work under a causal mask. */
export type Layout = "contiguous" | "striped" | "zigzag"

/** How tensors lie on a mesh. */
export interface Spread {
  readonly shape: Shape
  readonly map: Mapping
  /** Of axes over the mesh axis `ring`; other axes are cut into contiguous parts. */
  readonly layout: Layout
}

/** One rank, and everything on it. */
export const alone: Spread = { shape: {}, map: {}, layout: "contiguous" }

/** Mesh axes that there are; `fsdp` and `tensor` will come. */
export const meshAxes: ReadonlyArray<string> = ["data", "ring"]

/** The layouts. */
export const layouts: ReadonlyArray<Layout> = ["contiguous", "striped", "zigzag"]

/** How many ranks there are in all. */
export const ranksOf = (shape: Shape): number => Object.values(shape).reduce((a, b) => a * b, 1)

/** How many ranks lie along some of the mesh's axes; axes that it lacks count one. */
export const ranksAlong = (shape: Shape, over: ReadonlyArray<string>): number =>
  over.reduce((n, a) => n * (shape[a] ?? 1), 1)

/** Where a rank stands along each axis. */
export const coordinatesOf = (shape: Shape, rank: number): Shape => {
  const axes = Object.keys(shape)
  let rest = rank
  const found: Array<readonly [string, number]> = []
  for (const a of [...axes].reverse()) {
    found.unshift([a, rest % shape[a]!])
    rest = Math.floor(rest / shape[a]!)
  }
  return Object.fromEntries(found)
}

/** The ranks that differ from this one along `over` only, in order of `over` (the last the fastest), itself included. */
export const groupOf = (shape: Shape, rank: number, over: ReadonlyArray<string>): ReadonlyArray<number> => {
  const axes = Object.keys(shape)
  const strides = new Map(axes.map((a, i) => [a, axes.slice(i + 1).reduce((n, b) => n * shape[b]!, 1)]))
  const own = coordinatesOf(shape, rank)
  const base = over.reduce((r, a) => r - (own[a] ?? 0) * (strides.get(a) ?? 0), rank)
  return over.reduce<ReadonlyArray<number>>(
    (list, a) => list.flatMap((r) => Array.from({ length: shape[a] ?? 1 }, (_, i) => r + i * (strides.get(a) ?? 0))),
    [base],
  )
}

/** A run of places: `count` of them from `start`, `step` apart. */
export interface Run {
  readonly start: number
  readonly step: number
  readonly count: number
}

/** The places of an axis of `length` that one of `ranks` has, in the order in which it has them. */
export const runsOf = (layout: Layout, length: number, ranks: number, rank: number): ReadonlyArray<Run> => {
  const part = length / ranks
  switch (layout) {
    case "contiguous":
      return [{ start: rank * part, step: 1, count: part }]
    case "striped":
      return [{ start: rank, step: ranks, count: part }]
    case "zigzag":
      return [
        { start: rank * part / 2, step: 1, count: part / 2 },
        { start: (2 * ranks - 1 - rank) * part / 2, step: 1, count: part / 2 },
      ]
  }
}

/** The places that a rank has, one by one: `runsOf` written out. */
export const placesOf = (layout: Layout, length: number, ranks: number, rank: number): ReadonlyArray<number> =>
  runsOf(layout, length, ranks, rank).flatMap(({ start, step, count }) =>
    Array.from({ length: count }, (_, i) => start + i * step)
  )

/** The layout of an axis: what the spread says for the ring, contiguous for others. */
export const layoutOf = ({ layout, map, shape }: Spread, axis: string): Layout =>
  map[axis] === "ring" && ranksAlong(shape, ["ring"]) > 1 ? layout : "contiguous"

/** The axes of a tensor that are spread over more than one rank. */
export const spreadAxes = ({ shape, map }: Spread, axes: ReadonlyArray<string>): ReadonlyArray<string> =>
  axes.filter((a) => Object.hasOwn(map, a) && ranksAlong(shape, [map[a]!]) > 1)

/** One rank's part of a tensor. */
export const localKind = <K extends Omit<Kind, "dtype">>(spread: Spread, kind: K): K => {
  const cut = spreadAxes(spread, kind.axes)
  const shape = kind.shape.map((n, i) => {
    const a = kind.axes[i]!
    return cut.includes(a) ? n / ranksAlong(spread.shape, [spread.map[a]!]) : n
  })
  return { ...kind, shape }
}

const known = (names: ReadonlyArray<string>): string => names.map((n) => `'${n}'`).join(" and ")

/** What is wrong with a mesh as such, also where types were not asked. */
export const spreadFaults = (spread: Spread): Faults =>
  isRecord(spread) && isRecord(spread.shape) && isRecord(spread.map) ? partFaults(spread) : [
    fault(
      "ValueFault",
      "mesh",
      `the mesh is ${JSON.stringify(spread) ?? "nothing"}; give its shape, map and layout: ` +
        `{ shape: { ring: 4 }, map: { time: "ring" }, layout: "zigzag" }`,
    ),
  ]

const isRecord = (x: unknown): boolean => typeof x === "object" && x !== null && !Array.isArray(x)

const partFaults = ({ shape, map, layout }: Spread): Faults => [
  ...Object.entries(shape).flatMap(([axis, size]): Faults => [
    ...(meshAxes.includes(axis)
      ? []
      : [fault("NameFault", "mesh", `the mesh has an axis '${axis}'; it may have ${known(meshAxes)}`)]),
    ...(Number.isSafeInteger(size) && size >= 1
      ? []
      : [fault("SizeFault", "mesh", `mesh axis '${axis}' has ${size} ranks; expected a whole number from 1`)]),
  ]),
  ...Object.entries(map).flatMap(([axis, over]): Faults =>
    meshAxes.includes(over) ? [] : [
      fault(
        "NameFault",
        "mesh",
        `'${axis}' is mapped to '${over}', which is no axis of a mesh; use ${known(meshAxes)}`,
      ),
    ]
  ),
  ...Object.keys(map).filter((a, i, all) => all.findIndex((b) => map[b] === map[a]) !== i).map((a) =>
    fault("NameFault", "mesh", `'${a}' is mapped to '${map[a]}', as another axis is; map one axis to each`)
  ),
  ...(layouts.includes(layout)
    ? []
    : [fault("ValueFault", "mesh", `the layout is '${layout}'; expected ${layouts.join(", ")}`)]),
]

/** Sizes near `size` that are multiples of `by`, for a sentence. */
const near = (size: number, by: number): string => {
  const below = Math.floor(size / by) * by
  return below > 0 ? `${below} or ${below + by}` : String(by)
}

/** What of a tensor does not divide: which axis, which sizes, and what would fit. */
export const divisionFaults = (spread: Spread, path: string, { axes, shape }: Omit<Kind, "dtype">): Faults =>
  spreadAxes(spread, axes).flatMap((a): Faults => {
    const size = shape[axes.indexOf(a)]!
    const over = spread.map[a]!
    const ranks = ranksAlong(spread.shape, [over])
    const by = layoutOf(spread, a) === "zigzag" ? 2 * ranks : ranks
    if (size % by === 0) return []
    const why = by === ranks ? "" : ` and zigzag gives each rank two parts`
    return [
      fault(
        "SizeFault",
        "mesh",
        `axis '${a}' of '${path}' has ${size} places, but '${over}' has ${ranks} ranks${why}: ${size} does not divide ` +
          `by ${by}; make it ${near(size, by)}, or give '${over}' another number of ranks`,
      ),
    ]
  })
