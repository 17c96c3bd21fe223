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

const home = import.meta.url.replace(/core\/graph\/fault\.[a-z]+$/, "")

const isOwn = (place: string): boolean => place.startsWith(`${home}core/`) || place.startsWith(`${home}ops/`)

interface Traced {
  stackTraceLimit?: number
}

/** The stack, deep enough to reach the user through our own calls. */
const stack = (): string => {
  const engine = Error as unknown as Traced
  const before = engine.stackTraceLimit
  engine.stackTraceLimit = 40
  const text = new Error().stack ?? ""
  if (before !== undefined) engine.stackTraceLimit = before
  return text
}

/** The first place on the stack outside of our own `core/` and `ops/`: the user's. Empty where the engine tells none. */
export const callSite = (): string =>
  stack().split("\n").flatMap((line) => /((?:[a-z]+:\/\/|\/)[^\s()]+:\d+:\d+)/.exec(line)?.[1] ?? [])
    .find((place) => !isOwn(place)) ?? ""

/** Makes a fault at the caller's line. */
export const fault = (_tag: GraphFault["_tag"], op: string, message: string): GraphFault => ({
  _tag,
  op,
  message,
  at: callSite(),
})

/** A fault as one line: `add: ... (file:line:column)`. */
export const sentence = (f: GraphFault): string => `${f.op}: ${f.message}${f.at === "" ? "" : ` (${f.at})`}`
