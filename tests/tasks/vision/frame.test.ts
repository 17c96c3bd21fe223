/** Frames: to tensors and back, side by side. */
import fc from "fast-check"
import { either as E } from "fp-ts"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { blank, type Frame, framesOf, grey, grid, painted, tensorOf } from "../../../tasks/vision/frame.ts"

const it = suite("tasks/vision/frame")
const right = <A>(e: E.Either<unknown, A>): A =>
  E.isRight(e) ? e.right : assert.unreachable(JSON.stringify(e.left)) as never

const frames: fc.Arbitrary<ReadonlyArray<Frame>> = fc.tuple(
  fc.integer({ min: 1, max: 5 }),
  fc.integer({ min: 1, max: 5 }),
)
  .chain(([width, height]) =>
    fc.array(
      fc.uint8Array({ minLength: width * height * 3, maxLength: width * height * 3 })
        .map((pixels): Frame => ({ width, height, pixels })),
      { minLength: 1, maxLength: 3 },
    )
  )

it("are the same after a tensor, whose values are from -1 to 1", () => {
  fc.assert(
    fc.property(frames, (all) => {
      const tensor = right(tensorOf(all))
      assert.equal(tensor.axes, ["batch", "row", "col", "channel"])
      assert.equal(tensor.shape, [all.length, all[0]!.height, all[0]!.width, 3])
      assert.equal(framesOf(tensor), all)
    }),
    { seed: 1, numRuns: 60 },
  )
  assert.equal([...right(tensorOf([blank(1, 1, [0, 255, 51])])).data as Float32Array], [-1, 1, Math.fround(-0.6)])
})

it("are cut to bytes: beyond -1 and 1, and what is no number", () => {
  const tensor = right(tensorOf([blank(2, 1)]))
  const [frame] = framesOf({ ...tensor, data: Float32Array.of(-3, 3, NaN, 0, -1.0001, 1.0001) })
  assert.equal([...frame!.pixels], [0, 255, 0, 128, 0, 255])
})

it("of several sizes, or none, are no tensor", () => {
  const several = tensorOf([blank(2, 2), blank(2, 2), blank(3, 2)])
  assert.ok(E.isLeft(several) && /frame 2 is 3 x 2 with 18 bytes, frame 0 is 2 x 2/.test(several.left.message))
  const none = tensorOf([])
  assert.ok(E.isLeft(none) && none.left.reason === "empty")
})

it("stand side by side with lines between", () => {
  const [a, b, c] = [1, 2, 3].map((level) => grey(1, 1, Uint8Array.of(level)))
  const sheet = grid([a!, b!, c!], 2)
  assert.equal([sheet.width, sheet.height], [3, 3])
  assert.equal([...sheet.pixels].filter((_, i) => i % 3 === 0), [1, 255, 2, 255, 255, 255, 3, 255, 255])
})

it("are painted over another, cut at its edges", () => {
  const two = grey(2, 2, Uint8Array.of(1, 2, 3, 4))
  const levels = (f: Frame): ReadonlyArray<number> => [...f.pixels].filter((_, i) => i % 3 === 0)
  assert.equal(levels(painted(blank(2, 2), two, -1, 1)), [0, 3, 0, 0])
  assert.equal(levels(painted(blank(2, 2), two, 1, -1)), [0, 0, 2, 0])
  assert.equal(levels(painted(blank(2, 2), two, 5, 0)), [0, 0, 0, 0])
})

it.run()
