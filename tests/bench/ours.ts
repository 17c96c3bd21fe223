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

/** What our tasks start Deno with. */
const flags = "--v8-flags=--experimental-wasm-revectorize,--no-wasm-bounds-checks"

/** What every engine is asked: WebAssembly, and no other library's products unless it is said. */
const plain = { ORRERY_DEVICE: "wasm", ORRERY_BLAS: "off" }

const inDeno = (
  how: string,
  script: string,
  args: ReadonlyArray<string>,
  env: Readonly<Record<string, string>>,
): Contestant => ({
  who: `Orrery, Deno ${how}`,
  ask: () =>
    ask(process.execPath, ["run", "-A", ...(env.ORRERY_WIDE === "on" ? [flags] : []), script, ...args], {
      cwd: root,
      env: { ...plain, ...env },
    }),
})

const inNode = (
  name: string,
  node: E.Either<string, string>,
  script: string,
  args: ReadonlyArray<string>,
): Contestant => ({
  who: `Orrery, ${name}`,
  ask: () =>
    E.flatMap((command: string) =>
      ask(process.execPath, ["run", "-A", "tests/node.ts", script, ...args], {
        cwd: root,
        env: { ...plain, NODE: command },
      })
    )(node),
})

/** All engines. */
export const ours = (peers: Peers, script: string, args: ReadonlyArray<string>): ReadonlyArray<Contestant> => {
  const path = join("tests/bench/ours", script)
  const stock = spawnSync("node", ["--version"], { encoding: "utf8" })
  return [
    inDeno("as our tasks start it", path, args, { ORRERY_WIDE: "on" }),
    inDeno("as our tasks start it, with a system BLAS if there is one", path, args, {
      ORRERY_WIDE: "on",
      ORRERY_BLAS: "",
    }),
    inDeno("as it comes", path, args, { ORRERY_WIDE: "off" }),
    inNode(
      `Node ${stock.stdout?.trim().slice(1) ?? ""}`,
      stock.status === 0 ? E.right("node") : E.left("Node is absent"),
      path,
      args,
    ),
    inNode("Node 24", peers.node24, path, args),
  ]
}
