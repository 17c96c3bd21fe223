import { either as E } from "fp-ts"
import * as Effect from "effect/Effect"
import * as fc from "fast-check"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import type { Backend } from "../../../core/device/backend.ts"
import { sentence } from "../../../core/graph/fault.ts"
import { evaluate } from "../../../core/graph/meaning.ts"
import { type Node, topological } from "../../../core/graph/node.ts"
import { print } from "../../../core/graph/print.ts"
import { compile } from "../../../core/plan/compile.ts"
import { wasm } from "../../../core/wasm/backend.ts"
import { randomGraph, withInputs } from "../graph/random.ts"
import { onDevice } from "../kernel/run.ts"
import { values } from "../plan/same.ts"

const it = suite("random graphs on wasm")

/** Ops that may jump where a float is off by its rounding. */
const jumps = (n: Node): boolean => n.args[0]?.dtype === "f32" && n.dtype !== "f32"

const smooth = (root: Node): boolean => !topological([root]).some(jumps)

/** Every float along the way is one of f32. */
const tame = (all: ReadonlyArray<{ readonly data: Float64Array }>): boolean =>
  all.every(({ data }) => data.every((x) => Math.abs(x) < 1e30))

for (const largest of [4, 20]) {
  it(`mean the same, axes up to ${largest}`, () =>
    Effect.runPromise(Effect.scoped(Effect.gen(function* () {
      const device = yield* wasm({ memory: 2 ** 28, threads: 1 })
      let compared = 0
      for (const { inputs, roots } of fc.sample(randomGraph(300, largest), { seed: 40 + largest, numRuns: 80 })) {
        const kept = roots.filter(smooth)
        const given = inputs.map((n, i) => values(n as never, i + 1))
        const names = inputs.map((n) => n.op.tag === "input" ? n.op.name : "")
        const bound = Object.fromEntries(names.map((n, i) => [n, given[i]!]))
        const meant = evaluate(kept, bound)
        const along = evaluate(topological(kept), bound)
        if (E.isLeft(meant) || E.isLeft(along)) throw new Error("a graph has faults")
        if (kept.length === 0 || !tame(along.right)) continue
        const specs = Object.fromEntries(inputs.map((n, i) => [names[i]!, n]))
        const compiled = compile((tree) => withInputs(kept, tree as never), specs)
        if (E.isLeft(compiled)) throw new Error(compiled.left.map(sentence).join("\n"))
        const { program } = compiled.right
        const order = program.inputs.map((s) => bound[s.path]!)
        const got = yield* onDevice(device as unknown as Backend, { program, inputs: order }, 1)
        compared += 1
        meant.right.forEach(({ data }, k) => {
          const scale = data.reduce((most, x) => Math.max(most, Math.abs(x)), 1)
          const bad = data.findIndex((x, i) => !(Math.abs(x - got[k]![i]!) <= 1e-4 * scale))
          assert.is(bad, -1, `root ${k}, element ${bad}: meant ${data[bad]}, got ${got[k]![bad]}\n${print([kept[k]!])}`)
        })
      }
      assert.ok(compared > 50, `only ${compared} graphs could be compared`)
    }))))
}

it.run()
