/** Keys and declarations: equal text for equal values, a key for all that matters, and what is declared wrongly is said. */
import * as Effect from "effect/Effect"
import { either as E } from "fp-ts"
import * as t from "io-ts"
import fc from "fast-check"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { positive } from "../../../core/files/codec.ts"
import { fault } from "../../../core/graph/fault.ts"
import { canonical } from "../../../tasks/stage/json.ts"
import { inOrder, keyOf, pipelineFaults, stageNamed } from "../../../tasks/stage/key.ts"
import { run } from "../../../tasks/stage/run.ts"
import { type AnyStage, pipeline, type Stage, stage } from "../../../tasks/stage/stage.ts"
import { memory } from "../../../tasks/store.ts"
import { events } from "../../../tasks/events.ts"

const it = suite("tasks/stage/key")

const textOf = (x: unknown): string => {
  const text = canonical(x)
  if (E.isLeft(text)) throw new Error(text.left)
  return text.right
}

it("equal values have equal text, other values another, and it is JSON", () => {
  assert.is(textOf({ b: [1, { d: null, c: "x" }], a: true }), '{"a":true,"b":[1,{"c":"x","d":null}]}')
  fc.assert(
    fc.property(fc.jsonValue(), (x) => {
      const plain = JSON.parse(JSON.stringify(x))
      assert.equal(JSON.parse(textOf(plain)), plain)
      const turned = JSON.parse(
        JSON.stringify(plain),
        (_, v) =>
          v !== null && typeof v === "object" && !Array.isArray(v)
            ? Object.fromEntries(Object.entries(v).reverse())
            : v,
      )
      assert.is(textOf(turned), textOf(plain))
    }),
    { seed: 1 },
  )
})

it("what JSON would lose is refused, with its place", () => {
  const refused: ReadonlyArray<readonly [unknown, RegExp]> = [
    [undefined, /^it is undefined/],
    [{ a: { b: undefined } }, /^a\.b is undefined/],
    [[1, NaN], /^1 is NaN/],
    [{ rate: -Infinity }, /^rate is -Infinity/],
    [{ at: new Date(0) }, /^at is a Date/],
    [{ data: new Float32Array(2) }, /^data is a Float32Array/],
    [{ f: () => 1 }, /^f is a function/],
    [10n, /^it is a bigint/],
    // deno-lint-ignore no-sparse-arrays
    [[1, , 2], /^1 is undefined/],
  ]
  for (const [value, why] of refused) {
    const text = canonical(value)
    assert.ok(E.isLeft(text))
    assert.match(text.left, why)
  }
})

// ---- keys --------------------------------------------------------------------

const base = {
  ...{ name: "base", version: "1", codec: t.strict({ steps: positive }), settings: { steps: 3 }, needs: {} },
  ...{ output: t.number, make: () => Effect.succeed(1) },
}
const key = (s: AnyStage, needs: { readonly [name: string]: string } = {}): Promise<string> =>
  Effect.runPromise(keyOf(s, needs))

it("a key depends on all that the output depends on, and on nothing else", async () => {
  const digests = { a: "1".repeat(64) }
  const same = await key(stage(base), digests)
  assert.match(same, /^[0-9a-f]{64}$/)
  assert.is(await key(stage({ ...base, about: "words for people", make: () => Effect.succeed(2) }), digests), same)
  const others = await Promise.all([
    key(stage({ ...base, name: "other" }), digests),
    key(stage({ ...base, version: "2" }), digests),
    key(stage({ ...base, settings: { steps: 4 } }), digests),
    key(stage({ ...base, seeds: [1] }), digests),
    key(stage({ ...base, graphs: () => E.right(["ab"]) }), digests),
    key(stage(base), { a: "2".repeat(64) }),
    key(stage(base), { b: "1".repeat(64) }),
    key(stage(base)),
  ])
  assert.is(new Set([same, ...others]).size, 9)
})

it("a key is the same tomorrow", async () => {
  assert.is(await key(stage(base)), "99081c67f3e5da82e22121026654b53e448dc8a3d4b26b363e9cbab4b86b4e2c")
})

// ---- declarations --------------------------------------------------------------

const faultOf = async <A, X extends { readonly message: string }>(s: Stage<A, X, never>): Promise<string> =>
  (await Effect.runPromise(Effect.flip(run(s)).pipe(Effect.provide(events), Effect.provide(memory())))).message

it("settings that do not pass their codec are a fault, before anything is made", async () => {
  const wrong = stage({ ...base, settings: { steps: -1 } })
  assert.is(wrong.faults.length, 1)
  assert.is(await faultOf(wrong), "base: in the settings steps: expected positive integer, got -1")
  const after = stage({ ...base, name: "after", needs: { wrong } })
  assert.match(await faultOf(after), /^base: in the settings/)
  const lost = stage({ ...base, codec: t.strict({ rate: t.number }), settings: { rate: NaN } })
  assert.match(await faultOf(lost), /in the settings rate is NaN, which JSON does not keep/)
})

it("names that are no names, and two stages of one name, are faults", async () => {
  assert.match(await faultOf(stage({ ...base, name: "../up" })), /the name is also that of a folder/)
  const [one, two] = [stage(base), stage({ ...base, version: "2" })]
  const both = stage({ ...base, name: "both", needs: { one, two } })
  assert.match(await faultOf(both), /^base: two different stages have this name/)
  assert.equal(pipelineFaults(pipeline("p", "", { one, again: stage(base) })), [], "declared twice alike is one stage")
  assert.is(pipelineFaults(pipeline("stages", "", {})).length, 1)
  assert.is(pipelineFaults(pipeline("a b", "", { one })).length, 1)
  const near = stage({ ...base, name: "near", needs: { one } })
  const far = stage({ ...base, name: "near", needs: { one: two } })
  assert.is(pipelineFaults(pipeline("p", "", { near, far })).length, 2, "their needs differ")
})

it("needs that form a cycle are a fault that names it, and nothing hangs", async () => {
  const needs: { b?: AnyStage } = {}
  const a: AnyStage = stage({ ...base, name: "a", needs: needs as { readonly b: AnyStage } })
  const b: AnyStage = stage({ ...base, name: "b", needs: { a } })
  assert.equal(pipelineFaults(pipeline("p", "", { b })), [], "no cycle yet")
  needs.b = b
  const [found, ...more] = pipelineFaults(pipeline("p", "", { one: stage({ ...base, needs: { a } }) }))
  assert.equal(more, [])
  assert.is(found?.reason, "cycle")
  assert.match(found!.message, /^a: needs form no cycle, and these do: a -> b -> a; take one/)
  assert.match(await faultOf(a as Stage<unknown>), /a -> b -> a/)
})

it("settings and codecs that throw are faults of their stage, and others are declared", () => {
  const circular: { self?: unknown } = {}
  circular.self = circular
  const deep = Array.from({ length: 20_000 }).reduce<unknown>((x) => [x], 1)
  const anything: t.Type<unknown, unknown> = t.unknown
  const throws = new t.Type<unknown, unknown>("Throws", t.unknown.is, () => {
    throw new Error("no more")
  }, (x) => x)
  const wrong = [
    [
      stage({ ...base, codec: anything, settings: circular }),
      /self\.self.* is more than 500 levels deep or holds itself/,
    ],
    [stage({ ...base, codec: anything, settings: deep }), /is more than 500 levels deep/],
    [stage({ ...base, codec: throws, settings: 1 }), /Throws does not read the settings back: no more; mend the codec/],
  ] as const
  for (const [s, why] of wrong) {
    assert.is(s.faults.length, 1)
    assert.match(s.faults[0]!.message, why)
  }
})

it("a long chain of stages is declared and put in order quickly", () => {
  const chain = Array.from({ length: 200 }).reduce<AnyStage>(
    (before, _, n) => stage({ ...base, name: `s${n}`, needs: { before, twice: before } }),
    stage(base),
  )
  const p = pipeline("long", "", { chain })
  assert.is(inOrder(p.stages).length, 201)
  assert.equal(pipelineFaults(p), [])
})

it("a graph that does not trace is a fault of its stage", async () => {
  const broken = stage({ ...base, graphs: () => E.left([fault("SizeFault", "dot", "axis 'model' is 3 and 4")]) })
  assert.match(await faultOf(broken), /^base: dot: axis 'model' is 3 and 4/)
  const throws = stage({
    ...base,
    graphs: () => {
      throw new TypeError("x is undefined")
    },
  })
  assert.match(await faultOf(throws), /^base: its `graphs` threw TypeError: x is undefined; mend it/)
})

it("an unknown stage is a fault that names those there are", () => {
  const found = stageNamed(pipeline("words", "", { one: stage(base) }), "two")
  assert.ok(E.isLeft(found))
  assert.is(found.left.message, "two: the pipeline words has no such stage; it has base")
})

it.run()
