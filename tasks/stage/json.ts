/**
 * JSON with one text for each value: keys in order, no spaces. What JSON would silently lose or change (undefined, NaN,
 * dates, instances) is refused, for equal texts must mean equal values.
 * @module
 */
import { either as E } from "fp-ts"

/** What settings and outputs are on disk. */
export type Json = null | boolean | number | string | ReadonlyArray<Json> | { readonly [key: string]: Json }

const named = (x: unknown): string => {
  if (typeof x === "number") return String(x)
  if (typeof x !== "object") return x === undefined ? "undefined" : `a ${typeof x}`
  const kind = x?.constructor?.name
  return kind === undefined ? "an object of no kind" : `a ${kind}`
}

const isPlain = (x: object): boolean => {
  const kind = Object.getPrototypeOf(x)
  return kind === Object.prototype || kind === null
}

/** Levels that a value may have: what holds itself has more of them than any. */
const deepest = 500

const start = (at: string): string => at.length > 40 ? `${at.slice(0, 40)}..` : at

/** Where a value stops being JSON, and what stands there; undefined for what is JSON. */
const foreign = (x: unknown, at: string, level = 0): string | undefined => {
  if (level > deepest) return `${start(at)} is more than ${deepest} levels deep or holds itself`
  if (x === null || typeof x === "boolean" || typeof x === "string" || Number.isFinite(x)) return undefined
  if (typeof x !== "object" || !(Array.isArray(x) || isPlain(x))) return `${at || "it"} is ${named(x)}`
  const parts = Array.isArray(x) ? Array.from(x, (v, i) => [String(i), v] as const) : Object.entries(x)
  for (const [key, value] of parts) {
    const found = foreign(value, at === "" ? key : `${at}.${key}`, level + 1)
    if (found !== undefined) return found
  }
  return undefined
}

const written = (x: Json): string =>
  x === null || typeof x !== "object"
    ? JSON.stringify(x)
    : Array.isArray(x)
    ? `[${x.map(written).join()}]`
    : `{${
      Object.entries(x).sort(([a], [b]) => a < b ? -1 : 1).map(([k, v]) => `${JSON.stringify(k)}:${written(v)}`).join()
    }}`

/** Equal values, equal text. A left says where the value is none that JSON keeps: `rate.peak is NaN`. */
export const canonical = (x: unknown): E.Either<string, string> => {
  const wrong = foreign(x, "")
  return wrong === undefined ? E.right(written(x as Json)) : E.left(`${wrong}, which JSON does not keep`)
}
