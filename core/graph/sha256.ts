/**
 * SHA-256 (FIPS 180-4), in step with the caller: names of things that are known are computed where they are known, and
 * the engines' own digest is a promise.
 * @module
 */

/** The first 32 bits behind the point of a root of the first primes. */
const fractions = (many: number, root: (p: number) => number): ReadonlyArray<number> => {
  const found: Array<number> = []
  const primes: Array<number> = []
  for (let p = 2; found.length < many; p++) {
    if (primes.some((q) => p % q === 0)) continue
    primes.push(p)
    found.push(Math.floor((root(p) % 1) * 2 ** 32) | 0)
  }
  return found
}

const start = fractions(8, Math.sqrt)
const constants = fractions(64, Math.cbrt)

const turn = (x: number, by: number): number => (x >>> by) | (x << (32 - by))

const block = (state: Int32Array, w: Int32Array): void => {
  for (let i = 16; i < 64; i++) {
    const [a, b] = [w[i - 15]!, w[i - 2]!]
    const s0 = turn(a, 7) ^ turn(a, 18) ^ (a >>> 3)
    const s1 = turn(b, 17) ^ turn(b, 19) ^ (b >>> 10)
    w[i] = (w[i - 16]! + s0 + w[i - 7]! + s1) | 0
  }
  let [a, b, c, d, e, f, g, h] = state as unknown as [number, number, number, number, number, number, number, number]
  for (let i = 0; i < 64; i++) {
    const s1 = turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)
    const t1 = (h + s1 + ((e & f) ^ (~e & g)) + constants[i]! + w[i]!) | 0
    const s0 = turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)
    const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0
    h = g
    g = f
    f = e
    e = (d + t1) | 0
    d = c
    c = b
    b = a
    a = (t1 + t2) | 0
  }
  ;[a, b, c, d, e, f, g, h].forEach((v, i) => {
    state[i] = (state[i]! + v) | 0
  })
}

/** The digest of the bytes, as 64 hexadecimal digits. */
export const sha256 = (bytes: Uint8Array): string => {
  const state = Int32Array.from(start)
  const w = new Int32Array(64)
  const whole = bytes.length - bytes.length % 64
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  for (let at = 0; at < whole; at += 64) {
    for (let i = 0; i < 16; i++) w[i] = view.getInt32(at + 4 * i)
    block(state, w)
  }
  const tail = new Uint8Array(bytes.length - whole < 56 ? 64 : 128)
  tail.set(bytes.subarray(whole))
  tail[bytes.length - whole] = 0x80
  const last = new DataView(tail.buffer)
  last.setUint32(tail.length - 8, Math.floor(bytes.length / 2 ** 29))
  last.setUint32(tail.length - 4, (bytes.length * 8) >>> 0)
  for (let at = 0; at < tail.length; at += 64) {
    for (let i = 0; i < 16; i++) w[i] = last.getInt32(at + 4 * i)
    block(state, w)
  }
  return Array.from(state, (v) => (v >>> 0).toString(16).padStart(8, "0")).join("")
}

/** The digest of the text's UTF-8 bytes. */
export const sha256Text = (text: string): string => sha256(new TextEncoder().encode(text))
