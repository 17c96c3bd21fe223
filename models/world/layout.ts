/**
 * Frames as tokens, as LWM lays them (Liu et al., 2024; `lwm/data.py`). A still or a video is a block:
 *
 *     <vision> code ... code eof  code ... code eof  ...  code ... code eov </vision>
 *
 * Codes of a frame are its rows one after another. What ends a frame (`eof`) and a video or still (`eov`) are the two ids
 * after the codebook. The delimiters are ordinary text in the ids of a tokenizer, without a beginning; a mask says which
 * tokens are of the vision vocabulary: codes, eof and eov.
 *
 * At full size a frame takes 257 tokens, and T frames 257 T + 6.
 * @module
 */
import { either as E } from "fp-ts"
import type { Tokenizer } from "../tokenizers/tokenizer.ts"

// ---- types -------------------------------------------------------------------

/** The numbers of a layout. */
export interface Layout {
  /** Codes of the codebook: ids 0 up to this. */
  readonly codes: number
  /** Codes of a frame. */
  readonly frame: number
}

/** Tokens, each of the text's vocabulary or of the vision vocabulary. */
export interface Laid {
  readonly tokens: Int32Array
  /** 1 where a token is of the vision vocabulary. */
  readonly vision: Uint8Array
}

/** What stands around a block, in ids of text. */
export interface Delimiters {
  readonly open: Int32Array
  readonly close: Int32Array
}

/** Something wrong with codes or with tokens that should be frames. */
export interface LayoutFault {
  readonly _tag: "LayoutFault"
  readonly reason:
    | "empty" // no frame
    | "short" // codes that are no whole number of frames
    | "code" // an id outside of the codebook where a code is expected
    | "separator" // a frame's end where none is expected, or none where one is, or a video's end too early
    | "delimiter" // vision tokens that no delimiters stand around
  /** The place, from 0 on, among the ids that were given. */
  readonly at: number
  readonly message: string
}

// ---- numbers -----------------------------------------------------------------

/** LWM's: 8192 codes, 16 x 16 of them a frame. */
export const lwmLayout: Layout = { codes: 8192, frame: 256 }

/** Ends a frame that another one follows. */
export const eofOf = ({ codes }: Pick<Layout, "codes">): number => codes

/** Ends a video, or a still. */
export const eovOf = ({ codes }: Pick<Layout, "codes">): number => codes + 1

/** `<vision>` and `</vision>` as this tokenizer has them: Llama-2's are 529 4924 29958 and 1533 4924 29958. */
export const delimitersOf = ({ encode }: Pick<Tokenizer, "encode">): Delimiters => ({
  open: encode("<vision>"),
  close: encode("</vision>"),
})

/** Tokens of so many frames, delimiters among them: 257 T + 6 of LWM's. */
export const blockLength = ({ frame }: Pick<Layout, "frame">, { open, close }: Delimiters, frames: number): number =>
  (frame + 1) * frames + open.length + close.length

/** The most frames whose block fits into so many tokens. */
export const framesWithin = (layout: Pick<Layout, "frame">, delimiters: Delimiters, tokens: number): number =>
  Math.max(0, Math.floor((tokens - blockLength(layout, delimiters, 0)) / (layout.frame + 1)))

/**
 * Which of `frames` frames are taken where at most `most` may be: all of them, or the whole parts of so many equal steps
 * from the first to the last, in the floating-point arithmetic of LWM's `linspace(0, frames - 1, most).astype(int)`.
 */
export const sampledFrames = (frames: number, most: number): ReadonlyArray<number> => {
  if (frames <= most) return Array.from({ length: frames }, (_, i) => i)
  const step = (frames - 1) / (most - 1)
  return Array.from(
    { length: most },
    (_, i) => i > 0 && i === most - 1 ? frames - 1 : Math.floor(i === 0 ? 0 : i * step),
  )
}

// ---- from codes to tokens ------------------------------------------------------

const layoutFault = (reason: LayoutFault["reason"], at: number, message: string): E.Either<LayoutFault, never> =>
  E.left({ _tag: "LayoutFault", reason, at, message })

const isCode = (id: number, codes: number): boolean => Number.isInteger(id) && id >= 0 && id < codes

/** The frames of a flat list of codes. Faults: none, a last one that is short, an id outside of the codebook. */
export const framesOf = (
  { codes, frame }: Layout,
  flat: ArrayLike<number>,
): E.Either<LayoutFault, ReadonlyArray<Int32Array>> => {
  if (flat.length === 0) return layoutFault("empty", 0, `expected codes of one frame at least (${frame}), got none`)
  if (flat.length % frame !== 0) {
    return layoutFault(
      "short",
      flat.length - flat.length % frame,
      `${flat.length} codes are no whole number of frames of ${frame}; is a frame cut off, or are ends of frames among them?`,
    )
  }
  const ids = Array.from(flat)
  const odd = ids.findIndex((id) => !isCode(id, codes))
  if (odd >= 0) {
    return layoutFault(
      "code",
      odd,
      `code ${odd % frame} of frame ${Math.floor(odd / frame)} is ${ids[odd]}; expected a whole number from 0 to ${
        codes - 1
      }`,
    )
  }
  return E.right(
    Array.from({ length: ids.length / frame }, (_, i) => Int32Array.from(ids.slice(i * frame, (i + 1) * frame))),
  )
}

/**
 * Vision tokens of frames: each with its end, the last with that of the video. Frames are as `framesOf` gives them, which
 * looks at their lengths and ids; here nothing is looked at again.
 */
export const visionTokens = (layout: Layout, frames: ReadonlyArray<ArrayLike<number>>): Int32Array => {
  const [stride, count] = [layout.frame + 1, frames.length]
  const tokens = new Int32Array(stride * count)
  frames.forEach((frame, i) => {
    tokens.set(frame, i * stride)
    tokens[(i + 1) * stride - 1] = i + 1 < count ? eofOf(layout) : eovOf(layout)
  })
  return tokens
}

/** The block of frames (see `visionTokens`), with what stands around it. */
export const block = (
  layout: Layout,
  { open, close }: Delimiters,
  frames: ReadonlyArray<ArrayLike<number>>,
): Laid => {
  const inside = visionTokens(layout, frames)
  const end = open.length + inside.length
  const tokens = new Int32Array(end + close.length)
  tokens.set(open)
  tokens.set(inside, open.length)
  tokens.set(close, end)
  return { tokens, vision: new Uint8Array(tokens.length).fill(1, open.length, end) }
}

// ---- and back --------------------------------------------------------------------

/** What ends the last frame: a video's end, a frame's (a video that goes on), or either. */
export type Ending = "eov" | "eof" | "either"

/**
 * The frames of vision tokens without delimiters. Faults: none, a frame that is short or has no end, an end or a foreign id
 * among codes, a video's end before the last frame.
 */
export const framesOfTokens = (
  layout: Layout,
  tokens: ArrayLike<number>,
  ending: Ending = "eov",
): E.Either<LayoutFault, ReadonlyArray<Int32Array>> => {
  const { codes, frame } = layout
  const [eof, eov, stride] = [eofOf(layout), eovOf(layout), frame + 1]
  if (tokens.length === 0) return layoutFault("empty", 0, "expected vision tokens of one frame at least, got none")
  const named = (id: number): string =>
    id === eof ? "a frame's end (eof)" : id === eov ? "a video's end (eov)" : `${id}`
  for (let at = 0; at < tokens.length; at++) {
    const [id, place, of] = [tokens[at]!, at % stride, Math.floor(at / stride)]
    if (place < frame) {
      if (isCode(id, codes)) continue
      const what = `vision token ${at}, code ${place} of frame ${of}, is ${named(id)}`
      return id === eof || id === eov
        ? layoutFault("separator", at, `${what}; a frame ends after ${frame} codes`)
        : layoutFault("code", at, `${what}; expected a whole number from 0 to ${codes - 1}`)
    }
    const last = at === tokens.length - 1
    const right = last ? (id === eof && ending !== "eov") || (id === eov && ending !== "eof") : id === eof
    if (right) continue
    const wanted = !last || ending === "eof" ? `eof (${eof})` : ending === "eov" ? `eov (${eov})` : `eof or eov`
    return layoutFault("separator", at, `vision token ${at}, after frame ${of}, is ${named(id)}; expected ${wanted}`)
  }
  if (tokens.length % stride !== 0) {
    const [whole, over] = [Math.floor(tokens.length / stride), tokens.length % stride]
    return layoutFault(
      "short",
      tokens.length,
      `frame ${whole} has ${over} tokens of ${stride}: ${frame} codes and its end; is the video cut off?`,
    )
  }
  return E.right(
    Array.from(
      { length: tokens.length / stride },
      (_, i) => Int32Array.from({ length: frame }, (_, k) => tokens[i * stride + k]!),
    ),
  )
}

const standsAt = (tokens: Int32Array, from: number, wanted: Int32Array): boolean =>
  from >= 0 && wanted.every((id, i) => tokens[from + i] === id)

/** The frames of each block of a sequence, in order. Faults: those of frames, and vision tokens without their delimiters. */
export const framesOfLaid = (
  layout: Layout,
  { open, close }: Delimiters,
  { tokens, vision }: Laid,
): E.Either<LayoutFault, ReadonlyArray<ReadonlyArray<Int32Array>>> => {
  const found: Array<ReadonlyArray<Int32Array>> = []
  for (let from = vision.indexOf(1); from >= 0;) {
    const zero = vision.indexOf(0, from)
    const to = zero < 0 ? tokens.length : zero
    const shifted = (f: LayoutFault): LayoutFault => ({ ...f, at: f.at + from })
    if (!standsAt(tokens, from - open.length, open)) {
      return layoutFault("delimiter", from, `the vision tokens from ${from} on have no <vision> before them`)
    }
    if (!standsAt(tokens, to, close)) {
      return layoutFault("delimiter", to, `the vision tokens from ${from} on have no </vision> after them, at ${to}`)
    }
    const frames = E.mapLeft(shifted)(framesOfTokens(layout, tokens.subarray(from, to)))
    if (E.isLeft(frames)) return frames
    found.push(frames.right)
    from = vision.indexOf(1, to)
  }
  return E.right(found)
}
