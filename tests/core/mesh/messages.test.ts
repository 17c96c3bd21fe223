/**
 * Collectives as messages, without a transport: ranks are played one after another, and what they hold at the end is what
 * the collective means. Every message that is sent is awaited by the one it is sent to, in the same order and size.
 */
import * as fc from "fast-check"
import { suite } from "uvu"
import * as assert from "uvu/assert"
import type { Collective } from "../../../core/graph/collective.ts"
import { fold } from "../../../core/mesh/fold.ts"
import { type Deed, deeds, filled, type Message, type Part, scratch, sent, small } from "../../../core/mesh/messages.ts"
import type { HostArray } from "../../../core/tensor/dtype.ts"
import { decodeHalf, encodeHalf } from "../../../core/tensor/half.ts"

const it = suite("messages of collectives")

type Memory = { readonly [P in Part["of"]]: Float64Array }

/** One rank that plays its deeds. */
interface Player {
  readonly list: ReadonlyArray<Deed>
  readonly memory: Memory
  at: number
  posted: boolean
}

const view = ({ memory }: Player, { of, start, count }: Part): Float64Array => {
  assert.ok(start >= 0 && start + count <= memory[of].length, `${of} ${start} ${count} of ${memory[of].length}`)
  return memory[of].subarray(start, start + count)
}

/** Plays all ranks until none can go on; what was sent lies in a queue for each pair. */
const play = (c: Collective, blocks: ReadonlyArray<Float64Array>): ReadonlyArray<Float64Array> => {
  const elements = blocks[0]!.length
  const players = blocks.map((from, place): Player => {
    const list = deeds(c, place, elements)
    const memory = {
      from,
      to: new Float64Array(filled(c, elements)).fill(NaN),
      scratch: new Float64Array(scratch(list)),
    }
    return { list, memory, at: 0, posted: false }
  })
  const queues = new Map<string, Array<Float64Array>>()
  const queue = (from: number, to: number): Array<Float64Array> => {
    const key = `${from} ${to}`
    if (!queues.has(key)) queues.set(key, [])
    return queues.get(key)!
  }
  const turn = (p: Player, place: number): boolean => {
    const deed = p.list[p.at]
    if (deed === undefined) return false
    if (deed.tag === "talk") {
      if (!p.posted) { for (const { place: to, part } of deed.sends) queue(place, to).push(view(p, part).slice()) }
      const moved = !p.posted
      p.posted = true
      if (deed.receives.some((m: Message) => queue(m.place, place).length === 0)) return moved
      for (const { place: from, part } of deed.receives) {
        const message = queue(from, place).shift()!
        assert.is(message.length, part.count, `from ${from} to ${place}`)
        view(p, part).set(message)
      }
    } else if (deed.tag === "copy") view(p, deed.to).set(view(p, deed.from))
    else fold(deed.fn, "f32", deed.parts.map((part) => view(p, part)), view(p, deed.to))
    p.posted = false
    p.at++
    return true
  }
  while (players.some(turn));
  assert.ok(players.every(({ at, list }) => at === list.length), "all come to an end")
  assert.ok([...queues.values()].every((q) => q.length === 0), "all that was sent is received")
  return players.map(({ memory }) => memory.to)
}

const meaning = (c: Collective, place: number, blocks: ReadonlyArray<Float64Array>): ReadonlyArray<number> => {
  const n = blocks.length
  const folded = (fn: "sum" | "max"): ReadonlyArray<number> =>
    Array.from(blocks[0]!, (_, i) => blocks.map((b) => b[i]!).reduce((a, b) => fn === "sum" ? a + b : Math.max(a, b)))
  switch (c.kind) {
    case "permute":
      return [...blocks[(((place - c.shift) % n) + n) % n]!]
    case "allReduce":
      return folded(c.fn)
    case "allGather":
      return blocks.flatMap((b) => [...b])
    case "reduceScatter": {
      const each = blocks[0]!.length / n
      return folded("sum").slice(place * each, (place + 1) * each)
    }
    case "broadcast":
      return [...blocks[c.root]!]
  }
}

const over = ["ring"]
const kinds: ReadonlyArray<(ranks: number, any: number) => Collective> = [
  (ranks, any) => ({ kind: "permute", over, ranks, shift: any - 10 }),
  (ranks) => ({ kind: "allReduce", over, ranks, fn: "sum" }),
  (ranks) => ({ kind: "allReduce", over, ranks, fn: "max" }),
  (ranks) => ({ kind: "allGather", over, ranks, axis: "among" }),
  (ranks) => ({ kind: "reduceScatter", over, ranks, axis: "among" }),
  (ranks, any) => ({ kind: "broadcast", over, ranks, root: any % ranks }),
]

it("give every rank what the collective means, to the last bit", () =>
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 9 }),
      fc.nat(5),
      fc.nat(20),
      fc.oneof(fc.nat(20), fc.integer({ min: small - 1, max: small + 40 })),
      (ranks, kind, any, length) => {
        const c = kinds[kind]!(ranks, any)
        const elements = c.kind === "reduceScatter" ? length * ranks : length
        const blocks = Array.from({ length: ranks }, (_, r) =>
          Float64Array.from({ length: elements }, (_, i) => Math.sin(r * 1e4 + i) * 10 ** (i % 7)))
        const given = blocks.map((b) =>
          b.slice()
        )
        const results = play(c, blocks)
        results.forEach((to, place) => assert.equal([...to], [...meaning(c, place, given)], `${c.kind} at ${place}`))
        assert.equal(blocks, given, "what is sent stays as it was")
      },
    ),
    { numRuns: 300 },
  ))

it("send no more than they must", () => {
  const elements = 1200
  for (const ranks of [2, 3, 8]) {
    const most = (c: Collective): number =>
      Math.max(...Array.from({ length: ranks }, (_, place) => sent(deeds(c, place, elements))))
    assert.is(most({ kind: "permute", over, ranks, shift: 1 }), elements)
    assert.is(most({ kind: "permute", over, ranks, shift: ranks }), 0)
    assert.is(most({ kind: "allReduce", over, ranks, fn: "sum" }), 2 * elements * (ranks - 1) / ranks)
    assert.is(most({ kind: "reduceScatter", over, ranks, axis: "a" }), elements * (ranks - 1) / ranks)
    assert.is(most({ kind: "allGather", over, ranks, axis: "a" }), elements * (ranks - 1))
  }
})

/** Folds these numbers, one a block. */
const folded = (fn: "sum" | "max", dtype: Parameters<typeof fold>[1], blocks: ReadonlyArray<HostArray>): number => {
  const to = blocks[0]!.slice().fill(0)
  fold(fn, dtype, blocks, to)
  return dtype === "f16" || dtype === "bf16" ? decodeHalf(dtype, to as Uint16Array)[0]! : to[0]!
}

it("fold as the dtype does: integers wrap, halves and floats are rounded once, NaN stays", () => {
  assert.is(folded("sum", "i32", [Int32Array.of(2 ** 31 - 1), Int32Array.of(1)]), -(2 ** 31))
  assert.is(folded("sum", "u32", [Uint32Array.of(2 ** 32 - 1), Uint32Array.of(3)]), 2)
  assert.is(folded("sum", "u8", [Uint8Array.of(200), Uint8Array.of(100)]), 44)
  assert.is(folded("sum", "bool", [Uint8Array.of(1), Uint8Array.of(1)]), 1)
  // 2048 is where f16 counts by twos: one at a time, two ones would be lost
  const halves = [2048, 1, 1].map((x) => encodeHalf("f16", [x]))
  assert.is(folded("sum", "f16", halves), 2050)
  assert.is(folded("sum", "bf16", [256, 1, 1].map((x) => encodeHalf("bf16", [x]))), 258)
  assert.is(folded("sum", "f32", [2 ** 24, 1, 1].map((x) => Float32Array.of(x))), 2 ** 24 + 2)
  for (const order of [[NaN, 1], [1, NaN]]) {
    assert.ok(Number.isNaN(folded("max", "f32", order.map((x) => Float32Array.of(x)))))
  }
})

it.run()
