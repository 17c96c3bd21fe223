/**
 * Two ways of computing the same: their graphs mean the same in float64, and the compiled second one gives it on the
 * oracle and in WebAssembly.
 * @module
 */
import { either as E } from "fp-ts"
import * as Effect from "effect/Effect"
import * as assert from "uvu/assert"
import type { Backend } from "../../core/device/backend.ts"
import { sentence } from "../../core/graph/fault.ts"
import { input } from "../../core/graph/build.ts"
import { evaluate } from "../../core/graph/meaning.ts"
import type { Node } from "../../core/graph/node.ts"
import { compile, type CompileOptions } from "../../core/plan/compile.ts"
import type { Program } from "../../core/plan/program.ts"
import type { AnySpec } from "../../core/tensor/spec.ts"
import { flatten, map, type Tensors } from "../../core/tensor/tree.ts"
import { wasm } from "../../core/wasm/backend.ts"
import { onDevice } from "../core/kernel/run.ts"
import { runOracle, values } from "../core/plan/same.ts"

type Lists = ReadonlyArray<ArrayLike<number>>

const close = (what: string, want: Lists, got: Lists, relative: number, paths: ReadonlyArray<string>): void => {
  assert.is(got.length, want.length, `${what}: number of results`)
  want.forEach((list, k) => {
    assert.is(got[k]!.length, list.length, `${what}, ${paths[k]}: length`)
    const scale = Array.from(list).reduce((m, x) => Number.isFinite(x) ? Math.max(m, Math.abs(x)) : m, 1)
    Array.from(list).forEach((x, i) => {
      const y = got[k]![i]!
      const same = Object.is(x, y) || x === y || Math.abs(x - y) <= relative * scale
      assert.ok(same, `${what}, ${paths[k]}[${i}]: expected ${x}, got ${y}`)
    })
  })
}

/** A program on the WebAssembly device, in one thread. */
export const runWasm = (program: Program, inputs: ReadonlyArray<ReadonlyArray<number>>): Promise<Lists> =>
  Effect.runPromise(Effect.scoped(Effect.gen(function* () {
    const device = yield* wasm({ memory: 2 ** 28, threads: 1 })
    return yield* onDevice(device as unknown as Backend, { program, inputs }, 2)
  })))

/**
 * Asserts that the second function means what the first does, and that its program computes it, on the oracle to float64,
 * in WebAssembly to `single`. Gives the program. `given` replaces the numbers of inputs of that path.
 */
export const alike = async <const S>(
  plain: (inputs: Tensors<S>) => unknown,
  other: (inputs: Tensors<S>) => unknown,
  specs: S,
  { options = {}, single = 2e-5, given = {} }: {
    readonly options?: CompileOptions
    readonly single?: number
    readonly given?: { readonly [path: string]: ReadonlyArray<number> }
  } = {},
): Promise<Program> => {
  const list = flatten(specs) as ReadonlyArray<readonly [string, AnySpec]>
  const numbers = list.map(([path, s], i) => given[path] ?? values(s, i + 1))
  const tree = map(specs, (leaf, path) => {
    const s = leaf as AnySpec
    return input(path, s.dtype, s.axes, s.shape)
  }) as unknown as Tensors<S>
  const rootsOf = (f: (inputs: Tensors<S>) => unknown): ReadonlyArray<readonly [string, Node]> =>
    flatten(f(tree)) as ReadonlyArray<readonly [string, Node]>
  const meant = (roots: ReadonlyArray<readonly [string, Node]>): Lists => {
    const bound = Object.fromEntries(list.map(([path], i) => [path, numbers[i]!]))
    const got = evaluate(roots.map(([, n]) => n), bound)
    if (E.isLeft(got)) throw new Error(got.left.map(sentence).join("\n"))
    return got.right.map((v) => v.data)
  }
  const [first, second] = [rootsOf(plain), rootsOf(other)]
  const paths = first.map(([path]) => path)
  assert.equal(
    second.map(([p, n]) => [p, n.dtype, n.axes, n.shape]),
    first.map(([p, n]) => [p, n.dtype, n.axes, n.shape]),
  )
  const want = meant(first)
  close("meaning", want, meant(second), 1e-9, paths)
  const compiled = compile(other, specs, options)
  if (E.isLeft(compiled)) throw new Error(compiled.left.map(sentence).join("\n"))
  const { program } = compiled.right
  close("oracle", want, await runOracle(program, numbers), 1e-6, paths)
  close("wasm", want, await runWasm(program, numbers), single, paths)
  return program
}
