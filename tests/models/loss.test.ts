/** What the loss is the mean of: LWM's goldens, rows in which nothing counts, and meshes against one rank. */
import { either as E } from "fp-ts"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { valueAndGrad } from "../../core/grad/grad.ts"
import { input } from "../../core/graph/build.ts"
import { evaluate, type Inputs } from "../../core/graph/meaning.ts"
import type { Node } from "../../core/graph/node.ts"
import type { Layout } from "../../core/mesh/shape.ts"
import { compileOn } from "../../core/mesh/spmd.ts"
import { hostKey } from "../../core/random/host.ts"
import { type AnySpec, i32 } from "../../core/tensor/spec.ts"
import type { Axes } from "../../core/tensor/axes.ts"
import { type F32, type I32, type Tensor, typed } from "../../core/tensor/tensor.ts"
import { flatten, map, mapSame } from "../../core/tensor/tree.ts"
import type { Config } from "../../models/llama/config.ts"
import { examples } from "../../models/llama/examples.ts"
import { loss, overRanks } from "../../models/llama/loss.ts"
import { initialise, type Parameters, specs } from "../../models/llama/parameters.ts"
import { plain, type Plan, spreadOver } from "../../models/llama/plan.ts"
import type { Reduction } from "../../models/llama/recipe.ts"
import { sharesOf } from "../../models/llama/shares.ts"
import { runOracle } from "../core/plan/same.ts"

const it = suite("models/llama/loss")

const computed = (nodes: ReadonlyArray<Node>, inputs: Inputs): ReadonlyArray<ReadonlyArray<number>> => {
  const out = evaluate(nodes, inputs)
  if (E.isLeft(out)) throw new Error(out.left.map((f) => f.message).join("\n"))
  return out.right.map((v) => Array.from(v.data))
}
const grid = (name: string, dtype: "f32" | "i32", batch: number, time: number): Node =>
  input(name, dtype, ["batch", "time"], [batch, time])

/** The loss that token losses and weights give. */
const reduced = (
  reduction: Reduction,
  losses: ReadonlyArray<ReadonlyArray<number>>,
  weights: ReadonlyArray<ReadonlyArray<number>>,
): number => {
  const [batch, time] = [losses.length, losses[0]!.length]
  const like = typed<I32<"batch time">>(grid("like", "i32", batch, time))
  const shares = sharesOf(reduction, like, typed<F32<"batch time">>(grid("weights", "f32", batch, time)))
  const [share] = computed([shares], { weights: weights.flat(), like: weights.flat() })
  return losses.flat().reduce((sum, l, i) => sum + l * share![i]!, 0)
}

it("is the mean of rows' means or of all tokens, as LWM's two ways give it", () => {
  const [losses, valid] = [[[1, 2, 3, 4], [10, 10, 0, 0]], [[1, 1, 1, 1], [1, 0, 0, 0]]]
  assert.is(reduced("rows", losses, valid), 6.25)
  assert.is(reduced("tokens", losses, valid), 4)
})

it("of a packed row is the mean of all tokens, or of its examples where weights say so", () => {
  const losses = [[2, 4, 1, 1, 1, 1, 1, 1]]
  assert.is(reduced("tokens", losses, [[1, 1, 1, 1, 1, 1, 1, 1]]), 1.5)
  const weights = [2, 2, 6, 6, 6, 6, 6, 6].map((counted) => 1 / (counted * 2))
  assert.ok(Math.abs(reduced("given", losses, [weights]) - 2) < 1e-15)
})

it("takes rows in which nothing counts for 0, which LWM's mean over rows counts", () => {
  const [losses, none] = [[[1, 3], [5, 7]], [[1, 1], [0, 0]]]
  assert.equal([reduced("rows", losses, none), reduced("tokens", losses, none)], [1, 2])
  for (const reduction of ["rows", "tokens", "given"] as const) {
    assert.is(reduced(reduction, losses, [[0, 0], [0, 0]]), 0)
  }
})

// ---- of a model ------------------------------------------------------------------

const c: Config = {
  ...{ vocab: 7, model: 4, hidden: 6, layers: 1, groups: 1, share: 2, head: 2, theta: 100, epsilon: 1e-5, context: 8 },
}
const size = { batch: 2, time: 8 }

const numbersOf = (tree: unknown): ReadonlyArray<ReadonlyArray<number>> =>
  flatten(tree).map(([, leaf]) => Array.from((leaf as { readonly data: ArrayLike<number> }).data))

/** Larger than at the beginning, so that every part matters. */
const parameters = numbersOf(initialise(c, hostKey(2))).map((xs) => xs.map((x) => x === 1 ? x : x * 25))
const any = (f: (i: number) => number): ReadonlyArray<number> => Array.from({ length: 16 }, (_, i) => f(i))

/** Tokens, targets, weights, segments, positions: two examples and padding in the first row, one in the second. */
const rows = {
  tokens: any((i) => (i * i + 3) % 7),
  targets: any((i) => (i * 5 + 1) % 7),
  weights: any((i) => [0.5, 0, 0.25, 0.125][i % 4]! * (i % 8 === 7 ? 0 : 1)),
  segments: any((i) => i < 8 ? Math.floor(i / 3) : 0),
  positions: any((i) => i < 6 ? i % 3 : i < 8 ? i - 6 : i - 8),
}

/** Loss and gradient on a mesh, all ranks in one program on the oracle. */
const onMesh = async (reduction: Reduction, data: number, ring: number, layout: Layout, weights = rows.weights) => {
  const plan: Plan = { ...plain, spread: spreadOver({ data, ring }, layout) }
  const batch = examples(size, { weights: true, packed: true })
  const given = { p: specs(c), batch }
  const program = ({ p, batch }: { p: Parameters; batch: never }) => {
    const { tokens, targets, ...wanted } = batch as { tokens: I32<"batch time">; targets: I32<"batch time"> }
    const { value, gradient } = valueAndGrad((p: Parameters) => loss(c, plan, reduction)(p, tokens, targets, wanted))(p)
    return {
      value: overRanks(value, plan),
      gradient: mapSame(gradient, (g) => overRanks(g as Tensor<"f32", Axes>, plan) as typeof g),
    }
  }
  const compiled = compileOn(plan.spread, "local", program as never, given)
  if (E.isLeft(compiled)) throw new Error(JSON.stringify(compiled.left))
  const values = Object.fromEntries(
    (flatten(given) as ReadonlyArray<readonly [string, AnySpec]>).map(([path], i) => {
      const name = path.split(".").at(-1)! as keyof typeof rows
      return [path, path.startsWith("batch") ? name === "weights" ? weights : rows[name] : parameters[i]!]
    }),
  )
  const paths = flatten(given).map(([path]) => path)
  return await runOracle(compiled.right.program, paths.map((path) => values[path]!))
}

it("and its gradient are on data and ring what they are on one rank", async () => {
  for (const reduction of ["rows", "tokens", "given"] as const) {
    const expected = await onMesh(reduction, 1, 1, "contiguous")
    assert.ok(expected[0]!.concat(expected[1]!).some((x) => Math.abs(x) > 1e-3))
    const meshes = [[2, 2, "zigzag"], [2, 1, "contiguous"], [1, 2, "striped"]] as const
    for (const [data, ring, layout] of meshes.slice(0, reduction === "rows" ? 3 : 1)) {
      const got = await onMesh(reduction, data, ring, layout)
      expected.forEach((w, n) =>
        w.forEach((x, i) =>
          assert.ok(Math.abs(got[n]![i]! - x) <= 1e-12 * Math.max(1, Math.abs(x)), `${reduction} ${n}`)
        )
      )
    }
  }
})

it("is 0 where nothing counts, and so is its gradient: never NaN", async () => {
  for (const reduction of ["rows", "tokens"] as const) {
    for (const got of await onMesh(reduction, 2, 2, "zigzag", any(() => 0))) {
      assert.equal(got.filter((x) => x !== 0), [])
    }
  }
  const half = (await onMesh("rows", 1, 1, "contiguous", any((i) => i < 8 ? 1 : 0))).flat()
  assert.ok(half.every(Number.isFinite) && half.some((x) => x !== 0))
})

it("without weights counts every token: rows and tokens are the same", () => {
  const nodes = map(specs(c), (s, path) => input(path, s.dtype, s.axes, s.shape)) as unknown as Parameters
  const paths = flatten(specs(c)).map(([path]) => path)
  const values = Object.fromEntries(paths.map((path, i) => [path, parameters[i]!]))
  const of = (name: string): I32<"batch time"> => {
    const s = i32("batch time", size)
    return typed(input(name, "i32", s.axes, s.shape))
  }
  const [tokens, targets] = [of("tokens"), of("targets")]
  const [byRows, byTokens, weighted] = computed([
    loss(c, plain, "rows")(nodes, tokens, targets),
    loss(c)(nodes, tokens, targets),
    loss(c)(nodes, tokens, targets, { weights: typed(grid("ones", "f32", 2, 8)) }),
  ], { ...values, ...rows, ones: any(() => 1) })
  assert.ok(Math.abs(byRows![0]! - byTokens![0]!) < 1e-14)
  assert.ok(Math.abs(byRows![0]! - weighted![0]!) < 1e-14)
})

it.run()
