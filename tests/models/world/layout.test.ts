/** Frames as tokens: LWM's arithmetic, exact arrays, the way back, and what is said of tokens that are no frames. */
import * as fc from "fast-check"
import llama from "llama-tokenizer-js"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import {
  block,
  blockLength,
  delimitersOf,
  framesOf,
  framesOfLaid,
  framesOfTokens,
  framesWithin,
  type Layout,
  lwmLayout,
  sampledFrames,
  visionTokens,
} from "../../../models/world/layout.ts"
import { generationPrompt, unconditionalPrompt, visionChatPrompt, worded } from "../../../models/world/prompt.ts"
import { bytes } from "../../../models/tokenizers/bytes.ts"
import { llama2 } from "../../../models/tokenizers/llama2.ts"
import { left, right } from "../tokenizers/texts.ts"

const it = suite("models/world/layout")

const tokenizer = right(llama2(llama))
const delimiters = delimitersOf(tokenizer)
const small: Layout = { codes: 10, frame: 3 }
const short = { open: Int32Array.of(91), close: Int32Array.of(92, 93) }
const list = (numbers: ArrayLike<number>): ReadonlyArray<number> => Array.from(numbers)

// ---- numbers -----------------------------------------------------------------

it("has LWM's delimiters, ordinary text without a beginning", () => {
  assert.equal(list(delimiters.open), [529, 4924, 29958])
  assert.equal(list(delimiters.close), [1533, 4924, 29958])
})

it("counts 257 T + 6", () => {
  const counts = [1, 8, 30, 100, 450, 1800, 4000].map((frames) =>
    [frames, blockLength(lwmLayout, delimiters, frames)] as const
  )
  assert.equal(counts, [
    [1, 263],
    [8, 2062],
    [30, 7716],
    [100, 25_706],
    [450, 115_656],
    [1800, 462_606],
    [4000, 1_028_006],
  ])
  for (const [frames, tokens] of counts) {
    assert.is(framesWithin(lwmLayout, delimiters, tokens), frames)
    assert.is(framesWithin(lwmLayout, delimiters, tokens - 1), frames - 1)
  }
  assert.is(framesWithin(lwmLayout, delimiters, 5), 0)
})

it("makes blocks of the length that it counts", () =>
  fc.assert(fc.property(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 20 }), (frames, frame) => {
    const layout = { codes: 7, frame }
    const { tokens, vision } = block(layout, short, Array.from({ length: frames }, () => new Int32Array(frame)))
    assert.is(tokens.length, (frame + 1) * frames + 3)
    assert.is(vision.length, tokens.length)
    assert.is(vision.reduce((a, b) => a + b, 0), (frame + 1) * frames)
  })))

it("samples frames as LWM does, roundings included", () => {
  const table: ReadonlyArray<readonly [frames: number, most: number, taken: ReadonlyArray<number>]> = [
    [30, 8, [0, 4, 8, 12, 16, 20, 24, 29]],
    [100, 8, [0, 14, 28, 42, 56, 70, 84, 99]],
    [450, 8, [0, 64, 128, 192, 256, 320, 384, 449]],
    [7, 3, [0, 3, 6]],
    [11, 6, [0, 2, 4, 6, 8, 10]],
    [30, 4, [0, 9, 19, 29]],
    [
      50,
      30,
      [0, 1, 3, 5, 6, 8, 10, 11, 13, 15, 16, 18].concat(
        [20, 21, 23, 25, 27, 28, 30, 32, 33, 35, 37, 38, 40, 42, 43, 45, 47, 49],
      ),
    ],
    [30, 1, [0]],
    [8, 8, [0, 1, 2, 3, 4, 5, 6, 7]],
    [3, 8, [0, 1, 2]],
  ]
  for (const [frames, most, taken] of table) assert.equal(sampledFrames(frames, most), taken)
  // 11 * (30 / 22) is 14.999... in floating point, and LWM's frame is 14
  assert.is(sampledFrames(31, 23)[11], 14)
})

// ---- to tokens and back --------------------------------------------------------

it("lays frames between delimiters; the mask holds codes and ends only", () => {
  assert.equal(list(visionTokens(small, [[1, 2, 3], [4, 5, 6], [7, 8, 9]])), [1, 2, 3, 10, 4, 5, 6, 10, 7, 8, 9, 11])
  const { tokens, vision } = block(small, short, [[1, 2, 3], [0, 0, 9]])
  assert.equal(list(tokens), [91, 1, 2, 3, 10, 0, 0, 9, 11, 92, 93])
  assert.equal(list(vision), [0, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0])
  const { tokens: full } = block(lwmLayout, delimiters, right(framesOf(lwmLayout, new Array(512).fill(5))))
  assert.equal([full[2], full[3], full[259], full[260], full[516], full[517]], [29958, 5, 8192, 5, 8193, 1533])
})

it("gives every block back", () => {
  const video = fc.array(fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 3, maxLength: 3 }), {
    minLength: 1,
    maxLength: 4,
  })
  fc.assert(fc.property(fc.array(video, { maxLength: 3 }), (videos) => {
    const blocks = videos.map((frames) => block(small, short, frames))
    const tokens = Int32Array.from(blocks.flatMap((b) => [50, ...b.tokens]))
    const vision = Uint8Array.from(blocks.flatMap((b) => [0, ...b.vision]))
    assert.equal(right(framesOfLaid(small, short, { tokens, vision })).map((v) => v.map(list)), videos)
  }))
})

it("takes a video that goes on, where that is asked for", () => {
  assert.equal(right(framesOfTokens(small, [1, 2, 3, 10], "eof")).map(list), [[1, 2, 3]])
  assert.equal(right(framesOfTokens(small, [1, 2, 3, 10, 1, 1, 1, 11], "either")).map(list), [[1, 2, 3], [1, 1, 1]])
})

it("says what is wrong with codes", () => {
  const said = (codes: ReadonlyArray<number>) => {
    const { reason, at, message } = left(framesOf(small, codes))
    return [reason, at, message]
  }
  assert.equal(said([]), ["empty", 0, "expected codes of one frame at least (3), got none"])
  const short = "4 codes are no whole number of frames of 3; is a frame cut off, or are ends of frames among them?"
  assert.equal(said([1, 2, 3, 4]), ["short", 3, short])
  const odd = "code 1 of frame 1 is 10; expected a whole number from 0 to 9"
  assert.equal(said([1, 2, 3, 4, 10, 6]), ["code", 4, odd])
  for (const bad of [-1, 1.5, NaN]) assert.is(left(framesOf(small, [1, bad, 2])).reason, "code")
})

it("says what is wrong with vision tokens", () => {
  const said = (tokens: ReadonlyArray<number>) => {
    const { reason, at, message } = left(framesOfTokens(small, tokens))
    return [reason, at, message]
  }
  const early = "vision token 2, code 2 of frame 0, is a frame's end (eof); a frame ends after 3 codes"
  assert.equal(said([1, 2, 10, 3]), ["separator", 2, early])
  const none = "vision token 3, after frame 0, is 4; expected eof (10)"
  assert.equal(said([1, 2, 3, 4, 5, 6, 7, 11]), ["separator", 3, none])
  const over = "vision token 3, after frame 0, is a video's end (eov); expected eof (10)"
  assert.equal(said([1, 2, 3, 11, 5, 6, 7, 11]), ["separator", 3, over])
  const last = "vision token 3, after frame 0, is a frame's end (eof); expected eov (11)"
  assert.equal(said([1, 2, 3, 10]), ["separator", 3, last])
  const foreign = "vision token 1, code 1 of frame 0, is 12; expected a whole number from 0 to 9"
  assert.equal(said([1, 12, 3, 11]), ["code", 1, foreign])
  const cut = "frame 1 has 2 tokens of 4: 3 codes and its end; is the video cut off?"
  assert.equal(said([1, 2, 3, 10, 1, 2]), ["short", 6, cut])
  assert.is(left(framesOfTokens(small, [])).reason, "empty")
})

it("says where a block has no delimiters, and where in the sequence a frame is wrong", () => {
  const good = block(small, short, [[1, 2, 3]])
  const fault = (tokens: Int32Array) => {
    const { reason, at } = left(framesOfLaid(small, short, { tokens, vision: good.vision }))
    return [reason, at]
  }
  assert.equal(fault(good.tokens.with(0, 90)), ["delimiter", 1])
  assert.equal(fault(good.tokens.with(6, 90)), ["delimiter", 5])
  assert.equal(fault(good.tokens.with(4, 10)), ["separator", 4])
  const alone = { tokens: Int32Array.of(1, 2, 3, 11), vision: new Uint8Array(4).fill(1) }
  assert.is(left(framesOfLaid(small, short, alone)).reason, "delimiter")
})

// ---- prompts -------------------------------------------------------------------

it("asks as LWM does: by parts, which in Llama-2's ids is the whole text", () => {
  for (const [kind, text] of [["image", "an image"], ["video", "a video"]] as const) {
    const { tokens, vision } = generationPrompt(tokenizer, delimiters, kind, "a seven and a $& two")
    const whole = `You are a helpful assistant. USER: Generate ${text} of a seven and a $& two ASSISTANT: <vision>`
    assert.equal(list(tokens), [1, ...tokenizer.encode(whole)])
    assert.ok(vision.every((v) => v === 0) && vision.length === tokens.length)
  }
  assert.equal(list(unconditionalPrompt(tokenizer, delimiters).tokens), [1, 529, 4924, 29958])
})

it("asks about frames: question, block, answer", () => {
  const frames = block(lwmLayout, delimiters, [new Int32Array(256).fill(7)])
  const { tokens, vision } = visionChatPrompt(tokenizer, frames, "Which digit is this?")
  const before = tokenizer.encode("You are a helpful assistant. USER: Which digit is this?\n")
  const after = tokenizer.encode(" ASSISTANT:")
  assert.equal(list(tokens), [1, ...before, ...frames.tokens, ...after])
  assert.is(vision.indexOf(1), 1 + before.length + 3)
  assert.is(vision.reduce((a, b) => a + b, 0), 257)
})

it("begins with nothing where a vocabulary has no beginning", () => {
  const own = delimitersOf(bytes)
  const tokens = unconditionalPrompt({ ...bytes, bos: undefined }, own).tokens
  assert.equal(list(tokens), list(new TextEncoder().encode("<vision>")))
  assert.is(worded("a {} b {}", "$1"), "a $1 b $1")
})

it.run()
