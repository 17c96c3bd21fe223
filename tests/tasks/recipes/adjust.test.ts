import { either as E } from "fp-ts"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { adjustable, adjustedBy, readSaid } from "../../../tasks/recipes/adjust.ts"
import { lwm7b } from "../../../tasks/recipes/lwm/pipeline.ts"
import { recipes } from "../../../tasks/recipes/registry.ts"
import { studio } from "../../../tasks/recipes/studio.ts"
import { stageNamed } from "../../../tasks/stage/key.ts"
import { type Pipeline, pipeline } from "../../../tasks/stage/stage.ts"

const it = suite("tasks/recipes/adjust")

interface Wish {
  readonly name: string
  readonly times: number
}

const recipe = adjustable(({ name, times }: Wish) => pipeline("wish", `${name} ${times}`, {}), {
  standard: { name: "somebody", times: 1 },
  settings: {
    name: { about: "who", set: (s, name) => E.right({ ...s, name }) },
    times: {
      about: "how often",
      set: (s, text) => /^\d+$/.test(text) ? E.right({ ...s, times: Number(text) }) : E.left("a number"),
    },
    twice: { about: "or twice that", set: (s) => E.right({ ...s, times: 2 * s.times }) },
  },
})

const said = <P extends Pipeline>(e: E.Either<{ readonly message: string }, P>): string =>
  E.isLeft(e) ? e.left.message : e.right.about

it("is what it is by itself, and what is said changes it, in the order of the table", () => {
  assert.is(recipe.about, "somebody 1")
  assert.is(said(adjustedBy(recipe, {})), "somebody 1")
  assert.is(said(adjustedBy(recipe, { twice: "yes", times: "3", name: "Ahab" })), "Ahab 6")
  assert.is(
    said(adjustedBy(recipe, { often: "3" })),
    "wish: there is no setting 'often'; there are name (who), times (how often), twice (or twice that)",
  )
  assert.is(said(adjustedBy(recipe, { times: "many" })), "wish: times is 'many'; expected a number")
  assert.is(
    said(adjustedBy(pipeline("plain", "", {}), { name: "Ahab" })),
    "plain: the pipeline has no settings to be said; leave --with out",
  )
})

it("reads names and values", () => {
  assert.equal(readSaid("books=/a/b=c,writer=rules"), E.right({ books: "/a/b=c", writer: "rules" }))
  for (const bad of ["", "books", "=a", "books=", "a=1,a=2", "a=1,"]) {
    assert.equal(readSaid(bad), E.left("settings and their values, each once: NAME=VALUE,NAME=VALUE"), bad)
  }
})

it("adjusts lwm-7b and studio", () => {
  const settings = (p: typeof lwm7b, what: { readonly [name: string]: string }, name: string): string => {
    const found = E.flatMap((q: Pipeline) => stageNamed(q, name))(adjustedBy(p, what))
    return E.isLeft(found) ? found.left.message : JSON.stringify(found.right.settings)
  }
  assert.match(settings(lwm7b, { weights: "/llama" }, "llama-2-7b"), '"folder":"/llama"')
  assert.match(settings(lwm7b, { books: "/books" }, "lwm-books"), '"names":["/books"]')
  assert.match(settings(lwm7b, { writer: "rules" }, "lwm-questions"), '"writer":{"kind":"rules"}')
  const asked = settings(studio, { model: "small", writer: "http://there/v1" }, "studio-questions")
  assert.match(asked, '"url":"http://there/v1","model":"small"')
  assert.match(settings(studio, { model: "small" }, "studio-questions"), "a writer that is an endpoint")
  assert.match(settings(studio, { writer: "me" }, "studio-questions"), "expected rules, own, or the URL of an endpoint")
  assert.match(settings(studio, { preset: "1b" }, "studio-base"), '"layers":22')
  assert.match(settings(studio, { preset: "2b" }, "studio-base"), "preset is '2b'; expected one of debug, 200m, 1b")
  assert.ok(recipes.includes(lwm7b) && recipes.includes(studio))
})

it.run()
