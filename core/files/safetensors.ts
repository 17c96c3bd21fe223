/**
 * Safetensors files: eight bytes of length, a JSON header, the tensors' bytes. Reading believes nothing: every offset,
 * size and name is checked before an element is touched, and each lie is a fault that says where. Writing is
 * deterministic: equal tensors and metadata give equal bytes, whatever order they come in.
 *
 * Format: https://github.com/huggingface/safetensors (no gaps, no overlaps, header of at most 100 MB).
 * @module
 */
import { either as E } from "fp-ts"
import { type DType, dtypes, type HostArray } from "../tensor/dtype.ts"
import { type FileFault, fileFault } from "./codec.ts"
import { bytesOf, type Checked, decodeHeader, type Entry, hostile, metadataKey, names, one, prefix } from "./header.ts"

export { decodeHeader, type Entry, type Header, maxHeader } from "./header.ts"

// ---- types -----------------------------------------------------------------

/** One tensor with its elements in stored form: halves as their bits, booleans as 0 and 1. */
export interface Stored {
  readonly name: string
  readonly dtype: DType
  readonly shape: ReadonlyArray<number>
  readonly data: HostArray
}

/** All that a file holds. */
export interface SafeFile {
  readonly metadata: ReadonlyMap<string, string>
  /** In the order of their bytes. */
  readonly tensors: ReadonlyArray<Stored>
}

// ---- reading ----------------------------------------------------------------

const arrays: { readonly [D in DType]: (bytes: ArrayBuffer) => HostArray } = {
  f32: (b) => new Float32Array(b),
  f16: (b) => new Uint16Array(b),
  bf16: (b) => new Uint16Array(b),
  i32: (b) => new Int32Array(b),
  u32: (b) => new Uint32Array(b),
  u8: (b) => new Uint8Array(b),
  bool: (b) => new Uint8Array(b),
}

/** One tensor from its own bytes (a copy). */
export const decodeTensor = (entry: Entry, bytes: Uint8Array): Checked<Stored> => {
  const { name, dtype, shape } = entry
  if (bytes.length !== entry.end - entry.start) {
    const got = `expected ${entry.end - entry.start} bytes, got ${bytes.length}`
    return one("truncated", name, `tensor '${name}': ${got}; the file is cut off`)
  }
  if (dtype === "bool" && bytes.some((b) => b > 1)) {
    return one("value", name, `tensor '${name}': a BOOL is stored as 0 or 1, it holds ${bytes.find((b) => b > 1)}`)
  }
  return E.right({ name, dtype, shape, data: arrays[dtype](new Uint8Array(bytes).buffer) })
}

/**
 * Reads a whole file.
 *
 * ```ts
 * import { either as E } from "fp-ts"
 * import { decode } from "./safetensors.ts"
 *
 * const file = decode(new Uint8Array([1, 2, 3]))
 * E.isLeft(file) && file.left[0]?.message // => "a safetensors file has at least 8 bytes, this one has 3"
 * ```
 */
export const decode = (bytes: Uint8Array): Checked<SafeFile> => {
  const header = decodeHeader(bytes, bytes.length)
  if (E.isLeft(header)) return header
  const { metadata, entries, dataStart } = header.right
  const tensors = entries.map((e) => decodeTensor(e, bytes.subarray(dataStart + e.start, dataStart + e.end)))
  const faults = tensors.flatMap((x) => E.isLeft(x) ? x.left : [])
  return faults.length > 0
    ? E.left(faults)
    : E.right({ metadata, tensors: tensors.flatMap((x) => E.isRight(x) ? [x.right] : []) })
}

// ---- writing ----------------------------------------------------------------

const checkStored = (s: Stored): ReadonlyArray<FileFault> => {
  if (hostile(s.name) || s.name === metadataKey) {
    return [fileFault("name", s.name, `a tensor cannot be named '${s.name}'`)]
  }
  const bytes = bytesOf(s.dtype, s.shape)
  const got = s.data.length * dtypes[s.dtype].bytes
  const right = arrays[s.dtype](new ArrayBuffer(0)).BYTES_PER_ELEMENT === s.data.BYTES_PER_ELEMENT
  return bytes === got && right ? [] : [fileFault(
    "size",
    s.name,
    `tensor '${s.name}': ${names[s.dtype]} [${s.shape.join(", ")}] needs ${bytes} bytes in stored form, got ${got}` +
      (right ? "" : ` of ${s.data.constructor.name}`),
  )]
}

/** Wide elements first so that each lies at a multiple of its size; then by name, for equal bytes. */
const byWidth = (a: Stored, b: Stored): number =>
  dtypes[b.dtype].bytes - dtypes[a.dtype].bytes || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0)

/**
 * The bytes of a file. Faults: two tensors of one name, a refused name, elements that do not fit the shape.
 */
export const encode = (
  tensors: ReadonlyArray<Stored>,
  metadata: ReadonlyMap<string, string> = new Map(),
): Checked<Uint8Array<ArrayBuffer>> => {
  const sorted = [...tensors].sort(byWidth)
  const count = new Map<string, number>()
  for (const s of sorted) count.set(s.name, (count.get(s.name) ?? 0) + 1)
  const twice = [...count].filter(([, n]) => n > 1)
    .map(([name]) => fileFault("name", name, `two tensors are named '${name}'`))
  const faults = [...twice, ...sorted.flatMap(checkStored)]
  if (faults.length > 0) return E.left(faults)
  let at = 0
  const described = sorted.map((s) => {
    const start = at
    at += s.data.byteLength
    return `${JSON.stringify(s.name)}:${
      JSON.stringify({ dtype: names[s.dtype], shape: s.shape, data_offsets: [start, at] })
    }`
  })
  const pairs = [...metadata].sort(([a], [b]) => a < b ? -1 : 1)
    .map(([k, v]) => `${JSON.stringify(k)}:${JSON.stringify(v)}`)
  const parts = pairs.length > 0 ? [`"${metadataKey}":{${pairs.join(",")}}`, ...described] : described
  const text = new TextEncoder().encode(`{${parts.join(",")}}`)
  const length = Math.ceil(text.length / prefix) * prefix
  const allocated = E.tryCatch(() => new Uint8Array(prefix + length + at), String)
  if (E.isLeft(allocated)) {
    const why = `there is no room for a file of ${
      prefix + length + at
    } bytes (${allocated.left}); write fewer tensors to a file`
    return one("size", "the whole", why)
  }
  const file = allocated.right.fill(0x20, prefix, prefix + length)
  new DataView(file.buffer).setBigUint64(0, BigInt(length), true)
  file.set(text, prefix)
  let place = prefix + length
  for (const { data } of sorted) {
    file.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), place)
    place += data.byteLength
  }
  return E.right(file)
}
