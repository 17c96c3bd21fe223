import { suite } from "uvu"
import * as build from "../../../core/graph/build.ts"
import { cumulate, dot, gather, reduce, scatter } from "../../../core/graph/build.ts"
import type { BinaryFn, Node, UnaryFn } from "../../../core/graph/node.ts"
import { count } from "../../../core/graph/node.ts"
import type { Sizes } from "./difference.ts"
import { agrees, always, draw, shapes, tensor } from "./difference.ts"

const it = suite("gradient rules against central differences")

/** Numbers at least 0.05 apart from each other and from 0, in random order: no corner is near. */
const apart = (seed: number, n: number): ReadonlyArray<number> => {
  const order = draw(seed, n).map((key, i) => [key, i] as const).sort((a, b) => a[0] - b[0])
  return order.map(([, i]) => (i - n / 2) * 0.31 + 0.1)
}

const smooth: ReadonlyArray<readonly [UnaryFn, number, number]> = [
  ["neg", -2, 2],
  ["exp", -2, 2],
  ["log", 0.3, 3],
  ["sqrt", 0.3, 3],
  ["rsqrt", 0.3, 3],
  ["recip", 0.3, 3],
  ["sin", -3, 3],
  ["cos", -3, 3],
  ["tanh", -2, 2],
  ["erf", -2, 2],
  ["sigmoid", -4, 4],
]

for (const [fn, low, high] of smooth) {
  it(fn, () => {
    const x = tensor("x", "a", { a: 7 })
    agrees(([v]) => [build.unary(fn, v!)], [x], [draw(3, 7, low, high)])
  })
}

for (const fn of ["abs", "sign", "floor", "ceil", "round", "trunc"] as const) {
  it(fn, () => {
    const x = tensor("x", "a", { a: 5 })
    agrees(([v]) => [build.unary(fn, v!)], [x], [[-1.7, -0.3, 0.2, 1.1, 2.8]])
  })
}

const pairs: ReadonlyArray<readonly [BinaryFn, number, number]> = [
  ["add", -2, 2],
  ["sub", -2, 2],
  ["mul", -2, 2],
  ["div", 0.4, 2],
  ["pow", 0.4, 2],
  ["min", -2, 2],
  ["max", -2, 2],
]

for (const [fn, low, high] of pairs) {
  it(`${fn}, broadcast by name`, () => {
    always(shapes("a b"), ([sizes, seed]) => {
      const [x, y] = [tensor("x", "a b", sizes), tensor("y", "b", sizes)]
      const given = [draw(seed, count(x.shape), low, high), draw(seed + 1, count(y.shape), low, high)]
      agrees(([v, w]) => [build.binary(fn, v!, w!), build.binary(fn, w!, v!)], [x, y], given)
    }, 5)
  })
}

it("rem", () => {
  const [x, y] = [tensor("x", "a", { a: 3 }), tensor("y", "a", { a: 3 })]
  agrees(([v, w]) => [build.binary("rem", v!, w!)], [x, y], [[5.5, -5.5, 3.2], [2, 2, -1.5]])
})

it("pow by constants, and at 0", () => {
  const x = tensor("x", "a", { a: 3 })
  for (const n of [0, 1, 2, 3, -1, 0.5]) agrees(([v]) => [build.binary("pow", v!, n)], [x], [[0.5, 1.3, 2]])
  agrees(([v]) => [build.binary("pow", v!, 2), build.binary("pow", v!, 3)], [x], [[0, -1, 2]])
})

it("min and max share between equals as central differences do", () => {
  const x = tensor("x", "a", { a: 2 })
  agrees(([v]) => [build.binary("max", v!, 0), build.binary("min", v!, v!)], [x], [[0, 1]])
})

it("select, cast, comparisons", () => {
  always(shapes("a b"), ([sizes, seed]) => {
    const [x, y] = [tensor("x", "a b", sizes), tensor("y", "b", sizes)]
    const given = [apart(seed, count(x.shape)), apart(seed + 1, count(y.shape))]
    const choose = ([v, w]: ReadonlyArray<Node>) => [
      build.select(build.binary("gt", v!, 0), build.binary("mul", v!, v!), w!),
      build.cast(build.cast(build.binary("lt", v!, 0), "f32"), "f32"),
    ]
    agrees(choose, [x, y], given)
  })
})

it("align: order and broadcast", () => {
  always(shapes("a b c"), ([sizes, seed]) => {
    const x = tensor("x", "a b", sizes)
    const to = (v: Node) => build.align(v, ["b", "c", "a"], [sizes["b"]!, sizes["c"]!, sizes["a"]!])
    agrees(([v]) => [to(v!)], [x], [draw(seed, count(x.shape))])
  })
})

it("reshape, slice forwards and backwards, flip", () => {
  always(shapes("a b"), ([sizes, seed]) => {
    const x = tensor("x", "a b", { a: sizes["a"]! * 3, b: sizes["b"]! })
    const n = x.shape[0]!
    agrees(
      ([v]) => [
        build.merge(v!, ["a", "b"], "c"),
        build.sliceAxis(v!, "a", 1, Math.floor((n - 2) / 2) + 1, 2),
        build.sliceAxis(v!, "a", n - 1, Math.floor(n / 3), -3),
        build.sliceAxis(v!, "a", 2, 1, 5),
        build.sliceAxis(v!, "b", 0, 0),
        build.flip(v!, ["a", "b"]),
      ],
      [x],
      [draw(seed, count(x.shape))],
    )
  })
})

it("pad, outside and between", () => {
  always(shapes("a b"), ([sizes, seed]) => {
    const x = tensor("x", "a b", sizes)
    agrees(
      ([v]) => [
        build.padAxis(v!, "a", 2, 1, 3),
        build.padAxis(v!, "b", 0, 2, 0, 2),
      ],
      [x],
      [draw(seed, count(x.shape))],
    )
  })
})

it("concat", () => {
  always(shapes("a b"), ([sizes, seed]) => {
    const [x, y] = [tensor("x", "a b", sizes), tensor("y", "b a", { ...sizes, a: 2 })]
    const given = [draw(seed, count(x.shape)), draw(seed + 1, count(y.shape))]
    agrees(([v, w]) => [build.concat([v!, w!, v!], "a")], [x, y], given)
  })
})

it("window: strides, dilations, overlaps and gaps", () => {
  const ways = [[3, 1, 1], [2, 3, 1], [2, 1, 3], [2, 2, 3], [1, 4, 1]] as const
  for (const [size, stride, dilation] of ways) {
    const x = tensor("x", "a t b", { a: 2, t: 7, b: 2 })
    agrees(([v]) => [build.window(v!, "t", "k", size, stride, dilation)], [x], [draw(5, 28)])
  }
})

for (const fn of ["sum", "prod", "max", "min"] as const) {
  it(`reduce ${fn}`, () => {
    always(shapes("a b c"), ([sizes, seed]) => {
      const x = tensor("x", "a b c", sizes)
      const given = [apart(seed, count(x.shape))]
      agrees(([v]) => [reduce(fn, v!, ["b"]), reduce(fn, v!, ["c", "a"])], [x], given)
    }, 6)
  })
  it(`cumulate ${fn}`, () => {
    always(shapes("a b"), ([sizes, seed]) => {
      const x = tensor("x", "a b", sizes)
      const given = [apart(seed, count(x.shape))]
      agrees(([v]) => [cumulate(fn, v!, "a"), cumulate(fn, v!, "b", true)], [x], given)
    }, 6)
  })
}

it("products are exact where elements are 0", () => {
  const x = tensor("x", "a b", { a: 2, b: 3 })
  agrees(
    ([v]) => [
      reduce("prod", v!, ["b"]),
      cumulate("prod", v!, "b"),
      cumulate("prod", v!, "b", true),
    ],
    [x],
    [[2, 0, 3, 0, 0, 5]],
  )
})

it("max gives equal shares to equals", () => {
  const x = tensor("x", "a", { a: 4 })
  const equal = ([v]: ReadonlyArray<Node>) => {
    const all = build.stack([v!, v!], "two")
    return [reduce("max", all, ["two", "a"])]
  }
  agrees(equal, [x], [[1, 3, 2, 0]])
})

const dots = (sizes: Sizes): ReadonlyArray<readonly [string, string, ReadonlyArray<string>]> => {
  const all = [
    ["a b", "b c", ["b"]],
    ["h a b", "c b h", ["b"]],
    ["a b h", "h b", ["b"]],
    ["a b", "b a", ["a", "b"]],
    ["a", "b", []],
    ["h a", "a h", []],
  ] as const
  return Object.keys(sizes).length === 4 ? all : []
}

it("dot: contraction, batch axes, outer products", () => {
  always(shapes("a b c h"), ([sizes, seed]) => {
    for (const [left, right, on] of dots(sizes)) {
      const [x, y] = [tensor("x", left, sizes), tensor("y", right, sizes)]
      const given = [draw(seed, count(x.shape)), draw(seed + 1, count(y.shape))]
      agrees(([v, w]) => [dot(v!, w!, on)], [x, y], given)
    }
  }, 4)
})

it("gather and scatter, with batch axes and places outside", () => {
  always(shapes("a b k"), ([sizes, seed]) => {
    const x = tensor("x", "a b", sizes)
    const index = (axes: string): Node => {
      const names = axes.split(" ")
      const shape = names.map((n) => sizes[n]!)
      const numbers = draw(seed + 9, count(shape), -1, sizes["b"]! + 1).map(Math.floor)
      return build.data("i32", names, shape, Int32Array.from(numbers))
    }
    const given = [draw(seed, count(x.shape))]
    agrees(
      ([v]) => [
        gather(v!, index("k"), "b"),
        gather(v!, index("k a"), "b"),
        gather(v!, index("a"), "b"),
        gather(v!, index("a b"), "b"),
        scatter(v!, index("a"), "v", 3),
        scatter(v!, index("a b"), "v", 3, ["a"]),
        scatter(v!, index("k"), "v", 2),
        scatter(v!, index("a b"), "b", 2, ["a"], ["b", "a"]),
      ],
      [x],
      given,
    )
  }, 6)
})

it("write, at one place and at one for each row, held inside", () => {
  always(shapes("a k"), ([sizes, seed]) => {
    const x = tensor("x", "a b k", { ...sizes, b: 5 }), updates = tensor("u", "a b k", { ...sizes, b: 2 })
    const starts = draw(seed + 5, sizes["a"]!, -1, 6).map(Math.floor)
    const each = build.data("i32", ["a"], [sizes["a"]!], Int32Array.from(starts))
    const given = [draw(seed, count(x.shape)), draw(seed + 1, count(updates.shape))]
    agrees(
      ([v, u]) => [build.write(v!, u!, build.constant("i32", 2), "b"), build.write(v!, u!, each, "b")],
      [x, updates],
      given,
    )
  }, 4)
})

it("sort through argsort and gather", () => {
  always(shapes("a b"), ([sizes, seed]) => {
    const x = tensor("x", "a b", sizes)
    const sorted = ([v]: ReadonlyArray<Node>) => [gather(v!, build.argsort(v!, "b", true), "b")]
    agrees(sorted, [x], [apart(seed, count(x.shape))])
  })
})

it.run()
