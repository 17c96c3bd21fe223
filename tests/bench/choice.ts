/**
 * What of a bench is asked for; what is left out is everything.
 * @module
 */

/** The choice. */
export interface Choice {
  /** Sizes of what is measured: lengths of a sequence. */
  readonly sizes?: ReadonlyArray<number>
  /** Parts of the bench, by name. */
  readonly parts?: ReadonlyArray<string>
  /** Contestants whose names contain one of these words. */
  readonly who?: ReadonlyArray<string>
  /** Seconds that one run may be expected to take; longer ones are not tried. */
  readonly limit?: number
}

/** The sizes that are asked for, or these. */
export const sizesOf = (choice: Choice, usual: ReadonlyArray<number>): ReadonlyArray<number> => choice.sizes ?? usual

/** Is this part asked for? */
export const hasPart = ({ parts }: Choice, part: string): boolean => parts === undefined || parts.includes(part)

/** Is this contestant asked for? */
export const isAsked = ({ who }: Choice, name: string): boolean =>
  who === undefined || who.some((word) => name.toLowerCase().includes(word.toLowerCase()))

/** The name of a report: that of the bench, and the parts that were asked for. */
export const named = (bench: string, { parts = [] }: Choice): string => [bench, ...parts].join(" ")
