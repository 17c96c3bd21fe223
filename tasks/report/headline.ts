/**
 * The numbers on top: what was found over all lengths and at the longest, by the model and by what it is compared with,
 * what that did to the text it knew, and how long it took.
 * @module
 */
import { singleNeedle } from "../evaluate/probe.ts"
import type { Result } from "../evaluate/result.ts"
import { duration, lengthText } from "../numbers.ts"
import type { Found, ReportData } from "./data.ts"
import { bitsChange } from "./foretelling.ts"
import { lengthsOf } from "./heat.ts"
import { change, percentText, shareOf } from "./numbers.ts"
import { figureOf } from "./page.ts"
import { visionHeadline } from "./vision/targets.ts"

/** Tests of one task, beside each other: the model's first. LWM's needle comes before all others. */
export const byTask = (tests: ReadonlyArray<Found<Result>>): ReadonlyArray<ReadonlyArray<Found<Result>>> => {
  const names = [...new Set(tests.map((f) => f.result.task))]
  const first = names.filter((name) => name === singleNeedle().name)
  return [...first, ...names.filter((name) => !first.includes(name))].map((task) => {
    const own = tests.filter((f) => f.result.task === task)
    return [...own.filter((f) => f.lane === "model"), ...own.filter((f) => f.lane === "control")]
  })
}

const at = ({ result }: Found<Result>, length: number): number | undefined =>
  shareOf(result.cells.filter((c) => c.length === length))

const shown = (share: number | undefined): string => share === undefined ? "–" : percentText(share)

/** All time that is known to have been spent; cached stages whose log is gone are not in it. */
const spent = ({ stages }: ReportData): { readonly seconds: number; readonly unknown: number } => ({
  seconds: stages.reduce((sum, s) => sum + (s.seconds ?? 0), 0),
  unknown: stages.filter((s) => s.digest !== null && s.seconds === null).length,
})

const retrieval = (data: ReportData): ReadonlyArray<string> => {
  const group = byTask(data.tests)[0] ?? []
  const model = group.find((f) => f.lane === "model")
  const control = group.find((f) => f.lane === "control")
  if (model === undefined) return [figureOf("needles found", "–", "no needles were looked for", "first")]
  const lengths = lengthsOf(model.result)
  const [first, last] = [lengths[0], lengths.at(-1)]
  const asked = model.result.total.asked
  const all = [
    figureOf(
      "of needles found over all lengths",
      shown(shareOf(model.result.cells)),
      first === undefined || last === undefined
        ? ""
        : `${lengthText(first)} to ${lengthText(last)} tokens, ${asked} asked for`,
      "first",
    ),
    ...(last === undefined ? [] : [
      figureOf(
        `found at the longest, ${lengthText(last)} tokens`,
        shown(at(model, last)),
        `the least of any length: ${shown(Math.min(...lengths.map((l) => at(model, l) ?? 0)))}`,
        "first",
      ),
    ]),
  ]
  if (control === undefined || last === undefined) return all
  const own = at(control, last)
  return [
    ...all,
    figureOf(
      `found there by the control`,
      shown(own),
      `${shown(shareOf(control.result.cells))} over all lengths: ${control.name}`,
      "control",
    ),
  ]
}

/** The tiles. */
export const headline = (data: ReportData): string => {
  const bits = bitsChange(data)
  const one = data.bits[0]
  const { seconds, unknown } = spent(data)
  return `<section class="numbers" aria-label="Results in short">${
    [
      ...retrieval(data),
      ...(bits === undefined
        ? one === undefined ? [] : [figureOf("bits per byte, held-out", one.result.bits.toFixed(3), one.name)]
        : [figureOf(
          "bits per byte, before and after",
          `${bits.before.result.bits.toFixed(2)} → ${bits.after.result.bits.toFixed(2)}`,
          `${change(bits.after.result.bits / bits.before.result.bits - 1)} on held-out text at the base's context`,
        )]),
      figureOf(
        "spent on all stages",
        seconds > 0 ? duration(seconds) : "–",
        data.stages.length === 0
          ? "nothing was made"
          : unknown === 0
          ? ""
          : seconds > 0
          ? `${unknown} cached, whose time is not known`
          : "all cached; times are not known",
      ),
    ].join("")
  }</section>${data.vision === undefined ? "" : visionHeadline(data.vision)}`
}
