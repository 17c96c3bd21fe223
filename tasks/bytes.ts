/**
 * Any number of bytes. What runtimes do in one call ends early: a digest at 256 MiB (Node), a file that is read at 2 GiB. The
 * state of a model of 200 million parameters is larger than both.
 * @module
 */

/** Bytes that are done at once. */
const part = 1 << 27

/** A file that is open, as far as it is needed here. */
interface Handle {
  readonly stat: () => Promise<{ readonly size: number; readonly isFile: () => boolean }>
  readonly read: (
    into: Uint8Array,
    at: number,
    length: number,
    position: number,
  ) => Promise<{ readonly bytesRead: number }>
  readonly close: () => Promise<void>
}

/** A whole file, in parts of at most `most` bytes. Rejects as the file system does. */
export const readWhole = async (
  fs: { readonly open: (path: string, how: "r") => Promise<Handle> },
  path: string,
  most: number = part,
): Promise<Uint8Array<ArrayBuffer>> => {
  const handle = await fs.open(path, "r")
  try {
    const found = await handle.stat()
    if (!found.isFile()) throw Object.assign(new Error(`${path} is no file`), { code: "EISDIR" })
    const bytes = new Uint8Array(found.size)
    for (let at = 0; at < bytes.length;) {
      const { bytesRead } = await handle.read(bytes, at, Math.min(most, bytes.length - at), at)
      if (bytesRead === 0) return bytes.subarray(0, at)
      at += bytesRead
    }
    return bytes
  } finally {
    await handle.close()
  }
}

/** SHA-256 in 64 hexadecimal digits; above `most` bytes in parts, which browsers cannot. */
export const sha256Of = async (bytes: Uint8Array, most: number = part): Promise<string> => {
  if (bytes.length <= most) {
    const hash = await crypto.subtle.digest("SHA-256", bytes as Uint8Array<ArrayBuffer>)
    return Array.from(new Uint8Array(hash), (b) => b.toString(16).padStart(2, "0")).join("")
  }
  const { createHash } = await import("node:crypto")
  const hash = createHash("sha256")
  for (let at = 0; at < bytes.length; at += most) hash.update(bytes.subarray(at, at + most))
  return hash.digest("hex")
}
