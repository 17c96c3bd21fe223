import { either as E } from "fp-ts"
import * as fc from "fast-check"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import type { DType } from "../../../core/tensor/dtype.ts"
import { type AnyHost, fromStored, host, numbers, scalar } from "../../../core/tensor/host.ts"
import { bf16, bool, f16, f32, i32, type SpecOf, u32, u8 } from "../../../core/tensor/spec.ts"

const it = suite("host values")

const right = <A>(e: E.Either<unknown, A>): A => {
  if (E.isLeft(e)) throw new Error(JSON.stringify(e.left))
  return e.right
}
const faults = (e: E.Either<ReadonlyArray<{ readonly _tag: string; readonly message: string }>, unknown>) =>
  E.isLeft(e) ? e.left.map((f) => `${f._tag}: ${f.message}`) : []

it("a spec has names, sizes and a dtype", () => {
  const spec = f32("batch time", { batch: 2, time: 3 })
  assert.equal(spec, { dtype: "f32", axes: ["batch", "time"], shape: [2, 3] })
  assert.equal(i32(), { dtype: "i32", axes: [], shape: [] })
})

it("keeps numbers of every dtype", () => {
  const specs: { readonly [D in DType]: SpecOf<D> } = { f32, f16, bf16, i32, u32, u8, bool }
  for (const make of Object.values(specs)) {
    const values = [0, 1, 1, 0, 1, 0]
    const h: AnyHost = right(host((make as SpecOf<DType>)("a b", { a: 2, b: 3 }), values))
    assert.equal(numbers(h), values)
    assert.equal(numbers(right(fromStored(h, h.data))), values)
  }
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })), (list) => {
      assert.equal(numbers(right(host(i32("n", { n: list.length }), list))), list)
    }),
    { seed: 2 },
  )
  assert.equal(numbers(right(scalar("f16", 0.5))), [0.5])
})

it("says what count is expected", () => {
  assert.equal(faults(host(f32("batch time", { batch: 2, time: 3 }), [1, 2])), [
    "SizeFault: f32[batch 2, time 3] has 6 elements, got 2; change the sizes or the data",
  ])
  assert.equal(faults(fromStored(f32("n", { n: 1 }), new Float32Array(2))), [
    "SizeFault: f32[n 1] has 1 elements, got 2; change the sizes or the data",
  ])
})

it("refuses sizes that are none", () => {
  assert.equal(faults(host(f32("n", { n: 1.5 }), [1])), [
    "SizeFault: f32[n 1.5]: axis 'n' has no whole size; give one in the spec",
  ])
  assert.equal(faults(host(f32("n", {} as { n: number }), [])), [
    "SizeFault: f32[n NaN]: axis 'n' has no whole size; give one in the spec",
  ])
})

it("refuses numbers that a dtype cannot hold", () => {
  for (const [spec, bad] of [[i32("n", { n: 2 }), 0.5], [i32("n", { n: 2 }), NaN], [u32("n", { n: 2 }), -1]] as const) {
    assert.equal(faults(host(spec, [1, bad])), [
      `ValueFault: element 1 of ${spec.dtype}[n 2] is ${bad}, which ${spec.dtype} cannot hold; ` +
      `round it, or use a float dtype`,
    ])
  }
  assert.is(faults(host(bool("n", { n: 1 }), [2])).length, 1)
  assert.is(faults(host(u8("n", { n: 1 }), [256])).length, 1)
  assert.equal(numbers(right(host(f32("n", { n: 3 }), [NaN, Infinity, -0]))), [NaN, Infinity, -0])
})

it("refuses an array of another kind", () => {
  assert.equal(faults(fromStored(f16("n", { n: 2 }), new Float32Array(2))), [
    "DTypeFault: f16[n 2] is stored in a Uint16Array, got a Float32Array; use `host` to convert numbers",
  ])
  assert.is(right(fromStored(f16("n", { n: 2 }), new Float64Array(2))).data.length, 2)
})

it.run()
