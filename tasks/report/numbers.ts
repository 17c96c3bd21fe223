/**
 * Numbers for people, as the page writes them.
 * @module
 */
import type { Cell as Counted } from "../evaluate/result.ts"

/** Percent without the sign, rounded down: only all is 100; what is there at all is 1 at least. */
export const percent = (share: number): string => String(share > 0 && share < 0.01 ? 1 : Math.floor(100 * share + 1e-9))

/** `98 %` */
export const percentText = (share: number): string => `${percent(share)} %`

/** A digest's beginning: enough to tell one from another. */
export const brief = (digest: string | null): string => digest === null ? "–" : digest.slice(0, 12)

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
