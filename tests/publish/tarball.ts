/**
 * What npm gets. `deno pack` compiles the modules and their declarations, but puts a manifest of its own beside ours, with
 * ranges for our versions and without what is optional; here only ours is left, and what the manifest does not name stays
 * out. `deno task pack` writes the tarball to the top of the repository.
 * @module
 */
import { spawnSync } from "node:child_process"
import { copyFileSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import process from "node:process"
import { root } from "../house.ts"

/** Runs a command; its faults end the process, loudly. */
export const run = (command: string, args: ReadonlyArray<string>, cwd: string): string => {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd, encoding: "utf8" })
  if (status === 0) return stdout
  process.stdout.write(`FAILED: ${command} ${args.join(" ")}\n${error ?? ""}${stdout}${stderr}\n`)
  return process.exit(1)
}

/** Makes the tarball in a folder; gives its path. */
export const tarball = (folder: string): string => {
  const work = mkdtempSync(join(tmpdir(), "orrery-pack-"))
  const raw = join(work, "raw.tgz")
  run(process.execPath, ["pack", "--allow-dirty", "--quiet", "--output", raw], root)
  run("tar", ["xzf", raw], work)
  copyFileSync(join(root, "package.json"), join(work, "package/package.json"))
  const args = ["pack", "--ignore-scripts", "--loglevel=error", "--pack-destination", folder]
  const name = run("npm", args, join(work, "package")).trim().split("\n").at(-1)!
  rmSync(work, { recursive: true })
  return join(folder, name)
}
