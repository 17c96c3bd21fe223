import { suite } from "uvu"
import * as assert from "uvu/assert"
import { either as E } from "fp-ts"
import * as build from "../../../core/graph/build.ts"
import { evaluate } from "../../../core/graph/meaning.ts"
import type { Node } from "../../../core/graph/node.ts"
import { count, sizeOf } from "../../../core/graph/node.ts"
import { customVjp, remat, stopGradient } from "../../../core/grad/custom.ts"
import { grad } from "../../../core/grad/grad.ts"
import { vmap } from "../../../core/grad/vmap.ts"
import { foldKey, normal } from "../../../core/random/random.ts"
import type { Key } from "../../../core/random/random.ts"
import { f32 } from "../../../core/tensor/spec.ts"
import type { F32 } from "../../../core/tensor/tensor.ts"
import { typed } from "../../../core/tensor/tensor.ts"
import { dot } from "../../../ops/contraction.ts"
import { add, exp, mul, tanh } from "../../../ops/elementwise.ts"
import { sum } from "../../../ops/reduction.ts"
import { scan } from "../../../ops/scan.ts"
import { draw, tensor, values } from "./difference.ts"

const it = suite("vmap")

const places = 3

/** Asserts that mapping over `batch` gives what each place alone gives, one after another. */
const same = (
  f: (xs: ReadonlyArray<Node>) => ReadonlyArray<Node>,
  inputs: ReadonlyArray<Node>,
): void => {
  const bound = Object.fromEntries(
    inputs.map((x, i) => [x.op.tag === "input" ? x.op.name : "", draw(i + 1, count(x.shape))]),
  )
  const mapped = vmap("batch", (p: { readonly xs: ReadonlyArray<Node> }) => f(p.xs))({ xs: inputs } as never) as unknown
  const got = values(mapped as ReadonlyArray<Node>, bound)
  const one = (x: Node, place: number): Node =>
    x.axes.includes("batch")
      ? build.reshape(
        build.sliceAxis(x, "batch", place, 1),
        x.axes.filter((a) => a !== "batch"),
        x.axes.filter((a) => a !== "batch").map((a) => sizeOf(x, a)!),
      )
      : x
  const wanted = Array.from({ length: places }, (_, place) => values(f(inputs.map((x) => one(x, place))), bound))
  got.forEach((all, k) => {
    const each = wanted.flatMap((w) => w[k]!)
    assert.is(all.length, each.length)
    all.forEach((v, i) =>
      assert.ok(Math.abs(v - each[i]!) < 1e-12 || Object.is(v, each[i]), `result ${k}, ${i}: ${v}, ${each[i]}`)
    )
  })
}

const sizes = { batch: places, a: 2, b: 4, k: 3 }
const x = tensor("x", "a batch b", sizes)
const y = tensor("y", "b batch", sizes)
const w = tensor("w", "a b", sizes)

it("elementwise, movement, folds", () => {
  same(([v, u, fixed]) => [
    build.unary("exp", v!),
    build.binary("mul", v!, u!),
    build.binary("sub", fixed!, v!),
    build.select(build.binary("lt", v!, 0), fixed!, v!),
    build.cast(build.cast(v!, "i32"), "f32"),
    build.align(u!, ["c", "b"], [2, 4]),
    build.merge(v!, ["a", "b"], "c"),
    build.sliceAxis(v!, "b", 3, 2, -2),
    build.padAxis(v!, "a", 1, 2, 9, 1),
    build.concat([fixed!, v!], "a"),
    build.window(v!, "b", "tap", 2, 1, 2),
    build.reduce("max", v!, ["a"]),
    build.reduce("argmin", v!, ["b"]),
    build.cumulate("sum", v!, "b", true),
    build.argsort(v!, "b"),
    build.barrier(stopGradient(typed(v!)), [u!], 0),
  ], [x, y, w])
})

it("contraction and indexing with either or both mapped", () => {
  const index = (n: Node): Node => build.cast(build.binary("mul", n, 1.9), "i32")
  same(([v, u, fixed]) => [
    build.dot(v!, u!, ["b"]),
    build.dot(fixed!, u!, ["b"]),
    build.dot(v!, fixed!, ["a"]),
    build.gather(v!, index(u!), "b"),
    build.gather(fixed!, index(u!), "b"),
    build.gather(v!, index(fixed!), "b"),
    build.nearest(u!, build.rename(w, { a: "c" }), "b", "c"),
    build.nearest(fixed!, build.rename(v!, { a: "c" }), "b", "c"),
    build.nearest(v!, build.rename(v!, { a: "c" }), "b", "c"),
    build.scatter(v!, index(u!), "c", 3),
    build.scatter(fixed!, index(v!), "c", 3, ["a"]),
    build.scatter(v!, index(fixed!), "c", 3, ["a"], ["a", "c"]),
    build.scatter(fixed!, index(u!), "b", 3),
  ], [x, y, w])
})

it("writing at places that are mapped too", () => {
  const at = (n: Node): Node => build.cast(build.binary("mul", build.binary("add", n, 1), 1.5), "i32")
  same(([v, u, fixed]) => [
    build.write(fixed!, build.sliceAxis(v!, "b", 1, 2), at(build.reduce("max", u!, ["b"])), "b"),
    build.write(v!, build.sliceAxis(fixed!, "b", 1, 2), at(build.reduce("max", fixed!, ["b"])), "b"),
    build.write(v!, build.sliceAxis(v!, "b", 1, 2), at(build.reduce("max", v!, ["b"])), "b"),
  ], [x, y, w])
})

it("loops whose carry comes to depend on the place", () => {
  same(([v, u, fixed]) => {
    const loop = scan(
      "b",
      { v: typed<F32<"a b">>(v!), f: typed<F32<"a b">>(fixed!) },
      { h: typed<F32<"a">>(build.reduce("sum", fixed!, ["b"])), n: typed<F32>(build.constant("f32", 1)) },
      (c, each) => {
        const h = tanh(add(c.h, mul(each.f, sum(mul(each.v, typed<F32>(build.reduce("sum", u!, ["b"]))), "a"))))
        return { carry: { h, n: add(c.n, 1) }, out: [h, c.n, each.f] as const }
      },
    )
    return [loop.carry.h, loop.carry.n, ...loop.out]
  }, [x, y, w])
})

it("gradients inside, custom rules and remat too", () => {
  const own = customVjp((p: { u: F32<"b">; w: F32<"a b"> }) => dot(exp(p.u), p.w, "b"), (ct, value, p) => ({
    u: dot(mul(ct, value), p.w, "a"),
    w: mul(p.w, sum(ct, "a")),
  }))
  same(([u, fixed]) => {
    const loss = (p: { u: F32<"b">; w: F32<"a b"> }): F32 => {
      const again = remat((q: { u: F32<"b"> }) => tanh(dot(mul(q.u, q.u), p.w, "b")))
      return sum(mul(own(p), again({ u: p.u })), "a")
    }
    const g = grad(loss)({ u: typed(u!), w: typed(fixed!) })
    return [g.u, g.w]
  }, [y, w])
})

it("the gradient of a mapped function is the sum over places", () => {
  const own = customVjp((p: { u: F32; w: F32 }) => mul(p.u, p.w), (ct, _v, p) => ({ u: mul(ct, p.w), w: mul(ct, p.u) }))
  const total = (weight: F32, u: F32<"batch">): F32 => sum(vmap("batch", own)({ u, w: weight }), "batch")
  const g = grad(total)(typed(tensor("w", "", {})), typed(tensor("u", "batch", sizes)))
  assert.equal(values([g], { w: [2], u: [1, 10, 100] }), [[111]])
})

it("typed: a mapped product, random keys by place", () => {
  const product = ({ a, b }: { a: F32<"m">; b: F32<"m"> }): F32 => dot(a, b, "m")
  const all = (a: F32<"batch m">, b: F32<"m">): F32<"batch"> => vmap("batch", product)({ a, b })
  const [p, q] = [tensor("p", "batch m", { batch: 2, m: 2 }), tensor("q", "m", { m: 2 })]
  assert.equal(values([all(typed(p), typed(q))], { p: [1, 2, 3, 4], q: [10, 100] }), [[210, 430]])
  const noise = vmap("batch", (at: { key: Key }) => normal(foldKey(at.key, 1), f32("m", { m: 2 })))
  const keys = typed<Key>(build.input("k", "u32", ["batch", "key"], [2, 2])) as never
  const alone = [[1, 2], [3, 4]].map((k) =>
    values([normal(foldKey(typed(build.input("k", "u32", ["key"], [2])), 1), f32("m", { m: 2 }))], { k })[0]!
  )
  assert.equal(values([noise({ key: keys } as never)], { k: [1, 2, 3, 4] })[0], alone.flat())
  // @ts-expect-error the mapped axis is none of the inputs'
  vmap("other", product)({ a: typed<F32<"batch m">>(p), b: typed<F32<"m">>(q) })
})

it("faults: the name is taken inside, no input has it, sizes differ", () => {
  const run = (f: (p: { x: Node }) => Node, given: { x: Node }) =>
    evaluate([vmap("batch", f as never)(given as never) as unknown as Node], { x: draw(1, 24), z: [1, 2] })
  const taken = run(({ x: v }) => build.binary("add", build.align(v, ["a", "b", "batch"], [2, 4, 2]), 1), { x })
  assert.ok(E.isLeft(taken) && /'batch' is mapped over/.test(taken.left[0]!.message))
  const captured = tensor("z", "batch", { batch: 2 })
  const beside = run(({ x: v }) => build.dot(v, captured, []), { x })
  assert.ok(E.isLeft(beside) && beside.left[0]!._tag === "NameFault")
  const none = run(({ x: v }) => v, { x: w })
  assert.ok(E.isLeft(none))
  const two = vmap("batch", (p: { x: Node; z: Node }) => build.binary("mul", p.x, 2) as never)(
    { x, z: captured } as never,
  )
  const got = evaluate([two as Node], { x: draw(1, 24), z: [1, 2] })
  assert.ok(E.isLeft(got) && got.left.some((f) => f._tag === "SizeFault"))
})

it.run()
