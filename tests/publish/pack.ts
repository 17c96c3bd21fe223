/**
 * Packs the library as npm would get it, installs it into an empty Node project, type-checks a user's program against
 * its declarations, and runs that program. `deno task pack:check`.
 * @module
 */
import { spawnSync } from "node:child_process"
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import process from "node:process"
import { root } from "../house.ts"

const folder = mkdtempSync(join(tmpdir(), "orrery-user-"))
const project = join(folder, "project")
mkdirSync(project)

/** The versions that check the package; the user brings them, not we. */
const tools = ["typescript@5.9.3", "@types/node@20.19.25"]

const run = (what: string, command: string, args: ReadonlyArray<string>, cwd: string): string => {
  const start = performance.now()
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd, encoding: "utf8" })
  const seconds = ((performance.now() - start) / 1000).toFixed(1)
  process.stdout.write(`${status === 0 ? "ok" : "FAILED"}  ${what} (${seconds} s)\n`)
  if (status === 0) return stdout
  process.stdout.write(`${error ?? ""}${stdout}${stderr}\n`)
  rmSync(folder, { recursive: true, force: true })
  process.exit(1)
}

const tarball = join(folder, "orrery.tgz")
run("pack", process.execPath, ["pack", "--allow-dirty", "--output", tarball], root)
process.stdout.write(`    ${(statSync(tarball).size / 1024).toFixed(0)} KiB\n`)

writeFileSync(join(project, "package.json"), JSON.stringify({ name: "user", private: true, type: "module" }))
const compilerOptions = {
  target: "ES2023",
  module: "NodeNext",
  lib: ["ES2023", "DOM"],
  types: ["node", "@webgpu/types"],
  strict: true,
  exactOptionalPropertyTypes: true,
  skipLibCheck: false,
  outDir: "out",
}
writeFileSync(join(project, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["user.ts"] }))
copyFileSync(join(root, "tests/publish/user.ts"), join(project, "user.ts"))

const npm = ["install", "--no-audit", "--no-fund", "--ignore-scripts", "--omit=optional", "--loglevel=error"]
run("install into an empty project", "npm", [...npm, tarball, ...tools], project)
const packed = readdirSync(join(project, "node_modules/@orrery/orrery"))
const stray = packed.filter((name) => ["tests", ".ci", "runs"].includes(name))
if (stray.length > 0) run(`the package holds ${stray.join(", ")}`, "false", [], project)
run("type-check with tsc", "npx", ["tsc"], project)
const said = run("run in Node", process.env.NODE ?? "node", ["out/user.js"], project)
process.stdout.write(said.replace(/^/gm, "    ").trimEnd() + "\n")
if (!/^\s*ok\b/m.test(said)) run("the program says that all is well", "false", [], project)
rmSync(folder, { recursive: true, force: true })
