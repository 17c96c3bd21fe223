/** A training as a process that is killed, again and again, at random moments: in the end nobody can tell. */
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises"
import { Buffer } from "node:buffer"
import { tmpdir } from "node:os"
import { join } from "node:path"
import process from "node:process"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { type Ended, inDeno, ownLine, run } from "./child.ts"

const it = suite("tasks/train/killed")

const module = "tests/tasks/train/process.ts"
const steps = inDeno ? 160 : 60
/** Node takes long to start: there a few must do. */
const kills = inDeno ? 10 : 3

/** Numbers from 0 to 1, the same in every run of the test. */
const numbers = (seed: number): () => number => {
  let x = seed
  return () => (x = Math.imul(x, 1664525) + 1013904223 >>> 0) / 2 ** 32
}

const start = (out: string, heard?: Parameters<typeof run>[2]): Promise<Ended> =>
  run([...ownLine(module), out, String(steps)], { ORRERY_THREADS: "1" }, heard)

/** Kills it some milliseconds after it has said its `n`-th line since it began. */
const killed = (out: string, n: number, after: number): Promise<Ended> => {
  let said = 0
  return start(out, (_, child) => {
    if (++said === n) setTimeout(() => child.kill("SIGKILL"), after)
  })
}

const lastOf = ({ lines }: Ended): string => lines.findLast((l) => l.startsWith("trained ")) ?? ""

/** Names and contents of what it wrote. */
const files = async (out: string): Promise<ReadonlyArray<readonly [string, string]>> => {
  const names = (await readdir(out, { recursive: true, withFileTypes: true })).filter((f) => f.isFile())
  const paths = names.map((f) => join(f.parentPath, f.name)).sort()
  return Promise.all(
    paths.map(async (p) => [p.slice(out.length), Buffer.from(await readFile(p)).toString("base64")] as const),
  )
}

it(`killed ${kills} times (10 in Deno, 3 in Node) at random moments it learns what it would have learned, to the last byte`, async () => {
  const root = await mkdtemp(join(tmpdir(), "orrery-killed-"))
  try {
    const [whole, torn] = [join(root, "whole"), join(root, "torn")]
    const expected = await start(whole)
    assert.is(expected.code, 0, expected.err)
    const random = numbers(Number(process.env.ORRERY_SEED ?? 7))
    const moments: Array<string> = []
    for (let i = 0; i < kills; i++) {
      // early and late in the life of a process, between steps and while a state is written
      const ended = await killed(torn, 1 + Math.floor(random() * 20), random() * 12)
      assert.is(ended.signal, "SIGKILL", `kill ${i}: code ${ended.code} ${ended.err} ${lastOf(ended)}`)
      moments.push(ended.lines.at(-1) ?? "before the first step")
    }
    const resumed = await start(torn)
    assert.is(resumed.code, 0, resumed.err)
    const at = moments.join(", ")
    assert.ok(resumed.lines[0] !== "step 1", `it went on: ${at}`)
    assert.is(lastOf(resumed), lastOf(expected), at)
    // what a killed process left half written under a name of its own is nobody's
    const own = (await files(torn)).filter(([name]) => !name.endsWith(".partial"))
    const wanted = await files(whole)
    for (const [name, bytes] of wanted) {
      assert.is(own.find(([n]) => n === name)?.[1], bytes, `${name} after ${at}`)
    }
  } finally {
    await rm(root, { recursive: true, force: true })
  }
})

it.run()
