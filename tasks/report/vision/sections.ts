/**
 * The parts of a page that tell of models that see: of what a pipeline has no stage there is no part, and of what has failed
 * or is not made yet the part says so.
 * @module
 */
import type { ReportData } from "../data.ts"
import { bitsChange, modelBits } from "../foretelling.ts"
import { byTask } from "../headline.ts"
import { heatFigure, ramp } from "../heat.ts"
import { change, percentText, shareOf } from "../numbers.ts"
import { escape, missing, n, type Section, table } from "../page.ts"
import { asked } from "./asked.ts"
import type { Purpose, VisionData } from "./data.ts"
import { lessonTable, worldCurves } from "./lessons.ts"
import { seeing } from "./seeing.ts"
import { showing } from "./showing.ts"
import { worth } from "./worth.ts"

/** What stages of some purposes have not made, and why. */
const lacking = ({ stages }: VisionData, purposes: ReadonlyArray<Purpose>): string =>
  stages.filter((s) => purposes.includes(s.purpose) && s.state !== "made").map((s) =>
    s.state === "failed"
      ? `<p class="note">${escape(`${s.stage} failed: ${s.why}`)}</p>`
      : missing(`${s.stage} has not been made yet.`)
  ).join("\n")

// ---- text after vision -----------------------------------------------------------

const bits = (report: ReportData, { bits }: VisionData): string => {
  if (bits.length === 0) return ""
  const before = bitsChange(report)?.after ?? modelBits(report).at(-1)
  const rows = [...(before === undefined ? [] : [before]), ...bits].map((b) => [
    `${b.name}, ${b === before ? "before" : "after"} vision`,
    n(b.result.bits.toFixed(4)),
    n(b === before || before === undefined ? "–" : change(b.result.bits / before.result.bits - 1)),
    n(String(b.result.context)),
  ])
  return `<h3>Is the text still known?</h3><p>${
    escape("Bits per byte of the same held-out text, before frames were learned and after; lower is better.")
  }</p>${table(["", n("bits per byte"), n("than before"), n("window")], rows)}`
}

const needles = (report: ReportData, { tests }: VisionData): string =>
  byTask(tests).map((group) => {
    const { task } = group[0]!.result
    const before = report.tests.find((f) => f.lane === "model" && f.result.task === task)
    const share = before === undefined ? undefined : shareOf(before.result.cells)
    return `<h3>${escape(`${task}, after vision`)}</h3>${
      share === undefined ? "" : `<p>${escape(`Before frames were learned: ${percentText(share)} in all.`)}</p>`
    }${ramp}<div class="pair">${group.map(heatFigure).join("\n")}</div>`
  }).join("\n")

const learning = (report: ReportData, data: VisionData): string =>
  [
    `<p>${
      escape(
        "Eyes learn to turn frames into codes and back; the text model gets a second vocabulary, of codes, and goes on " +
          "learning, with text among the frames so that it is not forgotten.",
      )
    }</p>`,
    lessonTable(data.lessons),
    worldCurves(data.lessons),
    bits(report, data),
    needles(report, data),
  ].join("\n")

// ---- all of them -----------------------------------------------------------------

interface Chapter {
  readonly id: string
  readonly title: string
  readonly purposes: ReadonlyArray<Purpose>
  readonly inner: (report: ReportData, data: VisionData) => string
}

const chapters: ReadonlyArray<Chapter> = [
  { id: "seeing", title: "Seeing", purposes: ["eyes", "kept"], inner: (_, data) => seeing(data) },
  { id: "showing", title: "Showing", purposes: ["shown"], inner: (_, data) => data.shown.map(showing).join("\n") },
  {
    id: "asked",
    title: "Questions about pictures",
    purposes: ["answered"],
    inner: (_, data) => data.answered.map(asked).join("\n"),
  },
  {
    id: "worth",
    title: "What packing and weights are worth",
    purposes: ["ablation"],
    inner: (_, data) => data.ablations.map(worth).join("\n"),
  },
  { id: "sight", title: "How it learned to see", purposes: ["world", "other"], inner: learning },
]

/** The parts; none of a pipeline in which nothing sees. */
export const visionSections = (report: ReportData): ReadonlyArray<Section> => {
  const data = report.vision
  if (data === undefined) return []
  return chapters.filter(({ purposes }) => data.stages.some((s) => purposes.includes(s.purpose))).map((c) => ({
    ...{ id: c.id, title: c.title },
    inner: `${lacking(data, c.purposes)}\n${c.inner(report, data)}`,
  }))
}
