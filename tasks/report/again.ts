/**
 * What makes the same again: commands, digests, settings, and where the base came from.
 * @module
 */
import { bytesText, duration, grouped, lengthText, short } from "../numbers.ts"
import type { Base, ReportData, StageFacts } from "./data.ts"
import { brief } from "./numbers.ts"
import { type Cell, details, escape, missing, n, table } from "./page.ts"
import { trainings } from "./training.ts"

const hash = (text: string): Cell => ({ text, as: "hash" })
const long = (text: string): Cell => ({ text, as: "long" })

/** The recipe: every training in a row. */
export const recipe = (stages: ReadonlyArray<StageFacts>): string => {
  const all = trainings(stages)
  return `<div class="wide">${
    table(
      [
        ...["stage", "what it learns", n("context"), n("theta"), n("rows x steps"), n("tokens"), n("rate"), n("time")],
        ...[n("tokens/s")],
      ],
      all.map(({ name, about, seconds, cached, training: t }) => [
        { text: t.lane === "control" && !/control/i.test(name) ? `${name} (control)` : name, as: "w" },
        long(about),
        n(lengthText(t.context)),
        n(short(t.theta)),
        n(`${t.rows} x ${grouped(t.steps)}`),
        n(short(t.tokens)),
        n(t.rate.toExponential(1)),
        n(seconds === null ? (cached ? "cached" : "–") : duration(seconds)),
        n(t.tokensPerSecond === null ? (cached ? "cached" : "–") : grouped(t.tokensPerSecond)),
      ]),
    )
  }</div>`
}

/** Where the base came from. */
const provenance = ({ name, digest, bytes, verified, madeBy, says }: Base): string =>
  `<h3>The base</h3><p>${escape(`${name}, ${bytesText(bytes)}: ${says}`)}</p><p>${
    verified
      ? escape("Its digest was compared with the declared one before it was used: ")
      : `<b>${escape("Its digest was not compared with a declared one: ")}</b>`
  }<code>${escape(digest)}</code>. ${escape("It is made again by ")}<code>${escape(madeBy)}</code>.</p>`

const stageTable = (stages: ReadonlyArray<StageFacts>): string =>
  `<div class="wide">${
    table(
      ["stage", "needs", "key", "digest of its output", "made on", ""],
      stages.map((s) => [
        { text: s.name, as: "w" },
        long(s.needs.join(", ") || "–"),
        hash(brief(s.key)),
        hash(brief(s.digest)),
        long(s.made || "–"),
        { text: s.digest === null ? "not made" : s.cached ? "cached" : "made", as: "w" },
      ]),
    )
  }</div>`

const settings = (stages: ReadonlyArray<StageFacts>): string =>
  stages.map((s) =>
    details(
      `${s.name}, version ${s.version}`,
      `<p class="soft">${escape(s.about)}</p><p>key <code>${escape(s.key ?? "not known")}</code><br>digest <code>${
        escape(s.digest ?? "not made")
      }</code></p><div class="code">${escape(JSON.stringify(s.settings, null, 2))}</div>`,
    )
  ).join("\n")

/** Commands, stages with their digests, and all settings. */
export const again = ({ base, commands, stages, device, remarks }: ReportData): string =>
  [
    commands.length === 0
      ? missing("No commands are known that make this again.")
      : `<p>${escape("Type this for the same bytes; on another kind of machine they differ by rounding.")}</p>` +
        `<div class="code">${escape(commands.join("\n"))}</div>`,
    base === null ? "" : provenance(base),
    "<h3>Stages and digests</h3>",
    stages.length === 0 ? missing("The pipeline has no stages.") : stageTable(stages),
    device === "" ? "" : `<p class="soft">${escape(`Made on: ${device}.`)}</p>`,
    remarks.length === 0
      ? ""
      : details("What stages told", `<ul>${remarks.map((r) => `<li>${escape(r)}</li>`).join("")}</ul>`),
    stages.length === 0 ? "" : `<h3>Settings</h3>${settings(stages)}`,
  ].join("\n")
