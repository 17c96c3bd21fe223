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
import type { Peers } from "./peers.ts"
import { median, type Report } from "./table.ts"

const head = (from: (path: string) => string): string =>
  `import type { F32, I32 } from "${from("core/tensor/tensor.ts")}"
import { dot } from "${from("ops/contraction.ts")}"
import { add, mul, select } from "${from("ops/elementwise.ts")}"
import { le } from "${from("ops/logic.ts")}"
import { broadcast, merge, rename, split } from "${from("ops/movement.ts")}"
import { rmsNorm } from "${from("ops/norm.ts")}"
import { rope } from "${from("ops/rope.ts")}"
import { softmax } from "${from("ops/softmax.ts")}"
`
/** Causal attention of many heads with rotary positions: 25 ops. Names are new in each, so that nothing is known before. */
const block = (i: number): string =>
  `interface Weights${i} {
  readonly norm: F32<"model${i}">
  readonly query: F32<"model${i} inner">
  readonly key: F32<"model${i} inner">
  readonly value: F32<"model${i} inner">
  readonly output: F32<"inner model${i}">
}
export const block${i} = (
  x: F32<"batch time model${i}">,
  places: I32<"time">,
  w: Weights${i},
  heads: number,
): F32<"batch time model${i}"> => {
  const h = rmsNorm(x, w.norm, "model${i}")
  const q = rope(split(dot(h, w.query, "model${i}"), "inner", "heads head", { heads }), places, "head")
  const k = rope(split(dot(h, w.key, "model${i}"), "inner", "heads head", { heads }), places, "head")
  const v = split(dot(h, w.value, "model${i}"), "inner", "heads head", { heads })
  const seen = le(broadcast(rename(places, { time: "key" }), "time", { time: x.shape[1] }), places)
  const scores = select(seen, mul(dot(q, rename(k, { time: "key" }), "head"), 0.125), -Infinity)
  const out = dot(softmax(scores, "key"), rename(v, { time: "key" }), "key")
  return add(x, dot(merge(out, "heads head", "inner"), w.output, "inner"))
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
export const types = (count: number, _: Peers): Report => {
  const folder = mkdtempSync(join(tmpdir(), "orrery-types-"))
  const rows = [1, 300].map((blocks) => {
    const seconds = Array.from({ length: count }, (_, nonce) => check(blocks, folder, nonce))
    const what = `${blocks} attention block${blocks === 1 ? "" : "s"}`
    return { what, who: "deno check", unit: "s", median: median(seconds), best: Math.min(...seconds) }
  })
  rmSync(folder, { recursive: true, force: true })
  return { bench: "types", rows, absent: [] }
}
