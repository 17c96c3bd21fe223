import * as Effect from "effect/Effect"
import { either as E } from "fp-ts"
import * as t from "io-ts"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { type Stage, stage } from "../../../tasks/stage/stage.ts"
import {
  byName,
  configOf,
  extend,
  type Extension,
  recipeOf,
  rowsOf,
  tableFaults,
  tokensOf,
} from "../../../tasks/recipes/extend.ts"
import { rateAt } from "../../../tasks/train/step.ts"
import { presets } from "../../../models/llama/presets.ts"

const it = suite("tasks/recipes/extend")

const row = (name: string, context: number, theta: number, more: Partial<Extension> = {}): Extension => ({
  ...{ name, context, theta, steps: 10, tokens: 4096, warmup: 2, rate: 4e-5 },
  ...more,
})
const base = { context: 256, theta: 1e4 }
const table = [row("1K", 1024, 1e5), row("2K", 2048, 1e5), row("4K", 4096, 1e6)]

const made = (name: string, needs: { readonly [name: string]: Stage<string> }): Stage<string> =>
  stage({
    name,
    version: "1",
    codec: t.null,
    settings: null,
    needs,
    output: t.string as t.Type<string, unknown>,
    make: () => Effect.succeed(name),
  })

const link = ({ name }: Extension, before: Stage<string>) => made(name, { before })

it("chains stages, each after the one before it, the first after the base", () => {
  const chain = extend(table, base, made("base", {}), link)
  assert.equal(chain.map(({ name }) => name), ["1K", "2K", "4K"])
  assert.equal(chain.map((s) => s.needs["before"]!.name), ["base", "1K", "2K"])
  assert.equal(chain.map((s) => s.expects()), [E.right({}), E.right({}), E.right({})])
  assert.equal(Object.keys(byName(chain)), ["1K", "2K", "4K"])
  assert.equal(extend([], base, made("base", {}), link), [])
})

it("counts rows, tokens and rates", () => {
  assert.equal(table.map(rowsOf), [4, 2, 1])
  assert.equal(table.map(tokensOf), [40960, 40960, 40960])
  const rate = (r: Extension, n: number): number => Number(rateAt(recipeOf(r), n).toPrecision(6))
  assert.equal([0, 1, 2, 9].map((n) => rate(table[0]!, n)), [0, 2e-5, 4e-5, 4e-5])
  assert.is(rate(row("x", 1024, 1e5, { warmup: 0 }), 0), 4e-5)
  const { batch, time, steps } = recipeOf(table[1]!)
  assert.equal([batch, time, steps], [2, 2048, 10])
  assert.equal(configOf(presets.debug, table[2]!), { ...presets.debug, context: 4096, theta: 1e6 })
})

it("says what a row breaks", () => {
  const said = (...rows: ReadonlyArray<Extension>): ReadonlyArray<string> =>
    tableFaults(rows, base).map(({ message }) => message)
  assert.equal(said(...table), [])
  assert.equal(said(row("1K", 1024, 1e5, { tokens: 4000 })), [
    "stage '1K': a step of 4000 tokens is no whole number of rows of 1024; give a multiple of the context",
  ])
  assert.equal(said(row("a", 256, 1e5)), [
    "stage 'a': a context of 256 follows one of 256; each stage must look further",
  ])
  assert.equal(said(row("a", 1024, 1e5), row("b", 2048, 1e4)), [
    "stage 'b': theta 10000 follows 100000; it must be above 1 and may not fall",
  ])
  assert.equal(said(row("a", 1024, 1e5, { warmup: 11 })), [
    "stage 'a': a warm-up of 11 steps does not fit into 10; give 0 to 10",
  ])
  assert.equal(said(row("a", 1024, 1e5, { rate: 0 })), [
    "stage 'a': a rate of 0; expected a number above 0, 4e-5 as a rule",
  ])
  assert.equal(said(row("a", 1024, 1e5, { bin: { from: 9, below: 9 } })), [
    "stage 'a': documents from 9 and below 9 tokens: there are none",
  ])
  assert.equal(said(row("a", 1024, 1e5), row("a", 2048, 1e5)), ["two stages are called 'a'; give each its own name"])
  assert.match(said(row("a", 1024.5, 1e5))[0]!, "must be whole numbers from 1")
})

it("gives a stage the faults of its row, and only those", () => {
  const [first, second] = extend([row("1K", 1024, 1e5), row("2K", 2048, 1e4)], base, made("base", {}), link)
  assert.ok(E.isRight(first!.graphs()) && E.isRight(first!.expects()))
  assert.ok(E.isLeft(second!.graphs()) && E.isLeft(second!.expects()))
})

it.run()
