/**
 * `deno task bench [contraction] [products] [stream] [elementwise] [training] [types] [--rounds=3] [--no-peers]`: measures, prints
 * tables, keeps JSON.
 * @module
 */
import process from "node:process"
import { asked, type Entry, refuse } from "../asked.ts"
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

const entry: Entry = {
  usage: `Measures against jax-js, onnxruntime-web and PyTorch, each where it is there; prints tables, keeps JSON.

    deno task bench [${Object.keys(benches).join("] [")}] [flags]

  --rounds=N     how often each thing is measured (3)
  --no-peers     ours alone
  --help         this text
`,
  flags: { rounds: "value", "no-peers": "switch" },
  words: Object.keys(benches),
}
const { words: wanted, on, value } = asked(entry)
const rounds = Number(value("rounds") ?? "3")
if (!Number.isInteger(rounds) || rounds < 1) {
  refuse(entry, `--rounds is '${value("rounds")}'; expected a whole number from 1`)
}
const peers = openPeers(!on("no-peers"))
for (const name of wanted.length > 0 ? wanted : Object.keys(benches)) {
  process.stdout.write(`\nmeasuring ${name}, ${rounds} rounds ...\n`)
  const report = benches[name]!(rounds, peers)
  process.stdout.write(`\n${table(report)}\nkept in ${keep(report)}\n`)
}
