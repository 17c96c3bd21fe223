/**
 * What two well-known compressors make of the held-out text, each byte of it seen for the first time: the marks that a
 * model of the book must beat. Measured once, and valid only for the text of that digest:
 *
 *     xz -9e -c held-out | wc -c        XZ Utils 5.4.1
 *     bzip2 -9 -c held-out | wc -c      bzip2 1.0.8
 * @module
 */

/** What a compressor makes of a text. */
export interface Baseline {
  readonly tool: string
  /** Bits per byte of the text. */
  readonly bits: number
}

/** A text and what compressors make of it. */
export interface Measured {
  readonly text: string
  /** SHA-256 of the text. */
  readonly digest: string
  readonly bytes: number
  readonly compressed: ReadonlyArray<{ readonly tool: string; readonly bytes: number }>
}

/** The last tenth of Moby-Dick as `data.ts` divides it. */
export const measured: ReadonlyArray<Measured> = [{
  text: "Moby-Dick, last tenth",
  digest: "446dc0d27a19c64ebdbc51b8228338975f48f5085464bf53846ccf8423330b09",
  bytes: 122_098,
  compressed: [{ tool: "xz -9e", bytes: 45_072 }, { tool: "bzip2 -9", bytes: 40_482 }],
}]

/** The marks for the text of this digest; none for a text that was not measured. */
export const baselines = (digest: string): ReadonlyArray<Baseline> =>
  measured.filter((m) => m.digest === digest).flatMap((m) =>
    m.compressed.map((c) => ({ tool: c.tool, bits: 8 * c.bytes / m.bytes }))
  )
