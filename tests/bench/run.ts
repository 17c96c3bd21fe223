/**
 * `deno task bench [contraction] [products] [stream] [elementwise] [training] [types] [--rounds=3] [--no-peers]`: measures, prints
 * tables, keeps JSON.
 * @module
 */
import process from "node:process"
import { contraction } from "./contraction-bench.ts"
import { products } from "./products-bench.ts"
import { stream } from "./stream-bench.ts"
import { elementwise } from "./elementwise-bench.ts"
import { openPeers, type Peers } from "./peers.ts"
import { keep, type Report, table } from "./table.ts"
import { training } from "./training-bench.ts"
import { types } from "./types-bench.ts"

const benches: Readonly<Record<string, (rounds: number, peers: Peers) => Report>> = {
  contraction,
  products,
  stream,
  elementwise,
  training,
  types,
}

const words = process.argv.slice(2)
const wanted = words.filter((word) => !word.startsWith("--"))
const rounds = Number(words.find((word) => word.startsWith("--rounds="))?.slice(9) ?? "3")
const unknown = wanted.filter((word) => !(word in benches))
if (unknown.length > 0 || !Number.isInteger(rounds) || rounds < 1) {
  process.stderr.write(
    `bench: expected some of ${Object.keys(benches).join(", ")} and --rounds=1 or more; got ${words.join(" ")}\n`,
  )
  process.exit(2)
}
const peers = openPeers(!words.includes("--no-peers"))
for (const name of wanted.length > 0 ? wanted : Object.keys(benches)) {
  process.stdout.write(`\nmeasuring ${name}, ${rounds} rounds ...\n`)
  const report = benches[name]!(rounds, peers)
  process.stdout.write(`\n${table(report)}\nkept in ${keep(report)}\n`)
}
