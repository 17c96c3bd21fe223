/**
 * Tests by name: LWM's needles, and RULER's key-value retrieval and variable tracking. Each is a value of `Probe`, which is
 * how settings say what is asked.
 * @module
 */
import * as t from "io-ts"
import { heldByDefault } from "./cities.ts"
import { Pairs, pairsTask } from "./pairs.ts"
import type { Task } from "./task.ts"
import { rulerVariables, Variables, variablesTask } from "./variables.ts"
import { lwmMulti, lwmSingle, ruler, type Wording } from "./wording.ts"

// ---- types -------------------------------------------------------------------

/** What is asked, as settings. */
export type Probe =
  | { readonly kind: "pairs"; readonly name: string; readonly pairs: Pairs }
  | { readonly kind: "variables"; readonly name: string; readonly variables: Variables }

/** The codec of probes. */
export const Probe: t.Type<Probe, unknown> = t.union([
  t.strict({ kind: t.literal("pairs"), name: t.string, pairs: Pairs }),
  t.strict({ kind: t.literal("variables"), name: t.string, variables: Variables }),
])

/** The test that settings ask for. */
export const taskOf = (probe: Probe): Task =>
  probe.kind === "pairs" ? pairsTask(probe.name, probe.pairs) : variablesTask(probe.name, probe.variables)

// ---- LWM -----------------------------------------------------------------------

const needlePairs: Pairs = {
  wording: lwmSingle,
  keys: "city",
  digits: 7,
  total: 1,
  asked: 1,
  values: 1,
  placing: "grid",
  heldOut: heldByDefault,
}

/** One needle of seven digits at each depth. */
export const singleNeedle = (wording: Wording = lwmSingle): Probe => ({
  kind: "pairs",
  name: "needle",
  pairs: { ...needlePairs, wording },
})

/** `total` needles at depths of the grid, none twice, of which `asked` are asked for (LWM: 4 and 4, or 4 and 2). */
export const multiNeedle = (total: number, asked: number, wording: Wording = lwmMulti): Probe => ({
  kind: "pairs",
  name: `needles ${asked} of ${total}`,
  pairs: { ...needlePairs, wording, total, asked, placing: "drawn" },
})

// ---- RULER ---------------------------------------------------------------------

const keyPairs: Pairs = { ...needlePairs, wording: ruler, keys: "word", heldOut: 0 }

/** One key among many, or among as many as there is room for. */
export const multiKey = (total: number | "fill", wording: Wording = ruler): Probe => ({
  kind: "pairs",
  name: `key of ${total === "fill" ? "all that fit" : total}`,
  pairs: { ...keyPairs, wording, total },
})

/** All values of one key. */
export const multiValue = (values: number, wording: Wording = ruler): Probe => ({
  kind: "pairs",
  name: `${values} values of a key`,
  pairs: { ...keyPairs, wording, values, placing: "drawn" },
})

/** Several keys in one question. */
export const multiQuery = (asked: number, total: number = asked, wording: Wording = ruler): Probe => ({
  kind: "pairs",
  name: `${asked} of ${total} keys`,
  pairs: { ...keyPairs, wording, total, asked, placing: "drawn" },
})

/** All names of one value. */
export const trackVariables = (variables: Variables = rulerVariables): Probe => ({
  kind: "variables",
  name: `variables ${variables.chains} x ${variables.hops}`,
  variables,
})
