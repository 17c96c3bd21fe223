/**
 * What can be wrong with data: typed, and a sentence that says where, what was expected, what was found and what to try.
 * @module
 */

/** Something wrong with data. */
export interface DataFault {
  readonly _tag: "DataFault"
  readonly reason:
    | "missing" // a file, a package or a column that is not there
    | "empty" // nothing to learn from
    | "malformed" // more readings than the limit that cannot be used
    | "fields" // a list of fields that cannot be read
    | "position" // a position of another stream, or of files that have changed
    | "settings" // shares, sizes or ranks that contradict each other
    | "rows" // packed rows that break a law
    | "file" // a file that cannot be read
  /** The source, file, line or setting. */
  readonly where: string
  readonly message: string
}

/** Makes a fault. */
export const dataFault = (reason: DataFault["reason"], where: string, message: string): DataFault => ({
  _tag: "DataFault",
  reason,
  where,
  message,
})

/** What something thrown says, on one line. */
export const saying = (cause: unknown): string =>
  (cause instanceof Error ? cause.message : String(cause)).replace(/\s+/g, " ")
