/**
 * What can be wrong with stages as such: how they are declared, named, asked for and held. Faults of what they do are
 * their own.
 * @module
 */
import type { Faults } from "../../core/graph/fault.ts"
import { sentence } from "../../core/graph/fault.ts"

/** Something wrong with a stage, a pipeline or the right to make it. */
export interface StageFault {
  readonly _tag: "StageFault"
  readonly reason:
    | "name" // a name that no file may have
    | "settings" // settings that their codec does not read back, or that are no JSON
    | "twice" // two different stages of one name
    | "cycle" // a stage that needs itself, through others or not
    | "thrown" // a function of the stage that threw
    | "unknown" // a stage or a pipeline that there is not
    | "graph" // a graph that does not trace
    | "output" // an output that its codec does not write as JSON
    | "held" // another process makes it, or has taken it over
    | "files" // a file that a state or an output names is not there
  readonly stage: string
  /** What, expected, got, what to try. */
  readonly message: string
}

/** Makes a fault. */
export const stageFault = (reason: StageFault["reason"], stage: string, message: string): StageFault => ({
  _tag: "StageFault",
  reason,
  stage,
  message: `${stage}: ${message}`,
})

/** All that is wrong with a graph, as one sentence a line. */
export const graphFault = (stage: string, faults: Faults): StageFault =>
  stageFault("graph", stage, faults.map(sentence).join("\n"))
