/**
 * `compile`: from a function on tensors to a program. Pure: the function is traced with the specs, the graph rewritten,
 * cut into kernels, ordered, and laid out in memory; what is wrong comes back as a list of all faults.
 *
 * ```ts
 * import { either as E } from "fp-ts"
 * import { f32 } from "../tensor/spec.ts"
 * import { dot } from "../../ops/contraction.ts"
 *
 * const specs = { x: f32("row inner", { row: 2, inner: 3 }), y: f32("inner column", { inner: 3, column: 4 }) }
 * const program = compile(({ x, y }) => ({ z: dot(x, y, "inner") }), specs)
 * if (E.isRight(program)) console.log(program.right.program.forecast.peak) // => 104
 * ```
 * @module
 */
import { either as E } from "fp-ts"
import { fault, type Faults } from "../graph/fault.ts"
import { inputLike, isNode } from "../graph/given.ts"
import { type Node, topological } from "../graph/node.ts"
import { rewrite } from "../rewrite/rewrite.ts"
import { flatten, map, type Mapped, type Tensors } from "../tensor/tree.ts"
import { assemble, type Result } from "./assemble.ts"
import { exact, type Policy } from "./policy.ts"
import { arrange, type Donation } from "./donate.ts"
import { optionFaults } from "./options.ts"
import type { Program, Slot, Step } from "./program.ts"
import { copyOf, type Level } from "./item.ts"
import { itemsOf } from "./schedule.ts"

/** What may be chosen. */
export interface CompileOptions {
  /** Paths of inputs whose place the output of the same path takes over; a prefix stands for all below it. */
  readonly donate?: ReadonlyArray<string>
  readonly policy?: Policy
  /** Buffers that one kernel may bind; WebGPU promises 8. */
  readonly maxBindings?: number
}

/** A program, and the trees of its inputs and outputs: `I` and `O` are the trees of tensors that the function spoke of. */
export interface Compiled<I, O> {
  readonly program: Program
  readonly inputs: Mapped<I, Slot>
  readonly outputs: Mapped<O, Slot>
}

const isUnder = (path: string, prefixes: ReadonlyArray<string>): boolean =>
  prefixes.some((p) => p === "" || path === p || path.startsWith(`${p}.`))

const isSource = (n: Node): boolean => n.op.tag === "input" || n.op.tag === "data"

const sameKind = (a: Node, b: Node): boolean =>
  a.dtype === b.dtype && a.axes.length === b.axes.length &&
  a.axes.every((n, d) => n === b.axes[d] && a.shape[d] === b.shape[d])

/** Faults of the bodies of loops count too. */
const faultsOf = (roots: ReadonlyArray<Node>): Faults =>
  topological(roots).flatMap((n) =>
    n.op.tag === "scan" ? [...n.faults, ...faultsOf([...n.op.body.next, ...n.op.body.out])] : n.faults
  )

interface Wanted {
  readonly path: string
  readonly node: Node
  readonly input: number | undefined
}

/** A result of an attention, under whatever names: its kernel stores it where the output lies. */
const held = (n: Node): Node => {
  const below = (m: Node): Node => m.op.tag === "reshape" ? below(m.args[0]!) : m
  return isAttended(below(n)) ? below(n) : n
}

const isAttended = (n: Node): boolean => n.op.tag === "pick" && n.args[0]!.op.tag === "attend"

/** Every output has a node of its own that is computed, not given; one that is the very input it replaces needs none. */
const separate = (wanted: ReadonlyArray<Wanted>, inputs: ReadonlyArray<Node>): ReadonlyArray<Wanted> => {
  const taken = new Set<Node>()
  return wanted.map((w) => {
    if (w.input !== undefined && w.node === inputs[w.input]) return w
    const known = w.input === undefined ? held(w.node) : w.node
    const fresh = isSource(known) || taken.has(known)
    const node = fresh ? copyOf(w.node) : known
    taken.add(node)
    return { ...w, node }
  })
}

/** Traces, rewrites, fuses, orders and lays out. Faults: every wrong name, size or dtype of the function, at its line. */
export const compile = <const S, O>(
  f: (inputs: Tensors<S>) => O,
  specs: S,
  options: CompileOptions = {},
): E.Either<Faults, Compiled<Tensors<S>, O>> => {
  const wrong = optionFaults(options)
  if (wrong.length > 0) return E.left(wrong)
  const inputTree = map(specs, (leaf, path) => inputLike(path, leaf)) as unknown as Tensors<S>
  const given = flatten(inputTree) as ReadonlyArray<readonly [string, Node]>
  const outputTree = f(inputTree)
  const results = flatten(outputTree) as ReadonlyArray<readonly [string, unknown]>
  const strange = results.filter(([, r]) => !isNode(r)).map(([path, r]) =>
    fault("ValueFault", "compile", `output '${path}' is ${typeof r}, not a tensor; give only trees of tensors`)
  )
  if (strange.length > 0) return E.left(strange)
  const traced = results as ReadonlyArray<readonly [string, Node]>
  const inputs = given.map(([, n]) => n)
  const wanted = traced.map(([path, node]): Wanted => {
    const at = isUnder(path, options.donate ?? []) ? given.findIndex(([p]) => p === path) : -1
    return { path, node, input: at < 0 ? undefined : at }
  })
  const faults = [
    ...[...sharedPaths("input", given), ...sharedPaths("output", traced)],
    ...faultsOf([...inputs, ...traced.map(([, n]) => n)]),
    ...strangers(traced.map(([, n]) => n), new Set(inputs)),
    ...wanted.flatMap((w) => w.input !== undefined && !sameKind(w.node, inputs[w.input]!) ? [cannotReplace(w)] : []),
    ...(options.donate ?? []).filter((p) => !given.some(([q]) => isUnder(q, [p]))).map((p) =>
      fault("NameFault", "compile", `donate names '${p}', but no input lies there; the inputs are ${names(given)}`)
    ),
    ...(options.donate ?? []).filter((p) => idle(p, given, traced)).map((p) =>
      fault(
        "NameFault",
        "compile",
        `donate names '${p}', but no output has a path of the inputs there, so nothing ` +
          `takes their place; the outputs are ${names(traced)}`,
      )
    ),
  ]
  if (faults.length > 0) return E.left(faults)
  const rewritten = rewrite(wanted.map((w) => w.node))
  const outputs = separate(wanted.map((w, k) => ({ ...w, node: rewritten[k]! })), inputs)
  const made = outputs.filter((w) => !isSource(w.node))
  const donations = made.flatMap((w): ReadonlyArray<Donation> =>
    w.input === undefined ? [] : [{ output: w.node, input: inputs[w.input]! }]
  )
  const owners = new Map(donations.map((d) => [d.output, d.input]))
  const level: Level = { sites: new Map(), owners, turns: [], maxBindings: options.maxBindings ?? 8 }
  const { items, holder } = arrange(itemsOf(made.map((w) => w.node), level), donations, level)
  const program = assemble({
    inputs: given.map(([path, node]) => ({ path, node })),
    outputs: outputs.map((w, k): Result => ({
      path: w.path,
      node: holder.get(w.node) ?? w.node,
      axes: wanted[k]!.node.axes,
      shape: wanted[k]!.node.shape,
      donated: w.input,
    })),
    moves: items.flatMap((i) => i.moves),
    policy: options.policy ?? exact,
  })
  const crowded = attentionBindings(program.kernels, program.steps)
  if (crowded > level.maxBindings) {
    const message = `attention binds ${crowded} buffers here, maxBindings is ${level.maxBindings}: compile with ` +
      `maxBindings: ${crowded}, or leave out its bias, or softmax the scores`
    return E.left([fault("LimitFault", "compile", message)])
  }
  const slots = new Map(program.outputs.map((s) => [s.path, s]))
  const sources = new Map(program.inputs.map((s) => [s.path, s]))
  return E.right({
    program,
    inputs: map(inputTree, (_, path) => sources.get(path)!) as Mapped<Tensors<S>, Slot>,
    outputs: map(outputTree, (_, path) => slots.get(path)!) as Mapped<O, Slot>,
  })
}

/** The most buffers that an attention binds; other kernels are cut until they bind as few as they may. */
const attentionBindings = (kernels: Program["kernels"], steps: ReadonlyArray<Step>): number =>
  steps.reduce(
    (most, s) =>
      s.tag === "repeat"
        ? Math.max(most, attentionBindings(kernels, s.steps))
        : kernels[s.kernel]!.tag === "attend"
        ? Math.max(most, s.buffers.length)
        : most,
    0,
  )

/** Inputs lie at the prefix, and no output takes the place of one. */
const idle = (
  prefix: string,
  given: ReadonlyArray<readonly [string, Node]>,
  made: ReadonlyArray<readonly [string, Node]>,
): boolean => {
  const there = given.filter(([p]) => isUnder(p, [prefix]))
  return there.length > 0 && !there.some(([p]) => made.some(([q]) => q === p))
}

const names = (given: ReadonlyArray<readonly [string, Node]>): string =>
  given.slice(0, 6).map(([p]) => `'${p}'`).join(", ") + (given.length > 6 ? ", ..." : "")

/** Inputs that are not this program's: tensors of another program, or from inside the body of a loop or a map. */
const strangers = (roots: ReadonlyArray<Node>, known: ReadonlySet<Node>): Faults =>
  topological(roots).flatMap((n): Faults => {
    if (n.op.tag === "scan") {
      const { carry, each, constants, next, out } = n.op.body
      return strangers([...next, ...out], new Set([...carry, ...each, ...constants]))
    }
    if (n.op.tag !== "input" || known.has(n)) return []
    const said = n.op.name === "" ? "a tensor" : `the tensor '${n.op.name}'`
    return [
      fault(
        "NameFault",
        "compile",
        `${said} [${n.axes.join(" ")}] is used here, but is no input of this program: it was made by another ` +
          `compile, or inside the body of a vmap, scan or gradient; take it as an input, or give it back from the body`,
      ),
    ]
  })

/** Keys with points in them may give two leaves one path. */
const sharedPaths = (what: string, entries: ReadonlyArray<readonly [string, Node]>): Faults => {
  const seen = new Set<string>()
  return entries.flatMap(([p]): Faults => {
    const shared = seen.has(p)
    seen.add(p)
    return !shared
      ? []
      : [fault("NameFault", "compile", `two ${what}s have the path '${p}'; rename a key with a point in it`)]
  })
}

const cannotReplace = (w: Wanted): Faults[number] =>
  fault(
    "SizeFault",
    "compile",
    `output '${w.path}' cannot take over the input of that path: it has another dtype, axes or sizes; ` +
      `give it the same or leave it out of donate`,
  )
