/** When collectives are under way: early, late, never harmed; and what is said of programs where they are not. */
import { either as E } from "fp-ts"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import { binary, dot, input, reshape, scan, unary } from "../../../core/graph/build.ts"
import type { Node } from "../../../core/graph/node.ts"
import { decode, encode } from "../../../core/plan/json.ts"
import { boundaries, type Program } from "../../../core/plan/program.ts"
import { broken } from "../../../core/plan/validity.ts"
import { written } from "../../../core/kernel/expression.ts"
import { f32 } from "../../../core/tensor/spec.ts"
import { compiledOf, type Nodes } from "../device/ranks.ts"
import { permute as permuted, ringSum, total } from "../device/rings.ts"

const it = suite("exchanges of a program")

const over = ["ring"]
const ranks = 4
const permute = (x: Node, shift = 1): Node => permuted(x, ranks, shift)

const specs = { k: f32("row col", { row: 50, col: 70 }), w: f32("col out", { col: 70, out: 30 }) }

const programOf = (
  body: (inputs: Nodes) => Nodes,
  given: object = specs,
  donate: ReadonlyArray<string> = [],
): Program => compiledOf({ shape: { ring: ranks }, specs: given as typeof specs, body, options: { donate } }).program

/** Three blocks come by; each is worked on while the next is on its way. */
const ring = (): Program => programOf(ringSum(ranks))

const flights = (p: Program): ReadonlyArray<readonly [number, number]> => p.exchanges.map((e) => [e.start, e.finish])

it("a block goes around the ring while the one before it is worked on", () => {
  const p = ring()
  assert.equal(flights(p), [[0, 1], [1, 2], [2, 3]])
  assert.equal(boundaries(p), [0, 1, 2, 3, 4])
  const [first, second, third] = p.exchanges
  assert.is(p.buffers[first!.from]!.place.tag, "input")
  assert.is(second!.from, first!.to)
  assert.is(third!.from, second!.to)
})

it("a ring takes two buffers, however many ranks there are", () => {
  const p = ring()
  const places = p.exchanges.map((e) => p.buffers[e.to]!.place)
  assert.equal(places[2], places[0])
  assert.not.equal(places[1], places[0])
})

it("a gradient is summed while the one before it is computed, and its weight is not written until then", () => {
  const sizes = { batch: 64, model: 32, out: 32 }
  const names = ["0", "1", "2"]
  const p = programOf(
    (n) => {
      const renamed = (x: Node, to: ReadonlyArray<string>): Node => reshape(x, to, x.shape)
      const hidden = [n.x!]
      for (const i of names) {
        hidden.push(renamed(unary("tanh", dot(hidden.at(-1)!, n[i]!, ["model"])), ["batch", "model"]))
      }
      let slope = hidden.at(-1)!
      const updated: { [path: string]: Node } = {}
      for (const i of [...names].reverse()) {
        const out = renamed(slope, ["batch", "out"])
        updated[i] = binary("sub", n[i]!, total(dot(hidden[Number(i)]!, out, ["batch"]), ranks))
        slope = dot(out, n[i]!, ["out"])
      }
      return updated
    },
    {
      x: f32("batch model", sizes),
      ...Object.fromEntries(names.map((n) => [n, f32("model out", sizes)])),
    },
    names,
  )
  assert.is(p.exchanges.length, 3)
  // the last has nothing left beside it
  const hidden = flights(p).filter(([start, finish]) => finish > start)
  assert.ok(hidden.length >= 2, JSON.stringify(flights(p)))
  assert.equal(broken(p), [])
})

it("an input that is sent is not written before it has gone", () => {
  const p = programOf(({ k }) => ({ k: unary("tanh", binary("add", k!, 1)), came: unary("exp", permute(k!)) }), {
    k: specs.k,
  }, ["k"])
  const [e] = p.exchanges
  const write = p.steps.findIndex((s) =>
    s.tag === "dispatch" && written(p.kernels[s.kernel]!).some((b) => s.buffers[b] === e!.from)
  )
  assert.ok(write >= 0 && e!.finish <= write, `finished before step ${e!.finish}, written by step ${write}`)
  assert.is(e!.start, 0)
})

it("what comes in the place of an input comes after that input has been sent", () => {
  const p = programOf(({ k }) => ({ k: permute(unary("exp", k!)), old: permute(k!, 2) }), { k: specs.k }, ["k"])
  const filling = p.exchanges.findIndex((e) => p.buffers[e.to]!.place.tag === "input")
  const sending = p.exchanges.findIndex((e) => p.buffers[e.from]!.place.tag === "input")
  assert.ok(sending < filling && p.exchanges[sending]!.finish <= p.exchanges[filling]!.start)
})

it("an output that comes last is waited for at the end only", () => {
  const p = programOf(({ k, w }) => ({ came: permute(k!), made: unary("tanh", dot(k!, w!, ["col"])) }))
  assert.equal(flights(p), [[0, p.steps.length]])
})

it("a shift that comes all the way around is no collective", () => {
  const p = programOf(
    ({ k }) => ({ y: permute(unary("exp", k!), -ranks), z: permute(k!, 0), w: permute(k!, 5) }),
    specs,
  )
  assert.is(p.exchanges.length, 1)
})

it("a program of nothing but collectives has no steps", () => {
  const p = programOf(({ k }) => ({ once: permute(k!), twice: permute(permute(k!)) }), { k: specs.k })
  assert.is(p.steps.length, 0)
  assert.equal(broken(p), [])
})

it("a chain of kernels goes through other ranks", () => {
  const chain = programOf(({ k }) => ({ y: unary("exp", permute(unary("exp", k!))) }), { k: specs.k })
  assert.is(chain.forecast.depth, 2)
})

it("a collective in a loop is a fault", () => {
  const carry = input("carry.0", "f32", ["row"], [3])
  const body = { carry: [carry], each: [], constants: [], next: [permute(carry)], out: [] }
  const given = { body, inits: [input("x", "f32", ["row"], [3])], sequences: [], constants: [] }
  const { faults } = scan({ ...given, axis: "turn", length: 3, reverse: false })
  assert.equal(faults.map((f) => f.message.slice(0, 41)), ["a collective stands in the body of a loop"])
})

type Json = Record<string, unknown>

const at = (p: unknown, ...keys: ReadonlyArray<string | number>): Json =>
  keys.reduce((x, k) => (x as Record<string | number, unknown>)[k], p) as Json

/** What is wrong with a document, and what is said of it. */
const wrongs: ReadonlyArray<readonly [string, (p: Json) => void, RegExp]> = [
  ["a buffer that is not there", (p) => void (at(p, "exchanges", 0)["to"] = 99), /names buffers 0 and 99 of/],
  ["an end before the start", (p) => void (at(p, "exchanges", 1)["finish"] = 0), /runs from step 1 to 0/],
  ["an end after the last step", (p) => void (at(p, "exchanges", 2)["finish"] = 9), /runs from step 2 to 9/],
  ["another order", (p) => (p["exchanges"] as Array<unknown>).reverse(), /is started before the one that it follows/],
  ["no ranks", (p) => void (at(p, "exchanges", 0, "collective")["ranks"] = 0), /is among 0 ranks/],
  ["half a rank", (p) => void (at(p, "exchanges", 0, "collective")["ranks"] = 1.5), /is among 1.5 ranks/],
  ["no axes", (p) => void (at(p, "exchanges", 0, "collective")["over"] = []), /is among 4 ranks/],
  ["an axis twice", (p) => void (at(p, "exchanges", 0, "collective")["over"] = ["a", "a"]), /twice: a, a/],
  ["half a shift", (p) => void (at(p, "exchanges", 0, "collective")["shift"] = 0.5), /shifts by 0.5/],
  ["a root that is none", (p) => {
    at(p, "exchanges", 0)["collective"] = { kind: "broadcast", over, ranks, root: 4 }
  }, /comes from rank 4 of 4/],
  ["a kind that is none", (p) => void (at(p, "exchanges", 0, "collective")["kind"] = "gossip"), /collective/],
  ["other sizes", (p) => {
    at(p, "exchanges", 0)["collective"] = { kind: "allGather", over, ranks, axis: "rank" }
  }, /takes 3500 f32, gives 3500 f32/],
  ["into itself", (p) => void (at(p, "exchanges", 0)["to"] = at(p, "exchanges", 0)["from"]), /cannot fill buffer/],
  ["into an input that nothing takes over", (p) => {
    at(p, "exchanges", 2)["to"] = at(p, "exchanges", 0)["from"]
  }, /cannot fill buffer 0/],
  ["a read of what is on its way", (p) => void (at(p, "exchanges", 0)["finish"] = 2), /flights: uses a buffer of coll/],
  [
    "two at once",
    (p) => void (at(p, "exchanges", 1)["start"] = 0),
    /exchanges\.1 \| flights: uses a buffer of collective 0/,
  ],
]

for (const [name, change, message] of wrongs) {
  it(`refuses ${name}`, () => {
    const p = JSON.parse(encode(ring())) as Json
    change(p)
    const got = decode(JSON.stringify(p))
    assert.match(E.isLeft(got) ? got.left.map((f) => `${f.where} | ${f.message}`).join("\n") : "it was taken", message)
  })
}

it("refuses what is sent before it is stored", () => {
  const p = programOf(({ k }) => ({ y: permute(unary("exp", k!)) }), { k: specs.k })
  const early = { ...p, exchanges: [{ ...p.exchanges[0]!, start: 0, finish: 0 }] }
  assert.match(JSON.stringify(broken(early)), /sends buffer \d+, which nothing has stored before/)
})

it.run()
