/**
 * The commands over stages: `list`, `plan`, `run`, `report` and `clean`, from their arguments to their exit codes. 0: done. 1: something
 * failed, and a sentence says what. 2: the flags are wrong; nothing was done.
 * @module
 */
import * as Effect from "effect/Effect"
import { either as E } from "fp-ts"
import type { Surroundings } from "./around.ts"
import * as clean from "./clean.ts"
import { type Asked, type Command, type Flags, parse, usageOf } from "./flags.ts"
import * as list from "./list.ts"
import * as plan from "./plan.ts"
import * as report from "./report.ts"
import * as run from "./run.ts"

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

/** The commands by name. */
export const commands: {
  readonly [name: string]: (around: Surroundings, args: ReadonlyArray<string>) => Effect.Effect<number>
} = {
  list: reading(list.command, list.list),
  plan: reading(plan.command, plan.plan),
  run: reading(run.command, run.run),
  clean: reading(clean.command, clean.clean),
  report: reading(report.command, report.report),
}
