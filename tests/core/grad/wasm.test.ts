import { either as E } from "fp-ts"
import * as Effect from "effect/Effect"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { input } from "../../../core/graph/build.ts"
import { leaves } from "../../../core/graph/leaves.ts"
import { evaluate } from "../../../core/graph/meaning.ts"
import type { Backend } from "../../../core/device/backend.ts"
import { compile } from "../../../core/plan/compile.ts"
import type { AnySpec } from "../../../core/tensor/spec.ts"
import { flatten, map, type Tensors } from "../../../core/tensor/tree.ts"
import { wasm } from "../../../core/wasm/backend.ts"
import { onDevice } from "../kernel/run.ts"
import { values } from "../plan/same.ts"
import { type Case, cases } from "./cases.ts"

const it = suite("gradients, loops, maps and random numbers on wasm")

/** The program, its inputs, and what its graph means. */
const prepared = ({ use }: Case) =>
  use(<const S>(f: (inputs: Tensors<S>) => unknown, specs: S) => {
    const list = flatten(specs) as ReadonlyArray<readonly [string, AnySpec]>
    const inputs = list.map(([, spec], i) => values(spec, i + 1))
    const tree = map(specs, (leaf, path) => {
      const s = leaf as AnySpec
      return input(path, s.dtype, s.axes, s.shape)
    }) as unknown as Tensors<S>
    const compiled = compile(f, specs)
    const meant = evaluate(leaves(f(tree)), Object.fromEntries(list.map(([path], i) => [path, inputs[i]!])))
    if (E.isLeft(compiled) || E.isLeft(meant)) throw new Error("a case has faults")
    return { program: compiled.right.program, inputs, expected: meant.right }
  })

it("computes what the graphs mean, integers exactly", () =>
  Effect.runPromise(Effect.scoped(Effect.gen(function* () {
    const device = yield* wasm({ threads: 1 })
    for (const each of cases) {
      const { program, inputs, expected } = prepared(each)
      const got = yield* onDevice(device as unknown as Backend, { program, inputs }, 2)
      expected.forEach(({ data }, k) => {
        const { dtype, path } = program.outputs[k]!
        const scale = Math.max(1, ...data.map((x) => Math.abs(x)))
        const bound = dtype === "f32" ? 1e-5 * scale : 0
        data.forEach((x, i) =>
          assert.ok(Math.abs(got[k]![i]! - x) <= bound, `${each.name}, ${path}[${i}]: ${got[k]![i]}, meant ${x}`)
        )
      })
    }
  }))))

it.run()
