/**
 * Folds as WGSL: identities, how two partial results are joined, and the tree by which the lanes of a workgroup join
 * theirs in workgroup memory. The shape of the tree is fixed, so a sum is the same on every run.
 * @module
 */
import type { CumulateFn, ReduceFn } from "../graph/node.ts"
import type { Compute } from "../tensor/dtype.ts"
import { type Emitter, fresh, need, say } from "./emitter.ts"
import { BINARY } from "./function.ts"

/** What a fold over nothing gives. */
export const identityText = (e: Emitter, fn: ReduceFn | CumulateFn, dtype: Compute): string => {
  if (fn === "argmax" || fn === "argmin") return "-1i"
  if (dtype === "bool") return fn === "sum" || fn === "max" ? "false" : "true"
  if (fn === "sum") return `${dtype}(0)`
  if (fn === "prod") return `${dtype}(1)`
  if (dtype === "f32") return `${fn === "max" ? "-" : ""}${need(e, "o_inf")}()`
  if (dtype === "i32") return fn === "max" ? "i32(-2147483648)" : "2147483647i"
  return fn === "max" ? "0u" : "4294967295u"
}

const joins = { sum: "add", prod: "mul", max: "max", min: "min" } as const

/** Two partial results of a fold that is not an arg-fold. */
export const joined = (e: Emitter, fn: CumulateFn, dtype: Compute, x: string, y: string): string =>
  BINARY[joins[fn]](e, x, y, dtype)

/** Is x further out than y? NaN is the furthest. */
const beats = (e: Emitter, fn: "argmax" | "argmin", dtype: Compute, x: string, y: string): string => {
  const sign = fn === "argmax" ? ">" : "<"
  if (dtype === "bool") return fn === "argmax" ? `(${x} && !${y})` : `(!${x} && ${y})`
  if (dtype !== "f32") return `(${x} ${sign} ${y})`
  need(e, "o_isnan")
  return `select(${x} ${sign} ${y}, !o_isnan(${y}), o_isnan(${x}))`
}

/** A partial result: its value, and for an arg-fold the index (-1 where there is none yet). */
export interface Partial {
  readonly fn: ReduceFn
  readonly dtype: Compute
  readonly value: string
  readonly index: string | undefined
}

/** Declares the variables of a partial result that holds nothing yet. */
export const open = (e: Emitter, fn: ReduceFn, dtype: Compute): Partial => {
  const value = fresh(e, "fold")
  if (fn !== "argmax" && fn !== "argmin") {
    say(e, `var ${value} = ${identityText(e, fn, dtype)};`)
    return { fn, dtype, value, index: undefined }
  }
  say(e, `var ${value}: ${dtype};`, `var ${value}i = -1i;`)
  return { fn, dtype, value, index: `${value}i` }
}

/** Takes in values in order; several are joined pairwise first, so that they do not wait for one another. */
export const take = (e: Emitter, p: Partial, values: ReadonlyArray<string>, indices: ReadonlyArray<string>): void => {
  const { fn, dtype } = p
  if (fn === "argmax" || fn === "argmin") {
    values.forEach((v, k) =>
      say(
        e,
        `if (${p.index} < 0 || ${beats(e, fn, dtype, v, p.value)}) { ${p.value} = ${v}; ${p.index} = ${indices[k]}; }`,
      )
    )
    return
  }
  let all = [...values]
  while (all.length > 1) {
    const next: Array<string> = []
    for (let i = 0; i < all.length; i += 2) {
      next.push(i + 1 < all.length ? joined(e, fn, dtype, all[i]!, all[i + 1]!) : all[i]!)
    }
    all = next
  }
  say(e, `${p.value} = ${joined(e, fn, dtype, p.value, all[0]!)};`)
}

/** The result of a partial that is whole. */
export const closed = (p: Partial): string => p.index === undefined ? p.value : `max(${p.index}, 0)`

/** How the lanes that share a row lie in the workgroup: lane l of row r is invocation `r * row + l * step`. */
export interface Team {
  readonly size: number
  readonly lanes: number
  readonly step: number
  /** Text: this invocation's lane, and the invocation that is lane 0 of its row. */
  readonly lane: string
  readonly head: string
  /** Text: half the lanes. */
  readonly half: string
}

/** What an entry point needs for folds by subgroups. */
export const subgroupEntry: {
  readonly directives: ReadonlyArray<string>
  readonly builtins: ReadonlyArray<string>
} = {
  directives: ["enable subgroups;"],
  builtins: [
    "@builtin(subgroup_id) sg: u32",
    "@builtin(subgroup_invocation_id) sl: u32",
    "@builtin(subgroup_size) ss: u32",
    "@builtin(num_subgroups) sn: u32",
  ],
}

/**
 * May the lanes of a team join by subgroups? Only where a workgroup is one row of whole subgroups: then it does not
 * matter which invocations make up a subgroup.
 */
export const bySubgroups = (e: Emitter, team: Team): boolean => {
  const { subgroups, subgroupMin, subgroupMax } = e.capability
  return subgroups && subgroupMin > 1 && team.lanes === team.size && team.size > subgroupMax &&
    team.size % subgroupMax === 0
}

/** Lanes of a subgroup exchange by shuffles, subgroups through workgroup memory: one barrier instead of one a level. */
const shuffled = (e: Emitter, team: Team, partials: ReadonlyArray<Partial & { readonly fn: CumulateFn }>): void => {
  const rooms = partials.map((p, k) => {
    const line = `var<workgroup> g${k}_${p.dtype}: array<${p.dtype}, ${team.size / e.capability.subgroupMin}>;`
    if (!e.globals.includes(line)) e.globals.push(line)
    return `g${k}_${p.dtype}`
  })
  say(e, "for (var h = ss >> 1u; h > 0u; h = h >> 1u) {")
  for (const p of partials) {
    const other = `subgroupShuffleXor(${p.value}, h)`
    say(e, `  { let other = ${other}; ${p.value} = ${joined(e, p.fn, p.dtype, p.value, "other")}; }`)
  }
  say(e, "}", "workgroupBarrier();", "if (sl == 0u) {")
  partials.forEach((p, k) => say(e, `  ${rooms[k]}[sg] = ${p.value};`))
  say(e, "}", "workgroupBarrier();")
  partials.forEach((p, k) => say(e, `${p.value} = ${rooms[k]}[0];`))
  say(e, "for (var h = 1u; h < sn; h = h + 1u) {")
  partials.forEach((p, k) => say(e, `  ${p.value} = ${joined(e, p.fn, p.dtype, p.value, `${rooms[k]}[h]`)};`))
  say(e, "}")
}

const shuffles = (p: Partial): p is Partial & { readonly fn: CumulateFn } => p.index === undefined && p.dtype !== "bool"

/** Joins the partial results of all lanes of each row; every lane then has the whole. Needs uniform control flow. */
export const tree = (e: Emitter, team: Team, partials: ReadonlyArray<Partial>): void => {
  if (team.lanes === 1) return
  if (bySubgroups(e, team) && partials.every(shuffles)) return shuffled(e, team, partials.filter(shuffles))
  const rooms = partials.map((p, k) => {
    const name = `s${k}_${p.dtype}`
    const declare = (n: string, type: string): void => {
      const line = `var<workgroup> ${n}: array<${type}, ${team.size}>;`
      if (!e.globals.includes(line)) e.globals.push(line)
    }
    declare(name, p.dtype)
    if (p.index !== undefined) declare(`${name}i`, "i32")
    return name
  })
  say(e, "workgroupBarrier();")
  partials.forEach((p, k) => {
    say(e, `${rooms[k]}[lid] = ${p.value};`)
    if (p.index !== undefined) say(e, `${rooms[k]}i[lid] = ${p.index};`)
  })
  say(e, `for (var h = ${team.half}; h > 0u; h = h >> 1u) {`, "  workgroupBarrier();", `  if (${team.lane} < h) {`)
  const other = team.step === 1 ? "lid + h" : `lid + h * ${team.step}u`
  partials.forEach((p, k) => {
    const s = rooms[k]!
    if (p.fn === "argmax" || p.fn === "argmin") {
      const [v, i] = [`${s}[${other}]`, `${s}i[${other}]`]
      const better = `${s}i[lid] < 0 || ${beats(e, p.fn, p.dtype, v, `${s}[lid]`)}`
      const tie = `!${beats(e, p.fn, p.dtype, `${s}[lid]`, v)} && ${i} < ${s}i[lid]`
      say(e, `    if (${i} >= 0 && (${better} || (${tie}))) { ${s}[lid] = ${v}; ${s}i[lid] = ${i}; }`)
    } else say(e, `    ${s}[lid] = ${joined(e, p.fn, p.dtype, `${s}[lid]`, `${s}[${other}]`)};`)
  })
  say(e, "  }", "}", "workgroupBarrier();")
  partials.forEach((p, k) => {
    say(e, `${p.value} = ${rooms[k]}[${team.head}];`)
    if (p.index !== undefined) say(e, `${p.index} = ${rooms[k]}i[${team.head}];`)
  })
}
