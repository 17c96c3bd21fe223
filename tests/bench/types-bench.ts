/**
 * What axis names cost the type checker: seconds to check a file of many attention blocks, against a file of one.
 * @module
 */
import { spawnSync } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import process from "node:process"
import { pathToFileURL } from "node:url"
import { root } from "../house.ts"
import { median, type Report } from "./table.ts"

const head = (from: (path: string) => string): string =>
  `import type { F32 } from "${from("core/tensor/tensor.ts")}"
import { dot } from "${from("ops/contraction.ts")}"
import { add, mul } from "${from("ops/elementwise.ts")}"
import { rename } from "${from("ops/movement.ts")}"
import { softmax } from "${from("ops/softmax.ts")}"
`
const block = (i: number): string =>
  `interface Weights${i} {
  readonly query: F32<"model${i} heads head">
  readonly key: F32<"model${i} heads head">
  readonly value: F32<"model${i} heads head">
  readonly output: F32<"heads head model${i}">
}
export const block${i} = (x: F32<"batch time model${i}">, w: Weights${i}): F32<"batch time model${i}"> => {
  const other = rename(x, { time: "key" })
  const q = dot(x, w.query, "model${i}"), k = dot(other, w.key, "model${i}"), v = dot(other, w.value, "model${i}")
  const seen = dot(softmax(mul(dot(q, k, "head"), 0.125), "key"), v, "key")
  return add(x, dot(seen, w.output, "heads head"))
}
`

/** Seconds to check so many blocks, all new to the checker. */
const check = (blocks: number, folder: string, nonce: number): number => {
  const file = join(folder, `blocks-${blocks}-${nonce}.ts`)
  const lines = Array.from({ length: blocks }, (_, i) => block(i)).join("")
  writeFileSync(file, head((path) => pathToFileURL(join(root, path)).href) + lines + `export const nonce = ${nonce}\n`)
  const start = performance.now()
  const { status, stderr } = spawnSync(process.execPath, [
    "check",
    "--quiet",
    "--config",
    join(root, "deno.json"),
    file,
  ], {
    encoding: "utf8",
  })
  if (status !== 0) throw new Error(stderr)
  return (performance.now() - start) / 1000
}

/** Runs it. */
export const types = (count: number, _peers: boolean): Report => {
  const folder = mkdtempSync(join(tmpdir(), "orrery-types-"))
  const rows = [1, 300].map((blocks) => {
    const seconds = Array.from({ length: count }, (_, nonce) => check(blocks, folder, nonce))
    const what = `${blocks} attention block${blocks === 1 ? "" : "s"}`
    return { what, who: "deno check", unit: "s", median: median(seconds), best: Math.min(...seconds) }
  })
  rmSync(folder, { recursive: true, force: true })
  return { bench: "types", rows, absent: [] }
}
