/**
 * Stages in types: faults and services of all that is needed add up, and a stage is given what its needs make.
 * @module
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as t from "io-ts"
import type { Events } from "../../tasks/events.ts"
import type { Recipe } from "../../tasks/recipes/registry.ts"
import { run, type RunFault } from "../../tasks/stage/run.ts"
import { pipeline, stage } from "../../tasks/stage/stage.ts"
import type { Store } from "../../tasks/store.ts"

interface Weather {
  readonly rains: boolean
}
const Weather: Context.Service<Weather, Weather> = Context.Service<Weather>("tests/Weather")
interface Tides {
  readonly high: boolean
}
const Tides: Context.Service<Tides, Tides> = Context.Service<Tides>("tests/Tides")
interface Wet {
  readonly _tag: "Wet"
  readonly message: string
}
interface Stranded {
  readonly _tag: "Stranded"
  readonly message: string
}

const sail = stage({
  ...{ name: "sail", version: "1", codec: t.null, settings: null, needs: {}, output: t.number },
  make: () =>
    Effect.flatMap(Weather, ({ rains }) => rains ? Effect.fail<Wet>({ _tag: "Wet", message: "" }) : Effect.succeed(1)),
})
const land = stage({
  ...{
    name: "land",
    version: "1",
    codec: t.strict({ port: t.string }),
    settings: { port: "Nantucket" },
    needs: { sail },
  },
  output: t.string,
  make: ({ sail }, { port }) => {
    const miles: number = sail
    const name: string = port
    return Effect.flatMap(
      Tides,
      ({ high }) =>
        high ? Effect.succeed(`${name} ${miles}`) : Effect.fail<Stranded>({ _tag: "Stranded", message: "" }),
    )
  },
})

export const whole: Effect.Effect<string, Wet | Stranded | RunFault, Weather | Tides | Store | Events> = run(land)

// @ts-expect-error the faults of what it needs are its own
export const dry: Effect.Effect<string, Stranded | RunFault, Weather | Tides | Store | Events> = run(land)

// @ts-expect-error so are their services
export const calm: Effect.Effect<string, Wet | Stranded | RunFault, Tides | Store | Events> = run(land)

void stage({
  ...{ name: "wrong", version: "1", codec: t.null, settings: null, needs: { sail }, output: t.number },
  // @ts-expect-error there is no such need
  make: ({ row }) => Effect.succeed(1 + Number(row)),
})

void stage({
  ...{ name: "wrong", version: "1", codec: t.null, settings: null, needs: { sail }, output: t.number },
  // @ts-expect-error the output's codec is of numbers
  make: () => Effect.succeed("one"),
})

void stage({
  ...{ name: "wrong", version: "1", needs: {}, output: t.number, codec: t.strict({ port: t.string }) },
  // @ts-expect-error the settings' codec says another form
  settings: { port: 1 },
  make: () => Effect.succeed(1),
})

/** Commands provide a device, a store and events, and nothing else. */
// @ts-expect-error nobody provides the weather
export const recipe: Recipe = pipeline("voyage", "Needs weather", { land })
