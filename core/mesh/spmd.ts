/**
 * Compiling a function that is written for one rank. It takes the rank's parts of what is spread over the mesh (by the
 * names of their axes) and the whole of everything else, and speaks to other ranks through collectives. The program takes
 * and gives whole tensors: cutting and joining is done here.
 *
 * On a `local` mesh all ranks become one program; on a mesh of processes each runs the same program with its own parts.
 * @module
 */
import { either as E } from "fp-ts"
import { exchange, input } from "../graph/build.ts"
import { fault, type Faults } from "../graph/fault.ts"
import { leaves, withLeaves } from "../graph/leaves.ts"
import { type Node, topological } from "../graph/node.ts"
import { substitute } from "../graph/substitute.ts"
import { compile, type Compiled, type CompileOptions } from "../plan/compile.ts"
import type { AnySpec } from "../tensor/spec.ts"
import { flatten, map, type Tensors } from "../tensor/tree.ts"
import { cutNode, joinNodes, placeOf } from "./cut.ts"
import { isShared, ofRanks, unroll, variesOnlyAlong } from "./local.ts"
import {
  coordinatesOf,
  divisionFaults,
  localKind,
  ranksAlong,
  ranksOf,
  type Spread,
  spreadAxes,
  spreadFaults,
} from "./shape.ts"

/** Where the ranks of a mesh are: all in this program, or one in each process. */
export type Where = "local" | "processes"

/** A program, how its inputs lie on the mesh, and whether they are given whole or in parts. */
export interface MeshCompiled<I, O> extends Compiled<I, O> {
  readonly spread: Spread
  readonly where: Where
}

/** The whole of a rank's result, by all-gathers along the mesh axes that it is spread over. */
const whole = (x: Node, spread: Spread): Node => {
  const cut = spreadAxes(spread, x.axes)
  if (cut.length === 0) return x
  const over = Object.keys(spread.shape).filter((m) => cut.some((a) => spread.map[a] === m))
  const among = "mesh.ranks"
  const all = exchange(x, { kind: "allGather", over, ranks: ranksAlong(spread.shape, over), axis: among })
  const inner: Spread = { ...spread, shape: Object.fromEntries(over.map((m) => [m, spread.shape[m]!])) }
  const parts = Array.from({ length: ranksOf(inner.shape) }, (_, r) => placeOf(all, r))
  return joinNodes(parts, inner)
}

/** Results that are neither the same on all ranks nor spread by the names of their axes. */
const strayFaults = (
  paths: ReadonlyArray<string>,
  values: ReadonlyArray<ReturnType<typeof unroll>[number]>,
  results: ReadonlyArray<Node>,
  spread: Spread,
): Faults =>
  results.flatMap((x, i): Faults => {
    const over = spreadAxes(spread, x.axes).map((a) => spread.map[a]!)
    return isShared(values[i]!) || variesOnlyAlong(values[i]!, spread.shape, over) ? [] : [
      fault(
        "RuleFault",
        "mesh",
        `output '${paths[i]}' differs from rank to rank, but has no axis that says so; ` +
          `give its sum over the ranks (allReduce), or keep the axis that is spread`,
      ),
    ]
  })

/** Collectives that are not of this mesh, and attention that sees only one rank's keys. */
const contradictions = (results: ReadonlyArray<Node>, spread: Spread): Faults => {
  const nodes = topological(results)
  const collectives = nodes.flatMap((n) => n.op.tag === "exchange" ? [n.op.collective] : [])
  const wrong = collectives.flatMap((c): ReadonlyArray<string> => {
    const strange = c.over.find((a) => !Object.hasOwn(spread.shape, a))
    const there = ranksAlong(spread.shape, c.over)
    const axes = c.over.map((a) => `'${a}'`).join(", ")
    return strange !== undefined
      ? [`a ${c.kind} is among ranks over ${axes}, but the mesh has ${shapeText(spread.shape)}; name axes of it`]
      : there !== c.ranks
      ? [`a ${c.kind} is among ${c.ranks} ranks over ${axes}, where the mesh has ${there}; give that number`]
      : []
  })
  const blind = nodes.flatMap((n): ReadonlyArray<string> => {
    if (n.op.tag !== "attend" || spreadAxes(spread, [n.op.query]).length === 0) return []
    const over = spread.map[n.op.query]!
    if (collectives.some((c) => c.kind !== "allReduce" && c.over.includes(over))) return []
    return [
      `attention along '${n.op.query}', which is spread over '${over}', sees only one rank's keys; use ringAttention`,
    ]
  })
  return [...new Set([...wrong, ...blind])].map((text) => fault("RuleFault", "mesh", text))
}

const shapeText = (shape: Spread["shape"]): string =>
  Object.entries(shape).map(([a, n]) => `${a} ${n}`).join(", ") || "no axes"

/** A node with more faults, its own first: what is wrong inside is told before what the mesh makes of it. */
const blamed = (x: Node, faults: Faults): Node => faults.length === 0 ? x : { ...x, faults: [...x.faults, ...faults] }

/** A value of every rank: ranks that have the same part share its node, so that what they compute alike is seen to be. */
const ranked = (spread: Spread, axes: ReadonlyArray<string>, partOf: (rank: number) => Node): ReadonlyArray<Node> => {
  const parts = new Map<string, Node>()
  return Array.from({ length: ranksOf(spread.shape) }, (_, rank) => {
    const own = coordinatesOf(spread.shape, rank)
    const key = axes.map((a) => own[spread.map[a]!]).join()
    const made = parts.get(key) ?? partOf(rank)
    parts.set(key, made)
    return made
  })
}

const pathsOf = (tree: unknown): ReadonlyArray<string> =>
  (flatten(tree) as ReadonlyArray<readonly [string, unknown]>).map(([p]) => p)

/** `f` on all ranks, as a function of whole tensors. */
const together = <T, O>(spread: Spread, f: (inputs: T) => O) => (tree: T): O => {
  const outside = leaves(tree)
  const paths = pathsOf(tree)
  const inside = outside.map((n, i) => input(paths[i]!, n.dtype, n.axes, localKind(spread, n).shape))
  const result = f(withLeaves(tree, inside))
  const results = leaves(result)
  const given = outside.map((n) => {
    const axes = spreadAxes(spread, n.axes)
    return axes.length === 0 ? n : ranked(spread, axes, (rank) => cutNode(n, spread, rank))
  })
  const against = contradictions(results, spread)
  if (against.length > 0) {
    // best guesses of the whole results, so that tracing ends
    const first = given.map((g, i) => [inside[i]!, isShared(g) ? g : g[0]!] as const)
    const back = substitute(results, new Map(first))
    return withLeaves(result, back.map((x, i) => i === 0 ? blamed(x, against) : x))
  }
  const values = unroll(results, new Map(inside.map((n, i) => [n, given[i]!] as const)), spread.shape)
  const stray = strayFaults(pathsOf(result), values, results, spread)
  const joined = values.map((v, i) => {
    const parts = ofRanks(v, spread.shape)
    return spreadAxes(spread, results[i]!.axes).length > 0 ? joinNodes(parts, spread) : parts[0]!
  })
  return withLeaves(result, joined.map((x, i) => i === 0 ? blamed(x, stray) : x))
}

/** `f` on one rank, with whole results. */
const apart = <T, O>(spread: Spread, f: (inputs: T) => O) => (tree: T): O => {
  const result = f(tree)
  const results = leaves(result)
  const against = contradictions(results, spread)
  if (against.length > 0) return withLeaves(result, results.map((x, i) => i === 0 ? blamed(x, against) : x))
  const given = leaves(tree).map((n) => {
    const axes = spreadAxes(spread, n.axes)
    return [n, axes.length === 0 ? n : ranked(spread, axes, () => ({ ...n }))] as const
  })
  const stray = strayFaults(pathsOf(result), unroll(results, new Map(given), spread.shape), results, spread)
  return withLeaves(result, results.map((x, i) => i === 0 ? blamed(whole(x, spread), stray) : whole(x, spread)))
}

const placeFaults = (where: unknown): Faults =>
  where === "local" || where === "processes"
    ? []
    : [fault("ValueFault", "mesh", `the ranks are '${String(where)}'; expected 'local' or 'processes'`)]

/** Axes that are mapped, but that no input has: every rank would do the whole work. */
const idleFaults = (spread: Spread, axes: ReadonlyArray<string>): Faults =>
  Object.entries(spread.map).filter(([a, over]) => (spread.shape[over] ?? 1) > 1 && !axes.includes(a)).map((
    [a, over],
  ) =>
    fault("NameFault", "mesh", `'${a}' is mapped to '${over}', but no input has that axis; name one that inputs have`)
  )

/**
 * `compile` for a mesh: `f` is traced with the parts of one rank. Faults: what `compile` finds; a mesh that is none; a
 * size that does not divide; an output that differs between ranks.
 */
export const compileOn = <const S, O>(
  spread: Spread,
  where: Where,
  f: (inputs: Tensors<S>) => O,
  specs: S,
  options: CompileOptions = {},
): E.Either<Faults, MeshCompiled<Tensors<S>, O>> => {
  const wrong = [...spreadFaults(spread), ...placeFaults(where)]
  if (wrong.length > 0) return E.left(wrong)
  const list = flatten(specs) as ReadonlyArray<readonly [string, AnySpec]>
  const idle = idleFaults(spread, list.flatMap(([, s]) => s.axes))
  if (idle.length > 0) return E.left(idle)
  const uneven = list.flatMap(([path, s]) => divisionFaults(spread, path, s))
  if (uneven.length > 0) return E.left(uneven)
  const single = ranksOf(spread.shape) === 1
  const local = map(specs, (leaf) => localKind(spread, leaf as AnySpec)) as unknown as S
  return E.map((c: Compiled<Tensors<S>, O>): MeshCompiled<Tensors<S>, O> => ({ ...c, spread, where }))(
    where === "local" || single
      ? compile(single ? f : together(spread, f), specs, options)
      : compile(apart(spread, f), local, options),
  )
}
