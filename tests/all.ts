/**
 * Runs the tests in Deno and in Node, both at once where there are processors for both, and sums up: the last line is
 * `N passed, N failed, N skipped` over both.
 * Arguments (parts of paths) go to both. With `--gpu` the tests that need a graphics adapter must run, and only those.
 * @module
 */
import { spawn } from "node:child_process"
import { availableParallelism } from "node:os"
import process from "node:process"
import { asked } from "./asked.ts"
import { packages } from "./transpiled.ts"

const { words, on } = asked({
  usage:
    `Runs the tests in Deno and in Node, both at once where there are processors for both. What Node says is told after
what Deno says.

    deno task test [part of a path ...]

  --gpu     only the tests of the GPU kernels, which fail where there is no adapter
  --help    this text

The last line is \`N passed, N failed, N skipped\` over both.
`,
  flags: { gpu: "switch" },
  words: "any",
})
const filters = on("gpu") ? [...words, "wgsl", "webgpu"] : words
const env = on("gpu") ? { ...process.env, CI: "true" } : process.env

const last = /(\d+) passed, (\d+) failed, (\d+) skipped\s*$/

/** What one task came to. */
interface Half {
  readonly code: number
  readonly counts: ReadonlyArray<number>
}

/** Runs one task and passes its output on, once it is its turn to be heard; gives its counts, or none where it said none. */
const half = (task: string, turn: Promise<unknown>): Promise<Half> => {
  const held: Array<Uint8Array> = [new TextEncoder().encode(`\n== ${task}\n`)]
  let heard = false
  const told = turn.then(() => {
    heard = true
    for (const bytes of held.splice(0)) process.stdout.write(bytes)
  })
  return new Promise((done) => {
    const child = spawn(process.execPath, ["task", task, ...filters], { env, stdio: ["ignore", "pipe", "inherit"] })
    let tail = ""
    child.stdout.on("data", (bytes: Uint8Array) => {
      if (heard) process.stdout.write(bytes)
      else held.push(bytes)
      tail = (tail + new TextDecoder().decode(bytes)).slice(-400)
    })
    child.on("close", async (code) => {
      await told
      const counts = last.exec(tail)?.slice(1).map(Number) ?? []
      if (counts.length === 0) {
        process.stdout.write(`\n  FAIL  ${task} ended with status ${code} and without its last line\n`)
      }
      done({ code: code ?? 1, counts })
    })
  })
}

// both halves read these; what makes them must not run twice at once
packages()
const inDeno = half("test:deno", Promise.resolve())
if (availableParallelism() < 2) await inDeno
const halves = await Promise.all([inDeno, half("test:node", inDeno)])
const sum = (index: number): number => halves.reduce((n, h) => n + (h.counts[index] ?? 0), 0)
/** A half that ends badly without a failed test of its own counts as one failure. */
const unsaid = halves.filter((h) => h.counts.length === 0 || (h.code !== 0 && h.counts[1] === 0)).length
const failed = sum(1) + unsaid
process.exitCode = failed > 0 ? 1 : 0
process.stdout.write(`\n${sum(0)} passed, ${failed} failed, ${sum(2)} skipped\n`)
