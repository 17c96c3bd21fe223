/** The suite itself: it finds what is broken, its cases hold devices to something, and faults can be read. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as fc from "fast-check"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import type { Allocation, Backend } from "../../../core/device/backend.ts"
import { oracle } from "../../../core/device/oracle.ts"
import type { Expr, Kernel } from "../../../core/kernel/kernel.ts"
import type { Program } from "../../../core/plan/program.ts"
import { chains, type Choice, drawChain, drawKernel, everything as all, kernelOf } from "./arbitrary.ts"
import { allKinds, goldenFault, heldBy, holds } from "./conformance.ts"
import { goldens } from "./golden.ts"
import { oneKernel, type Use } from "./program.ts"
import { onDevice } from "./run.ts"

const it = suite("conformance suite")

/** Small kernels show what is wrong too. */
const everything: Choice = { ...all, scale: 0.2 }

/** Rewrites every record of a program, innermost first, each once: expressions share their parts. */
const rewrite = (root: unknown, f: Change): unknown => {
  const done = new Map<object, unknown>()
  const visit = (value: unknown): unknown => {
    if (typeof value !== "object" || value === null) return value
    if (done.has(value)) return done.get(value)
    const made = Array.isArray(value)
      ? value.map(visit)
      : f(Object.fromEntries(Object.entries(value).map(([k, v]) => [k, visit(v)])))
    done.set(value, made)
    return made
  }
  return visit(root)
}

/** The oracle, but for programs changed behind its back. */
const broken = (change: (record: Readonly<Record<string, unknown>>) => unknown): Effect.Effect<Backend, unknown> =>
  Effect.map(oracle, (o) => ({
    ...o,
    prepare: (p) => o.prepare({ ...p, kernels: rewrite(p.kernels, change) as Program["kernels"] }),
  }))

type Change = (record: Readonly<Record<string, unknown>>) => unknown

/** Devices that are wrong, and a kind of kernel that shows it. */
const wrongs: ReadonlyArray<readonly [string, (typeof allKinds)[number] | "chains" | "goldens", Change]> = [
  ["no guards", "map", (r) => (r["tag"] === "load" ? { ...r, guards: [] } : r)],
  ["max for min", "goldens", (r) => (r["fn"] === "min" ? { ...r, fn: "max" } : r)],
  ["less for less or equal", "goldens", (r) => (r["fn"] === "le" ? { ...r, fn: "lt" } : r)],
  [
    "a ten thousandth off",
    "goldens",
    (r) =>
      ["tanh", "sigmoid", "erf", "sin", "cos"].includes(r["fn"] as string)
        ? { tag: "binary", dtype: "f32", fn: "sub", x: r, y: { tag: "const", dtype: "f32", value: 1e-4 } }
        : r,
  ],
  ["no division in places", "map", (r) => (r["tag"] === "div" && r["by"] !== 1 ? { ...r, by: 1 } : r)],
  ["shifts to the other side", "goldens", (r) => (r["fn"] === "shr" ? { ...r, fn: "shl" } : r)],
  ["last of ties", "fold", (r) => (r["fn"] === "argmax" ? { ...r, fn: "argmin" } : r)],
  [
    "a short axis",
    "fold",
    (
      r,
    ) => (r["tag"] === "loop" && (r["over"] as ReadonlyArray<number>).length > 0
      ? { ...r, over: (r["over"] as ReadonlyArray<number>).map((n) => Math.max(0, n - 1)) }
      : r),
  ],
  [
    "a short depth",
    "contract",
    (
      r,
    ) => (r["tag"] === "contract"
      ? { ...r, depth: (r["depth"] as ReadonlyArray<number>).map((n) => Math.max(0, n - 1)) }
      : r),
  ],
  ["rows are not bounded", "scatter", (r) => (r["tag"] === "scatter" ? { ...r, size: (r["size"] as number) - 1 } : r)],
  ["never in reverse", "cumulate", (r) => (r["tag"] === "cumulate" ? { ...r, reverse: false } : r)],
  ["never descending", "sort", (r) => (r["tag"] === "sort" ? { ...r, descending: false } : r)],
  ["turns are 0", "chains", (r) => (r["tag"] === "turn" ? { tag: "div", of: { base: 0, terms: [] }, by: 1 } : r)],
]

/** What the suite finds wrong with a device, if anything. */
const found = async (device: Backend, kind: (typeof wrongs)[number][1]): Promise<string | undefined> => {
  if (kind === "goldens") {
    const faults: Array<string> = []
    for (const g of goldens) faults.push(await goldenFault(device, g, false) ?? "")
    return faults.find((f) => f !== "")
  }
  const reference = await Effect.runPromise(oracle)
  const draw = kind === "chains" ? drawChain(everything) : drawKernel(kind, everything)
  return holds(device, reference, draw, 100, 1, 10).then(() => undefined, (e: Error) => e.message)
}

for (const [name, kind, change] of wrongs) {
  it(`finds ${name}`, async () => {
    const fault = await found(await Effect.runPromise(broken(change)), kind)
    assert.ok(fault !== undefined, "nothing was found")
    assert.match(fault, /did not run|expected/)
    if (kind !== "goldens") assert.match(fault, /kernel 0: \{"exprs":/)
    assert.not.match(fault, /is not valid/)
  })
}

it("finds an element that is not stored", async () => {
  const o = await Effect.runPromise(oracle)
  const device: Backend = {
    ...o,
    read: (a: Allocation) => Effect.map(o.read(a), (d) => d.map((x, i) => (i === d.length - 1 ? x + 1 : x))),
  }
  const found = await holds(device, o, drawKernel("map", everything), 20, 1, 10).then(
    () => undefined,
    (e: Error) => e.message,
  )
  assert.match(found ?? "", /element \d+: expected .* got/)
})

for (const kind of [...allKinds, "chains"] as const) {
  it(`holds devices to nearly all of ${kind}`, () => {
    const verdict = heldBy(kind === "chains" ? chains(everything) : kernelOf(kind, everything), 20, 3)
    assert.ok(verdict.all > 200 && verdict.held > verdict.all * 0.7, JSON.stringify(verdict))
  })
}

it("draws the same cases for the same seed", () => {
  const draw = (): string => JSON.stringify(fc.sample(kernelOf("fold", everything), { numRuns: 5, seed: 9 }))
  assert.is(draw(), draw())
})

const at = { base: 0, terms: [{ coef: 1, atom: { tag: "var", id: 0 } }] } as const
const load = (buffer: number, from: Expr & { readonly tag: "load" } | undefined = undefined): Expr =>
  from ?? { tag: "load", dtype: "f32", buffer, at, guards: [] }
const shifted = (buffer: number, base: number): Expr => ({
  tag: "load",
  dtype: "f32",
  buffer,
  at: { ...at, base },
  guards: [],
})
const map = (
  store: number,
  value: Expr,
  place: typeof at | { readonly base: number; readonly terms: [] } = at,
): Kernel => ({
  tag: "loop",
  dims: [4],
  over: [],
  stages: [{ tag: "point", stores: [{ buffer: store, at: place, value }] }],
})

const input: Use = { role: "input", dtype: "f32", values: [1, 2, 3, 4] }
const donated: Use = { role: "donated", dtype: "f32", values: [1, 2, 3, 4] }
const output: Use = { role: "output", dtype: "f32", elements: 4 }

/** What the oracle says of programs that no compiler may make. */
const defects: ReadonlyArray<readonly [string, Kernel, ReadonlyArray<Use>, RegExp]> = [
  [
    "a load outside",
    map(1, shifted(0, 1)),
    [input, output],
    /load outside its buffer: kernel 0 \(loop\), buffer 0 .* element 4/,
  ],
  ["a store outside", map(1, load(0), { ...at, base: 1 } as unknown as typeof at), [input, output], /store outside/],
  ["two stores of one element", map(1, load(0), { base: 0, terms: [] }), [input, output], /two stores of one element/],
  [
    "an output with holes",
    { ...map(1, load(0)), dims: [3] } as Kernel,
    [input, output],
    /output 'out.1' is not whole: element 3/,
  ],
  ["a load of nothing", map(1, load(0)), [{ role: "arena", dtype: "f32", elements: 4 }, output], /never stored/],
  [
    "an update that reads its neighbour",
    { ...map(0, shifted(0, 1)), dims: [3] } as Kernel,
    [donated],
    /what another point loads|what another point stores/,
  ],
]

for (const [name, kernel, uses, message] of defects) {
  it(`the oracle finds ${name}`, async () => {
    const exit = await Effect.runPromiseExit(Effect.flatMap(oracle, (o) => onDevice(o, oneKernel(kernel, uses))))
    assert.ok(Exit.isFailure(exit))
    assert.match(String(Exit.isFailure(exit) ? exit.cause : ""), message)
  })
}

it("the oracle keeps float64 and gives whole numbers exactly", async () => {
  const o = await Effect.runPromise(oracle)
  const third: Expr = {
    tag: "binary",
    dtype: "f32",
    fn: "div",
    x: load(0),
    y: { tag: "const", dtype: "f32", value: 3 },
  }
  const [got] = await Effect.runPromise(onDevice(o, oneKernel(map(1, third), [input, output])))
  assert.equal([...Array.from(got!)], [1 / 3, 2 / 3, 1, 4 / 3])
})

it.run()
