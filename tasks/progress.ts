/**
 * Progress for people: one line that is written over on a terminal, and what lasts where the output goes into a file or a
 * pipe.
 * @module
 */
import * as Effect from "effect/Effect"
import type { Event } from "./events.ts"
import { bytesText, grouped, timeText } from "./numbers.ts"

// ---- the view ----------------------------------------------------------------

/** What the line needs to remember of what it has heard. */
export interface View {
  /** The last steps, oldest first: enough to tell the speed of now. */
  readonly recent: ReadonlyArray<{ readonly at: number; readonly step: number; readonly tokens: number }>
  /** The mean loss of the last steps, weighted towards now. */
  readonly loss: number | undefined
  /** The stage that was heard last, and when it began. */
  readonly stage: string | undefined
  readonly began: number | undefined
}

/** Nothing heard yet. */
export const quiet: View = { recent: [], loss: undefined, stage: undefined, began: undefined }

const memorySpan = 40

/** The view after one more event. What one stage did says nothing of the speed of another. */
export const hear = (view: View, e: Event): View => {
  const same = view.stage === e.stage && e._tag !== "Resumed" && e._tag !== "StageStarted"
  const before = same ? view : { ...quiet, stage: e.stage, began: view.stage === e.stage ? view.began : undefined }
  if (e._tag === "StageStarted") return { ...before, began: e.at }
  if (e._tag !== "Stepped") return before
  return {
    ...before,
    recent: [...before.recent, { at: e.at, step: e.step, tokens: e.tokens }].slice(-memorySpan),
    loss: before.loss === undefined ? e.loss : before.loss + (e.loss - before.loss) / 20,
  }
}

/** Steps and tokens a second, as of the last steps; undefined before there are two. */
export const speed = (view: View): { readonly steps: number; readonly tokens: number } | undefined => {
  const [first, last] = [view.recent[0], view.recent.at(-1)]
  if (first === undefined || last === undefined || last.at <= first.at) return undefined
  const seconds = (last.at - first.at) / 1000
  return { steps: (last.step - first.step) / seconds, tokens: (last.tokens - first.tokens) / seconds }
}

type Stepped = Extract<Event, { readonly _tag: "Stepped" }>

/** Further numbers that a line has room for. */
const fitting = 2

/** The loss of tokens in bits; of anything else as it is. */
const lossText = (loss: number, unit: string | undefined): string =>
  unit === undefined ? `${(loss / Math.LN2).toFixed(3)} bits` : loss.toPrecision(4)

const stepLine = (view: View, e: Stepped): string => {
  const now = speed(view)
  return [
    e.stage,
    `step ${grouped(e.step)}/${grouped(e.steps)}`,
    `loss ${lossText(view.loss ?? e.loss, e.unit)}`,
    ...Object.entries(e.more ?? {}).slice(0, fitting).map(([name, x]) => `${name} ${x.toPrecision(4)}`),
    `rate ${e.rate.toExponential(1)}`,
    ...(now === undefined
      ? []
      : [`${grouped(now.tokens)} ${e.unit ?? "tokens"}/s`, `${timeText((e.steps - e.step) / now.steps)} left`]),
    bytesText(e.memory),
  ].join("  ")
}

/** An event as lines of text. */
export const describe = (view: View, e: Event): string => {
  switch (e._tag) {
    case "StageCached":
      return `${e.stage}  cached  ${e.key.slice(0, 12)}`
    case "StageStarted":
      return `${e.stage}  begins`
    case "StageWaiting":
      return `${e.stage}  waits: process ${e.pid} on ${e.host} makes it since ${new Date(e.since).toISOString()}`
    case "StageFinished": {
      const took = view.began === undefined ? "" : ` in ${timeText((e.at - view.began) / 1000)}`
      return `${e.stage}  done${took}  ${e.key.slice(0, 12)}`
    }
    case "StageFailed":
      return `${e.stage}  failed: ${e.why}`
    case "Progress":
      return `${e.stage}  ${e.what} ${grouped(e.done)}${e.total > 0 ? `/${grouped(e.total)}` : ""} ${e.unit}`
    case "Note":
      return `${e.stage}  note: ${e.text}`
    case "Spiked":
      return `${e.stage}  step ${grouped(e.step)}: the loss is ${e.loss ?? "no number"}; usual is ${e.usual}`
    case "Skipped":
      return `${e.stage}  passed over ${e.path}: ${e.why}`
    case "Resumed":
      return `${e.stage}  going on from step ${grouped(e.step)} (${e.digest.slice(0, 12)})`
    case "Stepped":
      return stepLine(view, e)
    case "Evaluated":
      return `${e.stage}  ${e.bits.toFixed(4)} bits per byte of ${grouped(e.bytes)} bytes`
    case "Scored":
      return `${e.stage}  ${e.task} at ${
        grouped(e.length)
      } tokens: ${e.right} of ${e.asked} right, ${e.strict} strictly`
    case "Saved":
      return `${e.stage}  saved step ${grouped(e.step)}: ${bytesText(e.bytes)}, ${e.digest.slice(0, 12)}`
  }
}

// ---- the printer -------------------------------------------------------------

/** Where text goes, and whether a person watches. */
export interface Terminal {
  readonly interactive: boolean
  readonly columns: number
  /** May it be coloured? */
  readonly colour?: boolean
  readonly write: (text: string) => void
}

const erase = "\r\x1b[2K"

/** What a terminal shows for a moment, and writes over with what comes next. */
const passing: ReadonlySet<Event["_tag"]> = new Set(["StageStarted", "Stepped", "Progress", "Saved"])

/** What somebody wants to know who reads what came out of a pipe. */
const lasting: ReadonlySet<Event["_tag"]> = new Set([
  ...["StageCached", "StageWaiting", "StageFinished", "Note", "Spiked", "Evaluated", "Scored"] as const,
])

/** Milliseconds that a passing line is left to be read. */
const glance = 50

/** Colours of lines that say how a stage ended (ECMA-48, select graphic rendition). */
const colours: Partial<Readonly<Record<Event["_tag"], number>>> = {
  StageCached: 2,
  StageFinished: 32,
  StageWaiting: 33,
  Note: 33,
  Spiked: 33,
}

const paint = (terminal: Terminal, e: Event, text: string): string => {
  const colour = terminal.colour === true ? colours[e._tag] : undefined
  return colour === undefined ? text : `\x1b[${colour}m${text}\x1b[0m`
}

/**
 * A listener that prints stages: on a terminal one line that says how far the stage is, and a line for each that is done;
 * into a pipe the latter alone. That a stage failed is left to who runs it.
 */
export const printer = (terminal: Terminal): (event: Event) => Effect.Effect<void> => {
  let view = quiet
  let open = false
  let shown = -Infinity
  const show = (e: Event): void => {
    view = hear(view, e)
    const text = describe(view, e)
    if (e._tag === "StageFailed") {
      if (open) terminal.write(erase)
      open = false
    } else if (passing.has(e._tag)) {
      if (!terminal.interactive || (open && e.at - shown < glance)) return
      shown = e.at
      terminal.write(erase + text.slice(0, terminal.columns - 1))
      open = true
    } else if (terminal.interactive || lasting.has(e._tag)) {
      terminal.write(`${open ? erase : ""}${paint(terminal, e, text)}\n`)
      open = false
    }
  }
  return (event) => Effect.sync(() => show(event))
}

/** The standard output of the process. NO_COLOR in the environment keeps it plain. */
export const standard = (): Terminal => ({
  interactive: process.stdout.isTTY === true,
  colour: process.stdout.isTTY === true && (process.env["NO_COLOR"] ?? "") === "",
  columns: process.stdout.columns || 120,
  write: (text) => void process.stdout.write(text),
})
