/**
 * What a bench found: rows that are printed as a table and kept as JSON in `tests/bench/results/`, with the machine they
 * were measured on.
 * @module
 */
import { mkdirSync, writeFileSync } from "node:fs"
import { cpus, loadavg, totalmem } from "node:os"
import { join } from "node:path"
import process from "node:process"
import { root } from "../house.ts"

/** One measured figure: the median and the best of some repetitions. */
export interface Row {
  /** What was measured: "step s", "1024". */
  readonly what: string
  /** Who, with how many threads: "jax-js wasm, 2 threads". */
  readonly who: string
  readonly unit: string
  readonly median: number
  readonly best: number
  /** What else is worth knowing: the first call, the last loss. */
  readonly note?: string
  /** Other figures of the same measurement, by name and unit: kept, not printed. */
  readonly more?: { readonly [name: string]: number }
}

/** A bench: rows, and what could not be measured and why. */
export interface Report {
  readonly bench: string
  readonly rows: ReadonlyArray<Row>
  readonly absent: ReadonlyArray<string>
  /** What was to be reached, and what was. */
  readonly targets?: ReadonlyArray<string>
}

/** The middle of some numbers. */
export const median = (values: ReadonlyArray<number>): number =>
  values.length === 0 ? NaN : [...values].sort((a, b) => a - b)[values.length >> 1]!

const digits = (x: number): string => x >= 100 ? x.toFixed(0) : x >= 10 ? x.toFixed(1) : x.toFixed(2)

/** The rows as text, in columns. */
export const table = ({ bench, rows, absent, targets = [] }: Report): string => {
  const cells = rows.map((r) => [r.what, r.who, `${digits(r.median)} ${r.unit}`, `(${digits(r.best)})`, r.note ?? ""])
  const all = [[bench, "", "median", "(best)", ""], ...cells]
  const widths = [0, 1, 2, 3].map((column) => Math.max(...all.map((row) => row[column]!.length)))
  const line = (row: ReadonlyArray<string>): string =>
    row.map((cell, column) => column < 2 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column] ?? 0)).join("  ")
      .trimEnd()
  const rest = [...absent.map((why) => `not measured: ${why}`), ...targets.map((t) => `target: ${t}`)]
  return [...all.map(line), ...rest].join("\n") + "\n"
}

/** Keeps a report; gives the file's path from the top. */
export const keep = (report: Report): string => {
  const folder = join(root, "tests/bench/results")
  mkdirSync(folder, { recursive: true })
  const machine = {
    processor: cpus()[0]?.model ?? "unknown",
    processors: cpus().length,
    gigabytes: Math.round(totalmem() / 2 ** 30),
    platform: `${process.platform} ${process.arch}`,
    // Above the number of processors, others were at work too: figures are too low then, ratios are less certain.
    load: Math.round(loadavg()[0]! * 10) / 10,
  }
  const date = new Date().toISOString()
  const file = `${date.slice(0, 10)}-${report.bench.replaceAll(" ", "-")}.json`
  writeFileSync(join(folder, file), JSON.stringify({ date, machine, ...report }, null, 1) + "\n")
  return join("tests/bench/results", file)
}
