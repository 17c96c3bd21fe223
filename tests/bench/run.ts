/**
 * `deno task bench [contraction] [products] [stream] [elementwise] [training] [attention] [memory] [ring] [types]
 * [flags]`: measures, prints tables, keeps JSON.
 * @module
 */
import process from "node:process"
import { asked, type Entry, refuse } from "../asked.ts"
import { attention } from "./attention-bench.ts"
import type { Choice } from "./choice.ts"
import { contraction } from "./contraction-bench.ts"
import { memory } from "./memory-bench.ts"
import { products } from "./products-bench.ts"
import { stream } from "./stream-bench.ts"
import { elementwise } from "./elementwise-bench.ts"
import { openPeers, type Peers } from "./peers.ts"
import { ring } from "./ring-bench.ts"
import { keep, type Report, table } from "./table.ts"
import { training } from "./training-bench.ts"
import { types } from "./types-bench.ts"

interface Bench {
  readonly measure: (rounds: number, peers: Peers, choice: Choice) => Report | Promise<Report>
  readonly rounds: number
}

const benches: { readonly [name: string]: Bench } = {
  contraction: { measure: contraction, rounds: 3 },
  products: { measure: products, rounds: 3 },
  stream: { measure: stream, rounds: 3 },
  elementwise: { measure: elementwise, rounds: 3 },
  training: { measure: training, rounds: 3 },
  attention: { measure: attention, rounds: 1 },
  memory: { measure: memory, rounds: 1 },
  ring: { measure: ring, rounds: 1 },
  types: { measure: types, rounds: 3 },
}

const entry: Entry = {
  usage: `Measures against jax-js, tfjs, onnxruntime-web and PyTorch, each where it is there; prints tables, keeps JSON.

    deno task bench [${Object.keys(benches).join("] [")}] [flags]

  --rounds=N     how often each thing is measured (3; attention, memory and ring 1)
  --no-peers     ours alone
  --help         this text

For attention, memory and ring:

  --parts=A,B    of forward, gradient, kinds, decode; of forecast, measured; of forward, gradient
  --sizes=N,M    lengths of the sequence
  --who=A,B      contestants whose names contain one of these words
  --limit=S      a run that is expected to take longer is not tried (14)
`,
  flags: { rounds: "value", "no-peers": "switch", sizes: "value", parts: "value", who: "value", limit: "value" },
  words: Object.keys(benches),
}
const { words: wanted, on, value } = asked(entry)

const whole = (flag: string, text: string): number => {
  const n = Number(text)
  return Number.isInteger(n) && n >= 1 ? n : refuse(entry, `--${flag} is '${text}'; expected a whole number from 1`)
}
const list = (flag: string): ReadonlyArray<string> | undefined => value(flag)?.split(",").map((s) => s.trim())
const rounds = value("rounds") === undefined ? undefined : whole("rounds", value("rounds")!)
const [sizes, parts, who, limit] = [list("sizes"), list("parts"), list("who"), value("limit")]
const choice: Choice = {
  ...(sizes === undefined ? {} : { sizes: sizes.map((s) => whole("sizes", s)) }),
  ...(parts === undefined ? {} : { parts }),
  ...(who === undefined ? {} : { who }),
  ...(limit === undefined ? {} : { limit: whole("limit", limit) }),
}

const peers = openPeers(!on("no-peers"))
for (const name of wanted.length > 0 ? wanted : Object.keys(benches)) {
  const { measure, rounds: usual } = benches[name]!
  process.stdout.write(`\nmeasuring ${name}, rounds: ${rounds ?? usual} ...\n`)
  const report = await measure(rounds ?? usual, peers, choice)
  process.stdout.write(`\n${table(report)}\nkept in ${keep(report)}\n`)
}
