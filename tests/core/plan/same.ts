/**
 * Runs a function both ways: its graph as it stands (float64, node by node) and its compiled program on the oracle.
 * @module
 */
import { either as E } from "fp-ts"
import * as Effect from "effect/Effect"
import * as assert from "uvu/assert"
import { oracle } from "../../../core/device/oracle.ts"
import { input } from "../../../core/graph/build.ts"
import { evaluate } from "../../../core/graph/meaning.ts"
import { count, type Node } from "../../../core/graph/node.ts"
import { compile, type CompileOptions } from "../../../core/plan/compile.ts"
import type { Program } from "../../../core/plan/program.ts"
import type { AnySpec } from "../../../core/tensor/spec.ts"
import { flatten, map, type Tensors } from "../../../core/tensor/tree.ts"

/** Deterministic values: floats within -1 ... 1, whole numbers 0 ... 5, booleans. */
export const values = (spec: AnySpec, seed: number): ReadonlyArray<number> => {
  let x = seed * 2654435761 >>> 0
  return Array.from({ length: count(spec.shape) }, () => {
    x = Math.imul(x, 1664525) + 1013904223 >>> 0
    const u = x / 2 ** 32
    return spec.dtype === "bool"
      ? (u < 0.5 ? 1 : 0)
      : spec.dtype.startsWith("f") || spec.dtype === "bf16"
      ? Math.fround(2 * u - 1)
      : Math.floor(u * 6)
  })
}

/** Runs a program on the oracle with numbers for its inputs. */
export const runOracle = (
  p: Program,
  inputs: ReadonlyArray<ReadonlyArray<number>>,
): Promise<ReadonlyArray<ReadonlyArray<number>>> =>
  Effect.runPromise(Effect.scoped(Effect.gen(function* () {
    const b = yield* oracle
    const given = yield* Effect.forEach(p.inputs, (s, i) =>
      Effect.gen(function* () {
        const a = yield* b.allocate(s.dtype, count(s.shape))
        yield* b.write(a, Float64Array.from(inputs[i]!))
        return a
      }))
    const made = yield* Effect.forEach(p.outputs, (s) => b.allocate(s.dtype, count(s.shape)))
    const ready = yield* b.prepare(p)
    yield* ready.run(given, made)
    return yield* Effect.forEach(
      p.outputs,
      (s, i) =>
        Effect.map(
          b.read(s.donated === undefined ? made[i]! : given[s.donated]!),
          (v) => Array.from(v as Float64Array),
        ),
    )
  })))

const close = (a: number, b: number, scale: number): boolean =>
  Object.is(a, b) || a === b || Math.abs(a - b) <= 1e-6 * Math.max(1, scale)

/** Asserts that the compiled program computes what the graph means; gives the program. */
export const same = async <const S>(
  f: (inputs: Tensors<S>) => unknown,
  specs: S,
  options: CompileOptions = {},
): Promise<Program> => {
  const compiled = compile(f, specs, options)
  if (E.isLeft(compiled)) throw new Error(JSON.stringify(compiled.left, null, 1))
  const p = compiled.right.program
  const list = flatten(specs) as ReadonlyArray<readonly [string, AnySpec]>
  const given = list.map(([, s], i) => values(s, i + 1))
  const tree = map(specs, (leaf, path) => {
    const s = leaf as AnySpec
    return input(path, s.dtype, s.axes, s.shape)
  }) as unknown as Tensors<S>
  const roots = (flatten(f(tree)) as ReadonlyArray<readonly [string, Node]>).map(([, n]) => n)
  const expected = evaluate(roots, Object.fromEntries(list.map(([path], i) => [path, given[i]!])))
  if (E.isLeft(expected)) throw new Error(JSON.stringify(expected.left))
  const got = await runOracle(p, given)
  for (const [k, value] of expected.right.entries()) {
    const want = Array.from(value.data)
    const scale = want.reduce((m, x) => Number.isFinite(x) ? Math.max(m, Math.abs(x)) : m, 0)
    assert.is(got[k]!.length, want.length, `${p.outputs[k]!.path}: length`)
    const bad = want.findIndex((x, i) => !close(got[k]![i]!, x, scale))
    assert.is(bad, -1, `${p.outputs[k]!.path}[${bad}]: expected ${want[bad]}, got ${got[k]![bad]}`)
  }
  return p
}
