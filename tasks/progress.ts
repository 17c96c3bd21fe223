/**
 * Progress for people: one line that is written over on a terminal, and one line every so often where the output goes
 * into a file or a pipe.
 * @module
 */
import * as Effect from "effect/Effect"
import type { Event } from "./events.ts"

// ---- numbers for people ----------------------------------------------------

/** `1,234,567` */
export const grouped = (n: number): string => Math.round(n).toString().replace(/\B(?=(\d{3})+$)/g, ",")

/** Bytes in the unit that leaves one to three digits: `64 B`, `1.5 kB`, `48 MB`, `2.3 GB`. */
export const bytesText = (n: number): string => {
  const power = Math.min(4, Math.max(0, Math.floor(Math.log10(Math.max(1, n)) / 3)))
  const value = n / 1000 ** power
  return `${power > 0 && value < 10 ? value.toFixed(1) : Math.round(value)} ${["B", "kB", "MB", "GB", "TB"][power]}`
}

/** Operations with their power of ten: `3.4 GFLOP`. */
export const flopsText = (n: number): string => {
  const power = Math.min(5, Math.max(0, Math.floor(Math.log10(Math.max(1, n)) / 3)))
  return `${(n / 1000 ** power).toPrecision(3)} ${["", "k", "M", "G", "T", "P"][power]}FLOP`
}

/** Seconds as `1:05` or `2:03:04`. */
export const timeText = (seconds: number): string => {
  const s = Math.max(0, Math.round(seconds))
  const two = (n: number): string => String(n).padStart(2, "0")
  return s < 3600
    ? `${Math.floor(s / 60)}:${two(s % 60)}`
    : `${Math.floor(s / 3600)}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}`
}

/** Nats as bits. */
export const bits = (nats: number): number => nats / Math.LN2

/** Text that cannot move a terminal's cursor or colour it: control characters but line ends become dots. */
// deno-lint-ignore no-control-regex
export const tame = (text: string): string => text.replace(/[\x00-\x09\x0b-\x1f\x7f-\x9f]/g, "·")

// ---- the view ----------------------------------------------------------------

/** What the line needs to remember of what it has heard. */
export interface View {
  /** The last steps, oldest first: enough to tell the speed of now. */
  readonly recent: ReadonlyArray<{ readonly at: number; readonly step: number; readonly tokens: number }>
  /** The mean loss of the last steps, weighted towards now. */
  readonly loss: number | undefined
}

/** Nothing heard yet. */
export const quiet: View = { recent: [], loss: undefined }

const memorySpan = 40

/** The view after one more event. */
export const hear = (view: View, e: Event): View =>
  e._tag === "Resumed" || e._tag === "Began" ? quiet : e._tag !== "Stepped" ? view : {
    recent: [...view.recent, { at: e.at, step: e.step, tokens: e.tokens }].slice(-memorySpan),
    loss: view.loss === undefined ? e.loss : view.loss + (e.loss - view.loss) / 20,
  }

/** Steps and tokens a second, as of the last steps; undefined before there are two. */
export const speed = (view: View): { readonly steps: number; readonly tokens: number } | undefined => {
  const [first, last] = [view.recent[0], view.recent.at(-1)]
  if (first === undefined || last === undefined || last.at <= first.at) return undefined
  const seconds = (last.at - first.at) / 1000
  return { steps: (last.step - first.step) / seconds, tokens: (last.tokens - first.tokens) / seconds }
}

type Stepped = Extract<Event, { readonly _tag: "Stepped" }>

const stepLine = (view: View, e: Stepped): string => {
  const now = speed(view)
  return [
    `step ${grouped(e.step)}/${grouped(e.steps)}`,
    `loss ${bits(view.loss ?? e.loss).toFixed(3)} bits`,
    `rate ${e.rate.toExponential(1)}`,
    ...(now === undefined
      ? []
      : [`${grouped(now.tokens)} tokens/s`, `${timeText((e.steps - e.step) / now.steps)} left`]),
    bytesText(e.memory),
  ].join("  ")
}

/** An event as lines of text. */
export const describe = (view: View, e: Event): string => {
  switch (e._tag) {
    case "Began":
      return [
        `${e.task} on ${e.device}`,
        e.settings.map(([name, value]) => `${name} ${value}`).join(", "),
        `${grouped(e.parameters)} parameters; forecast:`,
        ...e.expected.map((x) =>
          `  ${x.program.padEnd(10)} ${bytesText(x.peak)} at its peak` +
          (x.dispatches === 0 ? "" : `, ${flopsText(x.flops)} and ${x.dispatches} dispatches a run`)
        ),
        e.baselines.map((b) => `${b.tool} ${b.bits.toFixed(3)} bits per byte`).join(", "),
      ].filter((line) => line !== "").join("\n")
    case "StageCached":
      return `${e.stage}: there already (${e.key.slice(0, 12)})`
    case "StageStarted":
      return `${e.stage}: begins (${e.key.slice(0, 12)})`
    case "StageWaiting":
      return `${e.stage}: process ${e.pid} on ${e.host} makes it since ${new Date(e.since).toISOString()}; waiting`
    case "StageFinished":
      return `${e.stage}: done (${e.digest.slice(0, 12)})`
    case "StageFailed":
      return `${e.stage}: ${e.why}`
    case "Progress":
      return `${e.what} ${grouped(e.done)}${e.total > 0 ? `/${grouped(e.total)}` : ""} ${e.unit}`
    case "Note":
      return `${e.stage}: ${e.text}`
    case "Spiked":
      return `step ${grouped(e.step)}: the loss is ${e.loss ?? "no number"}; usual is ${e.usual}`
    case "Skipped":
      return `passed over ${e.path}: ${e.why}`
    case "Resumed":
      return `going on from step ${grouped(e.step)} (${e.digest.slice(0, 12)})`
    case "Stepped":
      return stepLine(view, e)
    case "Evaluated":
      return `step ${grouped(e.step)}: ${e.bits.toFixed(4)} bits per byte of ${e.whole ? "all" : "the first"} ${
        grouped(e.bytes)
      } held-out bytes`
    case "Scored":
      return `${e.task} at ${grouped(e.length)} tokens: ${e.right} of ${e.asked} right, ${e.strict} strictly`
    case "Saved":
      return `saved step ${grouped(e.step)}: ${bytesText(e.bytes)}, ${e.digest.slice(0, 12)}`
    case "Sampled":
      return `--- ${tame(e.prompt)}|${tame(e.text)}\n---`
    case "Finished":
      return `done: step ${grouped(e.step)}, most memory ${bytesText(e.peak)}, checkpoint ${e.digest}`
  }
}

// ---- the printer -------------------------------------------------------------

/** Where text goes, and whether a person watches. */
export interface Terminal {
  readonly interactive: boolean
  readonly columns: number
  readonly write: (text: string) => void
}

const erase = "\r\x1b[2K"

/** A listener that prints. Piped, it tells a step at most every `seconds`. */
export const printer = (terminal: Terminal, seconds = 10): (event: Event) => Effect.Effect<void> => {
  let view = quiet
  let told = -Infinity
  let open = false
  const show = (e: Event): void => {
    view = hear(view, e)
    const text = describe(view, e)
    if (e._tag !== "Stepped" && e._tag !== "Progress") {
      terminal.write(`${open ? erase : ""}${text}\n`)
      open = false
    } else if (terminal.interactive) {
      terminal.write(erase + text.slice(0, terminal.columns - 1))
      open = true
    } else if (e.at - told >= 1000 * seconds || (e._tag === "Stepped" && e.step === e.steps)) {
      told = e.at
      terminal.write(text + "\n")
    }
  }
  return (event) => Effect.sync(() => show(event))
}

/** The standard output of the process. */
export const standard = (): Terminal => ({
  interactive: process.stdout.isTTY === true,
  columns: process.stdout.columns ?? 120,
  write: (text) => void process.stdout.write(text),
})
