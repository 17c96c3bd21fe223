/**
 * A dialogue in a terminal, from its flags to its exit code: the model is found, the context read with its progress, and
 * answers are shown as they come.
 * @module
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import { either as E } from "fp-ts"
import { readFile } from "node:fs/promises"
import type { DeviceFault } from "../../core/device/backend.ts"
import { Device } from "../../core/device/device.ts"
import { type FileFault, fileFault } from "../../core/files/codec.ts"
import { parameterCount } from "../../models/llama/config.ts"
import { grouped, tame, timeText } from "../numbers.ts"
import { type StoreFault, storeFault } from "../store.ts"
import { askFault } from "./asking.ts"
import { chatEnds, chatPrompt, chatTurn } from "./chat.ts"
import type { Console } from "./console.ts"
import { parse, usageOf } from "../command/flags.ts"
import { command, type Said, type Wanted, wantedOf } from "./flags.ts"
import type { Ask, AskFault } from "./language.ts"
import type { Model } from "./model.ts"
import { type Session, session } from "./session.ts"
import { begin, rest, spell } from "./spelling.ts"

// ---- types -------------------------------------------------------------------

/** What a dialogue needs of the world around it. */
export interface Surroundings {
  readonly console: Console
  /** The model that is wanted. */
  readonly model: (said: Said) => Effect.Effect<Model, Fault>
  /** The device that was asked for, or the best that works. */
  readonly device: (asked: Said["device"]) => Layer.Layer<Device, DeviceFault>
}

/** What may go wrong. */
export type Fault = DeviceFault | AskFault | FileFault | StoreFault | {
  readonly _tag: string
  readonly message: string
}

/** A dialogue that is ready. */
interface Talk {
  readonly wanted: Wanted
  readonly model: Model
  readonly session: Session
  /** What is read before the first question. */
  readonly context: Int32Array | undefined
  readonly console: Console
}

// ---- what is told beside the answer ------------------------------------------------

const rate = (tokens: number, ms: number): string => `${grouped(tokens / Math.max(ms, 1) * 1000)} tokens/s`

/** Fewer tokens are read before anybody looks. */
const worthTelling = 512

/** One line that is written over while it reads. */
const reading = (console: Console, began: number): NonNullable<Ask["read"]> => (done, total) =>
  Effect.gen(function* () {
    if (!console.watched || total < worthTelling) return
    const spent = (yield* Clock.currentTimeMillis) - began
    const left = timeText((total - done) * spent / Math.max(1, done) / 1000)
    const text = `read ${grouped(done)} of ${grouped(total)} tokens, ${rate(done, spent)}, ${left} left`
    console.tell(`\r${done < total ? text.padEnd(70) : " ".repeat(70) + "\r"}`)
  })

// ---- one answer --------------------------------------------------------------------

/** The tokens that a question adds. */
const promptOf = ({ wanted, model: { tokenizer: t }, context }: Talk, question: string, first: boolean): Int32Array => {
  if (!wanted.said.plain) {
    const own = {
      ...(context === undefined ? {} : { context }),
      ...(wanted.said.system === undefined ? {} : { system: wanted.said.system }),
    }
    return first ? chatPrompt(t, { question, ...own }) : chatTurn(t, question)
  }
  const begun = first ? [...(t.bos === undefined ? [] : [t.bos]), ...(context ?? [])] : []
  return Int32Array.from([...begun, ...t.encode(question)])
}

/** What a text that is too long may be cut to. */
const tooLong = ({ context, model, session }: Talk, tokens: number): AskFault | undefined => {
  const over = tokens + 1 - session.context
  return context === undefined || over <= 0 ? undefined : askFault(
    `the context and the question are ${grouped(tokens)} tokens, and ${model.name} has a context of ` +
      `${grouped(session.context)}, answer included: ${grouped(over)} too many. Give about the first ` +
      `${Math.max(0, Math.floor(100 * (1 - over / context.length)))} % of the text, or a model of a longer context`,
  )
}

const answer = (talk: Talk, question: string, first: boolean): Effect.Effect<void, Fault> =>
  Effect.gen(function* () {
    const { wanted, model: { tokenizer }, session, console } = talk
    const tokens = promptOf(talk, question, first)
    const used = yield* session.used
    const wrong = first ? tooLong(talk, tokens.length) : undefined
    if (wrong !== undefined) return yield* Effect.fail(wrong)
    const limit = Math.max(1, Math.min(wanted.limit, session.context - used - tokens.length))
    const { stop, until } = wanted.said.plain
      ? { stop: tokenizer.eos === undefined ? [] : [tokenizer.eos], until: [] }
      : chatEnds(tokenizer)
    const began = yield* Clock.currentTimeMillis
    let speaking = began
    let spelling = begin(until)
    let shown = ""
    let count = 0
    // what stands between the form and the answer is the form's
    const show = (text: string): void => {
      const part = shown === "" && !wanted.said.plain ? text.trimStart() : text
      shown += part
      console.say(console.typed ? tame(part.replaceAll("\t", "    ")) : part)
    }
    const got = yield* session.reply(tokens, {
      ...{ sampling: wanted.sampling, limit, stop, until, read: reading(console, began) },
      heard: (_, token) =>
        Effect.gen(function* () {
          if (count++ === 0) speaking = yield* Clock.currentTimeMillis
          const next = spell(tokenizer, spelling, token)
          show(next.shown.slice(spelling.shown.length))
          spelling = next
        }),
    })
    const ended = yield* Clock.currentTimeMillis
    show(rest(spelling, tokenizer.decode(got)))
    if (!shown.endsWith("\n")) console.say("\n")
    if (!console.watched) return
    const said = count < 2 ? "" : `, ${rate(count - 1, ended - speaking)}`
    const read = tokens.length < worthTelling
      ? ""
      : `read ${grouped(tokens.length)}, ${rate(tokens.length, speaking - began)}; `
    console.tell(
      `[${read}said ${grouped(count)}${said}; ${grouped(yield* session.used)} of ${grouped(session.context)}]\n`,
    )
  })

// ---- the dialogue ------------------------------------------------------------------

/** Questions are asked until there are no more; Ctrl-C stops an answer, and one more leaves. */
const dialogue = (talk: Talk): Effect.Effect<void> =>
  Effect.gen(function* () {
    const { console } = talk
    let first = true
    for (;;) {
      const question = yield* console.line("> ")
      if (question === undefined) return console.say("\n")
      if (question.trim() === "") continue
      const text = talk.wanted.said.plain ? question : question.trim()
      const stopped = Effect.as(console.interrupted, true)
      const ended = Effect.as(answer(talk, text, first), false)
      const was = yield* Effect.raceFirst(ended, stopped).pipe(
        Effect.catch((fault) => Effect.sync(() => (console.tell(`${fault.message}\n`), undefined))),
      )
      if (was !== undefined) first = false
      if (was === true) console.say("\n")
    }
  })

const readText = (path: string): Effect.Effect<string, FileFault | StoreFault> =>
  Effect.tryPromise({
    try: () => readFile(path, "utf8"),
    catch: (cause) =>
      (cause as { readonly code?: unknown }).code === "ENOENT"
        ? fileFault("missing", path, `there is no file ${path} to read as --context; check the path`)
        : storeFault("read", path, cause),
  })

const header = ({ model, session, context }: Talk, device: string): string =>
  [
    `${model.name}: ${grouped(parameterCount(model.config))} parameters, a context of ${
      grouped(session.context)
    } tokens, `,
    `${session.digest.slice(0, 12)}\n${device}\n`,
    ...(context === undefined ? [] : [`${grouped(context.length)} tokens stand before the first question\n`]),
  ].join("")

/** The session of a model, and the questions. */
const talk = (wanted: Wanted, model: Model, texts: ReadonlyArray<string>, console: Console) =>
  Effect.scoped(Effect.gen(function* () {
    const device = yield* Device
    const context = texts.length === 0 ? undefined : model.tokenizer.encode(texts.join("\n\n"))
    const { storage, memory, said: { prompt, plain } } = wanted
    const own = yield* session({ ...model, storage, ...(memory === undefined ? {} : { memory }) })
    const ready: Talk = { wanted, model, session: own, context, console }
    if (prompt === undefined && console.typed) {
      console.tell(header(ready, device.info.description))
      return yield* dialogue(ready)
    }
    const question = prompt ?? (yield* console.piped)
    return yield* answer(ready, plain ? question : question.trim(), true)
  }))

/** Files and model first: what is wrong with them is said before a device is opened. */
const talkWith = (wanted: Wanted, around: Surroundings): Effect.Effect<void, Fault> =>
  Effect.gen(function* () {
    const texts = yield* Effect.forEach(wanted.context, readText)
    const model = yield* around.model(wanted.said)
    yield* Effect.provide(talk(wanted, model, texts, around.console), around.device(wanted.said.device))
  })

/** Runs a dialogue. 0: done. 1: something failed, and the sentence says what. 2: the flags are wrong. */
export const main = (args: ReadonlyArray<string>, around: Surroundings): Effect.Effect<number> => {
  const { console } = around
  const asked = parse(command, args)
  if (E.isRight(asked) && asked.right === undefined) {
    console.say(usageOf(command))
    return Effect.succeed(0)
  }
  const wanted = E.isLeft(asked) ? asked : wantedOf(asked.right!.values)
  if (E.isLeft(wanted)) {
    console.tell(`${wanted.left}\n\n${usageOf(command)}`)
    return Effect.succeed(2)
  }
  return talkWith(wanted.right, around).pipe(
    Effect.as(0),
    Effect.catch((fault) => Effect.sync(() => (console.tell(`${fault.message}\n`), 1))),
  )
}
