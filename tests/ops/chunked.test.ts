import * as fc from "fast-check"
import { either as E } from "fp-ts"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { sentence } from "../../core/graph/fault.ts"
import { leaves } from "../../core/graph/leaves.ts"
import { count } from "../../core/graph/node.ts"
import { remat } from "../../core/grad/custom.ts"
import { vjp } from "../../core/grad/grad.ts"
import { vmap } from "../../core/grad/vmap.ts"
import { compile } from "../../core/plan/compile.ts"
import { f32, i32 } from "../../core/tensor/spec.ts"
import type { F32, I32 } from "../../core/tensor/tensor.ts"
import { typed } from "../../core/tensor/tensor.ts"
import type { Tensors } from "../../core/tensor/tree.ts"
import { silu } from "../../ops/activation.ts"
import { chunked } from "../../ops/chunked.ts"
import { dot } from "../../ops/contraction.ts"
import { add, cast, exp, mul, square, tanh } from "../../ops/elementwise.ts"
import { rename, transpose } from "../../ops/movement.ts"
import { rmsNorm } from "../../ops/norm.ts"
import { argmax, mean, sum } from "../../ops/reduction.ts"
import { scan } from "../../ops/scan.ts"
import { agrees, draw, tensor } from "../core/grad/difference.ts"
import { alike } from "./alike.ts"

const it = suite("chunked")

type Stream = F32<"batch time model">
interface Weights {
  readonly up: F32<"model hidden">
  readonly down: F32<"hidden model">
}

const feed = (w: Weights) => (x: Stream): Stream => dot(silu(dot(x, w.up, "model")), w.down, "hidden")

const sizesOf = (batch: number, time: number) => ({ batch, time, model: 3, hidden: 4 })
const specsOf = (s: ReturnType<typeof sizesOf>) => ({
  w: { up: f32("model hidden", s), down: f32("hidden model", s) },
  x: f32("batch time model", s),
  positions: i32("time", s),
  ct: f32("batch time model", s),
})
type Given = Tensors<ReturnType<typeof specsOf>>

/** A value, and what its inputs owe to a cotangent. */
const both = (f: (p: { w: Weights; x: Stream }) => Stream) => ({ w, x, ct }: Given) => {
  const { value, pullback } = vjp(f, { w: w as Weights, x: x as Stream })
  return { value, back: pullback(ct as Stream) }
}

/** Sizes and chunks that divide and that do not, smaller and larger than the axis. */
const cuts = fc.tuple(fc.integer({ min: 1, max: 2 }), fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 10 }))

const each = async <T>(
  arbitrary: fc.Arbitrary<T>,
  test: (value: T) => Promise<unknown>,
  numRuns: number,
): Promise<void> => await fc.assert(fc.asyncProperty(arbitrary, async (v) => void await test(v)), { seed: 7, numRuns })

it("is the function itself, forward and back, whatever the sizes", () =>
  each(cuts, ([batch, time, size]) =>
    alike(
      both(({ w, x }) => add(x, feed(w)(x))),
      both(({ w, x }) => add(x, chunked(feed(w), "time", size)(x))),
      specsOf(sizesOf(batch, time)),
    ), 12))

it("keeps the order of the axes that the function gives, takes trees and gives trees", () =>
  each(cuts, ([batch, time, size]) => {
    type In = { readonly x: Stream; readonly positions: I32<"time"> }
    const f = (w: Weights) => ({ x, positions }: In) => {
      const y = tanh(mul(dot(x, w.up, "model"), cast(positions, "f32")))
      return {
        turned: transpose(y, "hidden time batch"),
        best: argmax(y, "hidden"),
        least: [sum(y, "batch hidden")] as const,
      }
    }
    const owed = (g: (w: Weights) => (p: In) => ReturnType<ReturnType<typeof f>>) => ({ w, x, positions }: Given) => {
      const { value, pullback } = vjp(
        (p: { w: Weights; x: Stream }) => g(p.w)({ x: p.x, positions }),
        { w: w as Weights, x: x as Stream },
      )
      return { value, back: pullback({ turned: square(value.turned), best: value.best, least: [exp(value.least[0])] }) }
    }
    return alike(owed(f), owed((w) => chunked(f(w), "time", size)), specsOf(sizesOf(batch, time)))
  }, 8))

it("nests, over the same axis and over another", () =>
  each(fc.tuple(cuts, fc.integer({ min: 1, max: 4 })), ([[batch, time, size], inner]) =>
    alike(
      both(({ w, x }) => mul(x, feed(w)(x))),
      both(({ w, x }) => {
        const rows = chunked((y: Stream) => chunked(feed(w), "batch", 1)(y), "time", inner)
        return chunked((y: Stream) => mul(y, rows(y)), "time", size)(x)
      }),
      specsOf(sizesOf(batch, time)),
    ), 6))

it("fits into recomputation, loops and maps, and they into it", () =>
  each(cuts, async ([batch, time, size]) => {
    const specs = specsOf(sizesOf(batch, time))
    const plain = both(({ w, x }) => square(feed(w)(tanh(x))))
    const part = (w: Weights) => chunked(feed(w), "time", size)
    const ways: ReadonlyArray<(p: { w: Weights; x: Stream }) => Stream> = [
      remat(({ w, x }) => square(part(w)(tanh(x)))),
      ({ w, x }) => chunked(remat((y: Stream) => square(feed(w)(tanh(y)))), "time", size)(x),
      ({ w, x }) => {
        const one = ({ y }: { y: F32<"time model"> }): F32<"time model"> =>
          square(
            chunked((z: F32<"time model">) => dot(silu(dot(z, w.up, "model")), w.down, "hidden"), "time", size)(
              tanh(y),
            ),
          )
        return vmap("batch", one)({ y: x })
      },
      ({ w, x }) => {
        const loop = scan("batch", x, {}, (_, y) => ({
          carry: {},
          out: square(
            chunked((z: F32<"time model">) => dot(silu(dot(z, w.up, "model")), w.down, "hidden"), "time", size)(
              tanh(y),
            ),
          ),
        }))
        return loop.out
      },
    ]
    for (const way of ways) await alike(plain, both(way), specs)
  }, 3))

it("has the gradient of central differences, also for what is captured", () => {
  for (const size of [1, 2, 3, 5, 8]) {
    const sizes = sizesOf(2, 5)
    const inputs = [
      tensor("x", "batch time model", sizes),
      tensor("u", "model hidden", sizes),
      tensor("d", "hidden model", sizes),
    ]
    agrees(
      ([x, up, down]) => {
        const w: Weights = { up: typed(up!), down: typed(down!) }
        return leaves(
          chunked((y: Stream) => ({ a: feed(w)(y), b: mean(exp(dot(y, w.up, "model")), "hidden") }), "time", size)(
            typed(x!),
          ),
        )
      },
      inputs,
      inputs.map((x, i) => draw(i + 1, count(x.shape))),
    )
  }
})

// ---- what it costs ---------------------------------------------------------------

const wide = { batch: 2, model: 16, hidden: 64 }

/** A step of two layers by gradient descent: its arena in bytes beside the streams that it must keep. */
const step = (time: number, size: number | undefined) => {
  const s = { ...wide, time }
  const one = { up: f32("model hidden", s), down: f32("hidden model", s), norm: f32("model", s) }
  const specs = { w: [one, one], x: f32("batch time model", s) } as const
  const made = compile(
    ({ w, x }) => {
      const loss = (ws: typeof w): F32 => {
        const layer = (y: Stream, v: typeof w[0]): Stream => {
          const f = (z: Stream): Stream => feed(v)(rmsNorm(z, v.norm, "model"))
          return add(y, size === undefined ? f(y) : chunked(f, "time", size)(y))
        }
        return mean(square(layer(layer(x, ws[0]), ws[1])), "batch time model")
      }
      const { value, pullback } = vjp(loss, w)
      const back = pullback(typed(leaves(value)[0]!))
      return {
        w: w.map((v, i) => ({
          up: add(v.up, back[i]!.up),
          down: add(v.down, back[i]!.down),
          norm: add(v.norm, back[i]!.norm),
        })),
      }
    },
    specs,
    { donate: ["w"] },
  )
  if (E.isLeft(made)) throw new Error(made.left.map(sentence).join("\n"))
  const { program } = made.right
  const stream = 4 * wide.batch * time * wide.model
  return { program, stream, beyond: program.arena - 3 * stream }
}

it("takes no more memory for a longer sequence but for the streams between layers", () => {
  const [a, b, c] = [4096, 8192, 16_384].map((time) => step(time, 512))
  assert.is(b!.beyond, a!.beyond)
  assert.is(c!.beyond, a!.beyond)
  const block = 4 * wide.batch * 512 * wide.hidden
  assert.ok(a!.beyond <= 6 * block, `${a!.beyond} bytes beyond the streams, a block has ${block}`)
  const [d, e] = [4096, 8192].map((time) => step(time, undefined))
  assert.ok(e!.beyond - d!.beyond >= 2 * 4 * wide.batch * 4096 * wide.hidden)
})

it("adds to gradients of weights in place, and reads slices where they lie", () => {
  const { program } = step(4096, 512)
  const loops = program.steps.filter((s) => s.tag === "repeat")
  assert.is(loops.length, 4)
  // a map in a loop would be a copy of a slice, of a result or of a carry: here it is the norm's scale that is folded
  const copies = loops.flatMap((s) => s.tag === "repeat" ? s.steps : []).filter((s) => {
    const k = s.tag === "dispatch" ? program.kernels[s.kernel]! : undefined
    return k?.tag === "loop" && k.stages.every((t) => t.tag !== "fold" && t.stores.every((x) => x.value.tag === "load"))
  })
  assert.equal(copies, [])
  const longer = step(8192, 512)
  assert.is(longer.program.kernels.length, program.kernels.length)
})

// ---- faults --------------------------------------------------------------------

const spec = f32("batch time model", { batch: 2, time: 6, model: 3 })

const said = (f: (x: Stream) => unknown): ReadonlyArray<string> => {
  const made = compile(({ x }) => f(x as Stream), { x: spec })
  return E.isLeft(made) ? made.left.map((l) => `${l._tag} ${l.op}: ${l.message}`) : []
}
const none = <T>(x: unknown): T => x as T

it("says what is wrong with a size", () => {
  for (const size of [0, -2, 1.5, NaN, Infinity]) {
    assert.equal(said(chunked((x: Stream) => exp(x), "time", size)), [
      `SizeFault chunked: the size of a chunk of 'time' is ${size}; expected a whole number from 1`,
    ])
  }
})

it("says what is wrong with inputs and results, once each", () => {
  assert.equal(said((x) => chunked((y: F32<"batch tiem">) => exp(y), "tiem", 2)(none(sum(x, "model")))), [
    "NameFault chunked: no axis 'tiem' in f32[batch 2, time 6]; its axes are 'batch', 'time'",
  ])
  const pair = ({ a, b }: { a: Stream; b: Stream }) => [exp(a), exp(b)]
  assert.equal(said((x) => chunked(pair, "time", 2)({ a: x, b: none(rename(sum(x, "time"), { model: "time" })) })), [
    "SizeFault chunked: axis 'time' has the sizes 6 and 3; make them the same",
  ])
  assert.equal(said((x) => chunked(none<(x: Stream) => Stream>((y: Stream) => sum(y, "time")), "time", 2)(x)), [
    "NameFault chunked: the function gives f32[batch 2, model 3] without the axis 'time' that is cut; fold over it outside",
  ])
  const turned = (y: Stream): Stream => none(rename(rename(sum(y, "time"), { model: "time" }), { batch: "model" }))
  assert.equal(said((x) => chunked(turned, "time", 2)(x)), [
    "SizeFault chunked: the function gives f32[model 2, time 3] for 2 places of 'time'; give as many as it takes",
  ])
  assert.equal(said((x) => chunked((_: Record<string, never>) => x, "time", 2)({})), [
    "NameFault chunked: no input has the axis 'time'; give what is cut",
  ])
  assert.match(
    said((x) => chunked((y: Stream) => add(y, none<Stream>(x)), "time", 4)(x)).join("\n"),
    /^SizeFault add: axis 'time' is 4 in/,
  )
})

it.run()
