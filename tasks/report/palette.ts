/**
 * The colours of a page, light and dark. The scale of heat maps runs one way in brightness, so it is read without seeing
 * colours, and the ink on each step is the one of two that stands out more.
 * @module
 */

/** Eleven steps from nothing to all, for one side. */
export interface Scale {
  readonly steps: ReadonlyArray<string>
  /** The two inks that may stand on them. */
  readonly inks: readonly [dark: string, light: string]
}

/** On a light page nothing is sand and all is deep blue. */
export const light: Scale = {
  steps: [
    ...["#f5e6d0", "#e9e2c7", "#d7dec2", "#c0d8bf", "#a6d0bf", "#8ac5c0", "#6cb5bf", "#4fa0bb", "#3687b1", "#246ea4"],
    "#175892",
  ],
  inks: ["#0b1218", "#ffffff"],
}

/** On a dark page nothing is dark brown and all is bright. */
export const dark: Scale = {
  steps: [
    ...["#3a2b20", "#3b3326", "#3a3d31", "#36483e", "#31534d", "#2c5f5f", "#2c6d74", "#337f8c", "#4595a6", "#67aec2"],
    "#95cbe0",
  ],
  inks: ["#0d1418", "#ffffff"],
}

const channel = (hex: string, at: number): number => {
  const c = parseInt(hex.slice(at, at + 2), 16) / 255
  return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4
}

/** Relative luminance of a colour `#rrggbb` (WCAG 2). */
export const luminance = (hex: string): number =>
  0.2126 * channel(hex, 1) + 0.7152 * channel(hex, 3) + 0.0722 * channel(hex, 5)

/** How much two colours stand out from each other, 1 to 21 (WCAG 2); 4.5 does for small text. */
export const contrast = (a: string, b: string): number => {
  const [x, y] = [luminance(a), luminance(b)]
  return (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05)
}

/** The ink that stands out more. */
export const inkOn = ({ inks: [a, b] }: Scale, colour: string): string =>
  contrast(a, colour) >= contrast(b, colour) ? a : b

/** The step of a share: the last one is all, the first one nothing, and no other share is shown as either. */
export const stepOf = (share: number): number =>
  share <= 0 ? 0 : share >= 1 ? 10 : Math.min(9, Math.max(1, Math.round(10 * share)))

/** The CSS variables of a scale: `--h0` is a step, `--i0` the ink on it. */
export const variables = (scale: Scale): string =>
  scale.steps.map((c, i) => `--h${i}:${c};--i${i}:${inkOn(scale, c)}`).join(";")
