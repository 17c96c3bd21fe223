/**
 * Videos through programs that speak as ffmpeg and ffprobe do, so that what is asked of them, what they answer and how they
 * fail is held on every machine; and through the real ones where they are.
 */
import * as Effect from "effect/Effect"
import { spawnSync } from "node:child_process"
import { chmod, readFile, stat, writeFile } from "node:fs/promises"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { readClip, writeClip } from "../../../tasks/vision/file.ts"
import { blank, type Frame, painted } from "../../../tasks/vision/frame.ts"
import { limits } from "../../../tasks/vision/image.ts"
import { mp4Of, probe, readVideo, type Tools } from "../../../tasks/vision/video.ts"
import { faultOf, inFolder } from "../data/letters.ts"

const it = suite("tasks/vision/video")
const run = <A>(effect: Effect.Effect<A, unknown>): Promise<A> => Effect.runPromise(effect as Effect.Effect<A>)

/** Programs out of shell scripts, in a folder that is gone afterwards. */
const played = (
  scripts: { readonly ffmpeg?: string; readonly ffprobe?: string },
  test: (tools: Tools, path: (name: string) => string) => Promise<void>,
): () => Promise<void> =>
  inFolder({ "in.mp4": "bytes" }, async (path) => {
    for (const [name, script] of Object.entries(scripts)) {
      await writeFile(path(name), `#!/bin/sh\n${script}\n`)
      await chmod(path(name), 0o755)
    }
    await test({ ffmpeg: path("ffmpeg"), ffprobe: path("ffprobe") }, path)
  })

const facts = (width: number, height: number, seconds: string): string =>
  `echo '{"streams":[{"width":${width},"height":${height}}],"format":{"duration":"${seconds}"}}'`
const ppm = String
  .raw`printf 'P6\n2 1\n255\n\001\002\003\004\005\006P6\n2 '; sleep 0.05; printf '1\n255\n\012\r\040'; printf '\n\n\n'`
const two: ReadonlyArray<Frame> = [[1, 2, 3, 4, 5, 6], [10, 13, 32, 10, 10, 10]].map((p) => ({
  ...{ width: 2, height: 1, pixels: Uint8Array.from(p) },
}))

it(
  "frames come out of a pipe in pieces, whatever their bytes",
  played({ ffprobe: facts(2, 1, "0.5"), ffmpeg: ppm }, async (tools, path) => {
    assert.equal(await run(readVideo(path("in.mp4"), 4, undefined, limits, tools)), { frames: two, rate: 4 })
    assert.equal(await run(readClip(path("in.mp4"), { tools, rate: 8, frames: 1 })), { frames: [two[0]], rate: 4 })
  }),
)

it(
  "the programs are told to open this file alone, whatever its name, at the rate that is asked for",
  played({
    ffprobe: `echo "$@" >> "$(dirname "$0")/said"; ${facts(2, 1, "N/A")}`,
    ffmpeg: `echo "$@" >> "$(dirname "$0")/said"; ${ppm}`,
  }, async (tools, path) => {
    await run(readVideo("-y http://x", 2.5, undefined, limits, tools))
    const said = (await readFile(path("said"), "utf8")).trim().split("\n")
    assert.is(said.length, 2)
    for (const line of said) assert.match(line, "-protocol_whitelist file,pipe -i file:-y http://x")
    assert.match(said[1]!, "-vf fps=2.5")
    assert.match(said[1]!, `-max_pixels ${limits.pixels}`)
  }),
)

const failures: ReadonlyArray<readonly [string, { ffmpeg?: string; ffprobe?: string }, string, RegExp]> = [
  ["no ffprobe", {}, "missing", /no program '.*ffprobe' here; install ffmpeg/],
  ["no ffmpeg", { ffprobe: facts(2, 1, "1") }, "missing", /no program '.*ffmpeg' here/],
  ["no video", { ffprobe: "echo 'moov atom not found' >&2; exit 1" }, "format", /moov atom not found/],
  ["no sense", { ffprobe: "echo '{'" }, "format", /damaged, or no video/],
  ["sound alone", { ffprobe: `echo '{"streams":[],"format":{}}'` }, "empty", /no video stream/],
  ["no frames", { ffprobe: facts(2, 1, "1"), ffmpeg: "true" }, "empty", /no frames at 4 a second/],
  [
    "damage",
    { ffprobe: facts(2, 1, "1"), ffmpeg: `${ppm}; echo 'bad block' >&2; exit 69` },
    "format",
    /bad block.*2 frames were read/,
  ],
  ["no pixmaps", { ffprobe: facts(2, 1, "1"), ffmpeg: "head -c 200 /dev/zero" }, "format", /no portable pixmaps/],
  ["large frames", { ffprobe: facts(60_000, 60_000, "1") }, "large", /60000 x 60000/],
  ["many frames", { ffprobe: facts(2, 1, "36000") }, "large", /about 144000 frames at 4 a second/],
  [
    "frames without end",
    { ffprobe: facts(2, 1, "N/A"), ffmpeg: `while true; do ${String.raw`printf 'P6\n1 1\n255\nabc'`}; done` },
    "large",
    /more than 50 frames/,
  ],
]
for (const [name, scripts, reason, says] of failures) {
  it(
    `${name}: a fault that says what to do`,
    played(scripts, async (tools, path) => {
      const within = name === "frames without end" ? { ...limits, frames: 50 } : limits
      const fault = await faultOf(readVideo(path("in.mp4"), 4, undefined, within, tools))
      assert.is(fault.reason, reason, fault.message)
      assert.match(fault.message, says)
    }),
  )
}

it(
  "an MP4 is what the program makes of the pixels",
  played({ ffmpeg: `echo "$@"; wc -c` }, async (tools) => {
    const frames = Array.from({ length: 300 }, () => blank(33, 20))
    const [args, bytes] = new TextDecoder().decode(await run(mp4Of({ frames, rate: 4 }, tools))).trim().split("\n")
    assert.match(args!, "-s 33x20 -r 4 -i pipe:0")
    assert.is(Number(bytes), 300 * 33 * 20 * 3)
  }),
)

it(
  "a program that makes nothing, or dies while it is told, is a fault and no file",
  played({ ffmpeg: "echo 'no encoder' >&2; exit 1" }, async (tools, path) => {
    const clip = { frames: Array.from({ length: 200 }, () => blank(64, 64)), rate: 4 }
    const fault = await faultOf(writeClip(path("out.mp4"), clip, tools))
    assert.match(fault.message, /no encoder.*write a GIF instead/)
    assert.is(await stat(path("out.mp4")).then(() => true, () => false), false)
    const none = await faultOf(mp4Of(clip, { ffmpeg: path("none"), ffprobe: path("none") }))
    assert.match(none.message, /install ffmpeg/)
  }),
)

const there = ["ffmpeg", "ffprobe"].every((name) => spawnSync(name, ["-version"]).status === 0)
it(
  "as this machine is: what its ffmpeg writes is read again, almost to the colours; without one, a fault says so",
  inFolder({}, async (path) => {
    const frames = Array.from(
      { length: 6 },
      (_, i) => painted(blank(32, 32, [30, 30, 30]), blank(8, 8, [220, 220, 220]), 8, i * 4),
    )
    if (!there) {
      return assert.match((await faultOf(writeClip(path("a.mp4"), { frames, rate: 4 }))).message, /install ffmpeg/)
    }
    await run(writeClip(path("-a b.mp4"), { frames, rate: 4 }))
    const { width, height, seconds } = await run(probe(path("-a b.mp4")))
    assert.equal([width, height, seconds], [32, 32, 1.5])
    const back = await run(readClip(path("-a b.mp4")))
    assert.equal([back.frames.length, back.rate], [6, 4])
    for (const [i, { pixels }] of back.frames.entries()) {
      const off = pixels.reduce((sum, p, j) => sum + Math.abs(p - frames[i]!.pixels[j]!), 0) / pixels.length
      assert.ok(off < 6, `frame ${i} is off by ${off}`)
    }
  }),
)

it.run()
