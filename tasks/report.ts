/**
 * A run on one page: a file that needs nothing else and opens by its path. It is made of the run's events alone, so it
 * can be made again from the log at any time.
 * @module
 */
import { type Chart, svg } from "./chart.ts"
import type { Event } from "./events.ts"
import { escape, page, table } from "./report/page.ts"
import { bits, bytesText, flopsText, grouped, tame, timeText } from "./progress.ts"

type Of<T extends Event["_tag"]> = Extract<Event, { readonly _tag: T }>

/** What the page shows, taken out of the events. */
interface Run {
  readonly began: Of<"Began">
  readonly steps: ReadonlyArray<Of<"Stepped">>
  readonly evaluations: ReadonlyArray<Of<"Evaluated">>
  readonly samples: ReadonlyArray<Of<"Sampled">>
  readonly saved: ReadonlyArray<Of<"Saved">>
  readonly resumed: ReadonlyArray<Of<"Resumed">>
  readonly finished: Of<"Finished"> | undefined
}

const pick = <T extends Event["_tag"]>(events: ReadonlyArray<Event>, tag: T): ReadonlyArray<Of<T>> =>
  events.filter((e): e is Of<T> => e._tag === tag)

const read = (events: ReadonlyArray<Event>): Run | undefined => {
  const began = pick(events, "Began").at(-1)
  return began === undefined ? undefined : {
    began,
    steps: pick(events, "Stepped"),
    evaluations: pick(events, "Evaluated"),
    samples: pick(events, "Sampled"),
    saved: pick(events, "Saved"),
    resumed: pick(events, "Resumed"),
    finished: pick(events, "Finished").at(-1),
  }
}

// ---- curves ----------------------------------------------------------------

/** Each value becomes the mean of the `span` values up to it. */
const smooth = (ys: ReadonlyArray<number>, span: number): ReadonlyArray<number> => {
  let sum = 0
  return ys.map((y, i) => {
    sum += y - (i >= span ? ys[i - span]! : 0)
    return sum / Math.min(span, i + 1)
  })
}

/** Tokens a second between steps about `span` apart; pauses for evaluation and interruptions show as they were. */
const speeds = (steps: ReadonlyArray<Of<"Stepped">>, span: number): ReadonlyArray<readonly [number, number]> =>
  steps.flatMap((s, i) => {
    const before = steps[i - span]
    const seconds = before === undefined ? 0 : (s.at - before.at) / 1000
    return i % span === 0 && seconds > 0 ? [[s.step, (s.tokens - before!.tokens) / seconds] as const] : []
  })

const lossChart = (run: Run): Chart => {
  const losses = run.steps.map((s) => bits(s.loss))
  const span = Math.max(1, Math.round(losses.length / 60))
  const mean = smooth(losses, span)
  const learned = run.steps.map((s, i) => [s.step, mean[i]!] as const)
  return {
    title: "Bits per byte over steps: training batches and held-out text",
    x: "step",
    y: "bits per byte",
    series: [
      { name: "batch", colour: "var(--blue)", form: "faint", points: run.steps.map((s, i) => [s.step, losses[i]!]) },
      { name: `training, mean of ${span} steps`, colour: "var(--blue)", form: "line", points: learned.slice(span - 1) },
      {
        name: "held-out: a part, at the end all of it",
        colour: "var(--red)",
        form: "dots",
        points: run.evaluations.map((e) => [e.step, e.bits]),
      },
    ],
    levels: run.began.baselines.map((b) => ({ name: `${b.tool} ${b.bits.toFixed(2)}`, y: b.bits })),
    include: [],
    width: 940,
    height: 420,
  }
}

const small = (title: string, y: string, colour: string, points: Chart["series"][number]["points"]): Chart => ({
  title,
  x: "step",
  y,
  series: [{ name: y, colour, form: "line", points }],
  levels: [],
  include: [0],
  width: 460,
  height: 230,
})

const figure = (chart: Chart): string => {
  const key = chart.series.length < 2
    ? ""
    : chart.series.filter((s) => s.form !== "faint").map((s) =>
      `<span class="key"><i style="background:${s.colour}"></i>${escape(s.name)}</span>`
    ).join("")
  return `<figure><figcaption>${escape(chart.title)} ${key}</figcaption>${svg(chart)}</figure>`
}

const charts = (run: Run): string => {
  if (run.steps.length < 2) return "<p>No steps were taken.</p>"
  const span = Math.max(1, Math.round(run.steps.length / 60))
  return [
    figure(lossChart(run)),
    '<div class="pair">',
    figure(small("Throughput", "tokens/s", "var(--green)", speeds(run.steps, span))),
    figure(small("Learning rate", "rate", "var(--violet)", run.steps.map((s) => [s.step, s.rate]))),
    figure(small("Gradient norm before clipping", "norm", "var(--violet)", run.steps.map((s) => [s.step, s.norm]))),
    figure(small("Memory on the device", "bytes", "var(--green)", run.steps.map((s) => [s.step, s.memory]))),
    "</div>",
  ].join("\n")
}

// ---- the parts of the page ---------------------------------------------------

const figureOf = (label: string, value: string, note: string): string =>
  `<div class="number"><b>${escape(value)}</b><span>${escape(label)}</span><small>${escape(note)}</small></div>`

/** Seconds of training: between the first and the last step of each stretch without an interruption. */
const trained = (run: Run): number => {
  const breaks = new Set(run.resumed.map((r) => r.step))
  return run.steps.reduce((sum, s, i) => {
    const before = run.steps[i - 1]
    return before === undefined || breaks.has(before.step) ? sum : sum + (s.at - before.at) / 1000
  }, 0)
}

const numbers = (run: Run): string => {
  const last = run.evaluations.filter((e) => e.whole).at(-1) ?? run.evaluations.at(-1)
  const step = run.steps.at(-1)
  const seconds = trained(run)
  const tokens = step === undefined ? 0 : step.tokens - (run.steps[0]?.tokens ?? 0)
  return `<section class="numbers">${
    [
      figureOf(
        "bits per byte, held-out",
        last?.bits.toFixed(3) ?? "–",
        last === undefined ? "not evaluated" : `${last.whole ? "all" : "the first"} ${grouped(last.bytes)} bytes`,
      ),
      ...run.began.baselines.map((b) =>
        figureOf(
          b.tool,
          b.bits.toFixed(3),
          last === undefined ? "" : last.bits < b.bits ? "the model is below it" : "the model is not below it",
        )
      ),
      figureOf(
        "tokens a second",
        seconds > 0 ? grouped(tokens / seconds) : "–",
        `${grouped(step?.tokens ?? 0)} in all`,
      ),
      figureOf("training", timeText(seconds), `${grouped(step?.step ?? 0)} of ${grouped(step?.steps ?? 0)} steps`),
    ].join("")
  }</section>`
}

/** A count of something that not every row has. */
const orNone = (n: number, text: string): string => n === 0 ? "–" : text

const memory = (run: Run): string => {
  const rows = run.began.expected.map((x) => [
    x.program,
    bytesText(x.peak),
    bytesText(x.arena),
    orNone(x.flops, flopsText(x.flops)),
    orNone(x.traffic, bytesText(x.traffic)),
    orNone(x.dispatches, grouped(x.dispatches)),
  ])
  const forecast = run.began.expected.at(-1)?.peak ?? 0
  const measured = run.finished?.peak ?? run.steps.reduce((m, s) => Math.max(m, s.memory), 0)
  const verdict = measured === forecast ? "exactly the forecast" : `the forecast was ${grouped(forecast)}`
  return [
    "<h2>Forecast and measured</h2>",
    table(["program", "peak memory", "of it arena", "work a run", "traffic a run", "dispatches"], rows),
    `<p>Most that the device held: ${bytesText(measured)}, to the byte ${grouped(measured)}; ${verdict}.</p>`,
  ].join("")
}

const samples = (run: Run): string =>
  run.samples.length === 0
    ? ""
    : "<h2>Samples</h2>" + run.samples.map((s) =>
      `<blockquote><pre><b>${escape(tame(s.prompt))}</b>${escape(tame(s.text))}</pre><footer>after step ${
        grouped(s.step)
      }, temperature ${s.temperature.toFixed(2)}</footer></blockquote>`
    ).join("")

const facts = (run: Run): string => {
  const settings = [...run.began.settings, ["settings' digest", run.began.digest], [
    "parameters",
    grouped(run.began.parameters),
  ]]
  const kept = run.saved.slice(-3).map((s) => [grouped(s.step), bytesText(s.bytes), s.digest])
  return [
    "<h2>Settings</h2>",
    table(["setting", "value"], settings),
    "<h2>Checkpoints</h2>",
    table(["step", "size", "SHA-256"], kept),
    run.resumed.length === 0
      ? ""
      : `<p>Interrupted and taken up again at step ${run.resumed.map((r) => grouped(r.step)).join(", ")}.</p>`,
  ].join("")
}

/**
 * The page as HTML text. A run without a beginning gives a page that says so.
 */
export const report = (events: ReadonlyArray<Event>): string => {
  const run = read(events)
  if (run === undefined) return page("No run", ["<h1>No run</h1><p>The log does not say how the run began.</p>"])
  const day = new Date(run.began.at).toISOString().slice(0, 16).replace("T", " ")
  return page(run.began.task, [
    `<h1>${escape(run.began.task)}</h1>`,
    `<p class="soft">${escape(run.began.device)}; began ${day} UTC${
      run.finished === undefined ? "; not finished" : ""
    }</p>`,
    numbers(run),
    charts(run),
    samples(run),
    memory(run),
    facts(run),
  ])
}
