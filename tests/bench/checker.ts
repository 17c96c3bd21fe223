/**
 * How long the type checker takes for 300 attention blocks written with our types, against the same file with one. Run
 * it when `core/tensor/axes.ts` changes: a model should be checked while one types.
 *
 *     deno run -A tests/bench/checker.ts [blocks]
 * @module
 */
import { execFile } from "node:child_process"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import process from "node:process"
import { promisify } from "node:util"

const at = (path: string): string => JSON.stringify(new URL(`../../${path}`, import.meta.url).href)

const head = `import type { F32, I32 } from ${at("core/tensor/tensor.ts")}
import { dot } from ${at("ops/contraction.ts")}
import { add, mul, select } from ${at("ops/elementwise.ts")}
import { le } from ${at("ops/logic.ts")}
import { broadcast, merge, rename, split } from ${at("ops/movement.ts")}
import { rmsNorm } from ${at("ops/norm.ts")}
import { rope } from ${at("ops/rope.ts")}
import { softmax } from ${at("ops/softmax.ts")}

interface Weights {
  readonly norm: F32<"model">
  readonly query: F32<"model inner">
  readonly key: F32<"model inner">
  readonly value: F32<"model inner">
  readonly out: F32<"inner model">
}
`

/** Causal attention of many heads, with rotary positions. */
const block = (i: number): string => `
export const block${i} = (
  x: F32<"batch time model">,
  places: I32<"time">,
  w: Weights,
  heads: number,
): F32<"batch time model"> => {
  const h = rmsNorm(x, w.norm, "model")
  const q = rope(split(dot(h, w.query, "model"), "inner", "heads head", { heads }), places, "head")
  const k = rename(rope(split(dot(h, w.key, "model"), "inner", "heads head", { heads }), places, "head"), { time: "key" })
  const v = rename(split(dot(h, w.value, "model"), "inner", "heads head", { heads }), { time: "key" })
  const seen = le(broadcast(rename(places, { time: "key" }), "time", { time: x.shape[1] }), places)
  const scores = select(seen, mul(dot(q, k, "head"), ${(i + 1) / 8}), -Infinity)
  return add(x, dot(merge(dot(softmax(scores, "key"), v, "key"), "heads head", "inner"), w.out, "inner"))
}
`

const run = promisify(execFile)

/** Milliseconds of `deno check` of so many blocks; the checker caches, so no two files are the same. */
const check = async (folder: string, blocks: number, turn: number): Promise<number> => {
  const file = join(folder, `blocks-${blocks}-${turn}.ts`)
  const salt = `// ${process.pid} ${turn} ${performance.now()}\n`
  await writeFile(file, salt + head + Array.from({ length: blocks }, (_, i) => block(i)).join(""))
  const start = performance.now()
  await run(process.execPath, ["check", "--config", new URL("../../deno.json", import.meta.url).pathname, file])
  return performance.now() - start
}

const blocks = Number(process.argv[2] ?? 300)
const folder = await mkdtemp(join(tmpdir(), "checker-"))
try {
  const times = { few: Infinity, many: Infinity }
  for (let turn = 0; turn < 3; turn++) {
    times.few = Math.min(times.few, await check(folder, 1, turn))
    times.many = Math.min(times.many, await check(folder, blocks, turn))
  }
  const each = (times.many - times.few) / Math.max(1, blocks - 1)
  console.log(`1 block: ${times.few.toFixed(0)} ms; ${blocks} blocks: ${times.many.toFixed(0)} ms`)
  console.log(`the checker takes ${(times.many - times.few).toFixed(0)} ms for the blocks, ${each.toFixed(2)} ms each`)
} finally {
  await rm(folder, { recursive: true })
}
