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
import { ask, node24 } from "./peers.ts"
import type { Contestant } from "./rounds.ts"

/** What our tasks start Deno with. */
const flags = "--v8-flags=--experimental-wasm-revectorize,--no-wasm-bounds-checks"

const inDeno = (script: string, args: ReadonlyArray<string>, wide: boolean): Contestant => ({
  who: `Orrery, Deno${wide ? " as our tasks start it" : " as it comes"}`,
  ask: () =>
    ask(process.execPath, ["run", "-A", ...(wide ? [flags] : []), script, ...args], {
      cwd: root,
      env: { ORRERY_DEVICE: "wasm", ORRERY_WIDE: wide ? "on" : "off" },
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
        env: { ORRERY_DEVICE: "wasm", NODE: command },
      })
    )(node),
})

const stock = spawnSync("node", ["--version"], { encoding: "utf8" })

/** All engines. */
export const ours = (script: string, args: ReadonlyArray<string>): ReadonlyArray<Contestant> => {
  const path = join("tests/bench/ours", script)
  return [
    inDeno(path, args, true),
    inDeno(path, args, false),
    inNode(
      `Node ${stock.stdout?.trim().slice(1) ?? ""}`,
      stock.status === 0 ? E.right("node") : E.left("Node is absent"),
      path,
      args,
    ),
    inNode("Node 24", node24, path, args),
  ]
}
