/**
 * Packs the library as npm would get it, installs it into an empty Node project, type-checks a user's programs
 * against its declarations, and runs them. `deno task pack:check`.
 * @module
 */
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import process from "node:process"
import { asked } from "../asked.ts"
import { root } from "../house.ts"
import { run, tarball } from "./tarball.ts"

asked({
  usage: `Packs the library as npm would get it, installs it into an empty Node project, type-checks and runs it there.

    deno task pack:check

  --help    this text
`,
})

const folder = mkdtempSync(join(tmpdir(), "orrery-user-"))
const project = join(folder, "project")
mkdirSync(project)

/** The versions that check the package; the user brings them, not we. */
const tools = ["typescript@5.9.3", "@types/node@20.19.25"]

/** Does one thing and says how long it took. */
const step = <A>(what: string, act: () => A): A => {
  const start = performance.now()
  const made = act()
  process.stdout.write(`ok  ${what} (${((performance.now() - start) / 1000).toFixed(1)} s)\n`)
  return made
}
const must = (what: string, holds: boolean): void => {
  if (holds) return
  process.stdout.write(`FAILED: ${what}\n`)
  process.exit(1)
}

const file = step("pack", () => tarball(folder))
process.stdout.write(`    ${(statSync(file).size / 1024).toFixed(0)} KiB\n`)

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
writeFileSync(join(project, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["user.ts", "pipeline.ts"] }))
for (const name of ["user.ts", "pipeline.ts"]) copyFileSync(join(root, "tests/publish", name), join(project, name))

const npm = ["install", "--no-audit", "--no-fund", "--ignore-scripts", "--omit=optional", "--loglevel=error"]
step("install into an empty project", () => run("npm", [...npm, file, ...tools], project))
const packed = readdirSync(join(project, "node_modules/@orrery/orrery"))
must(
  `LICENSE and README are packed, got ${packed}`,
  ["LICENSE", "README.md", "mod.js", "mod.d.ts", "tasks"].every((f) => packed.includes(f)),
)
must(
  `nothing but the library is packed, got ${packed}`,
  !packed.some((name) => ["tests", ".ci", "runs"].includes(name)),
)
const installed = readdirSync(join(project, "node_modules"))
must(
  `what is optional is not installed, got ${installed}`,
  !["hyparquet", "linkedom"].some((n) => installed.includes(n)),
)
step("type-check with tsc", () => run("npx", ["tsc"], project))
for (const name of ["user", "pipeline"]) {
  const said = step(`run ${name} in Node`, () => run(process.env.NODE ?? "node", [`out/${name}.js`], project))
  process.stdout.write(said.replace(/^/gm, "    ").trimEnd() + "\n")
  must(`${name} says that all is well`, /^ok$/m.test(said))
}
rmSync(folder, { recursive: true, force: true })
