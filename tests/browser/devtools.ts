/**
 * Drives headless Chromium through its own protocol: opens a page by its path, tells what it asked the network for and
 * what it complained of, measures what is on it, and takes pictures of it. Deno only: Node 20 has no WebSocket.
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

/** How a page is looked at. */
export interface Look {
  readonly width: number
  readonly height: number
  readonly scheme: "light" | "dark"
}

/** A page that is open. */
export interface Tab {
  /** Addresses that were asked for, the page's own among them. */
  readonly requests: ReadonlyArray<string>
  /** Errors and warnings of the page and the browser. */
  readonly complaints: ReadonlyArray<string>
  readonly look: (look: Look) => Promise<void>
  /** The value of an expression, as JSON can say it. */
  readonly value: (expression: string) => Promise<unknown>
  /** A picture as PNG; `whole`: of all of the page, not only of what the window shows. */
  readonly picture: (whole: boolean) => Promise<Uint8Array>
}

interface Message {
  readonly id?: number
  readonly method?: string
  readonly params?: Record<string, unknown>
  readonly result?: Record<string, unknown>
  readonly error?: { readonly message: string }
}

/** Where the browser listens: it says so in its first words. */
const address = (browser: ChildProcess, patience: number): Promise<string> =>
  new Promise((resolve, reject) => {
    let words = ""
    const late = setTimeout(
      () => reject(new Error(`Chromium said nothing for ${patience} s\n${words}`)),
      patience * 1000,
    )
    browser.stderr!.on("data", (bytes: Uint8Array) => {
      words = (words + new TextDecoder().decode(bytes)).slice(-4000)
      const found = /DevTools listening on (ws:\/\/\S+)/.exec(words)
      if (found === null) return
      clearTimeout(late)
      resolve(found[1]!)
    })
    browser.once("exit", (code) => {
      clearTimeout(late)
      reject(new Error(`Chromium ended with status ${code}\n${words}`))
    })
  })

const opened = (url: string): Promise<WebSocket> =>
  new Promise((resolve, reject) => {
    const socket = new WebSocket(url)
    socket.onopen = () => resolve(socket)
    socket.onerror = () => reject(new Error(`no connection to ${url}`))
  })

/** Calls by number, and what is told without being asked for. */
const talk = (socket: WebSocket, hear: (m: Message) => void, patience: number) => {
  const waiting = new Map<number, (m: Message) => void>()
  let last = 0
  socket.onmessage = (e) => {
    const message = JSON.parse(String(e.data)) as Message
    if (message.id === undefined) return hear(message)
    waiting.get(message.id)?.(message)
    waiting.delete(message.id)
  }
  return (method: string, params: Record<string, unknown> = {}, sessionId?: string): Promise<Record<string, unknown>> =>
    new Promise((resolve, reject) => {
      const id = ++last
      const late = setTimeout(() => reject(new Error(`${method}: no answer for ${patience} s`)), patience * 1000)
      waiting.set(id, (m) => {
        clearTimeout(late)
        if (m.error !== undefined) reject(new Error(`${method}: ${m.error.message}`))
        else resolve(m.result ?? {})
      })
      socket.send(JSON.stringify({ id, method, params, ...(sessionId === undefined ? {} : { sessionId }) }))
    })
}

type Call = (method: string, params?: Record<string, unknown>) => Promise<Record<string, unknown>>

const complaintOf = ({ method, params }: Message): string | undefined => {
  if (method === "Runtime.exceptionThrown") return JSON.stringify(params)
  const entry = params?.entry as { readonly level?: string; readonly text?: string; readonly url?: string } | undefined
  if (method === "Log.entryAdded" && entry?.level !== "info" && entry?.level !== "verbose") {
    return `${entry?.level}: ${entry?.text} ${entry?.url ?? ""}`
  }
  return method === "Runtime.consoleAPICalled" && ["error", "warning", "assert"].includes(String(params?.type))
    ? JSON.stringify(params?.args)
    : undefined
}

const tabOf = (call: Call, requests: ReadonlyArray<string>, complaints: ReadonlyArray<string>): Tab => ({
  requests,
  complaints,
  look: async ({ width, height, scheme }) => {
    await call("Emulation.setDeviceMetricsOverride", { width, height, deviceScaleFactor: 1, mobile: width < 600 })
    await call("Emulation.setEmulatedMedia", { features: [{ name: "prefers-color-scheme", value: scheme }] })
  },
  value: async (expression) => {
    const { result, exceptionDetails } = await call("Runtime.evaluate", { expression, returnByValue: true })
    if (exceptionDetails !== undefined) throw new Error(`${expression}: ${JSON.stringify(exceptionDetails)}`)
    return (result as { readonly value?: unknown }).value
  },
  picture: async (whole) => {
    const { data } = await call("Page.captureScreenshot", { format: "png", captureBeyondViewport: whole })
    return Uint8Array.from(atob(String(data)), (c) => c.charCodeAt(0))
  },
})

/** Opens the page at a path of this machine, uses it, and closes the browser whatever happens. */
export const withPage = async <A>(
  binary: string,
  path: string,
  use: (tab: Tab) => Promise<A>,
  patience = 30,
): Promise<A> => {
  const profile = mkdtempSync(join(tmpdir(), "orrery-browser-"))
  const browser = spawn(binary, [
    ...[
      "--headless=new",
      "--no-sandbox",
      "--disable-dev-shm-usage",
      "--no-first-run",
      "--disable-background-networking",
    ],
    ...["--disable-gpu", "--hide-scrollbars", "--remote-debugging-port=0", `--user-data-dir=${profile}`, "about:blank"],
  ], { stdio: ["ignore", "ignore", "pipe"] })
  const gone = new Promise<void>((resolve) => browser.once("close", () => resolve()))
  try {
    const socket = await opened(await address(browser, patience))
    const requests: Array<string> = []
    const complaints: Array<string> = []
    let loaded = (): void => undefined
    const whenLoaded = new Promise<void>((resolve) => loaded = resolve)
    const raw = talk(socket, (m) => {
      const { url } = (m.params?.request ?? {}) as { readonly url?: string }
      if (m.method === "Network.requestWillBeSent" && url !== undefined) requests.push(url)
      if (m.method === "Page.loadEventFired") loaded()
      const complaint = complaintOf(m)
      if (complaint !== undefined) complaints.push(complaint)
    }, patience)
    const { targetId } = await raw("Target.createTarget", { url: "about:blank" })
    const { sessionId } = await raw("Target.attachToTarget", { targetId, flatten: true })
    const call: Call = (method, params) => raw(method, params, String(sessionId))
    for (const domain of ["Page", "Runtime", "Log", "Network"]) await call(`${domain}.enable`)
    await call("Page.navigate", { url: new URL(`file://${path}`).href })
    await whenLoaded
    const result = await use(tabOf(call, requests, complaints))
    socket.close()
    return result
  } finally {
    browser.kill("SIGKILL")
    await gone
    rmSync(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
  }
}
