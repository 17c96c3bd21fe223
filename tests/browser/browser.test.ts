/**
 * The first model in headless Chromium, bundled as a user would: on wasm with threads (a page that may share memory) and
 * without, and on WebGPU by SwiftShader. What it learns must be what it learns here. Chromium is driven from Deno only.
 */
import { execFileSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import process from "node:process"
import * as Effect from "effect/Effect"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { layer } from "../../core/device/device.ts"
import { wasm } from "../../core/wasm/backend.ts"
import { root } from "../house.ts"
import { needs } from "../skip.ts"
import { chromium, visit } from "./chromium.ts"
import { learn, type Learned } from "./model.ts"

const it = suite("browser")
const binary = chromium()

/** The page and all that it imports as one minified script. */
const bundle = (): string => {
  const folder = mkdtempSync(join(tmpdir(), "orrery-bundle-"))
  const file = join(folder, "page.js")
  const args = [
    "bundle",
    "--quiet",
    "--platform=browser",
    "--minify",
    "--external=webgpu",
    "-o",
    file,
    "tests/browser/page.ts",
  ]
  execFileSync(process.execPath, args, { cwd: root, stdio: "pipe" })
  const script = readFileSync(file, "utf8")
  rmSync(folder, { recursive: true })
  return script
}

interface Case {
  readonly name: string
  readonly device: string
  readonly isolated: boolean
  readonly says: RegExp
}
const cases: ReadonlyArray<Case> = [
  { name: "wasm with threads", device: "wasm", isolated: true, says: /^wasm: 2 threads in browser/ },
  { name: "wasm without shared memory", device: "wasm", isolated: false, says: /^wasm: 1 thread in browser/ },
  { name: "WebGPU", device: "webgpu", isolated: false, says: /webgpu/i },
]
const switches = ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"]

if ("Deno" in globalThis) {
  const browser = needs(
    it,
    binary !== undefined,
    "Chromium was not found",
    "apt-get install chromium, or set CHROMIUM to its path",
  )
  const made: { script?: string; here?: Learned } = {}
  for (
    const { name, device, isolated, says } of cases
  ) {
    browser(`learns on ${name}`, async () => {
      made.script ??= bundle()
      made.here ??= await Effect.runPromise(Effect.provide(learn, layer(wasm({ threads: 1 }))))
      const page = { script: made.script, query: device, isolated, switches, patience: 90 }
      const there = await visit(binary!, page) as Learned & { readonly fault?: string }
      assert.is(there.fault, undefined)
      assert.match(there.device, says)
      assert.is(there.losses.length, 3)
      there.losses.forEach((loss, i) =>
        assert.ok(
          Math.abs(loss - made.here!.losses[i]!) < 1e-4,
          `loss ${i}: ${loss} there, ${made.here!.losses[i]} here`,
        )
      )
      assert.ok(there.losses[2]! < there.losses[0]! - 0.01, `it learns nothing: ${there.losses}`)
    })
  }
}

it.run()
