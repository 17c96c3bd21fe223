/**
 * Attention, collectives, and writing in place: ops that the rest of the graph cannot say without holding too much.
 * @module
 */
import { type Attention, givenOf, type Mask, masks, resultsOf, rolesOf } from "../attention.ts"
import type { Collective } from "../collective.ts"
import { fault, type Faults } from "../fault.ts"
import { alike, clashes, lacking, make, none, quoted, refused, show, whole } from "../make.ts"
import { type Node, sizeOf } from "../node.ts"
import { indexRule, scatterRule } from "../rules.ts"

/** What is attended to what, and how; sizes of blocks are whole and not below 0. */
export type AttendOptions =
  & Partial<Omit<Attention, "part" | "masks">>
  & Pick<Attention, "query" | "key" | "head" | "value">

/** Optional arguments. */
export type AttendMasks = { readonly [M in Mask]?: Node | undefined }

const floats = { takes: ["f32", "f16", "bf16"], gives: "same" } as const

const beyond = (op: string, what: string, x: Node, allowed: ReadonlyArray<string>): Faults => {
  const extra = x.axes.filter((a) => !allowed.includes(a))
  return extra.length === 0 ? none : [fault(
    "NameFault",
    op,
    `${what} ${show(x)} has the axes ${quoted(extra)}, which it may not; it may have ${quoted(allowed)}`,
  )]
}

const numbers = (op: string, a: Attention): Faults => [
  ...whole(op, "causal", a.causal, 0),
  ...whole(op, "window", a.window, 0),
  ...whole(op, "queryBlock", a.queryBlock, 0),
  ...whole(op, "keyBlock", a.keyBlock, 0),
  ...(Number.isFinite(a.scale) ? none : [fault("ValueFault", op, `scale is ${a.scale}; expected a finite number`)]),
  ...(Number.isFinite(a.cap) && a.cap >= 0
    ? none
    : [fault("ValueFault", op, `cap is ${a.cap}; expected a positive number, or 0 for none`)]),
]

/** All that is wrong with an attention and its arguments. */
export const attentionFaults = (a: Attention, args: ReadonlyArray<Node>, op = "attend"): Faults => {
  const count = 3 + a.masks.length + (a.part === "forward" ? 0 : 3)
  if (args.length !== count) return [fault("RuleFault", op, `takes ${count} arguments, got ${args.length}`)]
  const g = givenOf(a, args)
  const { batch, share, split } = rolesOf(a, g.q, g.k)
  const names = [
    ...lacking(op, g.q, [a.query, a.head]),
    ...lacking(op, g.k, [a.key, a.head]),
    ...lacking(op, g.v, [a.key, a.value]),
  ]
  if (names.length > 0) return names
  const valueSide = g.v.axes.filter((x) => x !== a.key && x !== a.value)
  const same = valueSide.length === batch.length && batch.every((x) => valueSide.includes(x))
  const allowed: { readonly [M in Mask]: ReadonlyArray<string> } = {
    queryPosition: [...batch, a.query],
    keyPosition: [...batch, a.key],
    querySegment: [...batch, a.query],
    keySegment: [...batch, a.key],
    bias: [...batch, ...share, a.query, a.key],
  }
  const pair = (x: Mask, y: Mask): Faults =>
    a.masks.includes(x) === a.masks.includes(y)
      ? none
      : [fault("RuleFault", op, `${x} and ${y} come together or not at all; give both`)]
  const rows: ReadonlyArray<readonly [string, Node | undefined]> = [["lse", g.lse], ["delta", g.delta]]
  const given = [g.k, g.v, ...a.masks.map((m) => g[m]!)]
  const [out, lse] = resultsOf({ ...a, part: "forward" }, args) as readonly [Node, Node]
  return [
    ...[g.q, g.k, g.v].flatMap((x) => refused(op, floats, x)),
    ...(g.q.axes.includes(a.key)
      ? [fault("NameFault", op, `${show(g.q)} has '${a.key}', the axis of the keys; rename that of the keys`)]
      : none),
    ...(g.k.axes.includes(a.query)
      ? [fault("NameFault", op, `${show(g.k)} has '${a.query}', the axis of the queries; rename that of the keys`)]
      : none),
    ...(same
      ? none
      : [fault("NameFault", op, `values ${show(g.v)} and keys ${show(g.k)} must have the same axes beside their own`)]),
    ...given.flatMap((x) => clashes(op, g.q, x, [a.query, a.key, a.head, a.value])),
    ...clashes(op, g.k, g.v, a.head === a.value ? [a.head] : []),
    ...clashes(op, g.q, g.k),
    ...a.masks.flatMap((m) => [
      ...beyond(op, m, g[m]!, allowed[m]),
      ...(m === "bias" ? refused(op, floats, g[m]!) : refused(op, { takes: ["i32"], gives: "same" }, g[m]!)),
      ...clashes(op, m === "keyPosition" || m === "keySegment" ? g.k : g.q, g[m]!, [a.head, a.value]),
      ...clashes(op, g.k, g[m]!, [a.query, a.head, a.value]),
    ]),
    ...pair("queryPosition", "keyPosition"),
    ...pair("querySegment", "keySegment"),
    ...numbers(op, a),
    ...(a.part === "forward" ? none : [
      ...(split.length === 0 ? none : [
        fault("RuleFault", op, `queries lack ${quoted(split)} of the keys, so there is no gradient; broadcast them`),
      ]),
      ...rows.flatMap(([name, x]) =>
        x !== undefined && x.dtype === "f32" && alike(x, lse)
          ? none
          : [fault("SizeFault", op, `${name} is ${x ? show(x) : "missing"}, expected ${show(lse)}`)]
      ),
      ...(g.cotangent !== undefined && alike(g.cotangent, out) ? none : [
        fault("SizeFault", op, `the cotangent is ${g.cotangent ? show(g.cotangent) : "missing"}, not ${show(out)}`),
      ]),
    ]),
  ]
}

/** The attention itself; `pick` takes its results. `rows` are the log-sum-exp, the delta and the cotangent. */
export const attend = (
  part: Attention["part"],
  [q, k, v]: readonly [Node, Node, Node],
  given: AttendMasks,
  options: AttendOptions,
  rows: ReadonlyArray<Node> = [],
): Node => {
  const { query, key, head, value, scale = 1, cap = 0, causal = 0, window = 0, queryBlock = 0, keyBlock = 0 } = options
  const present = masks.filter((m) => given[m] !== undefined)
  const a: Attention = {
    ...{ part, query, key, head, value, masks: present, scale, cap, causal, window },
    ...{ queryBlock, keyBlock },
  }
  const args = [q, k, v, ...present.map((m) => given[m]!), ...rows]
  const kind = { dtype: "f32", axes: [], shape: [] } as const
  return make("attend", { tag: "attend", ...a }, args, kind, attentionFaults(a, args))
}

/**
 * x with `updates` in it, from place `start` along `axis`: one i32, or one for each point of other axes of x, so that rows
 * that are not equally long are each written at their end. The start is held between 0 and the last place from which all
 * updates fit. Where the result takes over x, only the updates are stored.
 */
export const write = (x: Node, updates: Node, start: Node, axis: string): Node => {
  const rest = (n: Node): ReadonlyArray<string> => n.axes.filter((a) => a !== axis)
  const faults = [
    ...lacking("write", x, [axis]),
    ...lacking("write", updates, [axis]),
    ...clashes("write", x, updates, [axis]),
    ...(rest(x).join(" ") === rest(updates).join(" ") && x.axes.indexOf(axis) === updates.axes.indexOf(axis)
      ? none
      : [fault("NameFault", "write", `${show(updates)} into ${show(x)}: give both the same axes in the same order`)]),
    ...(x.dtype === updates.dtype
      ? none
      : [fault("DTypeFault", "write", `${show(updates)} into ${show(x)}: cast the updates first`)]),
    ...refused("write", indexRule, start),
    ...clashes("write", x, start, [axis]),
    ...(start.axes.every((a) => rest(x).includes(a)) ? none : [
      fault("NameFault", "write", `start is ${show(start)}; it may have the axes ${quoted(rest(x))}, or none`),
    ]),
    ...((sizeOf(updates, axis) ?? 0) <= (sizeOf(x, axis) ?? 0) ? none : [
      fault("SizeFault", "write", `${show(updates)} is longer along '${axis}' than ${show(x)}; slice it`),
    ]),
  ]
  return make("write", { tag: "write", axis }, [x, updates, start], x, faults)
}

/** What is wrong with a collective of that argument. */
export const collectiveFaults = (c: Collective, x: Node): Faults => {
  const op = c.kind
  const lead = c.kind === "reduceScatter" ? c.axis : undefined
  return [
    ...whole(op, "the number of ranks", c.ranks, 1),
    ...(c.kind === "permute" && !Number.isSafeInteger(c.shift)
      ? [fault("ValueFault", op, `shift is ${c.shift}; expected a whole number`)]
      : none),
    ...(c.kind === "broadcast" ? whole(op, "root", c.root, 0, c.ranks - 1) : none),
    ...(lead !== undefined && (x.axes[0] !== lead || x.shape[0] !== c.ranks)
      ? [fault("SizeFault", op, `${show(x)} does not begin with '${lead}' of ${c.ranks} places, one a rank`)]
      : none),
    ...(c.kind === "allGather" && x.axes.includes(c.axis)
      ? [fault("NameFault", op, `${show(x)} has '${c.axis}', the axis of the ranks; name that otherwise`)]
      : none),
    ...(c.kind === "allReduce" || c.kind === "reduceScatter" ? refused(op, scatterRule, x) : none),
  ]
}

/** The collective of one rank's x; with one rank, and by a shift that comes all the way around, x itself. */
export const exchange = (x: Node, collective: Collective): Node => {
  const c = collective
  const faults = collectiveFaults(c, x)
  const kind = c.kind === "allGather"
    ? { dtype: x.dtype, axes: [c.axis, ...x.axes], shape: [c.ranks, ...x.shape] }
    : c.kind === "reduceScatter"
    ? { dtype: x.dtype, axes: x.axes.slice(1), shape: x.shape.slice(1) }
    : x
  const stays = c.ranks === 1 || (c.kind === "permute" && c.shift % c.ranks === 0)
  if (faults.length === 0 && stays) {
    return kind === x ? x : make(c.kind, { tag: "reshape" }, [x], kind)
  }
  return make(c.kind, { tag: "exchange", collective: c }, [x], kind, faults)
}
