/**
 * A result as a small picture of text: lengths from left to right, depths from top to bottom. Where a person watches, shares
 * are blocks; in a pipe they are plain numbers.
 * @module
 */
import { lengthText } from "../numbers.ts"
import { byLength, type Result, rows, share } from "./result.ts"

const blocks = "·░▒▓█"

/** 0 to 1 as a block: a dot is nothing, the full block everything, and no other share is shown as either. */
const block = (x: number): string =>
  (x <= 0 ? blocks[0]! : x >= 1 ? blocks[4]! : blocks[1 + Math.min(2, Math.floor(x * 3))]!).repeat(3)

const percent = (x: number): string => String(Math.floor(100 * x + 1e-9))

/** Lines of text: a heading, one line a depth, the mean of each length, and the held-out keys. */
export const heatmap = (
  result: Result,
  options: { readonly blocks: boolean; readonly score?: "right" | "strict" },
): string => {
  const score = options.score ?? "right"
  const cells = rows(result, score)
  const means = byLength(result, score)
  const depths = [...new Set(cells.map(({ depth }) => depth))].sort((a, b) => a - b)
  const width = Math.max(6, ...means.map(({ length }) => lengthText(length).length + 2))
  const line = (name: string, shown: ReadonlyArray<string>): string =>
    name.padStart(6) + shown.map((text) => text.padStart(width)).join("")
  const show = (x: number | undefined): string => x === undefined ? "" : options.blocks ? block(x) : percent(x)
  const at = (depth: number, length: number): number | undefined =>
    cells.find((cell) => cell.depth === depth && cell.length === length)?.share
  const { total, trained, heldOut } = result
  const groups = heldOut.asked === 0 || trained.asked === 0
    ? ""
    : `, keys of training ${percent(share(trained, score))} %, held out ${percent(share(heldOut, score))} %`
  return [
    `${result.task}, ${result.language}: ${total[score]} of ${total.asked} (${
      percent(share(total, score))
    } %)${groups}`,
    line("depth", means.map(({ length }) => lengthText(length))),
    ...depths.map((depth) => line(`${depth}%`, means.map(({ length }) => show(at(depth, length))))),
    line("all", means.map((m) => percent(m.share))),
  ].join("\n")
}
