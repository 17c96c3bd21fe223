/**
 * What users' functions throw, as sentences: codecs, graphs and expectations are theirs, and none of them may take a
 * command down that shows other stages.
 * @module
 */
import type * as Cause from "effect/Cause"
import { either as E } from "fp-ts"
import { report } from "../../core/files/codec.ts"
import { type Faults, type GraphFault, sentence } from "../../core/graph/fault.ts"
import { graphFault, type StageFault, stageFault } from "./fault.ts"
import type { AnyStage, Expectation } from "./stage.ts"

// ---- what was thrown -----------------------------------------------------------

/** Characters of a thing that is shown. */
const shown = 200

const plainText = (x: unknown): string => {
  const json = E.tryCatch(() => typeof x === "string" ? `'${x}'` : JSON.stringify(x) ?? String(x), () => typeof x)
  return (E.isRight(json) ? json.right : `an ${json.left} that has no text`).slice(0, shown)
}

/** What was thrown, for people. */
export const thrownText = (x: unknown): string => x instanceof Error ? `${x.name}: ${x.message}` : plainText(x)

/** The value, or what was thrown. */
export const guarded = <A>(act: () => A): E.Either<string, A> => E.tryCatch(act, thrownText)

// ---- what a stage brings ---------------------------------------------------------

const said = <A>(
  s: AnyStage,
  what: "graphs" | "expects",
  act: () => E.Either<Faults, A>,
): E.Either<StageFault, A> => {
  const got = guarded(() => {
    const e = act()
    return E.isLeft(e) ? E.left(graphFault(s.name, e.left)) : e
  })
  if (E.isRight(got)) return got.right
  const why = `its \`${what}\` threw ${got.left}; mend it, or give what is wrong as a left`
  return E.left(stageFault("thrown", s.name, why))
}

/** Digests of its graphs. */
export const graphsOf = (s: AnyStage): E.Either<StageFault, ReadonlyArray<string>> => said(s, "graphs", s.graphs)

/** What is expected of it. */
export const expectationOf = (s: AnyStage): E.Either<StageFault, Expectation> => said(s, "expects", s.expects)

/** An output out of JSON; a left says why it is none. */
export const outputOf = (s: AnyStage, json: unknown): E.Either<string, unknown> => {
  const got = guarded((): E.Either<string, unknown> => {
    const value = s.output.decode(json)
    return E.isRight(value) ? value : E.left(report(value.left).map((f) => f.message).join("; "))
  })
  return E.isRight(got) ? got.right : E.left(`its codec threw ${got.left}`)
}

// ---- why something failed ------------------------------------------------------

const isTold = (x: unknown): x is { readonly message: string } =>
  typeof x === "object" && x !== null && "message" in x && typeof x.message === "string" && x.message !== ""

const isGraph = (x: unknown): x is GraphFault => isTold(x) && "op" in x && "at" in x

/** Where the user's code threw it, if the engine tells. */
const placeOf = (x: unknown): string => {
  const lines = (x instanceof Error ? x.stack ?? "" : "").split("\n")
  const places = lines.flatMap((line) => /((?:file:\/\/|\/)[^\s()]+:\d+:\d+)/.exec(line)?.[1] ?? [])
  const place = places.find((p) => !/\/effect[/@]/.test(p))
  return place === undefined ? "" : ` (${place})`
}

const lacking = (x: unknown): string | undefined =>
  x instanceof Error ? /^Service not found: (\S+)/.exec(x.message)?.[1] : undefined

const faultText = (x: unknown): string => {
  if (Array.isArray(x) && x.length > 0 && x.every(isTold)) {
    return x.map((f) => isGraph(f) ? sentence(f) : f.message).join("\n")
  }
  if (isTold(x)) return x.message
  return `it failed with ${thrownText(x)}; fail with a record that has a \`message\`, so that it says what to do`
}

const defectText = (x: unknown): string => {
  const service = lacking(x)
  return service === undefined
    ? `its effect threw ${thrownText(x)}${placeOf(x)}; mend it and run again: what was saved is gone on from`
    : `it needs the service '${service}', which nobody provides; provide it in \`make\` (commands provide Device, Store ` +
      "and Events, and Mesh where --mesh is said)"
}

const isFail = (r: Cause.Reason<unknown>): r is Cause.Fail<unknown> => r._tag === "Fail"
const isDie = (r: Cause.Reason<unknown>): r is Cause.Die => r._tag === "Die"

/** Why something failed, as a sentence: its first fault, else the first defect, else that it was interrupted. */
export const whyOf = (cause: Cause.Cause<unknown>): string => {
  const fault = cause.reasons.find(isFail)
  if (fault !== undefined) return faultText(fault.error)
  const defect = cause.reasons.find(isDie)
  if (defect !== undefined) return defectText(defect.defect)
  return "it was interrupted; run again to go on from what was saved"
}
