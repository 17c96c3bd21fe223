import { either as E } from "fp-ts"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { valueAndGrad } from "../../../core/grad/grad.ts"
import { exchange } from "../../../core/graph/build.ts"
import type { Collective } from "../../../core/graph/collective.ts"
import type { Layout, Spread } from "../../../core/mesh/shape.ts"
import { compileOn } from "../../../core/mesh/spmd.ts"
import { f32, type Spec } from "../../../core/tensor/spec.ts"
import type { F32, Tensor } from "../../../core/tensor/tensor.ts"
import { add, mul } from "../../../ops/elementwise.ts"
import { sum } from "../../../ops/reduction.ts"
import { runOracle } from "../plan/same.ts"

const it = suite("mesh/local")

const over = <T extends Tensor<"f32", ReadonlyArray<string>>>(x: T, c: Collective): T => exchange(x, c) as T
const spread = (ring: number, layout: Layout, data = 1): Spread => ({
  shape: { data, ring },
  map: { batch: "data", time: "ring" },
  layout,
})
const specs: { readonly x: Spec<"f32", ["batch", "time"]>; readonly w: Spec<"f32", []> } = {
  x: f32("batch time", { batch: 2, time: 8 }),
  w: f32("", {}),
}
interface Given {
  readonly x: F32<"batch time">
  readonly w: F32
}

/** Sums x of all ranks, around the ring. */
const around =
  (ranks: number) => ({ x, w }: Given): { readonly y: F32<"batch time">; readonly g: F32; readonly n: F32 } => {
    const f = (v: F32): F32 => {
      const own = mul(mul(x, x), v)
      let total: F32<"batch time"> = own
      let moving: F32<"batch time"> = own
      for (let i = 1; i < ranks; i++) {
        moving = over(moving, { kind: "permute", over: ["ring"], ranks, shift: 1 })
        total = add(total, moving)
      }
      return sum(mul(total, x))
    }
    const { value, gradient } = valueAndGrad(f)(w)
    const all = (v: F32): F32 => over(v, { kind: "allReduce", over: ["data", "ring"], ranks: ranks * 2, fn: "sum" })
    return { y: mul(x, w), g: all(gradient), n: all(value) }
  }

const numbers = Array.from({ length: 16 }, (_, i) => i - 5)

it("all ranks in one program: the same for every number of ranks, joined in the old order", async () => {
  for (const layout of ["contiguous", "striped", "zigzag"] as const) {
    const compiled = compileOn(spread(4, layout, 2), "local", around(4), specs)
    assert.ok(E.isRight(compiled), JSON.stringify(compiled))
    if (E.isLeft(compiled)) return
    assert.is(compiled.right.program.exchanges.length, 0)
    const [y, g, n] = await runOracle(compiled.right.program, [numbers, [3]])
    assert.equal(y, numbers.map((v) => 3 * v))
    // places of one turn of the ring, by layout: every rank holds two
    const placesOf = (r: number): readonly [number, number] =>
      layout === "contiguous" ? [2 * r, 2 * r + 1] : layout === "striped" ? [r, r + 4] : [r, 7 - r]
    let expected = 0
    for (const row of [0, 8]) {
      for (let k = 0; k < 2; k++) {
        const line = [0, 1, 2, 3].map((r) => numbers[row + placesOf(r)[k]!]!)
        const squares = line.reduce((s, v) => s + v * v, 0)
        expected += line.reduce((s, v) => s + v * squares, 0)
      }
    }
    assert.is(n![0], 3 * expected)
    assert.is(g![0], expected)
  }
})

it("one rank needs no mesh", () => {
  const compiled = compileOn(spread(1, "zigzag"), "local", ({ x, w }: Given) => ({ y: mul(x, w) }), specs)
  assert.ok(E.isRight(compiled))
})

it("a rank's program cuts its inputs and gathers its outputs", () => {
  const compiled = compileOn(spread(4, "zigzag", 2), "processes", around(4), specs)
  assert.ok(E.isRight(compiled), JSON.stringify(compiled))
  if (E.isLeft(compiled)) return
  const { program } = compiled.right
  assert.equal(program.inputs.map((s) => s.shape), [[1, 2], []])
  assert.equal(program.outputs.map((s) => s.shape), [[2, 8], [], []])
  const kinds = program.exchanges.map((e) => e.collective.kind)
  assert.ok(kinds.includes("allGather") && kinds.includes("permute") && kinds.includes("allReduce"))
})

it("an output that differs between ranks is a fault that names it", () => {
  for (const where of ["local", "processes"] as const) {
    const compiled = compileOn(spread(2, "zigzag"), where, ({ x }: Given) => ({ total: sum(x) }), specs)
    assert.ok(E.isLeft(compiled))
    if (E.isRight(compiled)) return
    assert.match(compiled.left[0]!.message, "output 'total' differs from rank to rank")
  }
})

it("a collective in the body of a loop is a fault", async () => {
  const { scan } = await import("../../../ops/scan.ts")
  const f = ({ x, w }: Given): { readonly y: F32<"batch time"> } => {
    const { carry } = scan("turn", {}, { y: x }, ({ y }) => ({
      carry: { y: over(mul(y, w), { kind: "permute", over: ["ring"], ranks: 2, shift: 1 }) },
      out: {},
    }), { length: 3 })
    return carry
  }
  const compiled = compileOn(spread(2, "contiguous"), "local", f, specs)
  assert.ok(E.isLeft(compiled))
  if (E.isLeft(compiled)) assert.match(compiled.left[0]!.message, "a collective stands in the body of a loop")
})

it.run()
