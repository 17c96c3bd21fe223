/**
 * Numbers for people, as the page writes them.
 * @module
 */
import { lengthText } from "../evaluate/heatmap.ts"
import type { Cell as Counted } from "../evaluate/result.ts"

/** Percent without the sign, rounded down: only all is 100; what is there at all is 1 at least. */
export const percent = (share: number): string => String(share > 0 && share < 0.01 ? 1 : Math.floor(100 * share + 1e-9))

/** `98 %` */
export const percentText = (share: number): string => `${percent(share)} %`

/** `10k`, `1.5M`, `250`. */
export const short = (n: number): string => {
  for (const [unit, name] of [[1e9, "B"], [1e6, "M"], [1e3, "k"]] as const) {
    if (n >= unit) return `${String(Number((n / unit).toPrecision(3)))}${name}`
  }
  return String(Number(n.toPrecision(3)))
}

/** Lengths by 1024 where that is exact: `256`, `4K`. */
export const length: (n: number) => string = lengthText

/** A digest's beginning: enough to tell one from another. */
export const brief = (digest: string | null): string => digest === null ? "–" : digest.slice(0, 12)

/** A duration in words: `48 s`, `3 min 20 s`, `1 h 5 min`. */
export const duration = (seconds: number): string => {
  const s = Math.round(seconds)
  if (s < 1) return seconds > 0 ? "under 1 s" : "0 s"
  if (s < 120) return `${s} s`
  const m = Math.floor(s / 60)
  return m < 60 ? `${m} min${s % 60 === 0 ? "" : ` ${s % 60} s`}` : `${Math.floor(m / 60)} h ${m % 60} min`
}

/** Changes with their sign: `+1.2 %`. */
export const change = (share: number): string => `${share < 0 ? "−" : "+"}${Math.abs(100 * share).toFixed(1)} %`

/** The sum of all cells as a share; undefined where nothing was asked. */
export const shareOf = (cells: ReadonlyArray<Pick<Counted, "asked" | "right">>): number | undefined => {
  const asked = cells.reduce((sum, c) => sum + c.asked, 0)
  return asked === 0 ? undefined : cells.reduce((sum, c) => sum + c.right, 0) / asked
}

/** Words in a row: `a`, `a and b`, `a, b and c`. */
export const listed = (words: ReadonlyArray<string>): string =>
  words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`
