/**
 * Tables for people who read a terminal.
 * @module
 */

/** A column: its head, and whether it holds numbers, which end at the same place. */
export interface Column {
  readonly head: string
  readonly numbers?: boolean
}

const width = (cells: ReadonlyArray<string>): number => Math.max(...cells.map((c) => c.length))

/** Rows under their heads, two blanks between columns; columns without any text are left out. */
export const table = (columns: ReadonlyArray<Column>, rows: ReadonlyArray<ReadonlyArray<string>>): string => {
  const used = columns.map((column, i) => ({ ...column, i })).filter(({ i }) => rows.some((row) => row[i] !== ""))
  const widths = used.map(({ head, i }) => width([head, ...rows.map((row) => row[i] ?? "")]))
  const line = (cells: ReadonlyArray<string>): string =>
    used.map(({ numbers }, n) => numbers === true ? cells[n]!.padStart(widths[n]!) : cells[n]!.padEnd(widths[n]!))
      .join("  ").trimEnd()
  return [line(used.map(({ head }) => head)), ...rows.map((row) => line(used.map(({ i }) => row[i] ?? "")))].join("\n")
}
