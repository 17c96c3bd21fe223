/**
 * What each op asks of its arguments, its attributes and its own kind: the sentences behind `validity`. They are written
 * apart from `build`, so that neither hides a mistake of the other.
 * @module
 */
import { dtypes } from "../tensor/dtype.ts"
import { resultsOf } from "./attention.ts"
import { attentionFaults, collectiveFaults, exchange, write } from "./build/attention.ts"
import { alike, quoted, show } from "./make.ts"
import { type Node, type Op, sizeOf, topological } from "./node.ts"
import {
  argsortRule,
  binaryRules,
  cumulateRules,
  dotRule,
  gives,
  holds,
  indexRule,
  iotaRule,
  nearestRule,
  reduceRules,
  type Rule,
  scatterRule,
  unaryRules,
} from "./rules.ts"

/** What a node breaks, as a sentence; nothing where it holds. */
export type Broken = string | undefined

/** Kinds of ops. */
export type Tag = Op["tag"]

/** The op of that kind. */
export type Of<T extends Tag> = Extract<Op, { readonly tag: T }>

const equal = (a: ReadonlyArray<unknown>, b: ReadonlyArray<unknown>): boolean =>
  a.length === b.length && a.every((x, i) => x === b[i])

const sameSet = (a: ReadonlyArray<string>, b: ReadonlyArray<string>): boolean =>
  a.length === b.length && a.every((x) => b.includes(x))

/** Nothing where it holds, else the sentence. */
export const unless = (holds: boolean, otherwise: () => string): Broken => holds ? undefined : otherwise()

/** How many arguments each op takes: fewest and most. */
export const arities: { readonly [T in Tag]: readonly [number, number] } = {
  input: [0, 0],
  constant: [0, 0],
  data: [0, 0],
  iota: [0, 0],
  unary: [1, 1],
  binary: [2, 2],
  select: [3, 3],
  cast: [1, 1],
  bitcast: [1, 1],
  align: [1, 1],
  reshape: [1, 1],
  slice: [1, 1],
  pad: [1, 1],
  concat: [1, Infinity],
  window: [1, 1],
  reduce: [1, 1],
  dot: [2, 2],
  gather: [2, 2],
  scatter: [2, 2],
  cumulate: [1, 1],
  argsort: [1, 1],
  nearest: [2, 2],
  scan: [0, Infinity],
  attend: [3, 11],
  write: [3, 3],
  exchange: [1, 1],
  pick: [1, 1],
  stop: [1, 1],
  barrier: [1, Infinity],
  custom: [1, Infinity],
}

/** Ops whose first so many arguments have the node's axes and sizes. */
export const pointwise: { readonly [T in Tag]?: number } = {
  unary: 1,
  binary: 2,
  select: 3,
  cast: 1,
  bitcast: 1,
  cumulate: 1,
  argsort: 1,
  stop: 1,
  barrier: 1,
  custom: 1,
}

/** Ops that keep the dtype of their first argument. */
const keeping: ReadonlyArray<Tag> = [
  "align",
  "reshape",
  "slice",
  "pad",
  "concat",
  "window",
  "gather",
  "stop",
  "barrier",
  "custom",
]

const typedBy = (r: Rule, node: Node, used: ReadonlyArray<Node>): Broken => {
  const first = used[0]!
  const odd = used.find((x) => x.dtype !== first.dtype)
  if (odd !== undefined) return `takes ${first.dtype} and ${odd.dtype} together`
  if (!r.takes.includes(first.dtype)) return `takes ${r.takes.join(", ")}, has ${first.dtype}`
  return unless(gives(r, first.dtype) === node.dtype, () => `gives ${gives(r, first.dtype)}, is ${node.dtype}`)
}

/** dtypes by the tables of `rules`. */
export const dtypeOf = (node: Node): Broken => {
  const { op, args } = node
  if (keeping.includes(op.tag)) {
    const odd = (op.tag === "concat" ? args : args.slice(0, 1)).find((x) => x.dtype !== node.dtype)
    if (odd !== undefined) return `keeps ${odd.dtype}, is ${node.dtype}`
  }
  switch (op.tag) {
    case "unary":
      return typedBy(unaryRules[op.fn], node, args)
    case "binary":
      return typedBy(binaryRules[op.fn], node, args)
    case "reduce":
      return typedBy(reduceRules[op.fn], node, args)
    case "cumulate":
      return typedBy(cumulateRules[op.fn], node, args)
    case "dot":
      return typedBy(dotRule, node, args)
    case "argsort":
      return typedBy(argsortRule, node, args)
    case "nearest":
      return args.map((x) => unless(nearestRule.takes.includes(x.dtype), () => `finds codes by ${x.dtype}`))
        .find((b) => b !== undefined) ?? unless(node.dtype === nearestRule.gives, () => `gives i32, is ${node.dtype}`)
    case "iota":
      return typedBy(iotaRule, node, [node])
    case "scatter":
      return typedBy(scatterRule, node, args.slice(0, 1)) ??
        unless(indexRule.takes.includes(args[1]!.dtype), () => `its index is ${args[1]!.dtype}`)
    case "gather":
      return unless(indexRule.takes.includes(args[1]!.dtype), () => `its index is ${args[1]!.dtype}`)
    case "select":
      return unless(
        args[0]!.dtype === "bool" && args[1]!.dtype === node.dtype && args[2]!.dtype === node.dtype,
        () => `chooses between ${args[1]!.dtype} and ${args[2]!.dtype} by ${args[0]!.dtype}, is ${node.dtype}`,
      )
    case "bitcast":
      return unless(
        dtypes[args[0]!.dtype].bytes === dtypes[node.dtype].bytes &&
          (args[0]!.dtype === "bool") === (node.dtype === "bool"),
        () => `${args[0]!.dtype} and ${node.dtype} differ in width`,
      )
    default:
      return undefined
  }
}

/** Axes of the same name have the same size. */
export const agree = (x: Node, y: Node, except: ReadonlyArray<string> = []): boolean =>
  x.axes.every((a) => except.includes(a) || !y.axes.includes(a) || sizeOf(x, a) === sizeOf(y, a))

/** The node has these axes. */
export const inside = (node: Node, axes: ReadonlyArray<string>): Broken =>
  unless(axes.every((a) => node.axes.includes(a)), () => `names ${quoted(axes)}, has ${show(node)}`)

/** Places taken are within the argument. */
export const sliced = (op: Of<"slice">, node: Node): Broken => {
  const x = node.args[0]!
  if (!equal(x.axes, node.axes)) return `changes the axes of ${show(x)}`
  const rank = node.axes.length
  if (op.start.length !== rank || op.step.length !== rank) return "has not one start and step for each axis"
  return node.axes.map((a, i): Broken => {
    const [n, start, step, size] = [node.shape[i]!, op.start[i]!, op.step[i]!, x.shape[i]!]
    const last = start + (n - 1) * step
    const fits = Number.isSafeInteger(start) && Number.isSafeInteger(step) && step !== 0 &&
      (n === 0 || (start >= 0 && start < size && last >= 0 && last < size))
    return unless(fits, () => `takes ${a} from ${start} to ${last} of ${size}`)
  }).find((b) => b !== undefined)
}

/** The argument fits between what is put around it. */
export const padded = (op: Of<"pad">, node: Node): Broken => {
  const x = node.args[0]!
  if (!equal(x.axes, node.axes)) return `changes the axes of ${show(x)}`
  const rank = node.axes.length
  if (op.low.length !== rank || op.interior.length !== rank) return "has not one low and interior for each axis"
  if (!holds(node.dtype, op.value)) return `pads with ${op.value}, which is no ${node.dtype}`
  return node.axes.map((a, i): Broken => {
    const [low, between, size] = [op.low[i]!, op.interior[i]!, x.shape[i]!]
    const need = low + (size === 0 ? 0 : size + (size - 1) * between)
    const fits = Number.isSafeInteger(low) && low >= 0 && Number.isSafeInteger(between) && between >= 0
    return unless(fits && need <= node.shape[i]!, () => `needs ${need} places of ${a}, has ${node.shape[i]}`)
  }).find((b) => b !== undefined)
}

/** Windows are within the argument. */
export const windowed = (op: Of<"window">, node: Node): Broken => {
  const x = node.args[0]!
  const i = x.axes.indexOf(op.axis)
  const axes = [...x.axes.slice(0, i + 1), op.tap, ...x.axes.slice(i + 1)]
  if (i < 0 || !equal(axes, node.axes)) return `makes [${axes.join(" ")}] of ${show(x)}, is ${show(node)}`
  if (![op.stride, op.dilation].every((n) => Number.isSafeInteger(n) && n >= 1)) {
    return "has no whole stride and dilation"
  }
  const last = (node.shape[i]! - 1) * op.stride + (node.shape[i + 1]! - 1) * op.dilation
  const others = node.axes.every((a) => a === op.axis || a === op.tap || sizeOf(node, a) === sizeOf(x, a))
  return unless(others && last < x.shape[i]!, () => `reaches place ${last} of ${x.shape[i]}`)
}

/** Axes and sizes of a gather. */
export const gathered = (op: Of<"gather">, node: Node): Broken => {
  const [x, index] = node.args as readonly [Node, Node]
  const i = x.axes.indexOf(op.axis)
  const fresh = index.axes.filter((a) => a === op.axis || !x.axes.includes(a))
  const axes = [...x.axes.slice(0, i), ...fresh, ...x.axes.slice(i + 1)]
  if (i < 0 || !equal(axes, node.axes)) return `gives [${axes.join(" ")}], is ${show(node)}`
  const sizes = agree(index, node) && agree(node, x, [op.axis])
  return unless(sizes, () => `${show(x)} at ${show(index)} is not ${show(node)}`)
}

/** Axes and sizes of a scatter. */
export const scattered = (op: Of<"scatter">, node: Node): Broken => {
  const [updates, index] = node.args as readonly [Node, Node]
  if (!index.axes.every((a) => updates.axes.includes(a))) return `${show(updates)} lacks axes of ${show(index)}`
  const free = updates.axes.filter((a) => !index.axes.includes(a))
  const batch = index.axes.filter((a) => a !== op.axis && node.axes.includes(a))
  if (!sameSet(node.axes, [op.axis, ...batch, ...free])) {
    return `gives [${[op.axis, ...batch, ...free].join(" ")}], is ${show(node)}`
  }
  const sizes = agree(updates, index) && agree(node, updates, [op.axis]) && sizeOf(node, op.axis) === op.size
  return unless(sizes, () => `${show(updates)} at ${show(index)} is not ${show(node)}`)
}

/** Axes and sizes of a contraction. */
export const dotted = (op: Of<"dot">, node: Node): Broken => {
  const [x, y] = node.args as readonly [Node, Node]
  const axes = [
    ...x.axes.filter((a) => !op.on.includes(a)),
    ...y.axes.filter((a) => !op.on.includes(a) && !x.axes.includes(a)),
  ]
  const both = op.on.every((a) => x.axes.includes(a) && y.axes.includes(a))
  if (!both || !equal(axes, node.axes)) {
    return `of ${show(x)} and ${show(y)} on ${quoted(op.on)} is [${axes.join(" ")}], is ${show(node)}`
  }
  return unless(agree(x, y) && agree(node, x) && agree(node, y), () => `${show(x)} and ${show(y)} differ in a size`)
}

/** Axes and sizes of a search for the nearest code. */
export const searched = (op: Of<"nearest">, node: Node): Broken => {
  const [z, codebook] = node.args as readonly [Node, Node]
  const { on, code } = op
  const kept = z.axes.filter((a) => a !== on)
  if (!z.axes.includes(on) || !equal(kept, node.axes)) return `of ${show(z)} on '${on}', is ${show(node)}`
  if (on === code || z.axes.includes(code) || inside(codebook, [on, code]) !== undefined) {
    return `finds '${code}' by '${on}' of ${show(z)} in ${show(codebook)}`
  }
  if (!codebook.axes.every((a) => a === code || z.axes.includes(a))) {
    return `${show(codebook)} has axes beside ${show(z)}`
  }
  if (sizeOf(codebook, code) === 0) return `${show(codebook)} has no codes`
  return unless(agree(z, codebook) && agree(node, z), () => `${show(z)} and ${show(codebook)} differ in a size`)
}

/** What is left of a fold. */
export const reduced = (op: Of<"reduce">, node: Node): Broken => {
  const x = node.args[0]!
  const kept = x.axes.filter((a) => !op.axes.includes(a))
  if (inside(x, op.axes) !== undefined) return inside(x, op.axes)
  if (!equal(kept, node.axes) || !agree(node, x)) return `of ${show(x)} keeps [${kept.join(" ")}], is ${show(node)}`
  const places = op.fn === "argmax" || op.fn === "argmin"
  return unless(!places || (op.axes.length === 1 && sizeOf(x, op.axes[0]!)! > 0), () => "needs one axis, not empty")
}

/** Sizes along the axis add up, others are the same. */
export const concatenated = (op: Of<"concat">, node: Node): Broken => {
  const odd = node.args.find((x) => !equal(x.axes, node.axes) || !agree(x, node, [op.axis]))
  if (odd !== undefined) return `${show(odd)} beside ${show(node)}`
  const total = node.args.reduce((n, x) => n + (sizeOf(x, op.axis) ?? NaN), 0)
  return unless(total === sizeOf(node, op.axis), () => `has ${total} places of '${op.axis}', is ${show(node)}`)
}

/** A body fits its loop, and is closed. */
export const looped = ({ body, axis, length }: Of<"scan">, node: Node): Broken => {
  const { carry, each, constants, next } = body
  if (node.args.length !== carry.length + each.length + constants.length) return `has ${node.args.length} arguments`
  if (!Number.isSafeInteger(length) || length < 0) return `has the length ${length}`
  const same = (x: Node, y: Node | undefined): boolean => y !== undefined && x.dtype === y.dtype && alike(x, y)
  const odd = carry.findIndex((c, i) => !same(c, node.args[i]) || !same(c, next[i]))
  if (odd >= 0 || next.length !== carry.length) return `carry ${odd} is not the same before, in and after the body`
  const sequence = each.findIndex((e, i) => {
    const s = node.args[carry.length + i]!
    const kept = s.axes.filter((a) => a !== axis)
    return s.dtype !== e.dtype || sizeOf(s, axis) !== length || !equal(kept, e.axes) || !agree(e, s)
  })
  if (sequence >= 0) return `sequence ${sequence} does not give what the body takes`
  const constant = constants.findIndex((c, i) => !same(c, node.args[carry.length + each.length + i]))
  if (constant >= 0) return `constant ${constant} is not what the body takes`
  const names = [
    ...carry.map((_, i) => `carry.${i}`),
    ...each.map((_, i) => `each.${i}`),
    ...constants.map((_, i) => `const.${i}`),
  ]
  const inside = topological([...next, ...body.out])
  if (inside.some((n) => n.op.tag === "exchange")) return "its body has a collective"
  const free = inside.find((n) => n.op.tag === "input" && !names.includes(n.op.name))
  return unless(
    free === undefined,
    () => `its body uses ${free && free.op.tag === "input" ? free.op.name : ""} from outside`,
  )
}

/** A result of a loop. */
export const picked = (op: Of<"pick">, node: Node): Broken => {
  const loop = node.args[0]!.op
  if (loop.tag === "attend") {
    const kind = resultsOf(loop, node.args[0]!.args)[op.index]
    if (kind === undefined) return `takes result ${op.index} of an attention`
    return unless(alike(kind, node) && kind.dtype === node.dtype, () => `is ${show(node)}, the result is ${show(kind)}`)
  }
  if (loop.tag !== "scan") return `takes a scan, has ${loop.tag}`
  const carries = loop.body.carry.length
  const inner = op.index < carries ? loop.body.carry[op.index] : loop.body.out[op.index - carries]
  if (inner === undefined) return `takes result ${op.index} of ${carries + loop.body.out.length}`
  const kind = op.index < carries ? inner : { axes: [loop.axis, ...inner.axes], shape: [loop.length, ...inner.shape] }
  return unless(alike(kind, node) && inner.dtype === node.dtype, () => `is ${show(node)}, the result is ${show(inner)}`)
}

/** An attention whose arguments fit each other. */
export const attended = ({ tag: _, ...a }: Of<"attend">, node: Node): Broken =>
  attentionFaults(a, node.args)[0]?.message

/** Updates that fit into what they are written to. */
export const wrote = ({ axis }: Of<"write">, node: Node): Broken => {
  const [x, updates, start] = node.args as readonly [Node, Node, Node]
  return write(x, updates, start, axis).faults[0]?.message ??
    unless(alike(x, node) && x.dtype === node.dtype, () => `writes into ${show(x)}, is ${show(node)}`)
}

/** A collective that its argument fits, with the result it gives. */
export const exchanged = ({ collective }: Of<"exchange">, node: Node): Broken => {
  const x = node.args[0]!
  const made = exchange(x, collective)
  return collectiveFaults(collective, x)[0]?.message ??
    unless(alike(made, node) && made.dtype === node.dtype, () => `gives ${show(made)}, is ${show(node)}`)
}
