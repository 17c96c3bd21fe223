/**
 * Meshes as they are said: `ring=4,data=2` is a shape, and a layout may follow.
 * @module
 */
import { either as E } from "fp-ts"
import { layouts, type Spread } from "../../core/mesh/shape.ts"
import { spreadOver } from "../../models/llama/plan.ts"
import type { Flag } from "./flags.ts"

const expected = "sizes of ring and data, and a layout: ring=4,data=2,zigzag"

/** Ranks in all, at most: more are a slip of the keys. */
const most = 4096

const isSize = ([axis, n, ...rest]: ReadonlyArray<string>): boolean =>
  ["ring", "data"].includes(axis!) && Number.isSafeInteger(Number(n)) && Number(n) >= 1 && rest.length === 0

/** `ring=4,data=2`, or with another layout than zigzag: `ring=4,striped`. */
const read = (text: string): E.Either<string, Spread> => {
  const parts = text.split(",").map((p) => p.trim()).filter((p) => p !== "")
  const sizes = parts.filter((p) => p.includes("=")).map((p) => p.split("="))
  const named = parts.filter((p) => !p.includes("="))
  const once = new Set(sizes.map(([axis]) => axis)).size === sizes.length
  const layout = layouts.find((l) => l === (named[0] ?? "zigzag"))
  if (!sizes.every(isSize) || !once || named.length > 1 || layout === undefined || sizes.length === 0) {
    return E.left(expected)
  }
  if (sizes.reduce((n, [, size]) => n * Number(size), 1) > most) {
    return E.left(`${expected}, ${most} ranks in all at most`)
  }
  return E.right(spreadOver(Object.fromEntries(sizes.map(([axis, n]) => [axis!, Number(n)])), layout))
}

/** `--mesh`. */
export const mesh = (about: string): Flag<Spread> => ({ hint: "ring=4,data=2", about, read })
