/**
 * Numbers and texts as people read them.
 * @module
 */

// ---- counts --------------------------------------------------------------------

/** `1,234,567` */
export const grouped = (n: number): string => Math.round(n).toString().replace(/\B(?=(\d{3})+$)/g, ",")

/** To three digits, by powers of a thousand: `250`, `10K`, `1.5M`, `6.74B`. */
export const short = (n: number): string => {
  for (const [unit, name] of [[1e9, "B"], [1e6, "M"], [1e3, "K"]] as const) {
    if (n >= unit) return `${String(Number((n / unit).toPrecision(3)))}${name}`
  }
  return String(Number(n.toPrecision(3)))
}

/** Lengths in tokens, by powers of 1024 where that is exact: `256`, `16K`, `1M`; else by 1000. */
export const lengthText = (n: number): string => {
  for (const [unit, name] of [[1 << 20, "M"], [1_000_000, "M"], [1024, "K"], [1000, "K"]] as const) {
    if (n >= unit && n % unit === 0) return `${n / unit}${name}`
  }
  return String(n)
}

/** `1 example`, `2 examples`. */
export const several = (n: number, what: string): string => `${grouped(n)} ${what}${n === 1 ? "" : "s"}`

// ---- sizes and work ------------------------------------------------------------

/** Bytes in the unit that leaves one to three digits: `64 B`, `1.5 kB`, `48 MB`, `2.3 GB`. */
export const bytesText = (n: number): string => {
  const power = Math.min(4, Math.max(0, Math.floor(Math.log10(Math.max(1, n)) / 3)))
  const value = n / 1000 ** power
  return `${power > 0 && value < 10 ? value.toFixed(1) : Math.round(value)} ${["B", "kB", "MB", "GB", "TB"][power]}`
}

/** Operations with their power of ten: `3.4 GFLOP`. */
export const flopsText = (n: number): string => {
  const power = Math.min(7, Math.max(0, Math.floor(Math.log10(Math.max(1, n)) / 3)))
  return `${(n / 1000 ** power).toPrecision(3)} ${["", "k", "M", "G", "T", "P", "E", "Z"][power]}FLOP`
}

// ---- times ---------------------------------------------------------------------

/** Seconds as a clock shows them: `1:05` or `2:03:04`. */
export const timeText = (seconds: number): string => {
  const s = Math.max(0, Math.round(seconds))
  const two = (n: number): string => String(n).padStart(2, "0")
  return s < 3600
    ? `${Math.floor(s / 60)}:${two(s % 60)}`
    : `${Math.floor(s / 3600)}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}`
}

const spans: ReadonlyArray<readonly [seconds: number, name: string]> = [
  [365.25 * 86_400, "years"],
  [86_400, "days"],
  [3600, "h"],
  [60, "min"],
]

/** Seconds that are only estimated, as what they are felt to be: `12 s`, `3.5 min`, `2.0 days`, `41 years`. */
export const spanText = (seconds: number): string => {
  const span = spans.find(([s]) => seconds >= 1.5 * s)
  if (span === undefined) return seconds < 1 ? "<1 s" : `${Math.round(seconds)} s`
  const n = seconds / span[0]
  return `${n < 10 ? n.toFixed(1) : n < 10_000 ? Math.round(n) : n.toExponential(1)} ${span[1]}`
}

/** Seconds that were measured, in words: `48 s`, `3 min 20 s`, `1 h 5 min`. */
export const duration = (seconds: number): string => {
  const s = Math.round(seconds)
  if (s < 1) return seconds > 0 ? "under 1 s" : "0 s"
  if (s < 120) return `${s} s`
  const m = Math.floor(s / 60)
  return m < 60 ? `${m} min${s % 60 === 0 ? "" : ` ${s % 60} s`}` : `${Math.floor(m / 60)} h ${m % 60} min`
}

// ---- texts ---------------------------------------------------------------------

/** Text that cannot move a terminal's cursor or colour it: control characters but line ends become dots. */
// deno-lint-ignore no-control-regex
export const tame = (text: string): string => text.replace(/[\x00-\x09\x0b-\x1f\x7f-\x9f]/g, "·")
