/**
 * Opens a page of ours in headless Chromium and waits for what it reports. No driver is needed: the page is served from
 * here, with or without the headers that allow shared memory, and posts its report back.
 * @module
 */
import { spawn } from "node:child_process"
import { accessSync, constants, mkdtempSync, rmSync } from "node:fs"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import { Buffer } from "node:buffer"
import { tmpdir } from "node:os"
import { delimiter, join } from "node:path"
import process from "node:process"

/** A page to open. */
export interface Page {
  /** The bundled script. */
  readonly script: string
  /** What follows `?` in the address. */
  readonly query: string
  /** Served with COOP and COEP, so that memory may be shared between threads. */
  readonly isolated: boolean
  /** More of Chromium's switches. */
  readonly switches: ReadonlyArray<string>
  /** Seconds until it must have reported. */
  readonly patience: number
}

const runs = (file: string): boolean => {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** Where Chromium is: `CHROMIUM`, or what the path has. */
export const chromium = (): string | undefined => {
  const names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]
  const folders = (process.env.PATH ?? "").split(delimiter)
  return [process.env.CHROMIUM ?? "", ...folders.flatMap((folder) => names.map((name) => join(folder, name)))]
    .find((file) => file !== "" && runs(file))
}

const html = `<!doctype html><meta charset="utf-8"><title>Orrery</title><link rel="icon" href="data:,">
<script>
  const report = (value) => fetch("/report", { method: "POST", body: JSON.stringify(value) })
  addEventListener("error", (e) => report({ fault: e.message }))
  addEventListener("unhandledrejection", (e) => report({ fault: String(e.reason?.stack ?? e.reason?.message ?? JSON.stringify(e.reason)) }))
</script>
<script type="module">import { main } from "/page.js"; report(await main(location.search.slice(1)))</script>`

const isolation = { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" }

const body = async (request: IncomingMessage): Promise<string> => {
  const parts: Array<Uint8Array> = []
  for await (const part of request) parts.push(part)
  return new TextDecoder().decode(Buffer.concat(parts))
}

/** What the page reported, decoded from JSON; rejects with Chromium's last words where it does not. */
export const visit = (binary: string, page: Page): Promise<unknown> =>
  new Promise((resolve, reject) => {
    const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
      const path = (request.url ?? "/").split("?")[0]
      const type = path === "/page.js" ? "text/javascript" : "text/html"
      response.writeHead(200, { "Content-Type": type, ...(page.isolated ? isolation : {}) })
      if (path !== "/report") return void response.end(path === "/page.js" ? page.script : html)
      const report = await body(request)
      response.end("thanks")
      over(() => resolve(JSON.parse(report)))
    }
    const profile = mkdtempSync(join(tmpdir(), "orrery-browser-"))
    const server = createServer((request, response) => void answer(request, response))
    let words = "", ended = false
    let browser: ReturnType<typeof spawn> | undefined
    const late = setTimeout(
      () => over(() => reject(new Error(`no report after ${page.patience} s\n${words}`))),
      page.patience * 1000,
    )

    /** Ends everything, then says how it went; only the first time. */
    const over = (say: () => void): void => {
      if (ended) return
      ended = true
      clearTimeout(late)
      server.close()
      server.closeAllConnections()
      const gone = (): void => {
        rmSync(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
        say()
      }
      if (browser === undefined || browser.exitCode !== null) return gone()
      browser.once("close", gone)
      browser.kill("SIGKILL")
    }

    server.listen(0, "127.0.0.1", () => {
      const address = server.address()
      const port = typeof address === "object" && address !== null ? address.port : 0
      browser = spawn(binary, [
        "--headless=new",
        "--no-sandbox",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--disable-background-networking",
        `--user-data-dir=${profile}`,
        ...page.switches,
        `http://127.0.0.1:${port}/?${page.query}`,
      ], { stdio: ["ignore", "ignore", "pipe"] })
      browser.stderr?.on("data", (bytes: Uint8Array) => words = (words + new TextDecoder().decode(bytes)).slice(-4000))
      browser.once("exit", (code) => over(() => reject(new Error(`Chromium ended with status ${code}\n${words}`))))
    })
  })
