/**
 * What was said: samples, answers to needles, questions and who wrote them.
 * @module
 */
import type { Cell, Result } from "../evaluate/result.ts"
import { grouped, lengthText, tame } from "../numbers.ts"
import type { Found, Questions, ReportData, Sample } from "./data.ts"
import { byTask } from "./headline.ts"
import { escape, missing } from "./page.ts"

/** Long texts show how they begin and how they end. */
const cut = (text: string, most: number): string =>
  text.length <= most
    ? text
    : `${text.slice(0, Math.ceil(most / 3))} […] ${text.slice(text.length - Math.floor(2 * most / 3))}`

const card = (parts: ReadonlyArray<string>, label: string): string =>
  `<blockquote>${parts.map((p) => `<pre>${p}</pre>`).join("")}<footer>${escape(label)}</footer></blockquote>`

const said = (text: string): string => escape(tame(text))

const sample = ({ prompt, answer, label }: Sample): string =>
  card([`${said(cut(prompt, 600))}<mark>${said(cut(answer, 1200))}</mark>`], label)

// ---- needles -------------------------------------------------------------------

/** The longest right one and the shortest wrong one of each: what was asked, and what was said. */
const telling = ({ result }: Found<Result>): ReadonlyArray<Cell> => {
  const right = result.cells.findLast((c) => c.sample.right)
  const wrong = result.cells.find((c) => !c.sample.right)
  return [right, wrong].flatMap((c) => c === undefined ? [] : [c])
}

const needle = (found: Found<Result>, c: Cell): string => {
  const { key, value, answer, right } = c.sample
  return card(
    [
      said(`Asked for: ${key}. Hidden: ${value}.`),
      `<mark${right ? "" : ' class="no"'}>${said(cut(answer.trim() === "" ? "(nothing)" : answer.trim(), 400))}</mark>`,
    ],
    `${found.name}, ${found.result.task} at ${lengthText(c.length)} tokens, depth ${c.depth} %: ${
      right ? "right" : "wrong"
    }`,
  )
}

// ---- questions -----------------------------------------------------------------

const question = (q: Questions["some"][number]): string =>
  card(
    [`USER: ${said(cut(q.question, 300))}`, `ASSISTANT: <mark>${said(cut(q.answer, 500))}</mark>`],
    `written by ${q.by}`,
  )

const questions = (q: Questions): string =>
  `<p>${escape(`${q.stage}: ${grouped(q.pairs)} questions about ${grouped(q.chunks)} chunks, written by `)}<b>${
    escape(q.by)
  }</b>${
    escape(
      (q.nothing > 0 ? `; ${grouped(q.nothing)} chunks hold nothing to ask about` : "") +
        (q.malformed > 0 ? `; ${grouped(q.malformed)} answers of the writer were no pairs` : ""),
    )
  }.</p>${q.some.length === 0 ? "" : `<div class="cards">${q.some.map(question).join("\n")}</div>`}`

/** All that was said. */
export const words = (data: ReportData): string => {
  const answers = (byTask(data.tests)[0] ?? []).flatMap((f) => telling(f).map((c) => needle(f, c)))
  const samples = data.samples.map(sample)
  return [
    samples.length === 0
      ? missing("No samples: no stage of this pipeline writes any.")
      : `<div class="cards">${samples.join("\n")}</div>`,
    answers.length === 0 ? "" : `<h3>Answers to needles</h3><div class="cards">${answers.join("\n")}</div>`,
    data.questions.length === 0
      ? ""
      : `<h3>Questions that it learned from</h3>${data.questions.map(questions).join("\n")}`,
  ].join("\n")
}
