/**
 * The entry of `deno task data`.
 * @module
 */
import process from "node:process"
import { standard } from "../progress.ts"
import { command } from "./command.ts"

process.exitCode = await command(process.argv.slice(2), standard(), (text) => void process.stderr.write(text))
