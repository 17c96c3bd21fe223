/**
 * The header of a safetensors file: what it says about itself, checked against its size before a byte of a tensor is
 * touched. Every lie is a fault that says where, and all of them are gathered.
 * @module
 */
import { either as E } from "fp-ts"
import * as t from "io-ts"
import { type DType, dtypes } from "../tensor/dtype.ts"
import { duplicateKey, type FileFault, fileFault, natural, report } from "./codec.ts"

// ---- types -----------------------------------------------------------------

/** Where one tensor lies: bytes `start` up to `end`, counted from the end of the header. */
export interface Entry {
  readonly name: string
  readonly dtype: DType
  readonly shape: ReadonlyArray<number>
  readonly start: number
  readonly end: number
}

/** What a file says about itself, checked against its size. */
export interface Header {
  readonly metadata: ReadonlyMap<string, string>
  /** In the order of their bytes. */
  readonly entries: ReadonlyArray<Entry>
  /** Where the tensors' bytes begin in the file. */
  readonly dataStart: number
}

/** A value, or all that is wrong with the file. */
export type Checked<A> = E.Either<ReadonlyArray<FileFault>, A>

// ---- names of dtypes and limits ---------------------------------------------

/** How each dtype is called in a header. */
export const names: { readonly [D in DType]: string } = {
  f32: "F32",
  f16: "F16",
  bf16: "BF16",
  i32: "I32",
  u32: "U32",
  u8: "U8",
  bool: "BOOL",
}
const byName: ReadonlyMap<string, DType> = new Map(Object.entries(names).map(([d, n]) => [n, d as DType]))

/** Bytes that a header may have, as in the reference implementation. */
export const maxHeader = 100_000_000

/** Bytes of the length before the header. */
export const prefix = 8
/** The one key of a header that is no tensor. */
export const metadataKey = "__metadata__"

interface RawEntry {
  readonly dtype: string
  readonly shape: ReadonlyArray<number>
  readonly data_offsets: Range
}

type Range = readonly [start: number, end: number]
const isRange = (u: unknown): u is Range => Array.isArray(u) && u.length === 2 && u.every(natural.is)
/** io-ts's own `tuple` drops what is too much without a word. */
const Range: t.Type<Range, unknown> = new t.Type<Range, unknown>(
  "two natural numbers",
  isRange,
  (u, c) => isRange(u) ? t.success(u) : t.failure(u, c),
  t.identity,
)
const RawEntry: t.Type<RawEntry, unknown> = t.strict({
  dtype: t.string,
  shape: t.readonlyArray(natural),
  data_offsets: Range,
})

/** A name that would reach an object's prototype when a tree is made of it. */
export const hostile = (name: string): boolean => name.split(".").includes("__proto__")

// ---- reading ----------------------------------------------------------------

/** One fault. */
export const one = (reason: FileFault["reason"], where: string, message: string): Checked<never> =>
  E.left([fileFault(reason, where, message)])

/** Header length and the text of the header, or what is wrong with the frame. */
const frame = (bytes: Uint8Array, fileSize: number): Checked<{ readonly text: string; readonly dataStart: number }> => {
  if (fileSize < prefix || bytes.length < prefix) {
    return one("truncated", "header", `a safetensors file has at least ${prefix} bytes, this one has ${fileSize}`)
  }
  const claimed = new DataView(bytes.buffer, bytes.byteOffset, prefix).getBigUint64(0, true)
  if (claimed > BigInt(maxHeader)) {
    const hint = "it is probably no safetensors file"
    return one("header", "header", `the header claims ${claimed} bytes, more than the ${maxHeader} allowed; ${hint}`)
  }
  const length = Number(claimed)
  if (length > fileSize - prefix || length > bytes.length - prefix) {
    const there = Math.min(fileSize, bytes.length) - prefix
    return one("truncated", "header", `the header claims ${length} bytes, only ${there} follow; the file is cut off`)
  }
  const decoded = E.tryCatch(
    () => new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(prefix, prefix + length)),
    () => [fileFault("header", "header", "the header is not UTF-8 text; it is probably no safetensors file")],
  )
  if (E.isLeft(decoded)) return decoded
  return decoded.right.startsWith("{")
    ? E.right({ text: decoded.right, dataStart: prefix + length })
    : one("header", "header", "the header does not begin with '{'; it is probably no safetensors file")
}

const checkMetadata = (raw: unknown): Checked<ReadonlyMap<string, string>> => {
  if (raw === undefined) return E.right(new Map())
  const pairs = t.UnknownRecord.is(raw) && !Array.isArray(raw) ? Object.entries(raw) : undefined
  if (pairs === undefined) return one("json", metadataKey, `${metadataKey}: expected an object of strings`)
  const wrong = pairs.filter(([, v]) => typeof v !== "string")
  return wrong.length === 0
    ? E.right(new Map(pairs as ReadonlyArray<[string, string]>))
    : E.left(wrong.map(([k]) => fileFault("json", `${metadataKey}.${k}`, `${metadataKey}.${k}: expected a string`)))
}

/** Bytes of a tensor, or undefined where the product leaves the exact integers. */
export const bytesOf = (dtype: DType, shape: ReadonlyArray<number>): number | undefined => {
  if (shape.includes(0)) return 0
  const n = shape.reduce((a, b) => a * b, dtypes[dtype].bytes)
  return Number.isSafeInteger(n) ? n : undefined
}

const checkEntry = (name: string, raw: unknown, dataLength: number): Checked<Entry> => {
  if (hostile(name)) return one("name", name, `tensor '${name}': a name with the part '__proto__' is refused`)
  const decoded = RawEntry.decode(raw)
  if (E.isLeft(decoded)) {
    return E.left(
      report(decoded.left).map((f) => ({ ...f, where: name, message: `tensor '${name}': ${f.message}` })),
    )
  }
  const { dtype: label, shape, data_offsets: [start, end] } = decoded.right
  const dtype = byName.get(label)
  if (dtype === undefined) {
    return one("dtype", name, `tensor '${name}': unknown dtype '${label}'; known are ${[...byName.keys()].join(", ")}`)
  }
  if (start > end || end > dataLength) {
    const range = `bytes ${start} to ${end}`
    return one("layout", name, `tensor '${name}': ${range} do not lie within the file's ${dataLength} bytes of data`)
  }
  const bytes = bytesOf(dtype, shape)
  return bytes === end - start ? E.right({ name, dtype, shape, start, end }) : one(
    "size",
    name,
    `tensor '${name}': ${label} [${shape.join(", ")}] needs ${bytes ?? "too many"} bytes, its range has ${end - start}`,
  )
}

/** Ranges must follow each other without a gap or an overlap, to the last byte. */
const checkLayout = (entries: ReadonlyArray<Entry>, dataLength: number): ReadonlyArray<FileFault> => {
  const faults: Array<FileFault> = []
  let at = 0
  for (const e of entries) {
    if (e.start < at) {
      faults.push(fileFault("layout", e.name, `tensor '${e.name}' begins at byte ${e.start} inside the one before it`))
    }
    if (e.start > at) {
      faults.push(fileFault("layout", e.name, `bytes ${at} to ${e.start} before tensor '${e.name}' belong to none`))
    }
    at = Math.max(at, e.end)
  }
  if (at < dataLength) {
    faults.push(fileFault("layout", "end", `the last ${dataLength - at} bytes of the file belong to no tensor`))
  }
  return faults
}

const byPlace = (a: Entry, b: Entry): number => a.start - b.start || a.end - b.end || (a.name < b.name ? -1 : 1)

/**
 * Checks the first bytes of a file (at least its header) against the file's size. All faults are gathered.
 */
export const decodeHeader = (bytes: Uint8Array, fileSize: number): Checked<Header> => {
  const framed = frame(bytes, fileSize)
  if (E.isLeft(framed)) return framed
  const { text, dataStart } = framed.right
  const parsed = E.tryCatch(
    (): unknown => JSON.parse(text),
    (e) => [fileFault("json", "header", `the header is not JSON: ${e instanceof Error ? e.message : e}`)],
  )
  if (E.isLeft(parsed)) return parsed
  const twice = duplicateKey(text)
  if (twice !== undefined) return one("name", twice, `the header names '${twice}' twice`)
  const { [metadataKey]: rawMetadata, ...rest } = parsed.right as { readonly [name: string]: unknown }
  const dataLength = fileSize - dataStart
  const metadata = checkMetadata(rawMetadata)
  const entries = Object.entries(rest).map(([name, raw]) => checkEntry(name, raw, dataLength))
  const faults = [metadata, ...entries].flatMap((e) => E.isLeft(e) ? e.left : [])
  if (faults.length > 0 || E.isLeft(metadata)) return E.left(faults)
  const placed = entries.flatMap((e) => E.isRight(e) ? [e.right] : []).sort(byPlace)
  const gaps = checkLayout(placed, dataLength)
  return gaps.length > 0 ? E.left(gaps) : E.right({ metadata: metadata.right, entries: placed, dataStart })
}
