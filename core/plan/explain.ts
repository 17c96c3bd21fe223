/**
 * `explain`: a program in words, before it runs: every kernel with its loops, buffers, operations and bytes, then the
 * totals and the peak of memory.
 * @module
 */
import { storesOf, valuesOf, walk } from "../kernel/expression.ts"
import type { Expr, Index, Kernel } from "../kernel/kernel.ts"
import { flopsOf, trafficOf } from "./forecast.ts"
import type { Memory } from "./memory.ts"
import type { Buffer, Program, Step } from "./program.ts"

const units = ["", "K", "M", "G", "T", "P"]

/** 1234567 as `1.23 M`. */
export const short = (n: number, unit = ""): string => {
  const scale = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, Math.abs(n))) / 3)))
  const value = n / 1000 ** scale
  return `${scale === 0 ? String(value) : value.toPrecision(3)} ${units[scale]}${unit}`.trim()
}

/** 1536 as `1.5 KiB`. */
export const bytes = (n: number): string => {
  const scale = Math.min(4, Math.max(0, Math.floor(Math.log2(Math.max(1, n)) / 10)))
  return `${scale === 0 ? n : (n / 1024 ** scale).toFixed(scale === 1 ? 1 : 2)} ${
    ["B", "KiB", "MiB", "GiB", "TiB"][scale]
  }`
}

const sizes = (xs: ReadonlyArray<number>): string => `[${xs.join(" ")}]`

/** What a kernel does, in a line: kind, loops, and the functions it computes. */
export const describe = (k: Kernel): string => {
  const loops = k.tag === "loop"
    ? `${sizes(k.dims)}${k.over.length > 0 ? ` over ${sizes(k.over)}` : ""}`
    : k.tag === "contract"
    ? `${k.batch.length > 0 ? `batch ${sizes(k.batch)} ` : ""}rows ${sizes(k.rows)} cols ${sizes(k.cols)} depth ${
      sizes(k.depth)
    }`
    : k.tag === "nearest"
    ? `${k.batch.length > 0 ? `batch ${sizes(k.batch)} ` : ""}rows ${sizes(k.rows)} codes ${k.codes} depth ${
      sizes(k.depth)
    }`
    : k.tag === "scatter"
    ? `${sizes(k.dims)} along ${sizes(k.along)} into ${k.size}`
    : k.tag === "attend"
    ? `${k.part} batch ${sizes(k.batch)} share ${sizes(k.share)} ${k.query} queries ${k.key} keys head ${k.head}` +
      ` value ${k.value}${k.causal > 0 ? " causal" : ""}${k.window > 0 ? ` window ${k.window}` : ""}` +
      `${k.querySegment ? " segments" : ""}${k.bias ? " bias" : ""}`
    : `${sizes(k.dims)} along ${k.length}`
  const folds = k.tag === "loop"
    ? k.stages.flatMap((s) => s.tag === "fold" ? s.folds.map((f) => f.fn) : [])
    : k.tag === "cumulate"
    ? [k.fn]
    : []
  const tally = new Map<string, number>()
  for (const e of walk(valuesOf(k))) {
    if (e.tag === "unary" || e.tag === "binary") tally.set(e.fn, (tally.get(e.fn) ?? 0) + 1)
    else if (e.tag === "select") tally.set("select", (tally.get("select") ?? 0) + 1)
  }
  const fns = [...tally].sort((a, b) => b[1] - a[1]).slice(0, 6).map(([f, n]) => n > 1 ? `${f}*${n}` : f)
  const name = k.tag === "loop"
    ? (folds.length > 0 ? (k.stages.some((s) => s.tag === "sweep") ? "rows" : "reduce") : "map")
    : k.tag
  return [name, loops, folds.join("+"), fns.length > 0 ? `{${fns.join(" ")}}` : ""].filter((x) => x !== "").join(" ")
}

const index = (i: Index): string => {
  const terms = i.terms.map(({ coef, atom }) => {
    const a = atom.tag === "var"
      ? `i${atom.id}`
      : atom.tag === "turn"
      ? `turn${atom.depth}`
      : atom.tag === "value"
      ? `(${expression(atom.of)})`
      : `(${index(atom.of)} ${atom.tag} ${atom.by})`
    return coef === 1 ? a : `${coef}${a}`
  })
  return [...terms, ...(i.base !== 0 || terms.length === 0 ? [String(i.base)] : [])].join("+")
}

/** An expression as text, shared parts written out: for people and small kernels. */
export const expression = (e: Expr): string => {
  switch (e.tag) {
    case "load":
      return `b${e.buffer}[${index(e.at)}]${e.guards.map((g) => ` if ${g.low}<=${index(g.at)}<${g.high}`).join("")}`
    case "const":
      return String(e.value)
    case "index":
      return index(e.at)
    case "within":
      return e.guards.map((g) => `${g.low}<=${index(g.at)}<${g.high}`).join(" and ")
    case "unary":
      return `${e.fn}(${expression(e.x)})`
    case "binary":
      return `${e.fn}(${expression(e.x)}, ${expression(e.y)})`
    case "select":
      return `(${expression(e.c)} ? ${expression(e.x)} : ${expression(e.y)})`
    case "cast":
    case "bitcast":
      return `${e.tag}<${e.dtype}>(${expression(e.x)})`
    case "round":
      return `round<${e.to}>(${expression(e.x)})`
    case "acc":
      return `acc${e.id}`
  }
}

const place = (b: Buffer, n: number): string =>
  `${b.place.tag === "arena" ? "t" : b.place.tag === "input" ? "in" : b.place.tag === "output" ? "out" : "c"}${n}`

const lines = (p: Program, steps: ReadonlyArray<Step>, indent: string): ReadonlyArray<string> =>
  steps.flatMap((s): ReadonlyArray<string> => {
    if (s.tag === "repeat") {
      return [`${indent}repeat ${s.times}${s.reverse ? " backwards" : ""}`, ...lines(p, s.steps, `${indent}  `)]
    }
    const k = p.kernels[s.kernel]!
    const bound = s.buffers.map((b) => p.buffers[b]!)
    const out = new Set(k.tag === "scatter" || k.tag === "sort" ? [k.buffer] : storesOf(k).map((t) => t.buffer))
    const names = s.buffers.map((b, i) => `${place(p.buffers[b]!, b)}${out.has(i) ? "*" : ""}`).join(" ")
    return [`${indent}${describe(k)}  (${names})  ${short(flopsOf(k), "FLOP")}, ${bytes(trafficOf(k, bound))}`]
  })

/**
 * The program in words. What a device needs beside the arrays (scratch of its kernels) is in the `forecast` of the device.
 * A `*` marks what a kernel writes; t, in, out and c are arena, inputs, outputs and constants.
 */
export const explain = (p: Program): string => {
  const f = p.forecast
  return [
    ...lines(p, p.steps, ""),
    "",
    `${f.dispatches} kernel runs of ${p.kernels.length} kernels, the longest chain ${f.depth}`,
    `${short(f.flops, "FLOP")}, ${bytes(f.traffic)} read and written`,
    ...(p.exchanges.length === 0 ? [] : [`${p.exchanges.length} collectives, ${bytes(f.sent)} sent by each rank`]),
    `peak memory of its arrays ${bytes(f.peak)}: inputs ${bytes(f.inputs)}, outputs ${bytes(f.outputs)}, constants ${
      bytes(f.constants)
    }, arena ${bytes(f.arena)}`,
  ].join("\n")
}

/** The memory of a program by purpose, in words, a line each. `whose` says whose it is. */
export const explainMemory = (m: Memory, whose = "this program"): string => {
  const line = (name: string, b: number, indent = ""): string => `${bytes(b).padStart(12)}  ${indent}${name}`
  const given = Object.entries(m.inputs)
  const total = given.reduce((n, [, b]) => n + b, m.outputs + m.constants + m.arena)
  return [
    ...given.map(([name, b]) => line(name, b)),
    line("outputs", m.outputs),
    line("constants", m.constants),
    line("arena, at most of each, at different times:", m.arena),
    line("residuals: kept for the backward pass", m.residuals, "  "),
    line("blocks under way between ranks", m.exchanged, "  "),
    line("workspace: values of the moment", m.workspace, "  "),
    line(`in all, of ${whose}`, total),
  ].join("\n")
}
