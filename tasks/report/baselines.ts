/**
 * What two well-known compressors make of a held-out text, each byte of it seen for the first time: marks that a model of
 * the book should beat. Measured once, and valid only for the text of that digest:
 *
 *     xz -9e -c held-out | wc -c        XZ Utils 5.4.1
 *     bzip2 -9 -c held-out | wc -c      bzip2 1.0.8
 * @module
 */

/** A text and what compressors make of it. */
export interface Measured {
  readonly text: string
  /** SHA-256 of the text. */
  readonly digest: string
  readonly bytes: number
  readonly compressed: ReadonlyArray<{ readonly tool: string; readonly bytes: number }>
}

/** The last tenth of Moby-Dick, as the desk recipe holds it out. */
export const measured: ReadonlyArray<Measured> = [{
  text: "Moby-Dick, last tenth",
  digest: "446dc0d27a19c64ebdbc51b8228338975f48f5085464bf53846ccf8423330b09",
  bytes: 122_098,
  compressed: [{ tool: "xz -9e", bytes: 45_072 }, { tool: "bzip2 -9", bytes: 40_482 }],
}]
