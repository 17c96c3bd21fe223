/** The writer over HTTP, against a server that does what a test tells it to. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { chunksOf } from "../../../tasks/questions/chunks.ts"
import { type Endpoint, endpoint, patient, waitOf } from "../../../tasks/questions/endpoint.ts"
import { keyOf, type Pair, Writer, type WriterFault } from "../../../tasks/questions/writer.ts"
import { bytes, passage } from "./passage.ts"

const it = suite("tasks/questions/endpoint")

/** One reply: a status, a body, headers, and how long it takes. */
interface Reply {
  readonly status?: number
  readonly body: string
  readonly headers?: { readonly [name: string]: string }
  readonly after?: number
}

/** What a request for a completion holds. */
interface Body {
  readonly model: string
  readonly max_tokens: number
  readonly seed: number
  readonly messages: ReadonlyArray<{ readonly role: string; readonly content: string }>
}

interface Heard {
  readonly url: string
  readonly authorization: string | undefined
  readonly body: Body
}

const said = (content: unknown): string =>
  JSON.stringify({ id: "x", choices: [{ index: 0, message: { role: "assistant", content } }] })
const good: Reply = { body: said("Question: Who was the chief mate?\nAnswer: Starbuck") }
const [chunk] = chunksOf(bytes, { name: "a book", tokens: bytes.encode(passage) }, 600)

const textOf = async (request: IncomingMessage): Promise<string> => {
  const parts: Array<string> = []
  for await (const part of request) parts.push(String(part))
  return parts.join("")
}

/** Runs one request for a pair against a server that gives these replies in order, the last one for ever. */
const ask = async (
  replies: ReadonlyArray<Reply>,
  settings: Partial<Endpoint> = {},
): Promise<{ readonly exit: Exit.Exit<Pair | undefined, WriterFault>; readonly heard: ReadonlyArray<Heard> }> => {
  const heard: Array<Heard> = []
  const waits: Array<ReturnType<typeof setTimeout>> = []
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = JSON.parse(await textOf(request))
    const reply = replies[Math.min(heard.length, replies.length - 1)]!
    heard.push({ url: request.url!, authorization: request.headers.authorization, body })
    waits.push(setTimeout(() => {
      response.writeHead(reply.status ?? 200, { "content-type": "application/json", ...reply.headers })
      response.end(reply.body)
    }, reply.after ?? 0))
  }
  const server = createServer((request, response) => void answer(request, response))
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/`
  const e = { ...patient, url, model: "small", secret: "s3cret", pause: 1, ...settings }
  const once = Effect.gen(function* () {
    return yield* (yield* Writer).write(chunk!, keyOf(1, chunk!))
  })
  try {
    return { exit: await Effect.runPromiseExit(once.pipe(Effect.provide(endpoint(e)))), heard }
  } finally {
    waits.forEach((w) => clearTimeout(w))
    server.closeAllConnections()
    await new Promise((done) => server.close(done))
  }
}

const faultOf = (exit: Exit.Exit<unknown, WriterFault>): WriterFault => {
  if (Exit.isSuccess(exit)) throw new Error(`no fault, but ${JSON.stringify(exit.value)}`)
  const reason = exit.cause.reasons.find((r) => r._tag === "Fail")
  if (reason === undefined) throw new Error(String(exit.cause))
  return reason.error
}

const pairOf = (exit: Exit.Exit<Pair | undefined, WriterFault>): Pair | undefined => {
  if (Exit.isFailure(exit)) throw new Error(faultOf(exit).message)
  return exit.value
}

it("asks as chat completions are asked, and reads the pair", async () => {
  const { exit, heard } = await ask([good])
  assert.equal(pairOf(exit), { question: "Who was the chief mate?", answer: "Starbuck" })
  assert.is(heard.length, 1)
  const [{ url, authorization, body }] = heard as [Heard]
  assert.is(url, "/v1/chat/completions")
  assert.is(authorization, "Bearer s3cret")
  assert.is(body.model, "small")
  assert.is(body.max_tokens, patient.limit)
  assert.ok(Number.isSafeInteger(body.seed) && body.seed >= 0 && body.seed < 2 ** 31)
  assert.equal(body.messages.map(({ role }) => role), ["system", "user"])
  assert.ok(body.messages[1]!.content.includes("a native of Nantucket"))
})

it("asks again where that can help: 500, 503, 429, no JSON, another form, no pair", async () => {
  const bad: ReadonlyArray<Reply> = [
    { status: 500, body: "oops" },
    { status: 503, body: "" },
    { status: 429, body: "{}", headers: { "retry-after": "0" } },
    { body: '{"choices": [' },
    { body: said(7) },
    { body: '{"choices": []}' },
    { body: said("I would rather not.") },
  ]
  const { exit, heard } = await ask([...bad, good], { tries: 8 })
  assert.is(pairOf(exit)?.answer, "Starbuck")
  assert.is(heard.length, 8)
  assert.ok(heard.every(({ body }) => body.seed === heard[0]!.body.seed))
})

it("gives up after so many requests, and says with what", async () => {
  const table: ReadonlyArray<readonly [Reply, WriterFault["reason"], string]> = [
    [{ status: 500, body: "the card is on fire" }, "failed", 'status 500 ("the card is on fire")'],
    [{ status: 429, body: "{}" }, "limited", "ask fewer at once"],
    [{ body: "<html>" }, "malformed", "the reply is no chat completion"],
    [{ body: said("Question: a?") }, "malformed", 'expected the lines "Question: ..." and "Answer: ..."'],
  ]
  for (const [reply, reason, text] of table) {
    const { exit, heard } = await ask([reply], { tries: 3 })
    const fault = faultOf(exit)
    assert.is(fault.reason, reason)
    assert.ok(fault.message.includes(text) && fault.message.includes("(asked 3 times)"), fault.message)
    assert.match(fault.message, /^endpoint small at 127\.0\.0\.1:\d+: /)
    assert.not.match(fault.message, "s3cret")
    assert.is(heard.length, 3)
  }
})

it("does not ask again where that cannot help", async () => {
  for (
    const [status, text] of [[401, "check the key"], [403, "check the key"], [404, "check the URL"], [
      400,
      "does not take",
    ]] as const
  ) {
    const { exit, heard } = await ask([{ status, body: "no" }])
    assert.is(faultOf(exit).reason, "refused")
    assert.match(faultOf(exit).message, text)
    assert.is(heard.length, 1)
  }
})

it("waits as long as it is told to, and no longer than it wants", async () => {
  const began = performance.now()
  const { exit } = await ask([{ status: 429, body: "", headers: { "retry-after": "1000" } }, good], { longest: 120 })
  assert.is(pairOf(exit)?.answer, "Starbuck")
  const took = performance.now() - began
  assert.ok(took >= 100 && took < 5000, `${took} ms`)
  assert.is(waitOf("2", 0), 2000)
  assert.is(waitOf(null, 0), 0)
  assert.is(waitOf("soon", 0), 0)
  assert.is(waitOf(new Date(5000).toUTCString(), 2000), 3000)
  assert.is(waitOf(new Date(1000).toUTCString(), 2000), 0)
})

it("does not wait for what is slow, and asks again", async () => {
  const slow = { ...good, after: 3000 }
  const { exit, heard } = await ask([slow, good], { patience: 300 })
  assert.is(pairOf(exit)?.answer, "Starbuck")
  assert.is(heard.length, 2)
  const never = await ask([slow], { patience: 50, tries: 2 })
  assert.is(faultOf(never.exit).reason, "slow")
  assert.match(faultOf(never.exit).message, "no reply within 0.05 s")
})

it("says so where nobody is, and where the URL is none", async () => {
  const at = (url: string) =>
    Effect.runPromiseExit(
      Effect.flatMap(Writer, (w) => w.write(chunk!, keyOf(1, chunk!))).pipe(
        Effect.provide(endpoint({ ...patient, url, model: "small", secret: undefined, pause: 1, tries: 2 })),
      ),
    )
  const nobody = faultOf(await at("http://127.0.0.1:1/v1"))
  assert.is(nobody.reason, "unreachable")
  assert.match(nobody.message, "is the server running, and the URL right?")
  const none = faultOf(await at("localhost/v1"))
  assert.is(none.reason, "refused")
  assert.match(none.message, '"localhost/v1" is no URL; expected one like http://localhost:8080/v1')
})

it.run()
