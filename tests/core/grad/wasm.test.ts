import { either as E } from "fp-ts"
import * as Effect from "effect/Effect"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { input } from "../../../core/graph/build.ts"
import { leaves } from "../../../core/graph/leaves.ts"
import { evaluate } from "../../../core/graph/meaning.ts"
import type { Backend } from "../../../core/device/backend.ts"
import { grad } from "../../../core/grad/grad.ts"
import { compile } from "../../../core/plan/compile.ts"
import { type AnySpec, bf16, i32 } from "../../../core/tensor/spec.ts"
import { flatten, map, type Tensors } from "../../../core/tensor/tree.ts"
import { wasm } from "../../../core/wasm/backend.ts"
import { add, cast, mul } from "../../../ops/elementwise.ts"
import { take } from "../../../ops/indexing.ts"
import { constant } from "../../../ops/literal.ts"
import { sum } from "../../../ops/reduction.ts"
import { scan } from "../../../ops/scan.ts"
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
    const device = yield* wasm({ memory: 2 ** 28, threads: 1 })
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

it("halves that are summed in a gradient are summed in f32: of what a loop captures, of what is gathered", () =>
  Effect.runPromise(Effect.scoped(Effect.gen(function* () {
    const device = yield* wasm({ memory: 2 ** 28, threads: 1 })
    const specs = { w: bf16("row", { row: 3 }), x: bf16("turn", { turn: 512 }), i: i32("turn", { turn: 512 }) }
    const made = compile(({ w, x, i }) => {
      const looped = grad((p: { readonly w: typeof w }) =>
        scan("turn", { x }, { sum: constant(0) }, ({ sum: so }, now) => ({
          carry: { sum: add(so, cast(sum(mul(p.w, now.x), "row"), "f32")) },
          out: {},
        })).carry.sum
      )({ w })
      const gathered = grad((p: { readonly w: typeof w }) => cast(sum(take(p.w, i, "row"), "turn"), "f32"))({ w })
      return { looped: looped.w, gathered: gathered.w }
    }, specs)
    if (E.isLeft(made)) throw new Error(made.left.map((f) => f.message).join("; "))
    const { program } = made.right
    const given = program.inputs.map(({ path, shape }) =>
      Array.from({ length: shape[0]! }, (_, k) => path === "i" ? (k % 4 === 3 ? 0 : 1) : 1)
    )
    const got = yield* onDevice(device as unknown as Backend, { program, inputs: given }, 1)
    // one by one, bf16 would stop at 256
    assert.equal(got.map((xs) => Array.from(xs)), [[512, 512, 512], [128, 384, 0]])
  }))))

it.run()
