/**
 * Our own side of a bench, once per engine: Deno as our tasks start it, Deno as it comes, Node 20 and Node 24. Each runs
 * a module of `tests/bench/ours/` in a process of its own that prints one line of JSON, as the peers do.
 * @module
 */
import { spawnSync } from "node:child_process"
import { join } from "node:path"
import process from "node:process"
import { either as E } from "fp-ts"
import { root } from "../house.ts"
import { ask, type Peers } from "./peers.ts"
import type { Contestant } from "./rounds.ts"

/** What our tasks tell V8 in Deno. */
export const wideFlags = "--experimental-wasm-revectorize,--no-wasm-bounds-checks"

/** What every engine is asked: WebAssembly, and no other library's products unless it is said. */
const plain = { ORRERY_DEVICE: "wasm", ORRERY_BLAS: "off" }

type Env = Readonly<Record<string, string>>

/** An engine that we run in, and how wide vectors are there. */
interface Engine {
  readonly who: string
  readonly node?: E.Either<string, string>
  readonly env: Env
}

/** Engines by the words that they are asked for with. */
export type EngineName = "tasks" | "blas" | "deno" | "node" | "node24" | "node24narrow"

/** Those that are asked where nothing else is said. */
export const usual: ReadonlyArray<EngineName> = ["tasks", "blas", "deno", "node", "node24"]

const engines = (peers: Peers): { readonly [N in EngineName]: Engine } => {
  const stock = spawnSync("node", ["--version"], { encoding: "utf8" })
  const node = stock.status === 0 ? E.right("node") : E.left("Node is absent")
  const narrow = { ORRERY_WIDE: "off" }, wide = { ORRERY_WIDE: "on" }
  return {
    tasks: { who: "Orrery, Deno as our tasks start it", env: wide },
    blas: {
      who: "Orrery, Deno as our tasks start it, with a system BLAS if there is one",

      env: { ...wide, ORRERY_BLAS: "" },
    },
    deno: { who: "Orrery, Deno as it comes", env: narrow },
    node: { who: `Orrery, Node ${stock.stdout?.trim().slice(1) ?? ""}`, node, env: {} },
    node24: { who: "Orrery, Node 24", node: peers.node24, env: {} },
    node24narrow: { who: "Orrery, Node 24, 128 bits", node: peers.node24, env: narrow },
  }
}

const contestant = (e: Engine, script: string, args: ReadonlyArray<string>, seconds?: number): Contestant => ({
  who: e.who,
  ask: () => {
    const asked = (before: ReadonlyArray<string>, env: Env): E.Either<string, unknown> =>
      ask(process.execPath, ["run", "-A", ...before, script, ...args], {
        cwd: root,
        env: { ...plain, ...e.env, ...env },
        ...(seconds === undefined ? {} : { seconds }),
      })
    if (e.node === undefined) return asked(e.env.ORRERY_WIDE === "on" ? [`--v8-flags=${wideFlags}`] : [], {})
    return E.flatMap((command: string) => asked(["tests/node.ts"], { NODE: command }))(e.node)
  },
})

/** Our side, in each of these engines; each has five minutes, or so many seconds. */
export const ours = (
  peers: Peers,
  script: string,
  args: ReadonlyArray<string>,
  { which = usual, seconds }: { readonly which?: ReadonlyArray<EngineName>; readonly seconds?: number } = {},
): ReadonlyArray<Contestant> => {
  const all = engines(peers)
  return which.map((name) => contestant(all[name], join("tests/bench/ours", script), args, seconds))
}
