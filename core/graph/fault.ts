/**
 * What can be wrong with a graph before anything runs. Faults are plain records that survive `structuredClone`; each
 * holds a sentence to act on, and the line of the user's code that made the op where the engine tells it.
 * @module
 */

/** A broken rule in a graph or a program, found without running it. */
export interface GraphFault {
  readonly _tag: "SizeFault" | "NameFault" | "DTypeFault" | "ValueFault" | "LimitFault" | "RuleFault"
  /** The op, as the user wrote it: `dot`, `split`, ... */
  readonly op: string
  /** What, where, expected, got, what to try: one sentence. */
  readonly message: string
  /** `file:line:column` of the call, where it is known. */
  readonly at: string
}

/** All that is wrong with one program, in the order of the graph. */
export type Faults = ReadonlyArray<GraphFault>

const inside = /\/(core|ops)\/[^)]*\.(ts|js)/

/** The first line of the stack outside of `core/` and `ops/`: the user's. */
export const callSite = (): string => {
  const lines = (new Error().stack ?? "").split("\n").slice(2)
  const line = lines.find((l) => !inside.test(l)) ?? lines.at(-1) ?? ""
  return /((?:file:\/\/|\/)[^\s()]+:\d+:\d+)/.exec(line)?.[1] ?? line.trim()
}

/** Makes a fault at the caller's line. */
export const fault = (_tag: GraphFault["_tag"], op: string, message: string): GraphFault => ({
  _tag,
  op,
  message,
  at: callSite(),
})
