/**
 * From statements to a whole WGSL module: bindings, the function library, the entry point, and how many workgroups run.
 * @module
 */
import type { Capability, Tuning } from "./capability.ts"
import { type Emitter, emitter, inside, say, type Slot, type View } from "./emitter.ts"
import { declared, usesHalf } from "./expression.ts"
import { library } from "./math.ts"

/** What a generator is given besides the kernel. */
export interface Build {
  readonly slots: ReadonlyArray<Slot>
  readonly capability: Capability
  readonly tuning: Tuning
}

/** A kernel as WGSL. */
export interface Shader {
  readonly code: string
  /** Workgroups in x and y; [0, 0] where there is nothing to do. */
  readonly grid: readonly [number, number]
  /** Depth of enclosing `repeat` steps whose turns it reads: bindings 0.. of group 1. */
  readonly turns: number
  /** Slots that must be zero before. */
  readonly clear: ReadonlyArray<number>
}

/** What an entry point is made of. */
export interface Entry {
  /** Invocations of a workgroup. */
  readonly size: number
  readonly groups: number
  readonly clear?: ReadonlyArray<number>
  /** Further directives at the head of the module, and attributes of the entry point. */
  readonly directives?: ReadonlyArray<string>
  readonly attribute?: string
  readonly builtins?: ReadonlyArray<string>
}

/**
 * The bound of a loop. Where the tuning asks for loops to be left as they are, it is written so that compilers do not know
 * it: no workgroup's number reaches 2^31.
 */
export const bound = (b: Build, n: number): string => b.tuning.unroll ? `${n}u` : `${n}u + (gid >> 31u)`

/** Folds a number of workgroups into two dimensions. */
export const fold2 = (groups: number, most: number): readonly [number, number] =>
  groups <= most ? [groups, Math.min(groups, 1)] : [most, Math.ceil(groups / most)]

/** Nothing to do. */
export const idle: Shader = { code: "", grid: [0, 0], turns: 0, clear: [] }

/** Writes a module twice: the first pass finds how each binding is accessed, the second writes it so. */
export const shader = (b: Build, body: (e: Emitter) => Entry): Shader => {
  const pass = (views: ReadonlyMap<number, View>) => {
    const e = emitter(b.slots, b.capability, views)
    const found: { entry?: Entry } = {}
    const lines = inside(e, () => {
      found.entry = body(e)
    })
    return { e, lines: [...e.blocks[0]!.lines, ...lines], entry: found.entry! }
  }
  const { e, lines, entry } = pass(pass(new Map()).e.views)
  if (entry.groups === 0) return { ...idle, clear: entry.clear ?? [] }
  const grid = fold2(entry.groups, b.capability.maxGroups)
  const bindings = [...new Set(b.slots.map((s) => s.binding))].filter((n) => e.views.get(n)!.used)
  const code = [
    ...new Set([...(usesHalf(e) ? ["enable f16;"] : []), ...(entry.directives ?? [])]),
    ...bindings.map((n) => declared(e, n)),
    ...Array.from({ length: e.turns }, (_, d) => `@group(1) @binding(${d}) var<uniform> turn${d}: vec4<i32>;`),
    ...e.globals,
    library(e.needs),
    `@compute @workgroup_size(${entry.size})${entry.attribute ? ` ${entry.attribute}` : ""}`,
    `fn main(${
      ["@builtin(workgroup_id) group: vec3u", "@builtin(local_invocation_index) lid: u32", ...(entry.builtins ?? [])]
        .join(
          ", ",
        )
    }) {`,
    grid[1] === 1 ? "  let gid = group.x;" : `  let gid = group.y * ${grid[0]}u + group.x;`,
    ...(grid[0] * grid[1] > entry.groups ? [`  if (gid >= ${entry.groups}u) { return; }`] : []),
    ...lines.map((l) => "  " + l),
    "}",
    "",
  ].filter((l) => l !== "" || l === undefined).join("\n")
  return { code: code + "\n", grid, turns: e.turns, clear: entry.clear ?? [] }
}

/** Statements that name the variables of a linear number, slowest first; `wide` is cut by the width of its lanes. */
export const decode = (
  e: Emitter,
  from: string,
  order: ReadonlyArray<number>,
  sizes: ReadonlyArray<number>,
  define: (id: number, names: ReadonlyArray<string>) => void,
): void => {
  let rest = from
  for (let i = order.length - 1; i >= 0; i--) {
    const id = order[i]!
    const width = e.lane?.id === id ? e.lane.width : 1
    const size = sizes[id]! / width
    const name = `v${id}${width > 1 ? "_0" : ""}`
    const here = i === 0 ? rest : `${rest} % ${size}u`
    say(e, `let ${name} = ${size === 1 && i > 0 ? "0" : width > 1 ? `i32(${here}) * ${width}` : `i32(${here})`};`)
    const names = [name]
    for (let w = 1; w < width; w++) {
      names.push(`v${id}_${w}`)
      say(e, `let v${id}_${w} = ${name} + ${w};`)
    }
    define(id, names)
    if (i > 0) {
      say(e, `let ${from}${id} = ${rest} / ${size}u;`)
      rest = `${from}${id}`
    }
  }
}
