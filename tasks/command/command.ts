/**
 * Commands from their arguments to their exit codes. 0: done. 1: something failed, and a sentence says what. 2: the flags
 * are wrong; nothing was done.
 * @module
 */
import * as Effect from "effect/Effect"
import { either as E } from "fp-ts"
import type { Surroundings } from "./around.ts"
import * as ask from "./ask.ts"
import * as clean from "./clean.ts"
import * as data from "./data.ts"
import * as decode from "./decode.ts"
import * as encode from "./encode.ts"
import * as explain from "./explain.ts"
import { type Asked, type Command, type Flags, parse, usageOf } from "./flags.ts"
import * as generate from "./generate.ts"
import * as list from "./list.ts"
import * as plan from "./plan.ts"
import * as report from "./report.ts"
import * as run from "./run.ts"
import * as tune from "./tune.ts"

const reading = <F extends Flags>(
  command: Command<F>,
  act: (around: Surroundings, asked: Asked<F>) => Effect.Effect<number>,
) =>
(around: Surroundings, args: ReadonlyArray<string>): Effect.Effect<number> =>
  Effect.suspend(() => {
    const asked = parse(command, args)
    if (E.isLeft(asked)) {
      around.complain(`${asked.left}\n\n${usageOf(command)}`)
      return Effect.succeed(2)
    }
    if (asked.right !== undefined) return act(around, asked.right)
    around.terminal.write(usageOf(command))
    return Effect.succeed(0)
  })

/** Commands by name. */
export interface Commands {
  readonly [name: string]: (around: Surroundings, args: ReadonlyArray<string>) => Effect.Effect<number>
}

/** The commands over the stages of pipelines. */
export const commands: Commands = {
  list: reading(list.command, list.list),
  plan: reading(plan.command, plan.plan),
  run: reading(run.command, run.run),
  clean: reading(clean.command, clean.clean),
  report: reading(report.command, report.report),
}

/** The others: they look, and change no stage. */
export const tools: Commands = {
  ask: reading(ask.command, ask.ask),
  data: reading(data.command, data.data),
  decode: reading(decode.command, decode.decode),
  encode: reading(encode.command, encode.encode),
  explain: reading(explain.command, explain.explain),
  generate: reading(generate.command, generate.generate),
  tune: reading(tune.command, tune.tune),
}
