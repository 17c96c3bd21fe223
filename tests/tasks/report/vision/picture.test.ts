/** Small PNGs: what another reader makes of them is what went in. */
import * as Effect from "effect/Effect"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { clip, Picture, pictureOf, png, still } from "../../../../tasks/report/vision/picture.ts"
import { decodeImage } from "../../../../tasks/vision/image.ts"
import { frameOf } from "./fixture.ts"

const it = suite("tasks/report/vision/picture")

it("a PNG is read again as the same pixels", async () => {
  const frame = frameOf(7, 3, 2)
  const { frames } = await Effect.runPromise(decodeImage(png(frame), "a frame"))
  assert.equal(frames, [frame])
})

it("frames lie side by side, the first on the left", async () => {
  const [a, b] = [frameOf(1, 0), frameOf(9, 2, 1)]
  const picture = pictureOf([a, b])
  assert.equal([picture.width, picture.height, picture.frames], [32, 32, 2])
  assert.ok(Picture.is(picture))
  const bytes = Uint8Array.from(atob(picture.png), (c) => c.charCodeAt(0))
  const { frames } = await Effect.runPromise(decodeImage(bytes, "two frames"))
  const row = (y: number) => frames[0]!.pixels.subarray(y * 64 * 3, (y + 1) * 64 * 3)
  for (let y = 0; y < 32; y++) {
    assert.equal(row(y).slice(0, 96), a.pixels.slice(y * 96, (y + 1) * 96))
    assert.equal(row(y).slice(96), b.pixels.slice(y * 96, (y + 1) * 96))
  }
})

it("words in a picture's stead end no attribute", () => {
  const picture = pictureOf([frameOf(0, 0)])
  for (const html of [still(picture, `"><b>`), clip(picture, `"><b>`)]) {
    assert.match(html, /alt="&quot;&gt;&lt;b&gt;"/)
  }
})

it.run()
