/**
 * `deno task pack`: makes the npm tarball at the top of the repository.
 * @module
 */
import { statSync } from "node:fs"
import process from "node:process"
import { asked } from "../asked.ts"
import { root } from "../house.ts"
import { tarball } from "./tarball.ts"

asked({ usage: "Makes the npm tarball at the top of the repository.\n\n    deno task pack\n\n  --help    this text\n" })
const file = tarball(root)
process.stdout.write(`${file.slice(root.length)}: ${(statSync(file).size / 1024).toFixed(0)} KiB\n`)
