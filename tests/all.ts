/**
 * Runs the tests in Deno and then in Node, and sums up: the last line is `N passed, N failed, N skipped` over both.
 * Arguments (parts of paths) go to both. With `--gpu` the tests that need a graphics adapter must run, and only those.
 * @module
 */
import { spawn } from "node:child_process"
import process from "node:process"
import { asked } from "./asked.ts"

const { words, on } = asked({
  usage: `Runs the tests in Deno and then in Node.

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

/** Runs one task with its output passed on; gives its counts, or none where it ended without saying them. */
const half = (task: string): Promise<{ readonly code: number; readonly counts: ReadonlyArray<number> }> =>
  new Promise((done) => {
    process.stdout.write(`\n== ${task}\n`)
    const child = spawn(process.execPath, ["task", task, ...filters], {
      env,
      stdio: ["ignore", "pipe", "inherit"],
    })
    let tail = ""
    child.stdout.on("data", (bytes: Uint8Array) => {
      process.stdout.write(bytes)
      tail = (tail + new TextDecoder().decode(bytes)).slice(-400)
    })
    child.on("close", (code) => {
      const counts = last.exec(tail)?.slice(1).map(Number) ?? []
      if (counts.length === 0) {
        process.stdout.write(`\n  FAIL  ${task} ended with status ${code} and without its last line\n`)
      }
      done({ code: code ?? 1, counts })
    })
  })

const halves = [await half("test:deno"), await half("test:node")]
const sum = (index: number): number => halves.reduce((n, h) => n + (h.counts[index] ?? 0), 0)
/** A half that ends badly without a failed test of its own counts as one failure. */
const unsaid = halves.filter((h) => h.counts.length === 0 || (h.code !== 0 && h.counts[1] === 0)).length
const failed = sum(1) + unsaid
process.exitCode = failed > 0 ? 1 : 0
process.stdout.write(`\n${sum(0)} passed, ${failed} failed, ${sum(2)} skipped\n`)
