/**
 * Questions by a language model behind HTTP that speaks as OpenAI's chat completions do: most servers of local models, and
 * most services. It is asked again when asking again can help, each time later, and waits as long as it is told to.
 * @module
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import { either as E } from "fp-ts"
import * as t from "io-ts"
import { decodeJson } from "../../core/files/codec.ts"
import { hostBits } from "../../core/random/host.ts"
import { parse, request, version } from "./asking.ts"
import { type Pair, Writer, type WriterFault, writerFault } from "./writer.ts"

// ---- types -------------------------------------------------------------------

/** Where to ask, and how patiently. Times are in milliseconds. */
export interface Endpoint {
  /** `http://localhost:8080/v1`: `/chat/completions` is added. */
  readonly url: string
  readonly model: string
  /** The secret, which is shown nowhere; undefined where none is asked for. */
  readonly secret: string | undefined
  readonly temperature: number
  /** Tokens of a reply at most. */
  readonly limit: number
  /** How long one request may take. */
  readonly patience: number
  /** Requests for one pair at most. */
  readonly tries: number
  /** The wait before the second request; it doubles with each. */
  readonly pause: number
  /** The longest wait, also when a server asks for a longer one. */
  readonly longest: number
}

/** What is left to choose once it is known where and whom to ask. */
export const patient: Omit<Endpoint, "url" | "model" | "secret"> = {
  temperature: 0.7,
  limit: 200,
  patience: 60_000,
  tries: 6,
  pause: 1000,
  longest: 60_000,
}

/** A fault, and how long to wait before asking again: undefined where that does not help, 0 where nothing is said. */
interface Attempt {
  readonly fault: WriterFault
  readonly wait: number | undefined
}

interface Completion {
  readonly choices: ReadonlyArray<{ readonly message: { readonly content: string } }>
}
const Completion: t.Type<Completion, unknown> = t.type({
  choices: t.readonlyArray(t.type({ message: t.type({ content: t.string }) })),
})

// ---- replies -------------------------------------------------------------------

/** What a status means, and whether asking again helps. */
const meaningOf = (status: number): readonly [WriterFault["reason"], again: boolean, advice: string] => {
  if (status === 401 || status === 403) return ["refused", false, "check the key in the environment"]
  if (status === 404) return ["refused", false, "check the URL (it ends in /v1 as a rule) and the model's name"]
  if (status === 429) return ["limited", true, "ask fewer at once, or go on later: what is written is kept"]
  if (status === 408) return ["slow", true, "raise the patience, or ask fewer at once"]
  return status < 500
    ? ["refused", false, "the server does not take this request"]
    : ["failed", true, "look at the server's own log"]
}

/** Milliseconds that `retry-after` asks for: seconds, or a date. */
export const waitOf = (header: string | null, now: number): number => {
  if (header === null) return 0
  const seconds = Number(header)
  const ms = header.trim() !== "" && Number.isFinite(seconds) ? seconds * 1000 : Date.parse(header) - now
  return Number.isFinite(ms) ? Math.max(0, ms) : 0
}

const excerpt = (text: string): string => JSON.stringify(text.replace(/\s+/g, " ").slice(0, 120))

const pairOf = (who: string, text: string): E.Either<Attempt, Pair> => {
  const malformed = (why: string): Attempt => ({ fault: writerFault("malformed", `${who}: ${why}`), wait: 0 })
  const completion = decodeJson(Completion, text)
  if (E.isLeft(completion)) {
    return E.left(malformed(`the reply is no chat completion (${completion.left[0]!.message}): ${excerpt(text)}`))
  }
  const content = completion.right.choices[0]?.message.content
  return content === undefined ? E.left(malformed("the reply has no choices")) : E.mapLeft(malformed)(parse(content))
}

// ---- requests ------------------------------------------------------------------

const post = (e: Endpoint, who: string, body: string): Effect.Effect<Pair, Attempt> => {
  const headers = {
    "content-type": "application/json",
    ...(e.secret === undefined ? {} : { authorization: `Bearer ${e.secret}` }),
  }
  const sent = Effect.tryPromise({
    try: async (signal) => {
      const reply = await fetch(`${e.url.replace(/\/+$/, "")}/chat/completions`, {
        method: "POST",
        headers,
        body,
        signal,
      })
      return { status: reply.status, after: reply.headers.get("retry-after"), text: await reply.text() }
    },
    catch: (cause): Attempt => {
      const why = cause instanceof Error ? cause.message : String(cause)
      return { fault: writerFault("unreachable", `${who}: ${why}; is the server running, and the URL right?`), wait: 0 }
    },
  })
  const slow = `${who}: no reply within ${e.patience / 1000} s; raise the patience, or ask fewer at once`
  return sent.pipe(
    Effect.timeoutOrElse({
      duration: e.patience,
      orElse: (): Effect.Effect<never, Attempt> => Effect.fail({ fault: writerFault("slow", slow), wait: 0 }),
    }),
    Effect.flatMap(({ status, after, text }): Effect.Effect<Pair, Attempt> => {
      if (status >= 200 && status < 300) {
        const pair = pairOf(who, text)
        return E.isLeft(pair) ? Effect.fail(pair.left) : Effect.succeed(pair.right)
      }
      const [reason, again, advice] = meaningOf(status)
      const fault = writerFault(reason, `${who}: status ${status} (${excerpt(text)}); ${advice}`)
      return Effect.fail({ fault, wait: again ? waitOf(after, Date.now()) : undefined })
    }),
  )
}

/** The wait before the next request: what the server asks for, or the pause doubled each time, by chance down to half of it. */
const pauseOf = ({ pause, longest }: Endpoint, asked: number, failed: number, chance: number): number =>
  Math.min(longest, Math.max(asked, pause * 2 ** (failed - 1) * (1 - chance / 2)))

const insist = (e: Endpoint, once: Effect.Effect<Pair, Attempt>, failed = 0): Effect.Effect<Pair, WriterFault> =>
  Effect.matchEffect(once, {
    onSuccess: (pair) => Effect.succeed(pair),
    onFailure: ({ fault, wait }) =>
      wait === undefined || failed + 1 >= e.tries
        ? Effect.fail(failed === 0 ? fault : { ...fault, message: `${fault.message} (asked ${failed + 1} times)` })
        : Effect.flatMap(
          Random.next,
          (chance) => Effect.andThen(Effect.sleep(pauseOf(e, wait, failed + 1, chance)), insist(e, once, failed + 1)),
        ),
  })

/** The host of a URL, for people; the rest may hold secrets. */
const hostOf = (url: string): E.Either<WriterFault, string> =>
  E.tryCatch(
    () => new URL(url).host,
    () => writerFault("refused", `${JSON.stringify(url)} is no URL; expected one like http://localhost:8080/v1`),
  )

/** An endpoint as a writer. Faults: a URL that is none. */
export const endpoint = (e: Endpoint): Layer.Layer<Writer, WriterFault> => {
  const host = hostOf(e.url)
  if (E.isLeft(host)) return Layer.effect(Writer, Effect.fail(host.left))
  const label = `endpoint ${e.model} at ${host.right}`
  return Layer.succeed(Writer, {
    label,
    identity: `${label} ${e.temperature} ${e.limit} ${version}`,
    write: ({ text }, key) => {
      const messages = [
        { role: "system", content: "You are a helpful assistant." },
        { role: "user", content: request(text) },
      ]
      const { model, temperature, limit } = e
      const seed = hostBits(key, 1)[0]! >>> 1
      return insist(e, post(e, label, JSON.stringify({ model, messages, temperature, max_tokens: limit, seed })))
    },
  })
}
